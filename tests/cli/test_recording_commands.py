"""`hotline recording`: what is exported is what was said; what has changed on disk is named."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hotline.cli import app
from hotline.errors import ConfigError, OutsideError
from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft
from hotline.media.plan import Codec, FarSide
from hotline.store import Store
from tests.rules import rules

NEAR, FAR = os.urandom(16_001), os.urandom(8_000)
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
Ask = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A data folder with one call and its recordings: a talk, and a message."""

    async def fill() -> None:
        store = Store(
            f"sqlite:///{tmp_path / 'hotline.sqlite3'}",
            tmp_path / "recordings",
            lambda: AT,
            lambda _: None,
            rules=rules,
        )
        await store.start()
        call = CallId("20261123-0900-ab")
        await store.open_call(OfferedCall(call, "x@y", "", "", "96156", "udp:192.0.2.7:5060", AT))
        folder = tmp_path / "recordings" / "2026-11-23"
        folder.mkdir(parents=True)
        for n, far in ((1, FAR), (2, b"")):
            near = folder / f"{call}-{n}.alaw"
            near.write_bytes(NEAR)
            side = None
            if far:
                place = folder / f"{call}-{n}.far.alaw"
                place.write_bytes(far)
                side = FarSide(
                    f"2026-11-23/{place.name}", Codec.PCMA, len(far), hashlib.sha256(far).hexdigest()
                )
            recording = ClosedRecording(
                RecordingId(f"{call}-{n}"), call, f"2026-11-23/{near.name}", Codec.PCMA, len(NEAR), 900,
                hashlib.sha256(NEAR).hexdigest(), AT, far=side,
            )  # fmt: skip
            await store.open_request(RequestDraft(recording, "zh", False, AT))
        await store.stop()

    asyncio.run(fill())
    return tmp_path


@pytest.fixture
def ask(site: Path) -> Ask:
    def run(*words: object) -> Result:
        environment = {"HOTLINE__SITE__DATA_DIR": str(site), "COLUMNS": "120"}
        done = CliRunner().invoke(app, [str(word) for word in words], env=environment)
        if isinstance(done.exception, Exception):
            raise done.exception
        return done

    return run


def test_both_sides_are_a_stereo_file(ask: Ask, tmp_path: Path) -> None:
    done = ask("recording", "export", "20261123-0900-ab-1", "-o", tmp_path / "a.wav")
    assert "2.0 s of both sides" in done.output
    with wave.open(str(tmp_path / "a.wav")) as read:
        assert (read.getnchannels(), read.getnframes()) == (2, 16_001)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(("side", "sound"), [("caller", NEAR), ("other", FAR)])
def test_one_side_in_its_law_is_what_was_recorded(ask: Ask, tmp_path: Path, side: str, sound: bytes) -> None:
    ask(
        "recording",
        "export",
        "20261123-0900-ab-1",
        "--format",
        "wav",
        "--side",
        side,
        "-o",
        tmp_path / "a.wav",
    )
    octets = (tmp_path / "a.wav").read_bytes()
    assert octets[octets.index(b"data") + 8 :][: len(sound)] == sound


def test_opus_is_written_and_the_export_is_an_event(ask: Ask, tmp_path: Path) -> None:
    ask("recording", "export", "20261123-0900-ab-2", "--format", "opus", "-o", tmp_path / "a.opus")
    assert (tmp_path / "a.opus").read_bytes().startswith(b"OggS")
    last = ask("events").output.splitlines()[-1]
    assert '"recording.exported"' in last
    assert '"command line"' in last


