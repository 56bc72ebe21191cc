"""HEP3 packets, read by a decoder of our own after the public description."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.glimpse import SeenMessage
from hotline.sip.hep import CAPTURE_AGENT, MAX_PACKET_BYTES, hep3
from tests.sip.seen import START, request, seen


def decoded(packet: bytes) -> dict[int, bytes]:
    """Read the chunks of a packet: type to value."""
    assert packet[:4] == b"HEP3"
    (length,) = struct.unpack_from("!H", packet, 4)
    assert length == len(packet)
    chunks, at = {}, 6
    while at < length:
        vendor, kind, size = struct.unpack_from("!HHH", packet, at)
        assert vendor == 0
        assert size >= 6
        chunks[kind] = packet[at + 6 : at + size]
        at += size
    assert at == length
    return chunks


def test_a_received_message_goes_from_the_peer_to_us() -> None:
    message = seen(0.25, request("INVITE", 1))
    chunks = decoded(hep3(message))
    assert chunks[0x0001] == b"\x02"
    assert chunks[0x0002] == b"\x11"
    assert ipaddress.ip_address(chunks[0x0003]) == ipaddress.ip_address("192.0.2.7")
    assert ipaddress.ip_address(chunks[0x0004]) == ipaddress.ip_address("10.0.0.1")
    assert struct.unpack("!HH", chunks[0x0007] + chunks[0x0008]) == (5060, 5060)
    seconds, micros = struct.unpack("!II", chunks[0x0009] + chunks[0x000A])
    assert abs(seconds + micros / 1e6 - (START + 0.25)) < 1e-5
    assert chunks[0x000B] == b"\x01"
    assert struct.unpack("!I", chunks[0x000C]) == (CAPTURE_AGENT,)
    assert chunks[0x0011] == b"a@carrier"
    assert chunks[0x000F] == message.data


def test_a_sent_message_goes_from_us_over_tcp() -> None:
    chunks = decoded(hep3(seen(0, request("BYE", 1), sent=True, transport="tls")))
    assert ipaddress.ip_address(chunks[0x0003]) == ipaddress.ip_address("10.0.0.1")
    assert chunks[0x0002] == b"\x06"


def test_ipv6_has_chunks_of_its_own() -> None:
    message = SeenMessage(START, False, "udp", ("2001:db8::1", 5060), ("2001:db8::7", 5061), b"x")
    chunks = decoded(hep3(message))
    assert chunks[0x0001] == b"\x0a"
    assert ipaddress.ip_address(chunks[0x0005]) == ipaddress.ip_address("2001:db8::7")
    assert ipaddress.ip_address(chunks[0x0006]) == ipaddress.ip_address("2001:db8::1")
    assert 0x0003 not in chunks


@settings(max_examples=60)
@given(
    st.binary(max_size=70_000),
    st.floats(0, 4e9),
    st.sampled_from(["udp", "tcp", "tls", "ws", "wss"]),
    st.sampled_from([("192.0.2.7", 1), ("2001:db8::7", 65535)]),
)
def test_any_message_fits_one_datagram(data: bytes, at: float, transport: str, peer: tuple[str, int]) -> None:
    packet = hep3(SeenMessage(at, True, transport, ("10.0.0.1", 5060), peer, data))
    assert len(packet) <= MAX_PACKET_BYTES
    assert data.startswith(decoded(packet)[0x000F])
