from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hotline.call.machine import _ACTIONS, Call
from hotline.call.messages import (
    Answer,
    CallerConfirmed,
    CallInput,
    HangUp,
    LookUpRequest,
    OfferedNotWritten,
    OfferedWritten,
    OpenRequest,
    Refuse,
    Reoffer,
    RequestOpened,
    StatusFound,
    StatusMissing,
    WriteAnswered,
    WriteEnded,
    WriteFailed,
    WriteOffered,
)
from hotline.call.openings import RETRY_WAITS_S
from hotline.call.states import FAREWELL_S, LIMITS_S, RECORD_WAIT_S, TRANSITIONS, A, I, S
from hotline.events.ids import RequestNumber
from hotline.ivr.check import load_flow
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    MediaFailed,
    OpenPort,
    Play,
    PortMoved,
    PortOpened,
    Record,
    SpeechStarted,
    StopRecording,
)
from hotline.sip.admission import Origin
from hotline.sip.events import MediaMoved, ReofferFailed
from hotline.sip.voice_terms import VoiceTerms
from tests.call.call_rig import (
    CALL,
    FLOW,
    NUMBER,
    Bench,
    a_recording,
    an_arrival,
    answered,
    opened,
    opening,
    recording,
    talking,
    written,
)

SHORT = replace(FLOW, longest_s=60.0)
FAILED = WriteFailed(CALL, "disk full")
NOT_WRITTEN = OfferedNotWritten(CALL, "disk full")
PORT = PortOpened(CALL, "198.51.100.1", 16000)
MEDIA_FAILED = MediaFailed(CALL, "the plane died")
MOVED = PortMoved(CALL, "198.51.100.1", 18000)
SAME = PortMoved(CALL, "198.51.100.1", 16000)
NOT_FOLLOWED = ReofferFailed(CALL, 488)


def ended(bench: Bench) -> WriteEnded:
    last = bench.commands[-1]
    assert isinstance(last, WriteEnded)
    assert bench.call.is_over
    assert bench.call.next_timer() is None
    assert len(bench.all_of(WriteEnded)) == 1
    return last


# -- the table ----------------------------------------------------------------------------------------


def test_every_action_is_carried_out_by_something() -> None:
    assert set(_ACTIONS) == set(A) == {action for action, _ in TRANSITIONS.values()}


@pytest.mark.parametrize("state", [state for state in S if state is not S.ENDED])
def test_every_state_has_a_way_out_without_the_caller(state: S) -> None:
    if state is S.SETTLING:
        assert (state, I.SETTLED) in TRANSITIONS
    else:
        assert (state, I.TIMEOUT) in TRANSITIONS
        assert state is S.TALKING or LIMITS_S[state] > 0


def test_nothing_leaves_the_end() -> None:
    assert [row for row in TRANSITIONS if row[0] is S.ENDED] == []


def closing() -> Bench:
    bench = recording()
    bench.leave()
    return bench


def settling() -> Bench:
    bench = closing()
    bench.tell(a_recording())
    return bench


def answered_unwritten() -> Bench:
    """Give a call that was answered, and whose record the store then refused."""
    bench = Bench()
    bench.tell(PORT)
    bench.tell(NOT_WRITTEN)
    return bench


def talking_unwritten() -> Bench:
    """Give a call that hears the greeting, and whose record is still on its way."""
    bench = Bench()
    bench.tell(PORT, CallerConfirmed(CALL))
    return bench


def ended_notes(bench: Bench) -> list[str]:
    return [one for one in bench.call.path if one.startswith("!")]


def leave(bench: Bench) -> None:
    bench.leave()


def tell(event: CallInput) -> Callable[[Bench], None]:
    return lambda bench: void(bench.tell(event))


def wait(seconds: float) -> Callable[[Bench], None]:
    return lambda bench: void(bench.wait(seconds))


def void(_: object) -> None:
    return


def finish_flow(bench: Bench) -> None:
    bench.end_prompt()  # thanks
    bench.end_prompt()


def read_number(bench: Bench) -> Bench:
    bench.end_prompt()
    bench.wait(5.0)
    return bench


