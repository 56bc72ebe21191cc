"""The SIP edge without sockets: ports, datagrams, streams, limits, faults."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from sip_rig import PEER, SDP, FakePort, FakeReactor, Rig, a_message, refuse_connection
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.task import Clock

from hotline.errors import ConfigError
from hotline.sip.events import CallArrived, CallConfirmed, CallEnded, SipEvent
from hotline.sip.front_door import KNOWN_BURST as BURST
from hotline.sip.user_agent import UserAgent
from hotline.wire import sip_stream
from hotline.wire.alarm import Alarm
from hotline.wire.sip_edge import SipEdge, both_at

OK = b"SIP/2.0 200 OK"


def tag_of(data: bytes) -> str:
    line = next(line for line in data.split(b"\r\n") if line.startswith(b"To:"))
    return line.split(b"tag=")[1].decode()


# -- the alarm ------------------------------------------------------------------------------------


def test_an_alarm_keeps_one_call_and_moves_it() -> None:
    clock, rung = Clock(), []
    alarm = Alarm(clock, lambda: rung.append(clock.seconds()))
    alarm.set(5.0)
    alarm.set(2.0)
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(2.0)
    assert (rung, alarm.due, clock.getDelayedCalls()) == ([2.0], None, [])


def test_an_alarm_may_be_moved_later_or_taken_back() -> None:
    clock, rung = Clock(), []
    alarm = Alarm(clock, lambda: rung.append(clock.seconds()))
    alarm.set(1.0)
    alarm.set(3.0)
    clock.advance(2.0)
    alarm.set(None)
    clock.advance(5.0)
    assert rung == []


def test_an_alarm_for_the_past_rings_at_once() -> None:
    clock, rung = Clock(), []
    clock.advance(10.0)
    Alarm(clock, lambda: rung.append(clock.seconds())).set(3.0)
    clock.advance(0.0)
    assert rung == [10.0]


def test_an_alarm_may_be_set_again_while_it_rings() -> None:
    clock, rung = Clock(), []

    def ring() -> None:
        rung.append(clock.seconds())
        if len(rung) < 3:
            alarm.set(clock.seconds() + 1.0)

    alarm = Alarm(clock, ring)
    alarm.set(1.0)
    clock.pump([1.0, 1.0, 1.0, 1.0])
    assert rung == [1.0, 2.0, 3.0]


# -- datagrams ------------------------------------------------------------------------------------


def test_a_call_over_datagrams_from_invite_to_bye() -> None:
    rig = Rig().start()
    assert rig.datagram(a_message("INVITE", body=SDP)) == [OK]
    data, address = rig.reactor.udp[0].sent[-1]
    assert address == PEER
    assert b"Contact: <sip:96156@192.0.2.1:5060>" in data
    assert rig.datagram(a_message("ACK", to_tag=tag_of(data), branch="ack")) == []
    assert rig.datagram(a_message("BYE", to_tag=tag_of(data), cseq=2, branch="bye")) == [OK]
    assert [type(event) for event in rig.events] == [CallArrived, CallConfirmed, CallEnded]


def test_the_alarm_repeats_the_ok() -> None:
    rig = Rig().start()
    rig.datagram(a_message("INVITE", body=SDP))
    sent = rig.reactor.udp[0].sent
    rig.reactor.advance(0.5)
    rig.reactor.advance(1.0)
    assert [data.split(b"\r\n")[0] for data, _ in sent] == [OK, OK, OK]


def test_after_a_call_no_delayed_call_is_left() -> None:
    rig = Rig().start()
    rig.datagram(a_message("INVITE", body=SDP))
    rig.reactor.pump([0.1] * 800)
    assert rig.reactor.getDelayedCalls() == []
    assert isinstance(rig.events[-1], CallEnded)


def test_a_malformed_datagram_is_refused_and_counted() -> None:
    rig = Rig().start()
    assert rig.datagram(a_message("OPTIONS").replace(b"1 OPTIONS", b"1 INVITE")) == [
        b"SIP/2.0 400 Bad Request"
    ]
    assert rig.edge.counts.malformed == 1


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0\0\0\0"])
def test_a_keepalive_is_taken_in_silence(data: bytes) -> None:
    rig = Rig().start()
    assert rig.datagram(data) == []
    assert rig.edge.counts.keepalives == 1


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.0\r\n\r\n", b"\x80\x08" + b"\xd5" * 160, b"SIP/2.0 999 X\r\n\r\n"]
)
def test_what_is_no_sip_is_dropped_and_counted(data: bytes) -> None:
    rig = Rig().start()
    assert rig.datagram(data) == []
    assert rig.edge.counts.malformed == 1


def test_too_long_a_datagram_is_dropped() -> None:
    rig = Rig().start()
    assert rig.datagram(a_message("OPTIONS") + b"x" * 8192) == []
    assert rig.edge.counts.oversized == 1


def test_a_flood_from_one_address_is_dropped_unread_and_others_are_served() -> None:
    rig = Rig().start()
    for number in range(BURST):
        rig.datagram(a_message("OPTIONS", number=number), peer=("192.0.2.66", 5060))
    assert rig.datagram(a_message("OPTIONS", number=0), peer=("192.0.2.66", 5060)) == []
    assert rig.edge.front_door.counts.throttled == 1
    assert rig.datagram(a_message("OPTIONS", number=BURST)) == [OK]


@pytest.mark.parametrize("fault", [OSError(101, "Network is unreachable"), MessageLengthError()])
def test_what_the_network_does_not_take_is_counted(fault: Exception) -> None:
    rig = Rig().start()
    rig.reactor.udp[0].fault = fault
    rig.datagram(a_message("OPTIONS"))
    assert (rig.edge.counts.unsent, rig.edge.counts.faults) == (1, 0)


def test_a_fault_of_ours_is_survived_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig().start()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(rig.ua, "handle_message", fail)
        rig.datagram(a_message("OPTIONS"))
    assert rig.edge.counts.faults == 1
    assert rig.datagram(a_message("OPTIONS", number=2)) == [OK]


def test_a_call_that_the_house_fails_to_take_up_is_turned_away_at_once() -> None:
    rig = Rig(accepts=False).start()
    seen = []

    def fail(event: object) -> None:
        seen.append(event)
        raise KeyError

    rig.edge._on_event = fail
    assert rig.datagram(a_message("INVITE", body=SDP)) == [b"SIP/2.0 503 Service Unavailable"]
    assert [type(event) for event in seen] == [CallArrived, CallEnded]
    assert rig.edge.counts.faults == 2
    assert rig.datagram(a_message("OPTIONS", number=2)) == [OK]


def test_a_fault_after_the_answer_leaves_the_call() -> None:
    rig = Rig().start()
    take = rig.edge._on_event

    def fail_later(event: SipEvent) -> None:
        take(event)
        raise KeyError

    rig.edge._on_event = fail_later
    assert rig.datagram(a_message("INVITE", body=SDP)) == [OK]
    assert rig.ua.calls == 1


def test_an_action_that_fails_is_told_to_its_caller_and_leaves_nothing_unsent() -> None:
    rig = Rig().start()

    def act(ua: UserAgent, now: float) -> None:
        ua.hang_up(rig.events[0].call_id, now)
        raise KeyError

    rig.datagram(a_message("INVITE", body=SDP))
    rig.datagram(a_message("ACK", to_tag=tag_of(rig.reactor.udp[0].sent[-1][0]), branch="a"))
    with pytest.raises(KeyError):
        rig.edge.act(act)
    assert rig.reactor.udp[0].sent[-1][0].startswith(b"BYE ")


def test_each_of_several_interfaces_answers_for_itself() -> None:
    rig = Rig(listen_ip=("192.0.2.1", "198.51.100.1")).start()
    rig.datagram(a_message("INVITE", body=SDP), which=1)
    data, _ = rig.reactor.udp[1].sent[-1]
    assert b"Contact: <sip:96156@198.51.100.1:5060>" in data
    assert b"c=IN IP4 198.51.100.1" in data
    assert rig.reactor.udp[0].sent == []


def test_a_wildcard_answers_with_the_interface_towards_the_caller() -> None:
    rig = Rig(listen_ip="0.0.0.0").start()
    rig.datagram(a_message("INVITE", body=SDP), peer=("127.0.0.9", 5060))
    data, _ = rig.reactor.udp[0].sent[-1]
    assert b"Contact: <sip:96156@127.0.0.1:5060>" in data


# -- ports ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_taken_port_is_told_with_the_remedy(kind: str) -> None:
    rig = Rig()
    rig.reactor.taken[f"other {kind}", 5060] = 1
    with pytest.raises(
        ConfigError, match=rf"192\.0\.2\.1, {kind} port 5060: Address already in use.*\[sip\] port"
    ):
        rig.edge.start()
    assert rig.reactor.taken["udp", 5060] == 0


def test_a_free_port_is_free_for_both_transports() -> None:
    rig = Rig(port=0)
    rig.reactor.taken["other tcp", 40000] = 1
    rig.edge.start()
    assert rig.edge.port == 40001
    assert (rig.reactor.taken["udp", 40000], rig.reactor.taken["udp", 40001]) == (0, 1)


def test_stop_closes_ports_and_connections() -> None:
    rig = Rig().start()
    connection = rig.connect()
    rig.datagram(a_message("INVITE", body=SDP))
    asyncio.run(rig.edge.stop())
    assert not connection.is_open
    assert (rig.reactor.taken["udp", 5060], rig.reactor.taken["tcp", 5060]) == (0, 0)
    assert rig.reactor.getDelayedCalls() == []


# -- streams --------------------------------------------------------------------------------------


def test_a_call_over_a_stream_that_comes_in_pieces() -> None:
    rig = Rig().start()
    connection = rig.connect()
    data = a_message("INVITE", transport="TCP", body=SDP)
    answers = b"".join(connection.feed(data[at : at + 7]) for at in range(0, len(data), 7))
    assert answers.startswith(OK)
    assert b"Contact: <sip:96156@192.0.2.1:5060;transport=tcp>" in answers
    tag = tag_of(answers[answers.index(OK) :])
    both = a_message("ACK", transport="TCP", to_tag=tag, branch="a") + a_message(
        "BYE", transport="TCP", to_tag=tag, cseq=2, branch="b"
    )
    assert connection.feed(both).startswith(OK)
    assert isinstance(rig.events[-1], CallEnded)


def test_a_ping_gets_its_pong() -> None:
    assert Rig().start().connect().feed(b"\r\n\r\n") == b"\r\n"


def test_a_stream_that_cannot_be_cut_is_answered_and_closed() -> None:
    connection = Rig().start().connect()
    assert connection.feed(a_message("OPTIONS").replace(b"Content-Length: 0\r\n", b"")).startswith(
        b"SIP/2.0 400"
    )
    assert not connection.is_open


def test_a_dripping_peer_is_cut_off() -> None:
    rig = Rig().start()
    connection = rig.connect()
    for octet in b"OPTIONS sip:96156@192.0.2.1":
        if connection.is_open:
            connection.feed(bytes([octet]))
            rig.reactor.advance(1.0)
    assert connection.was_aborted
    assert rig.reactor.seconds() <= sip_stream.MESSAGE_S + 17


def test_a_message_that_goes_on_has_the_time_of_one_message_only() -> None:
    rig = Rig().start()
    connection = rig.connect()
    connection.feed(b"OPTIONS")
    rig.reactor.advance(sip_stream.MESSAGE_S - 1)
    connection.feed(b" sip:")
    rig.reactor.advance(1.0)
    assert connection.was_aborted


def test_an_idle_connection_is_closed_in_the_end_and_a_ping_keeps_it() -> None:
    rig = Rig().start()
    quiet, alive = rig.connect(), rig.connect()
    rig.reactor.advance(sip_stream.IDLE_S - 1)
    alive.feed(b"\r\n\r\n")
    rig.reactor.advance(1.0)
    assert (quiet.is_open, alive.is_open) == (False, True)


def test_one_address_cannot_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_stream, "MAX_CONNECTIONS_PER_IP", 2)
    rig = Rig().start()
    one, two, three = (rig.connect() for _ in range(3))
    assert [one.is_open, two.is_open, three.is_open] == [True, True, False]
    one.close()
    assert rig.connect().is_open
    assert rig.connect(("192.0.2.8", 1)).is_open


def test_a_peer_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_stream, "MAX_UNSENT_BYTES", 1000)
    connection = Rig().start().connect()
    connection.producer.pauseProducing()
    for number in range(9):
        if connection.is_open:
            connection.feed(a_message("OPTIONS", transport="TCP", number=number))
    assert connection.was_aborted


def a_standing_call(rig: Rig) -> tuple[object, str]:
    connection = rig.connect()
    answers = connection.feed(a_message("INVITE", transport="TCP", body=SDP))
    connection.feed(
        a_message("ACK", transport="TCP", to_tag=tag_of(answers[answers.index(OK) :]), branch="a")
    )
    return connection, rig.events[0].call_id


def test_our_bye_goes_over_the_connection_of_the_call() -> None:
    rig = Rig().start()
    connection, call_id = a_standing_call(rig)
    rig.edge.act(lambda ua, now: ua.hang_up(call_id, now))
    assert b"BYE sip:1001@192.0.2.7:5060;transport=tcp SIP/2.0\r\n" in connection.written


def test_our_bye_goes_over_a_new_connection_when_the_old_one_is_gone() -> None:
    rig = Rig().start()
    connection, call_id = a_standing_call(rig)
    connection.close()
    rig.edge.act(lambda ua, now: ua.hang_up(call_id, now))
    [(host, port, factory)] = rig.reactor.dials
    assert (host, port) == ("192.0.2.7", 5060)
    again = rig.attach(factory.buildProtocol(None), ("192.0.2.7", 5060))
    assert again.written.startswith(b"BYE ")
    via = next(line for line in again.written.split(b"\r\n") if line.startswith(b"Via"))
    bye = a_message("BYE", transport="TCP").split(b"\r\n")
    bye[0], bye[1] = OK, via
    again.feed(b"\r\n".join(bye))
    assert rig.ua.calls == 0


def test_a_connection_that_cannot_be_opened_ends_the_call() -> None:
    rig = Rig().start()
    connection, call_id = a_standing_call(rig)
    connection.close()
    rig.edge.act(lambda ua, now: ua.hang_up(call_id, now))
    refuse_connection(rig.reactor.dials[0][2])
    assert rig.ua.calls == 0
    assert rig.edge.counts.unsent == 1


def test_a_caller_by_datagram_who_wants_tcp_gets_our_bye_by_tcp() -> None:
    rig = Rig().start()
    rig.datagram(a_message("INVITE", body=SDP).replace(b"7:5060>", b"7:5070;transport=tcp>"))
    rig.datagram(a_message("ACK", to_tag=tag_of(rig.reactor.udp[0].sent[-1][0]), branch="a"))
    rig.edge.act(lambda ua, now: ua.hang_up(rig.events[0].call_id, now))
    assert [call[:2] for call in rig.reactor.dials] == [("192.0.2.7", 5070)]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(98, "ss -lunp"), (13, "CAP_NET_BIND_SERVICE"), (99, "ip address")],
)
def test_each_reason_not_to_get_a_port_has_its_remedy(number: int, remedy: str) -> None:
    class Refusing(FakeReactor):
        def open_udp(self, ip: str, port: int, protocol: Any) -> FakePort:
            raise CannotListenError(ip, port, OSError(number, os.strerror(number)))

    rig = Rig(port=506)
    reactor: Any = Refusing()
    edge = SipEdge(reactor, rig.ua, both_at("192.0.2.1", 506), lambda _event: None, ports=reactor)
    with pytest.raises(ConfigError) as told:
        edge.start()
    assert remedy in str(told.value)
    assert f"udp port 506: {os.strerror(number)}. " in str(told.value)
