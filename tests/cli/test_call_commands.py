"""`hotline call` without a running product: what is on record, and what is left when the record is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.errors import ConfigError
from hotline.events.ids import CallId
from hotline.intake.ports import LegNote, OfferedCall
from hotline.media.plan import Codec, LegQuality, VoiceMissing
from hotline.store import Store
from hotline.wire.signalling_files import KeptFiles
from tests.rules import rules
from tests.sip.seen import a_connected_call, request, response, seen

Ask = Callable[..., str]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A data folder in which a call's messages were kept."""
    kept = KeptFiles(tmp_path / "signalling", 3650, 64 << 20)
    kept.write(sorted(a_connected_call(), key=lambda one: one.at))
    kept.write(
        [
            seen(300, request("INVITE", 1, call="刺探")),
            seen(300.1, response(404, "Not Found", "INVITE", 1, call="刺探"), sent=True),
        ]
    )
    kept.close()
    return tmp_path


@pytest.fixture
def ask(site: Path) -> Ask:
    def run(*words: str, **settings: str) -> str:
        environment = {"HOTLINE__SITE__DATA_DIR": str(site), "COLUMNS": "80"} | {
            f"HOTLINE__{key.upper()}": value for key, value in settings.items()
        }
        done = CliRunner().invoke(app, ["call", *words], env=environment)
        if isinstance(done.exception, Exception):
            raise done.exception
        return done.output

    return run


def test_a_refused_call_has_no_record_but_its_ladder(ask: Ask) -> None:
    said = ask("show", "刺探")
    assert "Call 刺探" in said
    assert "it was refused" in said
    assert "404 Not Found" in said


def test_both_legs_are_found_only_by_what_they_share(ask: Ask) -> None:
    assert "re-INVITE" not in ask("show", "a@carrier")
    assert "re-INVITE" in ask("show", "leg-2@house")


def test_a_broken_store_does_not_hide_what_passed(ask: Ask, site: Path) -> None:
    (site / "hotline.sqlite3").write_bytes(b"this is a letter" * 1000)
    said = ask("show", "a@carrier")
    assert "the store's file is damaged" in said
    assert "INVITE 96156 ×2" in said


def test_an_unknown_call_is_told_with_where_to_look(ask: Ask) -> None:
    with pytest.raises(ConfigError, match=r"nothing is on record about 'x'.*`hotline call list`"):
        ask("show", "x")


def test_there_may_be_no_calls_yet(ask: Ask) -> None:
    assert ask("list") == "no calls yet\n"


def test_the_voice_of_each_leg_is_told(ask: Ask, site: Path) -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    call = CallId("20261123-0900-abc")
    call_record = OfferedCall(call, "voice@pbx", "+861065241234", "", "96156", "udp:192.0.2.7:5060", at)
    heard = LegQuality(
        call, Codec.PCMA, True, 4.21, 1000, 12, 3, 0, 0, 4.4, 11.6, 60, 1.1, 41.2, 990, 4.3, 0.004, 2.0
    )  # fmt: skip
    unheard = replace(
        heard, call_id=CallId(f"{call}-leg1"), mos=None, expected=0, lost=0, late=0, far_mos=None
    )

    async def write() -> None:
        store = Store(
            f"sqlite:///{site / 'hotline.sqlite3'}",
            site / "recordings",
            lambda: at,
            lambda _: None,
            rules=rules,
        )
        await store.start()
        await store.open_call(call_record)
        await store.note_leg(LegNote(unheard.call_id, call, "dialled", at, "1001"))
        await store.note_voices([(heard, at), (unheard, at), (VoiceMissing(unheard.call_id, "silent"), at)])
        await store.stop()

    asyncio.run(write())
    told = ask("show", str(call))
    assert (
        "caller PCMA, heard 4.21 of 4.5 (MOS), lost 1.5%, jitter 4 ms (at most 12), longest gap 60 ms, "
        "round trip 41 ms, heard us 4.30, lost 0.4%"
    ) in told
    assert "1001 PCMA, was never heard" in told
    assert "call.voice_missing" in told
