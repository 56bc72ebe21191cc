"""What `hotline sip trace` writes for each message."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.cli.sip import LivePage
from hotline.sip.text_width import width_of
from tests.sip.seen import PHONE, SDP, a_connected_call, request, response, seen

UTC = ZoneInfo("UTC")


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_call_as_it_passes() -> None:
    page = LivePage(UTC, is_raw=False)
    lines = [page.lines(one) for one in (
        seen(0, request("INVITE", 1, body=SDP)),
        seen(0.001, response(100, "Trying", "INVITE", 1), sent=True),
        seen(2, request("BYE", 2, call="b@house"), sent=True, peer=PHONE),
    )]  # fmt: skip
    assert lines == [
        "10:04:05.100 192.0.2.7:5060        ── INVITE 96156 from 13800138000 ─────▶    1\n"
        "                                      PCMA PCMU keys/101 @192.0.2.7:16000",
        "10:04:05.101 192.0.2.7:5060        ◀──────────────────────── 100 Trying ──    1",
        "10:04:07.100 192.0.2.30:5062       ◀─────────────────────────────── BYE ──    2",
    ]


def test_every_line_fits_eighty_columns() -> None:
    page = LivePage(UTC, is_raw=False)
    for line in (page.head(), *(page.lines(one) for one in a_connected_call())):
        for row in line.splitlines():
            assert width_of(row) <= 80, row


def test_whole_messages_come_with_when_and_whence() -> None:
    text = LivePage(UTC, is_raw=True).lines(seen(0, b"BYE sip:x SIP/2.0\r\nX: \x1b[2J\r\n\r\nb"))
    assert text == ("── 2026-11-02 10:04:05.100 from udp:192.0.2.7:5060 ──\nBYE sip:x SIP/2.0\nX: [2J\n\nb\n")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=120), st.booleans(), st.booleans())
def test_no_octets_reach_the_terminal_as_commands(data: bytes, sent: bool, raw: bool) -> None:
    text = LivePage(UTC, is_raw=raw).lines(seen(0, data, sent=sent))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
