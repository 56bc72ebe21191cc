"""Starting and stopping: top down, once, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hotline.app import Hotline
from hotline.errors import ConfigError, OutsideError
from hotline.settings import Settings, read_settings
from hotline.wire.reactor import Clock

NO_REACTOR: Clock = None  # type: ignore[assignment]


def a_product(*parts: Callable[[], Awaitable[None]], settings: Settings | None = None) -> Hotline:
    product = Hotline(settings or Settings(), NO_REACTOR)  # type: ignore[arg-type]
    product._stops.extend(parts)
    return product


def a_part(name: str, told: list[str], error: Exception | None = None) -> Callable[[], Awaitable[None]]:
    async def stop() -> None:
        await asyncio.sleep(0)
        told.append(name)
        if error is not None:
            raise error

    return stop


def test_parts_are_stopped_from_the_top_down() -> None:
    told: list[str] = []
    product = a_product(*(a_part(name, told) for name in ("store", "media", "console", "sip")))
    asyncio.run(product.stop(drain=True))
    assert told == ["sip", "console", "media", "store"]


@pytest.mark.parametrize(
    "error", [OSError("gone"), OutsideError("full"), ConfigError("odd"), ZeroDivisionError()]
)
def test_a_part_that_fails_keeps_none_below_it_running(error: Exception) -> None:
    told: list[str] = []
    product = a_product(a_part("store", told), a_part("media", told, error), a_part("sip", told))
    asyncio.run(product.stop(drain=False))
    assert told == ["sip", "media", "store"]


def test_a_second_stop_returns_only_when_the_first_is_done() -> None:
    """Whoever returns may end the process; recordings are being sealed until then."""
    told: list[str] = []

    async def story() -> None:
        may_end = asyncio.Event()

        async def slow() -> None:
            await may_end.wait()
            told.append("sealed")

        product = a_product(slow)

        async def stop(name: str) -> None:
            await product.stop(drain=False)
            told.append(name)

        first, second = asyncio.create_task(stop("first")), asyncio.create_task(stop("second"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert told == []
        may_end.set()
        await asyncio.gather(first, second)

    asyncio.run(story())
    assert told[0] == "sealed"
    assert sorted(told[1:]) == ["first", "second"]


def test_a_wrong_setting_is_told_before_anything_is_started() -> None:
    settings = read_settings('[mail]\nsender = "nobody"', {}, file="x")
    product = a_product(settings=settings)

    async def story() -> None:
        with pytest.raises(ConfigError, match=r"\[mail\] sender"):
            await product.start()

    asyncio.run(story())
    assert product._stops == []
