"""The control socket: one product a data folder, questions answered, onlookers told."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError, OutsideError, Refused
from hotline.sip.glimpse import without_secrets
from hotline.wire import control
from hotline.wire.control import ControlSocket
from hotline.wire.control_client import ControlClient, NotRunning, as_json, from_json
from tests.sip.seen import seen

Story = Callable[[ControlSocket], Awaitable[None]]


def tell(data_dir: Path, story: Story) -> None:
    """Run a story with an open control socket."""

    async def body() -> None:
        opened = ControlSocket(data_dir, lambda: {"state": "serving", "since": "today"})
        await opened.start()
        try:
            async with asyncio.timeout(20):
                await story(opened)
        finally:
            await opened.stop()

    asyncio.run(body())


def ask(data_dir: Path, word: str, **details: Any) -> Any:
    with ControlClient(data_dir) as client:
        return client.ask(word, **details)


def test_it_greets_with_who_it_is_and_answers(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        opened.answers["double"] = lambda question: 2 * question["of"]

        def look() -> tuple[dict[str, Any], Any, Any]:
            with ControlClient(tmp_path) as client:
                return client.about, client.ask("double", of=21), client.ask("double", of=1)

        about, first, second = await asyncio.to_thread(look)
        assert about["state"] == "serving"
        assert (first, second) == (42, 2)

    tell(tmp_path, story)


def test_an_answer_may_take_its_time(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        async def slow(_question: object) -> str:
            await asyncio.sleep(0)
            return "done"

        opened.answers["slow"] = slow
        assert await asyncio.to_thread(ask, tmp_path, "slow") == "done"

    tell(tmp_path, story)


def test_only_its_user_may_speak_with_it(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        assert stat.S_IMODE(opened.path.stat().st_mode) == 0o600

    tell(tmp_path, story)


def test_a_folder_however_deep_has_its_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)

    async def story(opened: ControlSocket) -> None:
        opened.answers["ping"] = lambda _question: "pong"
        assert await asyncio.to_thread(ask, deep, "ping") == "pong"

    tell(deep, story)


def test_a_second_product_is_told_who_runs(tmp_path: Path) -> None:
    async def story(_opened: ControlSocket) -> None:
        second = ControlSocket(tmp_path, dict)
        with pytest.raises(ConfigError, match=r"running already .* \(process \d+, since today\): stop it"):
            await second.start()
        await second.stop()
        assert (await asyncio.to_thread(lambda: ControlClient(tmp_path).about))["state"] == "serving"

    tell(tmp_path, story)


def test_what_a_killed_product_left_is_no_hindrance(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control.sock"))
    with pytest.raises(NotRunning):
        ControlClient(tmp_path)

    async def story(_opened: ControlSocket) -> None:
        await asyncio.to_thread(lambda: ControlClient(tmp_path).close())

    tell(tmp_path, story)


def test_after_the_end_nothing_is_left_of_it(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        pass

    tell(tmp_path, story)
    tell(tmp_path, story)
    assert not (tmp_path / "control.sock").exists()
    with pytest.raises(NotRunning, match="start it with `hotline serve`"):
        ControlClient(tmp_path)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file cannot be used: .*\[site\] data_dir"):
        asyncio.run(ControlSocket(tmp_path / "file", dict).start())


def test_an_unknown_question_is_told_the_known_ones(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        opened.answers["legs"] = lambda _question: []
        with pytest.raises(OutsideError, match="'feet'; ask for one of legs"):
            await asyncio.to_thread(ask, tmp_path, "feet")

    tell(tmp_path, story)


def test_a_refusal_comes_in_the_products_own_words(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        def refuse(_question: object) -> None:
            raise Refused("not at night", code="state")

        opened.answers["drain"] = refuse
        with pytest.raises(OutsideError, match="not at night"):
            await asyncio.to_thread(ask, tmp_path, "drain")

    tell(tmp_path, story)


def test_a_bug_in_an_answer_is_told_and_the_socket_lives_on(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        opened.answers.update(bad=lambda question: question["missing"], good=lambda _question: 1)

        def look() -> Any:
            with ControlClient(tmp_path) as client:
                with pytest.raises(OutsideError, match="its log says more"):
                    client.ask("bad")
                return client.ask("good")

        assert await asyncio.to_thread(look) == 1

    tell(tmp_path, story)


def test_an_onlooker_is_told_until_she_hangs_up(tmp_path: Path) -> None:
    async def story(opened: ControlSocket) -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def count(question: control.Question, send: control.Send) -> Callable[[], None]:
            for number in range(question["times"]):
                loop.call_soon(send, number)
            return ended.set

        opened.streams["count"] = count

        def look() -> list[Any]:
            with ControlClient(tmp_path) as client:
                told = client.watch("count", times=3)
                return [next(told)["item"] for _ in range(3)]

        assert await asyncio.to_thread(look) == [0, 1, 2]
        await asyncio.wait_for(ended.wait(), 10)

    tell(tmp_path, story)


def test_the_end_of_the_product_ends_the_onlookers_line(tmp_path: Path) -> None:
    async def body() -> None:
        opened = ControlSocket(tmp_path, dict)
        opened.streams["quiet"] = lambda _question, _send: lambda: None
        await opened.start()
        looking = asyncio.create_task(asyncio.to_thread(lambda: list(ControlClient(tmp_path).watch("quiet"))))
        while not opened._clients:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await opened.stop()
        assert await asyncio.wait_for(looking, 10) == []

    asyncio.run(body())


def test_an_onlooker_who_does_not_read_loses_what_she_cannot_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MAX_UNSENT_BYTES", 1000)

    async def story(opened: ControlSocket) -> None:
        sends: list[control.Send] = []

        def flood(_question: control.Question, send: control.Send) -> Callable[[], None]:
            sends.append(send)
            return lambda: None

        opened.streams["flood"] = flood
        client = await asyncio.to_thread(ControlClient, tmp_path)
        told = client.watch("flood")
        first = asyncio.create_task(asyncio.to_thread(next, told))
        while not sends:
            await asyncio.sleep(0.01)
        for number in range(100):
            sends[0]("x" * 100_000 + str(number))
        assert "item" in await first
        lines = 1
        while True:  # what was queued comes; then she is told what she lost
            sends[0]("one more")
            line = await asyncio.to_thread(next, told)
            lines += 1
            if "lost" in line:
                break
        assert line["lost"] >= 50
        assert lines < 60
        client.close()

    tell(tmp_path, story)


def test_too_many_onlookers_are_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MAX_CLIENTS", 1)

    async def story(opened: ControlSocket) -> None:
        opened.answers["ping"] = lambda _question: "pong"

        def look() -> None:
            with ControlClient(tmp_path) as first:
                with pytest.raises(OutsideError, match="1 others look at hotline already"):
                    ask(tmp_path, "ping")
                assert first.ask("ping") == "pong"

        await asyncio.to_thread(look)

    tell(tmp_path, story)


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PROTOCOL", 2)

    async def story(_opened: ControlSocket) -> None:
        with pytest.raises(OutsideError, match="another version than this command; restart it"):
            await asyncio.to_thread(ControlClient, tmp_path)

    tell(tmp_path, story)


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"{}\n", b"\xff\xfe\n", b'{"do": ["legs"]}\n', b"null\n"])
def test_nonsense_is_answered_with_what_to_say(tmp_path: Path, line: bytes) -> None:
    async def story(opened: ControlSocket) -> None:
        reader, writer = await asyncio.open_unix_connection(str(opened.path))
        assert json.loads(await reader.readline())["hotline"] == 1
        writer.write(line)
        assert "error" in json.loads(await reader.readline())
        writer.close()

    tell(tmp_path, story)


@settings(max_examples=60)
@given(st.binary(max_size=200), st.floats(0, 4e9), st.booleans())
def test_a_message_comes_through_as_it_was_but_for_its_secrets(data: bytes, at: float, is_sent: bool) -> None:
    came = from_json(json.loads(json.dumps(as_json(seen(at, data, sent=is_sent)))))
    assert came == seen(at, without_secrets(data), sent=is_sent)
