"""The table of bindings."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.bindings import SWEEP_S, Binding, LocalBindings, branches_of
from hotline.sip.flow import Flow
from hotline.sip.headers import parse_name_addr, parse_name_addrs

US = ("192.0.2.1", 5060)


def udp(ip: str = "192.0.2.7", port: int = 5060) -> Flow:
    return Flow("udp", US, (ip, port), 1)


def tls(connection: int, ip: str = "192.0.2.7") -> Flow:
    return Flow("tls", US, (ip, 41000 + connection), connection)


def a_binding(contact: str = "sip:1001@192.0.2.7", expires: float = 100.0, **given: Any) -> Binding:
    given.setdefault("flow", udp())
    name_addr = parse_name_addr(f"<{contact}>{given.pop('params', '')}", "Contact")
    return Binding(name_addr, expires, "call", 1, **given)


def test_what_ran_out_is_not_told() -> None:
    table = LocalBindings()
    table.put("1001", [a_binding(expires=50.0), a_binding("sip:1001@192.0.2.8", 100.0)], 0.0)
    assert [str(b.contact.uri) for b in table.of("1001", 50.0)] == ["sip:1001@192.0.2.8"]
    assert table.of("1001", 100.0) == []
    assert table.users(99.0) == ["1001"]
    assert table.users(100.0) == []


def test_a_source_is_known_as_long_as_something_is_registered_from_there() -> None:
    table = LocalBindings()
    assert not table.knows_source("192.0.2.7", 0.0)
    table.put("1001", [a_binding(expires=50.0)], 0.0)
    table.put("1002", [a_binding(expires=70.0)], 0.0)
    assert table.knows_source("192.0.2.7", 69.0)
    table.put("1002", [], 10.0)
    assert table.knows_source("192.0.2.7", 49.0)
    assert not table.knows_source("192.0.2.7", 50.0)
    table.put("1001", [], 10.0)
    assert not table.knows_source("192.0.2.7", 20.0)


def test_a_lost_connection_takes_its_bindings_and_no_others() -> None:
    table = LocalBindings()
    table.put("1001", [a_binding(flow=tls(5)), a_binding("sip:1001@192.0.2.8", flow=udp())], 0.0)
    table.put("1002", [a_binding(flow=tls(6))], 0.0)
    lost = table.lose_connection(5, 1.0)
    assert [(user, binding.flow.connection) for user, binding in lost] == [("1001", 5)]
    assert len(table.of("1001", 1.0)) == len(table.of("1002", 1.0)) == 1
    assert table.lose_connection(5, 1.0) == []
    assert table.lose_connection(99, 1.0) == []


def test_a_datagram_socket_that_goes_takes_nothing() -> None:
    table = LocalBindings()
    table.put("1001", [a_binding(flow=udp())], 0.0)
    assert table.lose_connection(1, 0.0) == []


def test_a_proxy_that_goes_takes_no_telephone_behind_it() -> None:
    table = LocalBindings()
    path = parse_name_addrs(["<sip:192.0.2.50;lr>"], "Path")
    table.put("1001", [a_binding(flow=tls(5), path=path)], 0.0)
    assert table.lose_connection(5, 0.0) == []


def test_a_telephone_is_called_at_its_contact() -> None:
    target = a_binding("sip:1001@192.0.2.7:5072", flow=udp(port=33000)).target
    assert (str(target.uri), target.flow.remote, target.route) == (
        "sip:1001@192.0.2.7:5072",
        ("192.0.2.7", 5072),
        (),
    )


def test_a_contact_at_the_proxy_of_a_carrier_leads_back_to_who_registered_it() -> None:
    """A stolen password must not turn a call to a colleague into a call abroad."""
    phone = udp("192.168.1.7", 5060)
    target = a_binding("sip:0085221234567@10.33.0.1", flow=phone).target
    assert target.flow.remote == ("192.168.1.7", 5060)
    tcp = a_binding("sip:0085221234567@10.33.0.1;transport=tcp", flow=phone).target
    assert (tcp.flow.transport, tcp.flow.remote) == ("udp", ("192.168.1.7", 5060))
    path = parse_name_addrs(["<sip:10.33.0.1;lr>"], "Path")
    through = a_binding("sip:0085221234567@192.168.1.7", flow=phone, path=path).target
    assert through.flow.remote == ("192.168.1.7", 5060)


def test_a_telephone_behind_a_nat_is_called_where_it_registered_from() -> None:
    target = a_binding("sip:1001@10.0.0.5", flow=udp("203.0.113.9", 33000), uses_source=True).target
    assert (str(target.uri), target.flow.remote) == ("sip:1001@10.0.0.5", ("203.0.113.9", 33000))


def test_a_telephone_behind_a_proxy_is_called_through_it() -> None:
    path = parse_name_addrs(["<sip:192.0.2.50:5080;lr>, <sip:10.0.0.1;lr>"], "Path")
    target = a_binding("sip:1001@10.0.0.5", flow=udp("192.0.2.50", 5060), path=path).target
    assert target.flow.remote == ("192.0.2.50", 5080)
    assert target.route == path


def test_every_telephone_of_a_user_is_a_branch_the_preferred_first() -> None:
    branches = branches_of(
        [a_binding("sip:a@192.0.2.7", params=";q=0.3"), a_binding("sip:b@192.0.2.8", params=";q=0.7")]
    )
    assert [[target.uri.user for target in branch] for branch in branches] == [["b"], ["a"]]


def test_flows_of_one_device_are_tried_one_after_another_latest_first() -> None:
    first = a_binding("sip:a@10.0.0.5", instance="<urn:uuid:1>", reg_id="1", flow=tls(1))
    second = a_binding("sip:a@10.0.0.5:2", instance="<urn:uuid:1>", reg_id="2", flow=tls(2))
    other = a_binding("sip:c@192.0.2.9", instance="<urn:uuid:1>", flow=udp())
    branches = branches_of([first, second, other])
    assert [[target.flow.connection for target in branch] for branch in branches] == [[2, 1], [1]]


def test_what_ran_out_is_swept_away() -> None:
    table = LocalBindings()
    for number in range(100):
        table.put(f"{number}", [a_binding(expires=10.0)], 0.0)
    table.put("new", [a_binding(expires=SWEEP_S + 10)], SWEEP_S)
    assert len(table) == 1


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.floats(1, 90)), max_size=3),
            st.floats(0, 40),
        ),
        max_size=30,
    )
)
def test_a_source_is_known_exactly_while_it_holds_a_binding(
    story: list[tuple[str, list[tuple[int, int, float]], float]],
) -> None:
    table, now, plain = LocalBindings(), 0.0, {}
    for user, wanted, wait in story:
        now += wait
        plain[user] = [
            a_binding(
                f"sip:{user}@192.0.2.{ip}:{5060 + place}",
                now + life,
                flow=tls(place, f"192.0.2.{ip}") if place else udp(f"192.0.2.{ip}"),
            )
            for ip, place, life in wanted
        ]
        table.put(user, plain[user], now)
        for ip in range(1, 5):
            held = any(
                b.source_ip == f"192.0.2.{ip}" and b.expires > now for bs in plain.values() for b in bs
            )
            assert table.knows_source(f"192.0.2.{ip}", now) == held
        if place_lost := (wanted and wanted[0][1]):
            table.lose_connection(place_lost, now)
            plain = {u: [b for b in bs if b.hangs_on != place_lost] for u, bs in plain.items()}
        for name, bindings in plain.items():
            assert list(table.of(name, now)) == [b for b in bindings if b.expires > now]
