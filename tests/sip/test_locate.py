"""Finding where a URI leads, with name servers that are tables."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.locate import (
    MAX_DESTINATIONS,
    STAGES,
    Given,
    Kind,
    Naptr,
    Outcome,
    Question,
    Record,
    Reply,
    Search,
    Srv,
    Stage,
    draw,
    order_servers,
)
from hotline.sip.name_cache import LONGEST_S, MOST, NOTHING_S, SHORTEST_S, SILENT_S, NameCache
from hotline.sip.uri import parse_uri

Table = dict[tuple[str, str], list[Record]]

CARRIER: Table = {
    ("carrier.example", "NAPTR"): [
        Naptr(20, 10, "s", "SIP+D2T", "_sip._tcp.carrier.example"),
        Naptr(10, 20, "s", "SIP+D2U", "_sip._udp.carrier.example"),
        Naptr(10, 10, "s", "SIP+D2S", "_sip._sctp.carrier.example"),
        Naptr(5, 10, "u", "E2U+sip", "!^.*$!sip:x@y!"),
    ],
    ("_sip._udp.carrier.example", "SRV"): [Srv(20, 0, 5062, "b.example"), Srv(10, 0, 5061, "A.example.")],
    ("_sip._tcp.carrier.example", "SRV"): [Srv(10, 0, 5060, "a.example")],
    ("a.example", "A"): ["192.0.2.1"],
    ("a.example", "AAAA"): ["2001:db8::1"],
    ("b.example", "A"): ["192.0.2.2", "192.0.2.3"],
}


def tokens(seed: str = "") -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{seed}{next(numbers)}"


def search(
    uri: str, table: Table, silent: frozenset[str] = frozenset(), **kinds: object
) -> tuple[Search, list[str]]:
    """Run a search to its end; gives the questions as well, as ``KIND name``."""
    found = Search(parse_uri(uri), tokens(), **kinds)  # type: ignore[arg-type]
    asked: list[str] = []
    while questions := found.take_questions():
        for question in questions:
            asked.append(f"{question.kind.value} {question.name}")
            records = tuple(table.get((question.name, question.kind.value), ()))
            outcome = Outcome.FOUND if records else Outcome.NOTHING
            if question.name in silent:
                outcome = Outcome.SILENT
            found.handle(Reply(question, outcome, records, 300.0))
    assert found.is_done
    return found, asked


def destinations(uri: str, table: Table, **kinds: object) -> list[str]:
    return [str(destination) for destination in search(uri, table, **kinds)[0].destinations]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:192.0.2.9", "udp:192.0.2.9:5060"),
        ("sip:192.0.2.9:5070", "udp:192.0.2.9:5070"),
        ("sip:[2001:db8::9]", "udp:[2001:db8::9]:5060"),
        ("sip:192.0.2.9;transport=TCP", "tcp:192.0.2.9:5060"),
        ("sips:192.0.2.9", "tls:192.0.2.9:5061"),
        ("sip:192.0.2.9;transport=tls", "tls:192.0.2.9:5061"),
    ],
)
def test_a_numeric_host_is_not_looked_up(uri: str, found: str) -> None:
    done, asked = search(uri, {})
    assert ([str(one) for one in done.destinations], asked, done.ttl_s) == ([found], [], float("inf"))


def test_a_port_leaves_only_the_address_to_be_asked_for() -> None:
    done, asked = search("sip:a.example:5070", CARRIER)
    assert asked == ["A a.example", "AAAA a.example"]
    assert [str(one) for one in done.destinations] == ["udp:192.0.2.1:5070", "udp:[2001:db8::1]:5070"]
    assert done.ttl_s == 300.0


def test_a_transport_leaves_its_servers_to_be_asked_for() -> None:
    done, asked = search("sip:carrier.example;transport=tcp", CARRIER)
    assert asked == ["SRV _sip._tcp.carrier.example", "A a.example", "AAAA a.example"]
    assert [str(one) for one in done.destinations] == ["tcp:192.0.2.1:5060", "tcp:[2001:db8::1]:5060"]


def test_a_domain_is_followed_from_its_services_to_its_addresses() -> None:
    done, asked = search("sip:carrier.example", CARRIER)
    assert asked[:3] == [
        "NAPTR carrier.example",
        "SRV _sip._udp.carrier.example",
        "SRV _sip._tcp.carrier.example",
    ]
    assert [str(one) for one in done.destinations] == [
        "udp:192.0.2.1:5061",
        "udp:[2001:db8::1]:5061",
        "udp:192.0.2.2:5062",
        "udp:192.0.2.3:5062",
        "tcp:192.0.2.1:5060",
        "tcp:[2001:db8::1]:5060",
    ]


def test_a_domain_without_services_is_asked_for_the_servers_of_each_transport() -> None:
    table = {key: value for key, value in CARRIER.items() if key[1] != "NAPTR"}
    _, asked = search("sip:carrier.example", table)
    assert asked[1:4] == [f"SRV {name}.carrier.example" for name in ("_sip._udp", "_sip._tcp", "_sips._tcp")]


def test_a_domain_without_servers_is_its_own_server() -> None:
    table: Table = {("plain.example", "A"): ["192.0.2.5"]}
    assert destinations("sip:plain.example", table) == ["udp:192.0.2.5:5060"]
    assert destinations("sips:plain.example", table) == ["tls:192.0.2.5:5061"]


def test_a_silent_name_server_counts_as_one_that_knows_nothing() -> None:
    table: Table = {("p.example", "A"): ["192.0.2.5"]}
    names = frozenset({"p.example", "_sip._udp.p.example", "_sip._tcp.p.example", "_sips._tcp.p.example"})
    done, _ = search("sip:p.example", {}, silent=names)
    assert (done.destinations, done.is_silent) == ((), True)
    done, _ = search("sip:p.example", table, silent=names - {"p.example"})
    assert [str(one) for one in done.destinations] == ["udp:192.0.2.5:5060"]


def test_a_service_that_is_denied_is_not_looked_for_elsewhere() -> None:
    table: Table = {("_sip._udp.no.example", "SRV"): [Srv(0, 0, 0, "")], ("no.example", "A"): ["192.0.2.5"]}
    assert destinations("sip:no.example;transport=udp", table) == []


def test_a_certificate_must_bear_the_domain_that_was_looked_up() -> None:
    table: Table = {
        ("_sips._tcp.carrier.example", "SRV"): [Srv(1, 0, 5061, "a.example")],
        ("a.example", "A"): ["192.0.2.1"],
    }
    [found] = search("sips:carrier.example", table)[0].destinations
    assert (str(found), found.server_name) == ("tls:192.0.2.1:5061", "carrier.example")


def test_a_transport_that_we_do_not_have_leads_nowhere() -> None:
    assert destinations("sip:a.example;transport=sctp", CARRIER) == []
    assert destinations("sips:192.0.2.1", {}, transports=("udp", "tcp")) == []
    assert destinations("sip:192.0.2.1", {}, transports=("tcp",)) == ["tcp:192.0.2.1:5060"]


def test_a_server_named_by_its_address_is_taken_as_it_is() -> None:
    table: Table = {("_sip._udp.x.example", "SRV"): [Srv(1, 0, 5070, "192.0.2.1")]}
    assert destinations("sip:x.example;transport=udp", table) == ["udp:192.0.2.1:5070"]


def test_a_reply_that_nobody_waits_for_is_passed_over() -> None:
    found = Search(parse_uri("sip:a.example:5060"), tokens())
    found.handle(Reply(Question("b.example", Kind.A), Outcome.FOUND, ("192.0.2.66",)))
    assert (found.is_done, found.stage) == (False, Stage.ADDRESSES)


def test_each_stage_has_a_way_on_for_all_that_its_replies_may_amount_to() -> None:
    for stage in (Stage.SERVICES, Stage.SERVERS, Stage.ADDRESSES):
        assert {(stage, Given.SOME), (stage, Given.NONE)} <= set(STAGES)
    assert {stage for _, stage in STAGES.values()} == {Stage.SERVERS, Stage.ADDRESSES, Stage.DONE}


def test_servers_of_one_priority_are_drawn_by_their_weight() -> None:
    """RFC 2782: of weights 1, 3 and 0, the first place goes to them at 1/4, 3/4 and next to never."""
    records = [Srv(1, 1, 1, "light"), Srv(1, 3, 3, "heavy"), Srv(1, 0, 0, "none"), Srv(0, 0, 9, "first")]
    firsts: Counter[str] = Counter()
    for seed in range(2000):
        order = order_servers(records, tokens(str(seed)))
        assert order[0].target == "first"
        firsts[order[1].target] += 1
    # drawn from 0 to 4 (the RFC includes both ends): none 1/5, light 1/5, heavy 3/5
    assert 1100 < firsts["heavy"] < 1300
    assert 330 < firsts["light"] < 470


def test_a_drawn_number_reaches_both_ends() -> None:
    new_token = tokens("x")
    assert {draw(3, new_token) for _ in range(200)} == {0, 1, 2, 3}


servers = st.builds(
    Srv,
    st.integers(0, 3),
    st.integers(0, 70_000),
    st.integers(1, 65535),
    st.sampled_from(["", "a.example", "b.example", "192.0.2.7", "x" * 60]),
)
services = st.builds(
    Naptr,
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from(["s", "S", "u", ""]),
    st.sampled_from(["SIP+D2U", "sip+d2t", "SIPS+D2T", "E2U+sip", ""]),
    st.sampled_from(["_sip._udp.carrier.example", "_sip._tcp.carrier.example", ""]),
)
addresses = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "nonsense"])


@given(st.lists(servers, max_size=40), st.text("abc", max_size=4))
@settings(max_examples=100)
def test_no_server_is_lost_or_put_before_a_better_priority(records: list[Srv], seed: str) -> None:
    order = order_servers(records, tokens(seed))
    assert Counter(order) == Counter(records)
    assert [record.priority for record in order] == sorted(record.priority for record in records)


@given(
    st.sampled_from(["sip:carrier.example", "sips:carrier.example", "sip:carrier.example;transport=tcp"]),
    st.lists(services, max_size=5),
    st.dictionaries(
        st.sampled_from(
            ["_sip._udp.carrier.example", "_sip._tcp.carrier.example", "_sips._tcp.carrier.example"]
        ),
        st.lists(servers, max_size=30),
    ),
    st.lists(addresses, max_size=40),
)
@settings(max_examples=150)
def test_every_search_ends_whatever_name_servers_say(
    uri: str, named: list[Naptr], servers_of: dict[str, list[Srv]], found: list[str]
) -> None:
    table: Table = {("carrier.example", "NAPTR"): list(named)}
    for name, records in servers_of.items():
        table[name, "SRV"] = list(records)
    for host in ("a.example", "b.example", "carrier.example", "x" * 60):
        table[host, "A"] = [ip for ip in found if ":" not in ip]
        table[host, "AAAA"] = [ip for ip in found if ":" in ip]
    done, asked = search(uri, table)
    assert len(asked) == len(set(asked)) <= 1 + 3 + 2 * 16
    assert len(done.destinations) <= MAX_DESTINATIONS
    assert len(set(done.destinations)) == len(done.destinations)
    assert all(one.transport == "tls" for one in done.destinations) or not uri.startswith("sips")


# -- the cache ------------------------------------------------------------------------------------

A = Question("a.example", Kind.A)


def test_a_reply_is_believed_as_long_as_it_says() -> None:
    cache = NameCache()
    cache.put(Reply(A, Outcome.FOUND, ("192.0.2.1",), 60.0), 100.0)
    assert cache.get(A, 130.0) == Reply(A, Outcome.FOUND, ("192.0.2.1",), 30.0)
    assert cache.get(A, 160.0) is None
    assert len(cache) == 0


@pytest.mark.parametrize(
    ("outcome", "ttl_s", "kept_s"),
    [
        (Outcome.FOUND, 0.0, SHORTEST_S),
        (Outcome.FOUND, 1e6, LONGEST_S),
        (Outcome.NOTHING, 0.0, NOTHING_S),
        (Outcome.SILENT, 0.0, SILENT_S),
    ],
)
def test_no_reply_is_kept_too_short_or_too_long(outcome: Outcome, ttl_s: float, kept_s: float) -> None:
    cache = NameCache()
    assert cache.put(Reply(A, outcome, (), ttl_s), 0.0).ttl_s == kept_s
    assert cache.get(A, kept_s - 0.1) is not None
    assert cache.get(A, kept_s) is None


def test_the_cache_is_bounded() -> None:
    cache = NameCache()
    for number in range(MOST + 10):
        cache.put(Reply(Question(f"{number}.example", Kind.A), Outcome.NOTHING), 0.0)
    assert len(cache) == MOST
    assert cache.get(Question(f"{MOST + 9}.example", Kind.A), 1.0) is not None
