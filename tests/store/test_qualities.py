"""What is kept of voices: a row a leg, and events when one is missing."""

from __future__ import annotations

from dataclasses import replace

from store_world import World

from hotline.events.ids import CallId
from hotline.intake.ports import LegNote
from hotline.media.plan import Codec, LegQuality, VoiceFound, VoiceMissing
from hotline.store import Store


def a_quality(leg_id: str) -> LegQuality:
    return LegQuality(
        call_id=CallId(leg_id),
        codec=Codec.OPUS,
        is_final=True,
        mos=4.12,
        expected=3000,
        lost=30,
        late=2,
        duplicates=1,
        reordered=4,
        jitter_ms=3.5,
        jitter_max_ms=12.25,
        longest_gap_ms=60,
        burst_ratio=1.25,
        round_trip_ms=None,
        sent=2990,
        far_mos=4.0,
        far_loss=0.0125,
        far_jitter_ms=2.0,
    )


def test_the_last_quality_of_each_leg_is_kept(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        own, other = a_quality(call.call_id), a_quality(f"{call.call_id}-leg1")
        silent = replace(other, mos=None, expected=0, round_trip_ms=41.5, far_loss=None)
        await store.note_voices([(own, world.clock()), (other, world.clock())])
        await store.note_voices([(silent, world.clock())])
        assert list(await store.qualities_of(call.call_id)) == [own, silent]
        found = await store.call_story(call.call_id)
        assert found is not None
        assert found.qualities == (own, silent)

    world.run(story)


def test_a_leg_with_an_id_of_its_own_is_found_by_its_note(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.note_leg(LegNote(CallId("elsewhere"), call.call_id, "arrived", world.clock(), "1001"))
        await store.note_voices(
            [(a_quality("elsewhere"), world.clock()), (a_quality("nobody"), world.clock())]
        )
        assert [one.call_id for one in await store.qualities_of(call.call_id)] == ["elsewhere"]

    world.run(story)


def test_a_missing_voice_is_an_event_of_its_call(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        leg = CallId(f"{call.call_id}-leg2")
        await store.note_voices(
            [(VoiceMissing(leg, "strangers"), world.clock()), (VoiceFound(leg), world.clock())]
        )
        found = await store.call_story(call.call_id)
        assert found is not None
        told = [(event.kind, dict(event.payload)) for event in found.events][-2:]
        assert told == [
            ("call.voice_missing", {"leg_id": leg, "reason": "strangers"}),
            ("call.voice_found", {"leg_id": leg}),
        ]

    world.run(story)