def free_of_charge() -> Bench:
    """Give a call to a free announcement, over a trunk that has early media."""
    bench = Bench(replace(FLOW, free=True), origin=Origin(early_media=True))
    bench.tell(OfferedWritten(CALL))
    return bench


def moved(begin: Callable[[], Bench]) -> Callable[[], Bench]:
    """Give a call whose voice is expected at another port since a moment."""

    def begin_and_move() -> Bench:
        bench = begin()
        bench.tell(MOVED)
        return bench

    return begin_and_move


ROWS: dict[tuple[S, I], tuple[Callable[[], Bench], Callable[[Bench], None], S]] = {
    # row of the table: a call in that state, what happens, the state where it comes to rest
    (S.OPENING_MEDIA, I.PORT_OPENED): (written, tell(PortOpened(CALL, "::1", 16000)), S.ANSWERING),
    (S.OPENING_MEDIA, I.PORT_OPENED_FREE): (free_of_charge, tell(PortOpened(CALL, "::1", 16000)), S.TALKING),
    (S.OPENING_MEDIA, I.NOT_WRITTEN): (Bench, tell(NOT_WRITTEN), S.ENDED),
    (S.OPENING_MEDIA, I.MEDIA_FAILED): (written, tell(MEDIA_FAILED), S.ENDED),
    (S.OPENING_MEDIA, I.TIMEOUT): (written, wait(LIMITS_S[S.OPENING_MEDIA]), S.ENDED),
    (S.OPENING_MEDIA, I.LEFT): (written, leave, S.ENDED),
    (S.ANSWERING, I.CONFIRMED): (answered, tell(CallerConfirmed(CALL)), S.TALKING),
    (S.ANSWERING, I.CONFIRMED_UNWRITTEN): (answered_unwritten, tell(CallerConfirmed(CALL)), S.TALKING),
    (S.ANSWERING, I.LEFT): (answered, leave, S.ENDED),
    (S.ANSWERING, I.MEDIA_FAILED): (answered, tell(MEDIA_FAILED), S.ENDED),
    (S.ANSWERING, I.TIMEOUT): (answered, wait(LIMITS_S[S.ANSWERING]), S.ENDED),
    (S.ANSWERING, I.PORT_MOVED): (answered, tell(MOVED), S.ANSWERING),
    (S.ANSWERING, I.PORT_REFUSED): (moved(answered), tell(NOT_FOLLOWED), S.ENDED),
    (S.TALKING, I.PORT_MOVED): (recording, tell(MOVED), S.TALKING),
    (S.TALKING, I.PORT_REFUSED): (moved(recording), tell(NOT_FOLLOWED), S.TALKING),
    (S.TALKING, I.LEFT): (recording, leave, S.CLOSING),
    (S.TALKING, I.FLOW_ENDED): (lambda: read_number(opened()), finish_flow, S.ENDED),
    (S.TALKING, I.NOT_WRITTEN): (talking_unwritten, tell(NOT_WRITTEN), S.TALKING),
    (S.TALKING, I.MEDIA_FAILED): (recording, tell(MEDIA_FAILED), S.TALKING),
    (S.TALKING, I.TIMEOUT): (lambda: talking(SHORT), wait(60.0), S.TALKING),
    (S.CLOSING, I.RECORDING_CLOSED): (closing, tell(a_recording()), S.SETTLING),
    (S.CLOSING, I.MEDIA_FAILED): (closing, tell(MEDIA_FAILED), S.ENDED),
    (S.CLOSING, I.TIMEOUT): (closing, wait(LIMITS_S[S.CLOSING]), S.ENDED),
    (S.SETTLING, I.RECORDING_CLOSED): (settling, tell(a_recording(2)), S.SETTLING),
    (S.SETTLING, I.SETTLED): (settling, tell(RequestOpened(CALL, NUMBER)), S.ENDED),
}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row[0].value} + {row[1].value}")
def test_each_row_of_the_table_is_walked(row: tuple[S, I]) -> None:
    begin, happen, state = ROWS[row]
    bench = begin()
    assert bench.call.state is row[0]
    happen(bench)
    assert bench.call.state is state


