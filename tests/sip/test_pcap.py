"""Capture files, read back by a reader of our own and, where it is installed, by tcpdump."""

from __future__ import annotations

import ipaddress
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.glimpse import SeenMessage
from hotline.sip.pcap import pcap
from tests.sip.seen import START, US, a_connected_call, request, seen


def read(file: bytes) -> Iterator[tuple[float, tuple[str, int], tuple[str, int], bytes]]:
    """Read a file of raw IP packets back: time, source, target, message; checks every sum."""
    magic, major, minor, _, _, _, link = struct.unpack_from("<IHHiIII", file)
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101)
    at = 24
    while at < len(file):
        seconds, micros, kept, length = struct.unpack_from("<IIII", file, at)
        assert kept == length <= 65_535
        packet, at = file[at + 16 : at + 16 + kept], at + 16 + kept
        if packet[0] >> 4 == 4:
            assert struct.unpack_from("!H", packet, 2)[0] == len(packet)
            assert total(packet[:20]) == 0xFFFF
            addresses, udp, protocol = packet[12:20], packet[20:], packet[9]
        else:
            assert struct.unpack_from("!H", packet, 4)[0] == len(packet) - 40
            addresses, udp, protocol = packet[8:40], packet[40:], packet[6]
        assert protocol == 17
        half = len(addresses) // 2
        source_port, target_port, udp_length = struct.unpack_from("!HHH", udp)
        assert udp_length == len(udp)
        assert total(addresses + struct.pack("!HH", 17, udp_length) + udp) == 0xFFFF
        source, target = (str(ipaddress.ip_address(one)) for one in (addresses[:half], addresses[half:]))
        yield seconds + micros / 1e6, (source, source_port), (target, target_port), udp[8:]


def total(octets: bytes) -> int:
    """Sum 16-bit words as ones' complement; a packet with its checksum in it gives 0xFFFF."""
    octets += b"\0" * (len(octets) % 2)
    number = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while number >> 16:
        number = (number & 0xFFFF) + (number >> 16)
    return number


def test_a_call_comes_back_as_it_passed() -> None:
    messages = a_connected_call()
    for one, (at, source, target, data) in zip(messages, read(pcap(messages)), strict=True):
        assert at == pytest.approx(one.at, abs=1e-5)
        assert (source, target) == ((US, one.remote) if one.is_sent else (one.remote, US))
        assert data == one.data


def test_an_ipv4_and_an_ipv6_address_meet_in_ipv6() -> None:
    message = SeenMessage(START, True, "tls", ("10.0.0.1", 5061), ("2001:db8::7", 5061), b"x")
    [(_, source, target, _)] = read(pcap([message]))
    assert ipaddress.ip_address(source[0]) == ipaddress.ip_address("::ffff:10.0.0.1")
    assert target == ("2001:db8::7", 5061)


@settings(max_examples=60)
@given(st.binary(max_size=70_000), st.floats(0, 4e9), st.sampled_from(["192.0.2.7", "2001:db8::7"]))
def test_any_message_makes_a_sound_packet(data: bytes, at: float, ip: str) -> None:
    [(_, _, _, kept)] = read(pcap([SeenMessage(at, False, "tcp", US, (ip, 5060), data)]))
    assert data.startswith(kept)


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_tcpdump_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    file.write_bytes(pcap([seen(0, request("INVITE", 1))]))
    said = subprocess.run(["tcpdump", "-nvr", str(file)], capture_output=True, text=True, check=True).stdout
    assert "192.0.2.7.5060 > 10.0.0.1.5060" in said
    assert "INVITE sip:96156@10.0.0.1" in said
    assert "bad" not in said
