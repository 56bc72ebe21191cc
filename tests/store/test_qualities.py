"""What is kept of voices: a row a leg, and events when one is missing."""

from __future__ import annotations

from dataclasses import replace

from store_world import World

from hotline.desk.views import VoiceView
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


def test_a_request_shows_how_good_the_voices_of_its_call_were(world: World) -> None:
    async def story(store: Store) -> None:
        number, other = await world.a_request(store), await world.a_request(store)
        page = await store.request_page(None, number)
        assert page is not None
        assert page.voices == ()
        found = await store.call_story(number)
        assert found is not None
        call_id = CallId(found.call.call_id)
        good, bad, silent = (CallId(f"{call_id}-leg{n}") for n in (1, 2, 3))
        notes = [
            a_quality(call_id),
            a_quality(good),
            replace(a_quality(bad), lost=600, mos=2.2),
            VoiceMissing(call_id, "silent"),
            VoiceFound(call_id),
        ]
        await store.note_voices([(note, world.clock()) for note in notes])
        page = await store.request_page(None, number)
        assert page is not None
        caller, worst = page.voices  # of those whom she was connected with, the worst
        assert caller == VoiceView("caller", "fair", 4.0, 0.0125, is_missing=True)
        assert worst == VoiceView("other", "bad", 2.2, 602 / 3000, is_missing=False)
        await store.note_voices(
            [(replace(a_quality(silent), mos=None, far_mos=None, expected=0), world.clock())]
        )
        page = await store.request_page(None, number)
        assert page is not None
        assert [(voice.who, voice.grade) for voice in page.voices] == [
            ("caller", "fair"),
            ("other", "unheard"),
        ]
        page = await store.request_page(None, other)
        assert page is not None
        assert page.voices == ()

    world.run(story)