# -- a media plane that was replaced ------------------------------------------------------------------


def test_a_caller_is_told_by_a_reinvite_where_her_voice_is_expected_now() -> None:
    bench = recording()
    assert bench.tell(MOVED) == [Reoffer(CALL, "198.51.100.1", 18000)]
    (aim,) = bench.tell(MediaMoved(CALL, VoiceTerms("192.0.2.7", 40000, "PCMA", 8, 101)))
    assert isinstance(aim, Aim)
    bench.press("#")
    bench.tell(a_recording())
    assert len(bench.openings) == 1
    assert "!media plane replaced" in bench.call.path


def test_a_caller_who_does_not_follow_to_another_port_hears_an_apology() -> None:
    bench = recording()
    bench.tell(MOVED)
    said = bench.tell(NOT_FOLLOWED)
    assert next(command for command in said if isinstance(command, Play)).prompts == tuple(
        f"zh/{name}" for name in FLOW.steps[FLOW.fault].prompts()
    )
    assert StopRecording(CALL) in said
    bench.tell(a_recording())
    bench.end_prompt()
    assert bench.all_of(HangUp)
    bench.tell(RequestOpened(CALL, NUMBER))
    assert len(bench.openings) == 1
    assert ended(bench).cause == "fault"


def test_a_caller_who_refuses_the_reinvite_goes_on_where_the_port_is_the_same() -> None:
    bench = recording()
    assert bench.tell(SAME) == [Reoffer(CALL, "198.51.100.1", 16000)]
    assert bench.tell(NOT_FOLLOWED) == []
    assert bench.call.state is S.TALKING


# -- before the answer --------------------------------------------------------------------------------


def test_the_record_is_handed_to_the_store_first_and_the_port_is_asked_for_at_once() -> None:
    port = OpenPort(CALL, "192.0.2.7", 40000, Codec.PCMA, 101, may_latch=True, payload_type=8)
    assert Bench().commands == [WriteOffered(CALL), port]


def test_the_answer_does_not_wait_for_the_store() -> None:
    bench = Bench()
    assert bench.tell(PORT) == [Answer(CALL, "198.51.100.1", 16000), WriteAnswered(CALL)]
    assert bench.tell(OfferedWritten(CALL)) == []


def test_the_answer_names_the_port_and_is_noted() -> None:
    bench = written()
    told = bench.tell(PortOpened(CALL, "198.51.100.1", 16000))
    assert told == [Answer(CALL, "198.51.100.1", 16000), WriteAnswered(CALL)]


def test_the_greeting_waits_for_the_ack() -> None:
    bench = answered()
    assert bench.all_of(Play) == []
    (play,) = bench.tell(CallerConfirmed(CALL))
    assert isinstance(play, Play)
    assert play.prompts[0] == "zh/greeting"


def test_a_call_that_cannot_be_written_is_refused_while_it_is_not_answered() -> None:
    bench = Bench()
    assert bench.tell(NOT_WRITTEN)[:2] == [Refuse(CALL, 503), ClosePort(CALL)]
    assert ended(bench).cause == "fault"
    assert "!record not written" in ended(bench).path


@pytest.mark.parametrize("begin", [answered_unwritten, talking_unwritten])
def test_a_caller_whose_record_cannot_be_written_hears_an_apology(begin: Callable[[], Bench]) -> None:
    bench = begin()
    bench.tell(CallerConfirmed(CALL), NOT_WRITTEN)
    last = bench.all_of(Play)[-1]
    assert isinstance(last, Play)
    assert last.prompts == tuple(f"zh/{name}" for name in FLOW.steps[FLOW.fault].prompts())
    bench.end_prompt()
    assert bench.all_of(HangUp) == [HangUp(CALL)]
    assert ended(bench).cause == "fault"
    assert ended(bench).path[-1] == "!record not written"


