"""The switchboard with a fake edge, media plane and journal: what is done in which order, and what fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from switchboard_rig import NOON, World, in_a_world

from hotline.errors import LocalProtocolError, OutsideError
from hotline.events.ids import CallId
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    DigitPressed,
    KeyUnsent,
    MediaFailed,
    NoteKey,
    OpenPort,
    Play,
    StopRecording,
)
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.events import CallConfirmed, CallEnded, DigitArrived, MediaMoved
from hotline.sip.voice_terms import VoiceTerms
from hotline.wire.call_records import FIRST_WAIT_S, LONGEST_CALL_ID, LONGEST_WAIT_S
from tests.call.call_rig import CALL, FLOW, NUMBER, an_arrival

# -- what is written before what is told -----------------------------------------------------------


@in_a_world
async def test_the_answer_is_sent_in_the_turn_in_which_the_call_comes(world: World) -> None:
    world.journal.gate.clear()
    world.board.on_sip(an_arrival())
    assert world.did == ["OpenPort", "200 198.51.100.1:16000"]
    world.journal.gate.set()
    await world.settle()
    assert world.did[2:] == ["open_call", "answer_call"]


@in_a_world
async def test_a_call_without_a_port_is_refused_in_the_same_turn(world: World) -> None:
    world.media.failure = MediaFailed(CALL, "all 200 media ports are taken")
    world.board.on_sip(an_arrival())
    assert world.did == ["OpenPort", "503", "ClosePort"]
    await world.settle()
    assert world.did[3:] == ["open_call", "close_call"]
    assert world.journal.ended[0][0] == "fault"


@in_a_world
async def test_a_call_that_cannot_be_written_hears_an_apology(world: World) -> None:
    world.journal.faults["open_call"] = [OutsideError("disk full")]
    await world.talk()
    last = world.media.sent[-1]
    assert isinstance(last, Play)
    assert last.prompts == tuple(f"zh/{name}" for name in FLOW.steps[FLOW.fault].prompts())


@in_a_world
async def test_a_record_that_was_refused_is_written_before_the_end_of_its_call(world: World) -> None:
    world.journal.faults["open_call"] = [OutsideError("disk full")] * 2
    world.journal.faults["close_call"] = [OutsideError("disk full")]
    await world.talk()
    world.board.on_sip(CallEnded(CALL, "bye"))
    await world.wait(5)
    written = [what for what in world.did if what in ("open_call", "answer_call", "close_call")]
    assert written[-3:] == ["open_call", "answer_call", "close_call"]
    assert [cause for cause, _ in world.journal.ended] == ["fault"]
    await asyncio.wait_for(world.board.idle(), 1)


@in_a_world
async def test_a_request_waits_for_the_record_of_its_call(world: World) -> None:
    world.journal.gate.clear()
    await world.talk()
    world.press("1")
    recording_id = await world.record()
    world.press("#")
    await world.close_recording(recording_id)
    assert "open_request" not in world.did
    world.journal.gate.set()
    await world.settle()
    assert [one for one in world.did if one in ("open_call", "open_request")] == ["open_call", "open_request"]


@in_a_world
async def test_the_request_of_a_call_whose_record_was_refused_is_opened_once_the_store_writes(
    world: World,
) -> None:
    world.journal.gate.clear()
    world.journal.faults["open_call"] = [OutsideError("locked")] * 2
    await world.talk()
    world.press("1")
    recording_id = await world.record()
    world.journal.gate.set()
    await world.settle()
    assert not isinstance(world.media.sent[-1], Play)  # she speaks: no apology
    world.press("#")
    await world.close_recording(recording_id)
    await world.wait(2)
    assert [draft.recording.recording_id for draft in world.journal.drafts] == [recording_id]


@in_a_world
async def test_a_refused_call_of_which_nothing_could_be_written_is_forgotten(world: World) -> None:
    world.media.failure = MediaFailed(CALL, "all 200 media ports are taken")
    world.journal.faults["open_call"] = [OutsideError("disk full")]
    world.journal.faults["close_call"] = [OutsideError("disk full")]
    await world.arrive()
    await world.wait(60)
    assert world.did == ["OpenPort", "503", "ClosePort", "open_call failed", "close_call failed"]
    await asyncio.wait_for(world.board.idle(), 1)


@in_a_world
async def test_a_call_id_that_no_database_indexes_does_not_cost_the_call(world: World) -> None:
    await world.arrive(sip_call_id="x" * 6000)
    [offered] = world.journal.offered
    assert len(offered.sip_call_id) == LONGEST_CALL_ID


@in_a_world
async def test_a_record_that_comes_after_its_call_is_closed(world: World) -> None:
    world.journal.gate.clear()
    phone = Origin(OriginKind.PHONE, "1001")
    await world.arrive(called="1002", origin=phone)
    await world.wait(90)  # the store hangs: refused after 10 s, forgotten after another minute
    assert world.did == ["503"]
    assert world.board.calls == 0
    world.journal.gate.set()
    await world.settle()
    assert world.did == ["503", "open_call", "close_call"]
    assert world.journal.ended == [("fault", ())]


@in_a_world
async def test_a_call_whose_offer_does_not_fit_after_all_is_not_noted_as_answered(world: World) -> None:
    world.edge.agent.accepts = False
    await world.arrive()
    await world.settle()
    assert "answer_call" not in world.did
    assert world.journal.ended[0][0] == "refused"


@in_a_world
async def test_the_number_is_read_only_after_the_request_is_committed(world: World) -> None:
    await world.talk()
    world.press("1")
    recording_id = await world.record()
    world.press("#")
    world.journal.gate.clear()
    await world.close_recording(recording_id)
    assert not any("zh/digit_2" in c.prompts for c in world.media.sent if isinstance(c, Play))
    world.journal.gate.set()
    await world.settle()
    last = [c for c in world.media.sent if isinstance(c, Play)][-1]
    assert [name for name in last.prompts if "digit" in name][:12] == [f"zh/digit_{d}" for d in NUMBER]


# -- failures of the store ---------------------------------------------------------------------------


@in_a_world
async def test_the_end_of_a_call_is_written_again_until_it_is_written(world: World) -> None:
    await world.talk()
    world.journal.faults["close_call"] = [OutsideError("locked")] * 9
    world.board.on_sip(CallEnded(CALL, "bye"))
    await world.settle()
    tries = []
    for _ in range(1000):
        tries.append(world.did.count("close_call failed"))
        if world.journal.ended:
            break
        await world.wait(0.25)
    assert tries[0] == 1
    assert tries.count(1) == FIRST_WAIT_S / 0.25
    assert tries.count(9) <= LONGEST_WAIT_S / 0.25 + 1  # the last look saw it written
    assert [cause for cause, _ in world.journal.ended] == ["caller"]
    await asyncio.wait_for(world.board.idle(), 1)


@pytest.mark.parametrize(
    "error", [OutsideError("locked"), LocalProtocolError("a bug")], ids=["outside", "bug"]
)
def test_a_request_that_could_not_be_opened_is_asked_for_again(error: Exception) -> None:
    @in_a_world
    async def test(world: World) -> None:
        await world.talk()
        world.press("1")
        recording_id = await world.record()
        world.journal.faults["open_request"] = [error]
        world.press("#")
        await world.close_recording(recording_id)
        assert world.journal.drafts == []
        await world.wait(1)
        assert [draft.recording.recording_id for draft in world.journal.drafts] == [recording_id]

    test()


@in_a_world
async def test_a_status_that_could_not_be_looked_up_is_told_so(world: World) -> None:
    await world.talk()
    world.journal.faults["request_status"] = [OutsideError("locked")]
    world.press("2")
    for key in NUMBER:
        world.press(key)
    await world.settle()
    last = [c for c in world.media.sent if isinstance(c, Play)][-1]
    assert last.prompts == ("zh/status_failed",)


@in_a_world
async def test_an_exception_in_a_task_is_logged(world: World) -> None:
    world.bugs = 1  # type: ignore[attr-defined]
    await world.talk()
    world.journal.faults["close_call"] = [ZeroDivisionError()]
    world.board.on_sip(CallEnded(CALL, "bye"))
    await asyncio.wait_for(world.board.idle(), 1)


@in_a_world
async def test_a_bug_in_one_call_ends_that_call_only(world: World) -> None:
    world.bugs = 1  # type: ignore[attr-defined]
    world.edge.agent.fault = LocalProtocolError("a bug")
    await world.arrive()
    assert "ClosePort" in world.did
    assert "503" in world.did
    assert world.journal.ended[0][0] == "fault"
    assert world.board.calls == 0
    world.edge.agent.fault = None
    await world.arrive(call_id=CallId("other"))
    assert world.board.calls == 1
    assert "200 198.51.100.1:16002" in world.did


# -- recordings --------------------------------------------------------------------------------------


@in_a_world
async def test_each_recording_keeps_the_time_when_it_began(world: World) -> None:
    await world.talk()
    world.press("1")
    first = await world.record()
    began = [world.clock.seconds()]
    await world.wait(5)
    world.press("#")
    await world.close_recording(first)
    world.press("0")  # while the number is read: a person, please
    await world.settle()
    second = await world.record()
    began.append(world.clock.seconds())
    await world.wait(3)
    world.press("#")
    await world.close_recording(second)
    assert first != second
    assert [draft.recording.started_at for draft in world.journal.drafts] == [
        NOON + timedelta(seconds=at) for at in began
    ]
    assert [draft.for_agent for draft in world.journal.drafts] == [False, True]


@in_a_world
async def test_hanging_up_all_keeps_what_was_said(world: World) -> None:
    await world.talk()
    world.press("1")
    recording_id = await world.record()
    world.board.hang_up_all()
    await world.settle()
    assert world.did[-2:] == ["BYE", "ClosePort"]
    assert world.board.calls == 1
    await world.close_recording(recording_id)
    assert [draft.recording.recording_id for draft in world.journal.drafts] == [recording_id]
    await asyncio.wait_for(world.board.idle(), 1)
    assert world.did[-1] == "close_call"


@in_a_world
async def test_the_flow_s_own_silence_ends_the_recording(world: World) -> None:
    await world.talk()
    world.press("1")
    await world.record()
    await world.wait(8.5)  # patience: nobody says a word
    assert isinstance(world.media.sent[-1], StopRecording)


@in_a_world
async def test_a_failure_of_the_media_plane_is_logged_with_its_reason(world: World) -> None:
    await world.talk()
    with capture_logs() as logs:
        world.board.on_media(MediaFailed(CALL, "the disk of the recordings is nearly full"))
    [told] = [line for line in logs if line["event"] == "call.media_failed"]
    assert told["reason"] == "the disk of the recordings is nearly full"
    assert isinstance(world.media.sent[-1], Play)


# -- voice and keys ----------------------------------------------------------------------------------


def keys_by_info(world: World) -> list[str]:
    """Press 1 by INFO; give the prompts that follow when the media plane counts what it is told of."""
    before = len(world.media.sent)
    world.board.on_sip(DigitArrived(CALL, "1", 160))
    for told in [command for command in world.media.sent[before:] if isinstance(command, NoteKey)]:
        world.board.on_media(DigitPressed(told.call_id, told.digit))
    return [name for c in world.media.sent[before:] if isinstance(c, Play) for name in c.prompts]


@in_a_world
async def test_a_key_by_info_goes_through_the_media_plane_however_keys_were_agreed(world: World) -> None:
    await world.talk()
    assert keys_by_info(world) == ["zh/leave_request"]
    assert NoteKey(CALL, "1") in world.media.sent


@in_a_world
async def test_a_key_that_the_voice_cannot_tell_is_sent_by_info(world: World) -> None:
    await world.talk()
    world.board.on_media(KeyUnsent(CALL, "5"))
    assert world.did[-1] == f"INFO {CALL} 5"


@in_a_world
async def test_a_key_by_info_counts_where_none_comes_in_the_voice_stream(world: World) -> None:
    await world.talk(terms=VoiceTerms("192.0.2.7", 40000))
    assert keys_by_info(world) == ["zh/leave_request"]


@in_a_world
async def test_a_delayed_answer_tells_where_the_voice_goes(world: World) -> None:
    await world.arrive(terms=None)
    world.board.on_sip(MediaMoved(CALL, VoiceTerms("192.0.2.9", 40002, "PCMU", 0, 96)))
    world.board.on_sip(CallConfirmed(CALL))
    await world.settle()
    assert Aim(CALL, "192.0.2.9", 40002, Codec.PCMU, 96, 0) in world.media.sent


@in_a_world
async def test_what_comes_after_the_end_is_dropped(world: World) -> None:
    await world.talk()
    world.board.on_sip(CallEnded(CALL, "bye"))
    await world.settle()
    done = list(world.did)
    world.board.on_sip(MediaMoved(CALL, VoiceTerms("192.0.2.9", 40002, "PCMU", 0)))
    world.board.on_sip(DigitArrived(CALL, "1", 160))
    world.board.on_media(DigitPressed(CALL, "1"))
    world.board.on_sip(CallEnded(CALL, "bye"))
    await world.settle()
    assert world.did == done
    assert done.count("close_call") == 1
    assert [type(c) for c in world.media.sent].count(OpenPort) == [type(c) for c in world.media.sent].count(
        ClosePort
    )
