"""The SIP edge against strangers, floods and ways that do not exist; without sockets."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest
import structlog.testing
from sip_rig import PEER, SDP, FakeReactor, Rig, a_message, refuse_connection

from hotline.errors import OutsideError
from hotline.sip.flow import Flow
from hotline.sip.front_door import FrontDoor
from hotline.sip.message import Headers, Request, Response
from hotline.sip.overload import LONG_S
from hotline.sip.rate import SourceRates, TokenBucket
from hotline.sip.uri import parse_uri
from hotline.wire import sip_stream
from hotline.wire.sip_edge import Listener, Passed, SipEdge
from hotline.wire.sip_ports import Ports

STRANGER = ("198.51.100.66", 5060)
OK, REFUSED = b"SIP/2.0 200 OK", b"SIP/2.0 405 Method Not Allowed"


class GuardedRig(Rig):
    """An edge whose door knows one peer."""

    def __init__(self, **more: Any) -> None:
        self.known = {PEER[0]}
        self.peers: set[str] = set()
        door = FrontDoor(
            lambda ip, _now: ip in self.known,
            lambda: self.peers,
            known=SourceRates(10, 5),
            strangers=SourceRates(1, 50),
            all_strangers=TokenBucket(1, 100),
        )
        super().__init__(edge={"front_door": door}, **more)
        self.start()

    @property
    def turned_away(self) -> int:
        return self.edge.front_door.counts.unknown_source


# -- strangers --------------------------------------------------------------------------------------


def test_a_strangers_datagram_is_dropped_unread() -> None:
    rig = GuardedRig()
    for data in (a_message("INVITE", body=SDP), a_message("OPTIONS"), b"\0\0\0\0", b"\xff" * 100):
        assert rig.datagram(data, STRANGER) == []
    assert (rig.turned_away, rig.edge.counts.received, rig.edge.counts.malformed) == (4, 0, 0)


def test_a_strangers_registration_goes_on() -> None:
    rig = GuardedRig()
    assert rig.datagram(a_message("REGISTER"), STRANGER) == [REFUSED]  # no registrar in this rig


def test_a_stranger_in_a_call_is_heard() -> None:
    rig = GuardedRig()
    rig.peers.add(STRANGER[0])
    assert rig.datagram(a_message("OPTIONS"), STRANGER) == [OK]


@pytest.mark.parametrize(
    "data", [a_message("INVITE", transport="TCP", body=SDP), b"GET / HTTP/1.1\r\n", b"I"]
)
def test_a_strangers_stream_is_cut_at_its_first_word(data: bytes) -> None:
    rig = GuardedRig()
    connection = rig.connect(STRANGER)
    assert connection.feed(data) == b""
    assert connection.was_aborted
    assert (rig.turned_away, rig.edge.counts.received) == (1, 0)


def test_a_strangers_second_message_is_looked_at_like_the_first() -> None:
    rig = GuardedRig()
    connection = rig.connect(STRANGER)
    data = a_message("REGISTER", transport="TCP") + a_message("INVITE", transport="TCP", number=2, body=SDP)
    assert connection.feed(data).startswith(REFUSED)
    assert connection.was_aborted
    assert (rig.turned_away, rig.edge.counts.received) == (1, 1)


def test_a_strangers_registration_may_come_in_pieces_and_after_a_ping() -> None:
    rig = GuardedRig()
    connection = rig.connect(STRANGER)
    assert connection.feed(b"\r\n\r\n") == b"\r\n"
    data = a_message("REGISTER", transport="TCP")
    assert b"".join(connection.feed(data[at : at + 3]) for at in range(0, len(data), 3)).startswith(REFUSED)
    assert connection.is_open


def test_a_strangers_idle_connection_is_closed_soon_and_a_trunks_is_not() -> None:
    rig = GuardedRig()
    stranger, trunk = rig.connect(STRANGER), rig.connect()
    rig.reactor.pump([1.0] * int(sip_stream.STRANGER_S + 1))
    assert (stranger.is_open, trunk.is_open) == (False, True)


def test_who_registered_over_a_connection_keeps_it() -> None:
    rig = GuardedRig()
    connection = rig.connect(STRANGER)
    rig.known.add(STRANGER[0])
    rig.reactor.pump([1.0] * int(3 * sip_stream.STRANGER_S))
    assert connection.is_open


def test_strangers_keep_no_trunk_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_stream, "MAX_STRANGERS", 3)
    rig = GuardedRig()
    strangers = [rig.connect((f"198.51.100.{n}", 1)) for n in range(5)]
    assert [one.is_open for one in strangers] == [True, True, True, False, False]
    assert rig.connect().is_open
    strangers[0].close()
    assert rig.connect(("198.51.100.9", 1)).is_open


# -- floods -----------------------------------------------------------------------------------------


def test_a_known_stream_that_is_too_fast_is_read_later_and_loses_nothing() -> None:
    rig = GuardedRig()
    connection = rig.connect()
    connection.feed(b"".join(a_message("OPTIONS", transport="TCP", number=n) for n in range(12)))
    assert (connection.written.count(OK), connection.is_read) == (5, False)
    rig.reactor.pump([0.1] * 20)
    assert (connection.written.count(OK), connection.is_read) == (12, True)
    assert connection.is_open


def test_when_messages_wait_long_new_calls_are_refused_without_memory() -> None:
    rig = Rig().start()
    for number in range(2000):
        before = (rig.ua.calls, rig.ua.transactions)
        answers = rig.datagram(a_message("INVITE", number=number, body=SDP), age_s=20 * LONG_S)
        if answers == [b"SIP/2.0 503 Service Unavailable"]:
            break
        rig.reactor.advance(0.005)
    assert number < 200
    assert (rig.ua.calls, rig.ua.transactions) == before
    assert b"\r\nRetry-After: " in rig.reactor.udp[0].sent[-1][0]


# -- ways -------------------------------------------------------------------------------------------


def ask(edge: SipEdge, flow: Flow) -> list[int | None]:
    """Send OPTIONS; give the list into which its answer is put."""
    headers, heard = Headers(), []
    fields = {
        "From": "<sip:us@x>;tag=1",
        "To": "<sip:y>",
        "Call-ID": f"{flow}-{len(edge.user_agent._layer)}",
        "CSeq": "1 OPTIONS",
        "Max-Forwards": "70",
    }
    for name, value in fields.items():
        headers.add(name, value)

    def answered(response: Response | None, _now: float) -> None:
        heard.append(response.status if response else None)

    request = Request("OPTIONS", parse_uri("sip:y"), headers)
    edge.act(lambda ua, now: ua.ask(request, flow, now, answered))
    return heard


def an_answer(data: bytes) -> bytes:
    """Answer the last request in what was sent."""
    last = b"OPTIONS " + data.rpartition(b"OPTIONS sip:")[2]
    return last.replace(last.split(b"\r\n")[0], OK, 1)


def test_an_answer_to_us_is_heard_though_nobody_knows_its_sender() -> None:
    rig = GuardedRig()
    heard = ask(rig.edge, rig.edge.way_to("udp", STRANGER))
    data, address = rig.reactor.udp[0].sent[-1]
    assert address == STRANGER
    rig.datagram(an_answer(data), STRANGER)
    assert heard == [200]


def test_a_connection_of_ours_is_found_again() -> None:
    rig = GuardedRig()
    first = ask(rig.edge, rig.edge.way_to("tcp", STRANGER))
    second = ask(rig.edge, rig.edge.way_to("tcp", STRANGER))
    [(ip, port, factory)] = rig.reactor.dials
    assert (ip, port) == STRANGER
    connection = rig.attach(factory.buildProtocol(None), STRANGER)
    assert connection.written.count(b"OPTIONS sip:y") == 2
    third = ask(rig.edge, rig.edge.way_to("tcp", STRANGER))
    assert len(rig.reactor.dials) == 1
    for part in connection.written.split(b"OPTIONS sip:y")[1:]:
        connection.feed(an_answer(b"OPTIONS sip:y" + part))
    assert first == second == third == [200]


def test_who_asked_over_a_connection_that_could_not_be_opened_is_told_at_once() -> None:
    rig = GuardedRig()
    heard = [ask(rig.edge, rig.edge.way_to("tcp", STRANGER)) for _ in range(2)]
    refuse_connection(rig.reactor.dials[0][2])
    assert heard == [[None], [None]]
    assert rig.edge.counts.connections_failed == 1
    ask(rig.edge, rig.edge.way_to("tcp", STRANGER))
    assert len(rig.reactor.dials) == 2


def test_who_waits_for_an_answer_over_a_connection_that_is_lost_is_told_at_once() -> None:
    rig = GuardedRig()
    heard = ask(rig.edge, rig.edge.way_to("tcp", STRANGER))
    connection = rig.attach(rig.reactor.dials[0][2].buildProtocol(None), STRANGER)
    connection.close()
    assert heard == [None]


@pytest.mark.parametrize(("number", "heard_at_once"), [(101, [None]), (11, [])])
def test_an_unreachable_network_is_told_and_a_full_buffer_is_not(
    number: int, heard_at_once: list[None]
) -> None:
    rig = GuardedRig()
    rig.reactor.udp[0].fault = OSError(number, "as the kernel says")
    assert ask(rig.edge, rig.edge.way_to("udp", STRANGER)) == heard_at_once


def an_edge(*places: str, **more: Any) -> SipEdge:
    rig = Rig()
    listeners = [Listener(t, ip, int(port)) for t, ip, port in (place.split("|") for place in places)]  # type: ignore[arg-type]
    edge = SipEdge(rig.reactor, rig.ua, listeners, lambda _event: None, ports=rig.reactor, **more)  # type: ignore[arg-type]
    edge.start()
    return edge


def test_the_way_to_a_peer_is_by_the_socket_that_reaches_it() -> None:
    edge = an_edge("udp|127.0.0.1|5060", "udp|192.0.2.1|5062", "udp|2001:db8::1|5064", "tcp|192.0.2.1|5066")
    locals_of = [
        edge.way_to("udp", ("127.0.0.1", 9)).local,
        edge.way_to("udp", ("198.51.100.1", 9)).local,
        edge.way_to("udp", ("2001:db8::9", 9)).local,
        edge.way_to("tcp", ("198.51.100.1", 9)).local,
        edge.way_to("udp", ("127.0.0.1", 9), "192.0.2.1").local,
    ]
    assert locals_of == [
        ("127.0.0.1", 5060),
        ("192.0.2.1", 5062),
        ("2001:db8::1", 5064),
        ("192.0.2.1", 5066),
        ("192.0.2.1", 5062),
    ]


@pytest.mark.parametrize(
    ("transport", "ip", "local_ip"),
    [
        ("udp", "2001:db8::9", ""),
        ("udp", "198.51.100.1", "192.0.2.99"),
        ("tls", "198.51.100.1", ""),
        ("ws", "198.51.100.1", ""),
    ],
)
def test_where_there_is_no_way_the_remedy_is_told(transport: Any, ip: str, local_ip: str) -> None:
    with pytest.raises(OutsideError, match=r"\[sip\] listen"):
        an_edge("udp|192.0.2.1|5060").way_to(transport, (ip, 5060), local_ip)


def test_a_public_address_stands_for_its_own_family_only() -> None:
    edge = an_edge("udp|192.0.2.1|5060", "udp|2001:db8::1|5060", public_ips=("203.0.113.1", ""))
    assert edge.way_to("udp", ("198.51.100.1", 9)).own_ip == "203.0.113.1"
    assert edge.way_to("udp", ("2001:db8::9", 9)).own_ip == "2001:db8::1"


def test_free_ports_are_the_same_for_udp_and_tcp_but_not_for_tls_neighbours() -> None:
    edge = an_edge("udp|192.0.2.1|0", "tcp|192.0.2.1|0", "udp|2001:db8::1|0")
    assert len({listener.port for listener in edge.listeners}) == 1


# -- taps -------------------------------------------------------------------------------------------


def test_who_looks_on_sees_what_passes_both_ways_and_on_streams() -> None:
    rig, seen = GuardedRig(), list[Passed]()
    rig.edge.taps.append(seen.append)
    rig.datagram(a_message("OPTIONS"))
    rig.connect().feed(a_message("OPTIONS", transport="TCP", number=2))
    rig.datagram(a_message("INVITE", body=SDP), STRANGER)
    assert [(one.is_sent, one.flow.transport, one.data.split(b"\r\n")[0]) for one in seen] == [
        (False, "udp", b"OPTIONS sip:96156@192.0.2.1 SIP/2.0"),
        (True, "udp", OK),
        (False, "tcp", b"OPTIONS sip:96156@192.0.2.1 SIP/2.0"),
        (True, "tcp", OK),
    ]


def test_an_onlooker_who_fails_stops_nothing() -> None:
    rig = GuardedRig()

    def fail(_passed: Passed) -> None:
        raise KeyError

    rig.edge.taps.append(fail)
    assert rig.datagram(a_message("OPTIONS")) == [OK]
    assert rig.edge.counts.faults == 2


def test_the_fake_ports_of_these_tests_open_like_the_real_ones() -> None:
    for name in ("open_udp", "open_tcp", "connect"):
        real, fake = (list(signature(getattr(ports, name)).parameters) for ports in (Ports, FakeReactor))
        assert real == fake


# -- what comes back ----------------------------------------------------------------------------------


def test_who_asked_where_nobody_listens_is_told_at_once_and_forged_word_is_not_believed() -> None:
    rig = GuardedRig()
    heard = ask(rig.edge, rig.edge.way_to("udp", STRANGER))
    data, address = rig.reactor.udp[0].sent[-1]
    rig.reactor.protocols[0].take_back(data.replace(b"z9hG4bK", b"z9hG4bKx"), address)
    rig.reactor.protocols[0].take_back(data[:20], address)
    rig.reactor.protocols[0].take_back(data, ("198.51.100.77", 5060))
    assert (heard, rig.edge.counts.undelivered) == ([], 0)
    rig.reactor.protocols[0].take_back(data[:500], address)
    assert (heard, rig.edge.counts.undelivered) == ([None], 1)
    rig.reactor.protocols[0].take_back(data[:500], address)
    assert rig.edge.counts.undelivered == 1


def test_a_thousand_connections_of_one_stranger_write_a_few_lines() -> None:
    rig = GuardedRig()
    with structlog.testing.capture_logs() as lines:
        for port in range(1, 1001):
            connection = rig.connect((STRANGER[0], port))
            if connection.is_open:
                connection.feed(b"GET / HTTP/1.1\r\n")
    assert rig.edge.counts.connections_refused > 500
    assert len(lines) <= 4
    assert {"sip.connection_refused", "sip.unknown_source"} <= {line["event"] for line in lines}