def test_a_store_that_says_nothing_is_one_that_failed() -> None:
    bench = talking_unwritten()
    bench.wait(RECORD_WAIT_S - 0.1)
    assert ended_notes(bench) == []
    bench.wait(0.1)
    assert ended_notes(bench) == ["!record not written"]
    assert bench.tell(NOT_WRITTEN) == []
    assert bench.tell(OfferedWritten(CALL)) == []


def test_words_are_heard_out_though_the_record_is_not_written() -> None:
    bench = Bench()
    bench.tell(PORT, CallerConfirmed(CALL))
    bench.press("1")
    bench.end_prompt()
    bench.end_prompt()
    assert len(bench.all_of(Record)) == 1
    assert bench.tell(NOT_WRITTEN) == []
    bench.press("#")
    bench.tell(a_recording())
    assert len(bench.openings) == 1
    assert ended_notes(bench) == ["!record not written"]


def test_a_caller_who_cancels_before_the_record_is_written_is_still_recorded() -> None:
    bench = Bench()
    bench.leave("cancel")
    assert bench.call.is_over
    assert ended(bench).cause == "cancelled"
    assert bench.all_of(Answer) == []


def test_a_cancel_while_the_port_opens_closes_it() -> None:
    bench = written()
    port, end = bench.leave("cancel")
    assert port == ClosePort(CALL)
    assert ended(bench) == end
    assert ended(bench).cause == "cancelled"
    assert bench.tell(PortOpened(CALL, "::1", 16000)) == []


def test_no_port_means_no_answer() -> None:
    bench = written()
    refuse, port, _ = bench.tell(MEDIA_FAILED)
    assert (refuse, port) == (Refuse(CALL, 503), ClosePort(CALL))
    assert ended(bench).cause == "fault"
    assert ended(bench).path[-1] == "!media failed: the plane died"


def test_an_answer_that_is_never_acknowledged_ends_the_call() -> None:
    bench = answered()
    bench.leave("no_ack")
    assert ended(bench).cause == "no_ack"


def test_a_user_agent_that_tells_nothing_does_not_keep_the_call() -> None:
    bench = answered()
    assert bench.wait(40.0)[:2] == [HangUp(CALL), ClosePort(CALL)]
    assert ended(bench).cause == "no_ack"


# -- words are never lost -----------------------------------------------------------------------------


def test_the_number_is_read_only_after_the_request_is_stored() -> None:
    bench = opening()
    assert bench.commands[-1] == OpenRequest(CALL, a_recording(), "zh", False)
    (play,) = bench.tell(RequestOpened(CALL, NUMBER))
    assert isinstance(play, Play)
    assert play.prompts[:3] == ("zh/request_opened", "zh/digit_2", "zh/digit_6")


def test_hanging_up_in_the_middle_of_a_sentence_opens_a_request() -> None:
    bench = recording()
    bench.tell(SpeechStarted(CALL))
    assert bench.leave() == [ClosePort(CALL)]
    assert bench.tell(a_recording(speech_ms=1000, length_s=1.5)) == [
        OpenRequest(CALL, a_recording(speech_ms=1000, length_s=1.5), "zh", False)
    ]
    bench.tell(RequestOpened(CALL, NUMBER))
    assert ended(bench).cause == "caller"


@pytest.mark.parametrize(
    ("speech_ms", "length_s", "is_opened"),
    [
        (1000, 1.0, True),
        (999, 2.9, False),
        (0, 3.0, True),
        (300, 3.0, True),
        (0, 0.0, False),
        (0, 2.0, False),
    ],
)
def test_what_was_cut_off_is_opened_when_in_doubt(speech_ms: int, length_s: float, is_opened: bool) -> None:
    bench = closing()
    bench.tell(a_recording(speech_ms=speech_ms, length_s=length_s))
    assert bool(bench.openings) is is_opened
    assert bench.call.is_over is not is_opened


def test_a_quiet_voice_is_opened_when_the_call_ends_without_another_request() -> None:
    bench = recording()
    bench.press("#")
    bench.tell(a_recording(speech_ms=400, length_s=6.0))
    assert bench.openings == []
    bench.leave()
    assert [one.recording.recording_id for one in bench.openings] == [f"{CALL}-1"]


