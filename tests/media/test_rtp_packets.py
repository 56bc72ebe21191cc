"""RTP headers and the arithmetic that wraps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import rtp

from hotline.errors import RemoteProtocolError
from hotline.media.rtp import (
    address_words,
    ip_version,
    parse_packet,
    remote_number,
    sequence_step,
    timestamp_step,
)


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    try:
        packet = parse_packet(data)
    except RemoteProtocolError:
        return
    assert data.endswith(packet.payload) or data[0] & 0x20
    assert len(packet.payload) <= len(data) - 12


@given(
    kind=st.integers(0, 71),
    mark=st.booleans(),
    sequence=st.integers(0, 0xFFFF),
    stamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    sources=st.integers(0, 15),
    words=st.none() | st.integers(0, 5),
    padding=st.integers(0, 9),
    payload=st.binary(max_size=200),
)
def test_headers_of_every_shape_are_read(
    kind, mark, sequence, stamp, ssrc, sources, words, padding, payload
) -> None:
    first = 0x80 | sources | (0x10 if words is not None else 0) | (0x20 if padding else 0)
    extra = bytes(4 * sources)
    if words is not None:
        extra += b"\xbe\xde" + words.to_bytes(2, "big") + bytes(4 * words)
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    packet = parse_packet(
        rtp(sequence, stamp, payload + tail, kind=kind | mark << 7, ssrc=ssrc, first=first, extra=extra)
    )
    assert (packet.payload_type, packet.is_marked, packet.sequence) == (kind, mark, sequence)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (stamp, ssrc, payload)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        bytes(12),
        rtp(1, 1, b"")[:11],
        rtp(1, 1, bytes(16), kind=200),  # RTCP sender report
        rtp(1, 1, b"", first=0x90),
        rtp(1, 1, b"", first=0x83),
        rtp(1, 1, b"\0", first=0xA0),
        rtp(1, 1, b"\x05", first=0xA0),
        rtp(1, 1, b"\xbe\xde\xff\xff", first=0x90),
    ],
)
def test_what_is_no_rtp_is_refused(datagram: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_packet(datagram)


@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
def test_sequence_steps_wrap(start: int, step: int) -> None:
    assert sequence_step((start + step) & 0xFFFF, start) == step


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_timestamp_steps_wrap(start: int, step: int) -> None:
    assert timestamp_step((start + step) & 0xFFFFFFFF, start) == step


def test_nowhere_is_zero() -> None:
    assert remote_number("", 5) == remote_number("192.0.2.1", 0) == remote_number("0.0.0.0", 9) == 0
    assert remote_number("0.0.0.1", 1) == 1 << 32 | 1


@pytest.mark.parametrize(
    ("ip", "port"),
    [("host", 9), ("192.0.2.1", 65536), ("192.0.2.1", -1), ("fe80::1%eth0", 9), ("::1", 70000)],
)
def test_what_is_no_numeric_address_is_refused(ip: str, port: int) -> None:
    with pytest.raises(RemoteProtocolError):
        remote_number(ip, port)


def test_an_ipv6_address_has_a_number_and_two_halves() -> None:
    assert remote_number("2001:db8::1", 9) >> 32 == 9
    assert 0 < remote_number("2001:db8::1", 9) < 2**48
    assert address_words("2001:db8::1") == (0x20010DB8_00000000, 1)
    assert address_words("192.0.2.1") == address_words("") == (0, 0)
    assert remote_number("::", 9) == remote_number("2001:db8::1", 0) == 0
    assert (ip_version("192.0.2.1"), ip_version("::1")) == (4, 6)
