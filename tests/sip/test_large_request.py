"""Requests of ours that are too large for a datagram (RFC 3261, 18.1.1)."""

from __future__ import annotations

import pytest

from hotline.sip.flow import Flow
from hotline.sip.large_request import LARGEST_DATAGRAM_BYTES, NO_TCP_S, LargeRequests
from hotline.sip.message import Headers, Request, parse_message
from hotline.sip.transaction_layer import TransactionLayer
from hotline.sip.uri import parse_uri

UDP = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)


def a_request(body_bytes: int, number: int = 1) -> Request:
    headers = Headers()
    for name, value in (
        ("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number};rport"),
        ("Max-Forwards", "70"),
        ("From", "<sip:us@192.0.2.1>;tag=1"),
        ("To", "<sip:you@192.0.2.7>"),
        ("Call-ID", str(number)),
        ("CSeq", "1 INVITE"),
    ):
        headers.add(name, value)
    return Request("INVITE", parse_uri("sip:you@192.0.2.7"), headers, bytes(body_bytes))


def sent(layer: TransactionLayer) -> list[tuple[str, str]]:
    """Give the transport of each message in the outbox, by its flow and by its Via."""
    messages = [(out.flow.transport, parse_message(out.data)) for out in layer.take_outbox()]
    return [(transport, message.top_via.transport.lower()) for transport, message in messages]


@pytest.mark.parametrize(("over", "transport"), [(0, "udp"), (1, "tcp")])
def test_the_limit_is_1300_octets(over: int, transport: str) -> None:
    layer = TransactionLayer()
    small = len(a_request(1000).to_bytes())
    layer.request(a_request(1000 + LARGEST_DATAGRAM_BYTES - small + over), UDP, 0.0)
    assert sent(layer) == [(transport, transport)]


def test_over_tcp_nothing_is_repeated() -> None:
    layer = TransactionLayer()
    layer.request(a_request(2000), UDP, 0.0)
    layer.take_outbox()
    layer.handle_timer(10.0)
    assert sent(layer) == []


def test_where_nobody_takes_tcp_it_goes_over_udp_after_all_and_is_repeated() -> None:
    layer = TransactionLayer()
    client = layer.request(a_request(2000), UDP, 0.0)
    layer.take_outbox()
    layer.lose_flow(client.flow, 4.0)
    assert sent(layer) == [("udp", "udp")]
    assert layer.take_failed() == []
    layer.handle_timer(4.5)
    assert sent(layer) == [("udp", "udp")]
    assert client.flow == UDP


def test_the_next_one_does_not_try_tcp_again_for_a_while() -> None:
    layer = TransactionLayer()
    client = layer.request(a_request(2000), UDP, 0.0)
    layer.lose_flow(client.flow, 0.0)
    layer.take_outbox()
    layer.request(a_request(2000, 2), UDP, NO_TCP_S - 1)
    layer.request(a_request(2000, 3), UDP, NO_TCP_S + 1)
    assert sent(layer) == [("udp", "udp"), ("tcp", "tcp")]


def test_a_connection_that_is_lost_after_an_answer_fails_the_request() -> None:
    layer = TransactionLayer()
    client = layer.request(a_request(2000), UDP, 0.0)
    [out] = layer.take_outbox()
    ringing = out.data.replace(b"INVITE sip:you@192.0.2.7 SIP/2.0", b"SIP/2.0 180 Ringing", 1)
    message = parse_message(ringing)
    assert layer.receive_response(message, 1.0) is client  # type: ignore[arg-type]
    layer.lose_flow(client.flow, 2.0)
    assert [failed.side for failed in layer.take_failed()] == [client]
    assert sent(layer) == []


def test_what_goes_over_tcp_anyway_stays_as_it_is() -> None:
    tcp = Flow("tcp", UDP.local, UDP.remote, 3)
    assert LargeRequests().way(a_request(2000), 2000, tcp, 0.0) is tcp