def test_what_cannot_be_exported_is_told_with_the_remedy(ask: Ask, site: Path, tmp_path: Path) -> None:
    for words, said in (
        (("nobody",), "hotline call show"),
        (("20261123-0900-ab",), "20261123-0900-ab-1, 20261123-0900-ab-2"),
        (("20261123-0900-ab-2", "--side", "other"), "caller alone"),
    ):
        with pytest.raises(ConfigError, match=said):
            ask("recording", "export", *words, "-o", tmp_path / "a.wav")
    with pytest.raises(ConfigError, match="cannot be written"):
        ask("recording", "export", "20261123-0900-ab-1", "-o", tmp_path / "no" / "folder.wav")
    (site / "recordings" / "2026-11-23" / "20261123-0900-ab-2.alaw").write_bytes(NEAR[:80])
    with pytest.raises(OutsideError, match="shorter"):
        ask("recording", "export", "20261123-0900-ab-2", "-o", tmp_path / "a.wav")
    assert not list(tmp_path.glob("a.wav*"))


def test_verify_is_content_with_files_as_they_were(ask: Ask) -> None:
    done = ask("recording", "verify")
    assert (done.exit_code, done.output) == (0, "3 files are as they were when they were closed\n")


def test_verify_names_what_changed_with_the_remedy(ask: Ask, site: Path) -> None:
    folder = site / "recordings" / "2026-11-23"
    (folder / "20261123-0900-ab-1.far.alaw").unlink()
    (folder / "20261123-0900-ab-2.alaw").write_bytes(NEAR[::-1])
    done = ask("recording", "verify")
    assert done.exit_code == 1
    assert "1 files are as they were" in done.output
    for words in ("20261123-0900-ab-1.far.alaw", "missing: bring it back from a backup", "changed: bring it"):
        assert words in done.output


def test_what_is_over_expires_and_what_is_open_stays(
    ask: Ask, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotline.app.wall_now", lambda: AT + timedelta(days=40))
    one, two = "20261123-0900-ab-1", "20261123-0900-ab-2"
    folder = site / "recordings" / "2026-11-23"
    assert "0 recordings older than 30 days deleted" in ask("recording", "expire", "--keep-days", "30").output
    with sqlite3.connect(site / "hotline.sqlite3") as store:
        store.execute("UPDATE service_requests SET state = 'closed'")
    would = ask("recording", "expire", "--keep-days", "30", "--dry-run").output
    assert would.startswith(f"{one}\n{two}\n2 recordings older than 30 days would be deleted")
    assert (folder / f"{one}.alaw").read_bytes() == NEAR
    assert "2 recordings older than 30 days deleted" in ask("recording", "expire", "--keep-days", "30").output
    assert not folder.exists()
    assert ask("events").output.count('"recording.expired"') == 2
    assert ask("recording", "verify").exit_code == 0
    with pytest.raises(ConfigError, match="deleted on 2027-01-02"):
        ask("recording", "export", one, "-o", tmp_path / "a.wav")


def test_who_keeps_for_ever_is_told_how_to_set_it(ask: Ask) -> None:
    with pytest.raises(ConfigError, match="keep_days is 0"):
        ask("recording", "expire")


def test_gaps_are_filled_where_that_is_wished_for_and_never_in_what_came(
    ask: Ask, site: Path, tmp_path: Path
) -> None:
    file = site / "recordings" / "2026-11-23" / "20261123-0900-ab-2.alaw"
    octets = bytearray((b"\x2a" * 40 + b"\xaa" * 40) * 101)  # a square wave of 100 Hz
    octets[4800:4960] = b"\xd5" * 160
    file.write_bytes(octets.ljust(len(NEAR), b"\x2a"))
    heard = []
    for options in ((), ("--conceal",)):
        ask("recording", "export", "20261123-0900-ab-2", *options, "-o", tmp_path / "a.wav")
        with wave.open(str(tmp_path / "a.wav")) as read:
            heard.append(read.readframes(read.getnframes()))
    plain, concealed = heard
    assert plain[9600:9920] == b"\x08\x00" * 160
    assert b"\x08\x00" * 4 not in concealed[9600:9920]
    assert plain[:9000] == concealed[:9000]
    with pytest.raises(ConfigError, match="as they came"):
        ask(
            "recording",
            "export",
            "20261123-0900-ab-2",
            "--conceal",
            "--format",
            "wav",
            "-o",
            tmp_path / "a.wav",
        )
