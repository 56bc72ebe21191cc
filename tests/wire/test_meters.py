"""Levels are measured while somebody looks, and told to whoever looks at that talk."""

from __future__ import annotations

import asyncio

from hotline.desk.views import TalkLevels
from hotline.events.ids import CallId
from hotline.media.plan import LevelHeard, MediaCommand, WatchLevel
from hotline.wire.meters import Meters

CALL, AGENT, OTHER = CallId("c1"), CallId("c1-leg2"), CallId("c2")


class Bench:
    def __init__(self) -> None:
        self.sent: list[MediaCommand] = []
        self.legs: tuple[CallId, ...] = (CALL, AGENT)
        self.meters = Meters(self.sent.append, lambda _call: self.legs, every_s=0.0, look_s=0.01)


def test_both_sides_are_told_and_strangers_are_not() -> None:
    async def story() -> None:
        bench = Bench()
        meter = bench.meters.follow(CALL)
        bench.meters.hear(LevelHeard(CALL, -30.0))
        bench.meters.hear(LevelHeard(OTHER, -1.0))
        bench.meters.hear(LevelHeard(AGENT, -25.5))
        assert await meter.levels() == TalkLevels(-30.0, -25.5)
        assert await meter.levels() == TalkLevels(None, None)

    asyncio.run(story())


def test_two_who_look_have_it_measured_once_and_the_last_switches_it_off() -> None:
    async def story() -> None:
        bench = Bench()
        one, two = bench.meters.follow(CALL), bench.meters.follow(CALL)
        on = [command for command in bench.sent if isinstance(command, WatchLevel)]
        assert sorted(command.call_id for command in on) == [CALL, AGENT]
        assert all(command.is_on for command in on)
        one.close()
        one.close()
        assert len(bench.sent) == 2
        two.close()
        off = bench.sent[2:]
        assert sorted(command.call_id for command in off) == [CALL, AGENT]
        assert all(isinstance(command, WatchLevel) and not command.is_on for command in off)

    asyncio.run(story())


def test_a_leg_that_comes_is_found_one_that_says_nothing_is_asked_again_and_the_end_is_told() -> None:
    async def story() -> None:
        bench = Bench()
        bench.legs = (CALL,)
        meter = bench.meters.follow(CALL)
        bench.legs = (CALL, AGENT)
        assert await meter.levels() == TalkLevels(None, None)
        assert WatchLevel(AGENT, is_on=True) in bench.sent
        assert bench.sent.count(WatchLevel(CALL, is_on=True)) == 2, "its plane may have been started anew"
        bench.legs = ()
        assert await meter.levels() is None
        assert bench.sent[-1].call_id in (CALL, AGENT)
        assert bench.sent.count(WatchLevel(CALL, is_on=False)) == 1

    asyncio.run(story())