def test_a_cough_is_not_opened_when_a_sentence_followed() -> None:
    bench = recording()
    bench.press("#")
    bench.tell(a_recording(speech_ms=400, length_s=6.0))
    bench.end_prompt()
    bench.end_prompt()
    bench.press("#")
    bench.tell(a_recording(2))
    bench.tell(RequestOpened(CALL, NUMBER))
    bench.leave()
    assert [one.recording.recording_id for one in bench.openings] == [f"{CALL}-2"]


def test_a_recording_told_twice_is_opened_once() -> None:
    bench = opened()
    bench.tell(a_recording())
    bench.leave()
    assert len(bench.openings) == 1


def test_hanging_up_while_the_request_is_being_opened_waits_for_it() -> None:
    bench = opening()
    assert bench.leave() == [ClosePort(CALL)]
    assert not bench.call.is_over
    bench.tell(RequestOpened(CALL, NUMBER))
    ended(bench)


def test_the_language_goes_with_the_words() -> None:
    bench = talking()
    bench.press("91")
    bench.end_prompt()
    bench.end_prompt()
    bench.press("#")
    bench.tell(a_recording())
    assert bench.openings[0].language == "en"


@pytest.mark.parametrize(("keys", "later"), [("0", "#"), ("1", "0"), ("1", "*")])
def test_the_wish_for_a_person_goes_with_the_words(keys: str, later: str) -> None:
    bench = recording(keys)
    bench.press(later)
    bench.tell(a_recording())
    assert bench.openings[0].for_agent


def test_a_plane_that_dies_while_recording_ends_the_call_with_a_note() -> None:
    bench = recording()
    bench.tell(MEDIA_FAILED)
    assert bench.tell(MediaFailed(CALL, "it is being restarted")) == [HangUp(CALL), ClosePort(CALL)]
    bench.wait(10.0)
    assert ended(bench).cause == "fault"
    assert ended(bench).path[-2:] == ("!media failed: the plane died", f"!no file: {CALL}-1")


def test_a_recording_that_fails_is_apologised_for() -> None:
    bench = recording()
    stop, play = bench.tell(MediaFailed(CALL, "disk full"))
    assert stop == StopRecording(CALL)
    assert isinstance(play, Play)
    assert play.prompts == ("zh/fault",)
    assert bench.end_prompt() == [HangUp(CALL), ClosePort(CALL)]
    bench.wait(10.0)
    assert ended(bench).cause == "fault"


def test_an_apology_that_does_not_end_is_cut() -> None:
    bench = recording()
    bench.tell(MEDIA_FAILED)
    assert bench.wait(FAREWELL_S) == [HangUp(CALL), ClosePort(CALL)]


def test_a_flow_without_words_for_a_fault_hangs_up_at_once() -> None:
    bench = recording(flow=replace(FLOW, fault="leave_for_agent"))
    assert bench.tell(MEDIA_FAILED) == [HangUp(CALL), ClosePort(CALL)]


def test_a_recording_saved_from_a_failing_plane_is_opened() -> None:
    bench = recording()
    bench.tell(MEDIA_FAILED)
    bench.tell(a_recording())
    bench.end_prompt()
    assert len(bench.openings) == 1


def test_a_file_that_never_comes_hangs_up() -> None:
    bench = recording()
    assert bench.press("#") == [StopRecording(CALL)]
    assert bench.wait(10.0) == [HangUp(CALL), ClosePort(CALL)]
    assert bench.tell(a_recording()) == [OpenRequest(CALL, a_recording(), "zh", False)]


# -- a store in trouble -------------------------------------------------------------------------------


def test_a_failed_opening_is_tried_again_after_growing_waits() -> None:
    bench = opening()
    bench.leave()
    for wait_s in RETRY_WAITS_S:
        bench.tell(FAILED)
        assert bench.wait(wait_s - 0.01) == []
        assert bench.wait(0.02) == [bench.openings[0]]
    bench.tell(FAILED)
    assert ended(bench).path[-1] == f"!not opened: {CALL}-1"


def test_an_opening_without_an_answer_is_asked_again() -> None:
    bench = opening()
    bench.leave()
    bench.wait(31.0)
    assert len(bench.openings) == 2


