"""What is fuzzed beside SIP: packets into the media plane, the file of the trunks."""

from __future__ import annotations

import contextlib
import itertools
import struct
from functools import cache
from pathlib import Path
from typing import Any, Final

from hotline.errors import ConfigError, RemoteProtocolError
from hotline.media import rtcp
from hotline.media.rtp import parse_packet
from hotline.trunks.reading import parse_proxy, parse_trunks

ROOT: Final = Path(__file__).parents[2]
MARK: Final = b"\n--\n"
"""Between two datagrams of one input."""
MOST_DATAGRAMS: Final = 16
CALLER: Final = ("192.0.2.7", 40000)


def read_media(data: bytes) -> None:
    """Read datagrams as RTP and RTCP, and let them into a plane with a call that is recorded.

    The call hears keys, is played to, and may move its address; whatever comes, it goes on.
    """
    datagrams = data.split(MARK)[:MOST_DATAGRAMS]
    for datagram in datagrams:
        with contextlib.suppress(RemoteProtocolError):
            packet = parse_packet(datagram)
            assert len(packet.payload) <= len(datagram)
        with contextlib.suppress(RemoteProtocolError):
            report = rtcp.parse_report(datagram)
            for block in report.blocks:
                rtcp.round_trip_s(block, 1000.0)
    rig, name = _plane(), f"c{next(_NUMBERS)}"
    port = rig.open(name, may_latch=True)
    rig.record(name, recording=f"r-{name}")
    for number, datagram in enumerate(datagrams, 1):
        at = CALLER if number % 4 else ("192.0.2.99", 1)  # a stranger now and then
        rig.bring(datagram, at=at, port=port)
        if number % 4 == 0:
            rig.turn()
    rig.turn()
    rig.close(name)
    rig.collect()
    assert [done.recording_id for done in rig.sealed] == [f"r-{name}"]
    for kept in (rig.sealed, rig.events, rig.disk, rig.laws, rig.heard):
        kept.clear()


@cache
def _plane() -> Any:
    """Make the plane, once: its libraries and tables are heavy."""
    from tests.media.voice_rig import Rig

    return Rig(ports=2)


def read_trunk_file(data: bytes) -> None:
    """Read a file of trunks: it is right, or told where it is wrong."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(ConfigError):
        for trunk in parse_trunks(text, file="trunks.toml", folder=ROOT / "config", area_code="10"):
            for proxy in trunk.proxies:
                assert parse_proxy(str(proxy)) == proxy


def media_seeds() -> list[bytes]:
    """Give packets as telephones send them, alone and several in a row."""
    voice = [_rtp(n, 160 * n, bytes([0xD5 ^ n]) * 160) for n in range(6)]
    keys = [
        _rtp(10 + n, 1600, struct.pack("!BBH", 5, 0x80 * (n > 2) | 10, 160 * n), kind=101) for n in range(5)
    ]
    odd = [
        _rtp(20, 3200, bytes(160), first=0x90, extra=struct.pack("!HH", 0xBEDE, 1) + bytes(4)),
        _rtp(21, 3360, bytes(157) + b"\x00\x00\x03", first=0xA0),
        _rtp(22, 3520, bytes(160), first=0x82, extra=bytes(8)),
        _rtp(23, 3680, b"", kind=13),
        b"",
    ]
    block = rtcp.ReportBlock(7, 0.1, 3, 1000, 20, 5, 6)
    report = rtcp.write_report(7, rtcp.SenderInfo(1, 160, 2, 320), [block], "us@x", says_goodbye=True)
    return [*voice[:1], *keys[:1], *odd, MARK.join(voice), MARK.join(voice[:2] + keys + voice[2:]), report]


def trunk_seeds() -> list[bytes]:
    """Give the file that comes with the product, with its examples switched on and off."""
    text = (ROOT / "config" / "trunks.toml").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in text.splitlines() if "=" in line or "[" in line]
    return [text.encode(), "\n".join(lines).encode(), b'[trunks.a]\nnetworks = ["10.0.0.0/28"]\n']


_NUMBERS: Final = itertools.count()

WORDS: Final[dict[str, list[bytes]]] = {
    "media": [
        MARK,
        b"\x80\x08",
        b"\x80\x65",
        b"\x90\x08",
        b"\xa0\x08",
        b"\x80\xc8",
        b"\x81\xc9",
        b"\x05\x8a",
    ],
    "trunks": [
        b"[trunks.",
        b"[[trunks.",
        b".accounts]]",
        b"proxies = [",
        b"networks = [",
        b"password_file = ",
        b"0.0.0.0/0",
        b"::/0",
        b";tls",
        b"mode = ",
        b"1e999",
    ],
}


def _rtp(
    sequence: int, stamp: int, payload: bytes, *, kind: int = 8, first: int = 0x80, extra: bytes = b""
) -> bytes:
    return struct.pack("!BBHII", first, kind, sequence, stamp, 7) + extra + payload
