"""``hotline call talks``, ``monitor``, ``listen`` and so on, against a product's socket that answers them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.cli.talks import Heard
from hotline.errors import HotlineError, Refused
from hotline.events.ids import CallId
from hotline.media.g711 import encode
from hotline.media.plan import Codec
from hotline.media.taps import TapBlock
from hotline.wire.control import ControlSocket
from hotline.wire.tap_sockets import TapSender

TALK = {
    "call_id": "c1",
    "direction": "in",
    "called": "96156",
    "near": "+8613800138000",
    "far": "1001",
    "guests": [
        {"name": "1009", "part": "monitor", "by": "zhao", "is_there": True},
        {"name": "1010", "part": "member", "by": "wang", "is_there": False},
    ],
}
TONE = encode((8000 * np.sin(2 * np.pi * 440 * np.arange(1600) / 8000)).astype(np.int16), Codec.PCMA)


class Product:
    """A product's control socket, on a loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.talks: list[dict[str, Any]] = [TALK]
        self._folder, self._sender = folder, TapSender()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_up.wait(10)

    def _run(self) -> None:
        socket = ControlSocket(self._folder, dict)
        socket.answers |= {
            "talks": lambda _question: self.talks,
            "supervise": self._take,
            "invite": self._take,
            "send_away": self._take,
            "tap": self._tap,
        }
        self._loop.run_until_complete(socket.start())
        self._loop.call_soon(self._is_up.set)
        self._loop.run_forever()
        self._loop.run_until_complete(socket.stop())

    def _take(self, question: Mapping[str, Any]) -> bool:
        if question.get("call") != "c1":
            raise Refused(f"call {question.get('call')} is no talk of two now", code="missing")
        self.asked.append(question)
        return True

    def _tap(self, question: Mapping[str, Any]) -> list[tuple[str, str]]:
        self._take(question)
        path = str(question["path"])
        if question.get("on", True):
            for leg in ("c1", "c1-leg1"):
                first = TapBlock(CallId(leg), Codec.PCMA, 0, TONE.tobytes())
                last = TapBlock(CallId(leg), Codec.PCMA, 1600, b"", is_last=True)
                assert not self._sender.send([(path, first), (path, last)])
        return [("c1", "+8613800138000"), ("c1-leg1", "1001")]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._sender.close()


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    product = Product(tmp_path)
    yield product
    product.stop()


def hotline(folder: Path, *words: str) -> str:
    done = CliRunner().invoke(app, list(words), env={"HOTLINE__SITE__DATA_DIR": str(folder)})
    if isinstance(done.exception, HotlineError):
        raise done.exception
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_talks_are_listed_with_their_guests_and_without_numbers(product: Product, tmp_path: Path) -> None:
    said = hotline(tmp_path, "call", "talks")
    assert "138****8000" in said
    assert "13800138000" not in said
    assert "1009 (monitor), 1010 (member, ringing)" in said
    assert "+8613800138000" in hotline(tmp_path, "call", "talks", "--full")
    product.talks = []
    assert hotline(tmp_path, "call", "talks").strip() == "nobody talks now"


@pytest.mark.parametrize("part", ["monitor", "whisper", "barge"])
def test_a_telephone_is_called_into_a_talk(product: Product, tmp_path: Path, part: str) -> None:
    assert "1009 is called to" in hotline(tmp_path, "call", part, "c1", "--phone", "1009")
    assert product.asked == [{"do": "supervise", "call": "c1", "phone": "1009", "part": part}]


def test_a_third_is_called_in_and_sent_away(product: Product, tmp_path: Path) -> None:
    hotline(tmp_path, "call", "invite", "c1", "01065241234")
    hotline(tmp_path, "call", "dismiss", "c1", "01065241234")
    assert [question["do"] for question in product.asked] == ["invite", "send_away"]


def test_what_is_refused_is_said(product: Product, tmp_path: Path) -> None:
    with pytest.raises(HotlineError, match="no talk of two"):
        hotline(tmp_path, "call", "monitor", "other", "--phone", "1009")
    assert not product.asked


def test_voices_are_taken_as_they_are_said(product: Product, tmp_path: Path) -> None:
    said = hotline(tmp_path, "call", "listen", "c1", "--seconds", "20", "--output", str(tmp_path / "voices"))
    assert said.count("0.2 s") == 2
    assert "138****8000" in said
    files = sorted((tmp_path / "voices").iterdir())
    assert [file.name for file in files] == ["c1-0.alaw", "c1-1.alaw"]
    assert files[0].read_bytes() == TONE.tobytes()
    assert [question.get("on", True) for question in product.asked] == [True, False], "and it was ended"


def test_a_level_is_told_in_decibels() -> None:
    assert Heard(Codec.PCMA, bytearray(TONE.tobytes())).level == "-15 dBov"
    assert Heard(Codec.PCMA, bytearray(b"\xd5" * 1600)).level == "silent"
    assert Heard().level == "silent"