def test_the_caller_is_told_that_her_words_are_safe_when_the_store_fails() -> None:
    bench = opening()
    played: list[str] = []
    while not played or played[-1] != "zh/opening_failed":
        told = [*bench.tell(FAILED), *bench.wait(1.0)]
        played += [name for command in told if isinstance(command, Play) for name in command.prompts]
        assert bench.now < 130.0
    assert "zh/one_moment" in played
    bench.leave()
    bench.wait(60.0)
    bench.tell(RequestOpened(CALL, NUMBER))
    assert ended(bench).path[-1] == "opening_failed"


def test_a_number_that_comes_after_the_apology_is_not_read() -> None:
    bench = opening()
    bench.tell(FAILED)
    bench.wait(13.0)
    before = bench.call.path
    assert bench.tell(RequestOpened(CALL, NUMBER)) == []
    assert bench.call.path == before


def test_requests_of_one_call_are_opened_one_after_the_other() -> None:
    bench = opening()
    bench.wait(13.0)  # no answer, the flow apologises and would hang up
    bench.end_prompt()
    bench.leave()
    bench.tell(a_recording(2))
    assert [one.recording.recording_id for one in bench.openings] == [f"{CALL}-1"]
    bench.tell(RequestOpened(CALL, NUMBER))
    assert [one.recording.recording_id for one in bench.openings] == [f"{CALL}-1", f"{CALL}-2"]
    bench.tell(RequestOpened(CALL, NUMBER))  # the first answer once more
    assert not bench.call.is_over
    bench.tell(RequestOpened(CALL, RequestNumber("261123000025")))
    ended(bench)


INSISTING = """
start = "first"
languages = ["zh"]
person = "first"
person_keys = "*"
fault = "end"
too_long = "bye"
[steps.first]
do = "record"
prompt = "bye"
tries = 2
recorded = "open"
silent = "first"
spent = "end"
[steps.open]
do = "ask"
question = "open_request"
opened = "read"
failed = "open_again"
[steps.open_again]
do = "ask"
question = "open_request"
opened = "read"
failed = "first"
[steps.read]
do = "say_digits"
prompt = "bye"
value = "request_number"
done = "end"
[steps.end]
do = "hang_up"
"""


def insisting() -> Bench:
    """Give a call in a flow that asks twice for a request, and then records once more."""
    words = dict.fromkeys(["bye", "beep", "pause", *(f"digit_{digit}" for digit in range(10))], "字")
    bench = talking(load_flow(INSISTING, file="insisting.toml", texts={"zh": words}))
    bench.end_prompt()
    bench.end_prompt()
    bench.press("#")
    bench.tell(a_recording())
    return bench


def test_a_flow_that_asks_again_does_not_ask_the_store_again() -> None:
    bench = insisting()
    bench.wait(13.0)
    assert bench.call.path[-1] == "open_again"
    assert len(bench.openings) == 1
    (play,) = bench.tell(RequestOpened(CALL, NUMBER))
    assert isinstance(play, Play)


def test_the_number_of_one_recording_is_not_read_for_another() -> None:
    bench = insisting()
    bench.wait(25.0)
    bench.end_prompt()
    bench.end_prompt()
    bench.press("#")
    bench.tell(a_recording(2))
    assert bench.call.path[-1] == "open"
    (opening_2,) = bench.tell(RequestOpened(CALL, NUMBER))
    assert opening_2 == OpenRequest(CALL, a_recording(2), "zh", False)
    (play,) = bench.tell(RequestOpened(CALL, RequestNumber("261123000025")))
    assert isinstance(play, Play)
    assert play.prompts[-1] == "zh/digit_5"


def test_silence_that_is_told_twice_is_not_taken_for_words_cut_off() -> None:
    bench = opening()
    bench.tell(RequestOpened(CALL, NUMBER))
    bench.press("0")
    bench.end_prompt()
    bench.end_prompt()
    bench.press("#")
    silence = a_recording(2, speech_ms=0, length_s=8.0)
    bench.tell(silence)
    bench.end_prompt()
    bench.end_prompt()
    bench.leave()
    bench.tell(silence)
    bench.tell(a_recording(3))
    assert [one.recording.recording_id for one in bench.openings] == [f"{CALL}-1", f"{CALL}-3"]


