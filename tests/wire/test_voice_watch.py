"""What the product does with what it is told of voices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hotline.errors import OutsideError
from hotline.events.ids import CallId
from hotline.media.plan import (
    Codec,
    DigitPressed,
    LegQuality,
    MediaFailed,
    PortMoved,
    VoiceFound,
    VoiceMissing,
)
from hotline.wire.voice_watch import VoiceNote, VoiceWatch

C1, C2 = CallId("c1"), CallId("c2")
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
GOOD = LegQuality(
    C1, Codec.PCMA, False, 4.4, 1000, 10, 10, 0, 0, 5.0, 9.0, 20, 1.0, None, 1000, None, None, None
)


class Rig:
    def __init__(self) -> None:
        self.written: list[list[VoiceNote]] = []
        self.observed: list[tuple[str, float]] = []
        self.fails = 0

    async def write(self, notes: Sequence[tuple[VoiceNote, datetime]]) -> None:
        if self.fails:
            self.fails -= 1
            raise OutsideError("the disk is full")
        assert {at for _, at in notes} == {AT}
        self.written.append([note for note, _ in notes])

    def watch(self, gather_s: float = 0.0) -> VoiceWatch:
        return VoiceWatch(
            self.write, lambda: AT, lambda *figure: self.observed.append(figure), gather_s=gather_s
        )


def play(story: Any) -> None:
    asyncio.run(asyncio.wait_for(story(), 5))


def test_the_quality_of_a_leg_is_written_and_observed_when_it_is_over() -> None:
    async def story() -> None:
        rig = Rig()
        watch = rig.watch()
        final = replace(GOOD, is_final=True)
        assert watch.hear(GOOD)
        assert watch.latest == {C1: GOOD}
        assert watch.hear(final)
        await watch.stop()
        assert rig.written == [[final]]
        assert rig.observed == [
            ("voice_mos", 4.4), ("voice_loss_ratio", 0.02), ("voice_jitter_seconds", 0.005)
        ]  # fmt: skip
        assert (watch.counts.legs, watch.counts.poor, watch.latest) == (1, 0, {})

    play(story)


def test_a_leg_that_two_planes_carried_has_one_quality_of_both() -> None:
    async def story() -> None:
        rig = Rig()
        watch = rig.watch()
        watch.hear(GOOD)
        assert not watch.hear(PortMoved(C1, "198.51.100.1", 16000)), "its call must hear of that too"
        watch.hear(replace(GOOD, expected=500))
        assert watch.latest[C1].expected == 1500
        bad = replace(
            GOOD,
            is_final=True,
            mos=3.0,
            expected=3000,
            lost=300,
            jitter_ms=9.0,
            jitter_max_ms=8.0,
            far_mos=4.0,
        )
        watch.hear(bad)
        await watch.stop()
        ((whole,),) = rig.written
        assert whole == replace(
            bad, mos=whole.mos, expected=4000, lost=310, late=20, jitter_ms=8.0, jitter_max_ms=9.0, sent=2000
        )
        assert whole.mos is not None
        assert abs(whole.mos - 3.35) < 1e-9
        assert watch.counts.legs == 1
        assert watch._earlier == {}

    play(story)


def test_a_leg_that_nothing_came_of_has_no_score() -> None:
    async def story() -> None:
        rig = Rig()
        watch = rig.watch()
        watch.hear(replace(GOOD, is_final=True, mos=None, expected=0))
        watch.hear(replace(GOOD, is_final=True, call_id=C2, mos=2.0))
        await watch.stop()
        assert len(rig.written[0]) == 2
        assert (len(rig.observed), watch.counts.poor) == (3, 1)

    play(story)


def test_missing_voices_are_counted_until_they_are_found_or_the_leg_is_over() -> None:
    async def story() -> None:
        rig = Rig()
        watch = rig.watch()
        for event in (VoiceMissing(C1, "silent"), VoiceMissing(C2, "strangers")):
            assert watch.hear(event)
        assert watch.missing == {C1, C2}
        assert watch.hear(VoiceFound(C1))
        watch.hear(replace(GOOD, is_final=True, call_id=C2))
        assert (watch.missing, watch.counts.missing, watch.counts.strangers) == (set(), 2, 1)
        await watch.stop()
        assert len(rig.written[0]) == 4

    play(story)


def test_other_events_are_for_others_but_the_death_of_a_plane_ends_its_legs() -> None:
    async def story() -> None:
        rig = Rig()
        watch = rig.watch()
        assert not watch.hear(DigitPressed(C1, "1"))
        assert not watch.hear(MediaFailed(C1, "no port"))
        watch.hear(GOOD)
        assert not watch.hear(MediaFailed(C1, "the media plane died"))
        watch.hear(VoiceMissing(C2, "silent"))
        assert not watch.hear(MediaFailed(C2, "the media plane died"))
        assert not watch.missing
        await watch.stop()
        assert rig.written == [[GOOD, VoiceMissing(C2, "silent")]]

    play(story)


def test_notes_go_together_and_a_store_that_fails_stops_nothing() -> None:
    async def story() -> None:
        rig = Rig()
        rig.fails = 1
        watch = rig.watch(gather_s=0.001)
        watch.hear(VoiceMissing(C1, "silent"))
        while rig.fails:
            await asyncio.sleep(0)
        for n in range(3):
            watch.hear(replace(GOOD, is_final=True, call_id=CallId(f"c{n}")))
        while not rig.written:
            await asyncio.sleep(0)
        await watch.stop()
        assert [len(notes) for notes in rig.written] == [3]

    play(story)