# -- status -------------------------------------------------------------------------------------------


def looking_up() -> Bench:
    bench = talking()
    bench.press("2")
    assert bench.press(NUMBER)[-1] == LookUpRequest(CALL, NUMBER)
    return bench


@pytest.mark.parametrize(
    ("answer", "prompt"),
    [
        (StatusFound(CALL, NUMBER, "signed", "110101001"), "zh/status_signed"),
        (StatusFound(CALL, NUMBER, "unheard_of", ""), "zh/status_other"),
        (StatusMissing(CALL), "zh/number_unknown"),
        (FAILED, "zh/status_failed"),
    ],
)
def test_the_state_of_a_request_is_told_in_words(answer: CallInput, prompt: str) -> None:
    (play,) = looking_up().tell(answer)
    assert isinstance(play, Play)
    assert play.prompts == (prompt,)


def test_a_state_that_comes_too_late_is_not_taken_for_the_next_answer() -> None:
    bench = looking_up()
    bench.wait(12.0)  # too late: the flow says that it cannot be looked up
    bench.end_prompt()
    bench.press("2")
    bench.press("261123000025")
    assert bench.tell(StatusFound(CALL, NUMBER, "closed", "")) == []
    (play,) = bench.tell(StatusFound(CALL, RequestNumber("261123000025"), "signed", ""))
    assert isinstance(play, Play)
    assert play.prompts == ("zh/status_signed",)


# -- long calls, and the path -------------------------------------------------------------------------


def test_a_call_that_lasts_too_long_is_wound_up_politely() -> None:
    bench = recording(flow=SHORT)
    bench.tell(SpeechStarted(CALL))
    told = bench.wait(60.0)
    assert told[0] == StopRecording(CALL)
    assert isinstance(told[1], Play)
    assert told[1].prompts == ("zh/call_too_long",)
    bench.tell(a_recording())
    assert bench.end_prompt() == [
        HangUp(CALL),
        ClosePort(CALL),
        OpenRequest(CALL, a_recording(), "zh", False),
    ]
    bench.tell(RequestOpened(CALL, NUMBER))
    assert ended(bench).cause == "finished"
    assert "!too long" in ended(bench).path


def test_a_farewell_that_does_not_end_is_cut() -> None:
    bench = recording(flow=SHORT)
    bench.tell(SpeechStarted(CALL))
    bench.wait(60.0)
    assert bench.wait(30.0) == [HangUp(CALL), ClosePort(CALL)]


def test_the_path_begins_with_the_version_of_the_flow() -> None:
    bench = opened()
    bench.leave()
    assert ended(bench).path == (
        f"main@{FLOW.version}",
        "greeting",
        "leave_request",
        "open_request",
        "read_number",
    )


def test_a_recording_is_numbered_from_one() -> None:
    assert [command.recording_id for command in recording().commands if isinstance(command, Record)] == [
        f"{CALL}-1"
    ]


def test_the_flow_hangs_up_when_all_is_said() -> None:
    bench = read_number(opened())
    assert bench.end_prompt() == [
        HangUp(CALL),
        ClosePort(CALL),
        WriteEnded(CALL, "finished", bench.call.path),
    ]


def test_what_comes_after_the_end_is_dropped() -> None:
    bench = opened()
    bench.leave()
    late = [MEDIA_FAILED, FAILED, a_recording(3), RequestOpened(CALL, NUMBER), CallerConfirmed(CALL)]
    assert bench.tell(*late) == []


def test_the_codec_of_the_offer_is_used() -> None:
    call = Call(an_arrival(terms=VoiceTerms("192.0.2.7", 40000, "PCMU", 0)), FLOW, 0.0)
    command = call.take_commands()[-1]
    assert isinstance(command, OpenPort)
    assert (command.codec, command.event_payload_type, command.may_latch) == (Codec.PCMU, None, False)
