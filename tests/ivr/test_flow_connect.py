"""The verb `connect`: telephones ring, a talk is recorded, and whatever happens she goes on in her flow."""

from __future__ import annotations

import pytest
from ivr_builders import AGENT, CALL, HEAD, TEXTS, a_recording, complaints, end_prompt, press, prompts_of

from hotline.events.ids import RecordingId
from hotline.ivr.check import check_flow
from hotline.ivr.flow import Flow
from hotline.ivr.phases import P
from hotline.ivr.runner import Connect, Connected, ConnectionOver, Disconnect, FlowEnded, Runner
from hotline.ivr.script import play_script
from hotline.media.plan import Play, Record, StopPlaying, StopRecording

RINGING = """
[steps.hello]
do = "menu"
prompt = "hello"
tries = 3
1 = "ring"
nothing = "hello"
unknown = "hello"
spent = "end"
[steps.ring]
do = "connect"
to = ["1001", "night_shift"]
prompt = "wait"
ring = "20s"
longest = "10m"
tries = 2
ended = "bye"
busy = "agent"
no_answer = "agent"
failed = "agent"
spent = "agent"
[steps.bye]
do = "say"
prompt = "bye"
next = "end"
"""
SOUNDS = {**TEXTS, "tones": {**TEXTS["tones"], "ringback": "450 Hz", "hold_music": "a tune"}}


def a_flow(steps: str = RINGING) -> Flow:
    checked = check_flow(HEAD + steps + AGENT, file="test.toml", texts=SOUNDS)
    assert checked.flow is not None, "\n".join(map(str, checked.complaints))
    return checked.flow


def ringing(steps: str = RINGING) -> Runner:
    runner = Runner(a_flow(steps), CALL, 0.0)
    runner.take_commands()
    press(runner, "1", 1.0)
    return runner


def talking(steps: str = RINGING) -> Runner:
    runner = ringing(steps)
    end_prompt(runner, 3.0)
    runner.handle(Connected(), 8.0)
    return runner


def test_telephones_ring_while_she_hears_a_prompt() -> None:
    stop, connect, play = ringing().take_commands()
    assert stop == StopPlaying(CALL)
    assert connect == Connect(("1001", "night_shift"), 20.0)
    assert isinstance(play, Play)
    assert play.prompts == ("zh/wait",)


def test_after_the_prompt_she_hears_it_ring() -> None:
    runner = ringing()
    end_prompt(runner, 3.0)
    (play,) = runner.take_commands()
    assert isinstance(play, Play)
    assert (play.prompts, play.repeats) == (("zh/ringback",), True)


def test_without_a_prompt_she_hears_it_ring_at_once() -> None:
    runner = ringing(RINGING.replace('prompt = "wait"\n', ""))
    assert prompts_of(list(runner.take_commands())) == [("zh/ringback",)]


def test_what_she_says_to_the_person_is_recorded() -> None:
    runner = talking()
    *_, play, record = runner.take_commands()
    assert isinstance(play, Play)  # whoever connected them ends the music
    assert record == Record(CALL, RecordingId(f"{CALL}-1"), 605.0, both=True)
    assert runner.for_agent is False


def test_a_flow_may_have_only_her_side_recorded() -> None:
    runner = talking(RINGING.replace('prompt = "wait"\n', 'prompt = "wait"\nrecords_both = false\n'))
    assert runner.take_commands()[-1] == Record(CALL, RecordingId(f"{CALL}-1"), 605.0)


def test_keys_mean_nothing_to_the_flow_while_she_talks() -> None:
    runner = talking()
    runner.take_commands()
    press(runner, "0*#1", 9.0)
    assert runner.take_commands() == []
    assert runner.phase is P.CONNECT_TALK


def test_the_end_of_the_talk_closes_the_recording_and_the_flow_goes_on() -> None:
    runner = talking()
    runner.take_commands()
    runner.handle(ConnectionOver("ended"), 60.0)
    assert runner.take_commands() == [StopRecording(CALL)]
    runner.handle(a_recording(), 60.1)
    assert prompts_of(list(runner.take_commands())) == [("zh/bye",)]


def test_a_file_that_does_not_come_does_not_keep_her() -> None:
    runner = talking()
    runner.handle(ConnectionOver("ended"), 60.0)
    runner.take_commands()
    runner.handle_timer(70.0)
    assert runner.path[-1] == "bye"


def test_a_transfer_that_nobody_answers_leads_her_to_leave_a_message() -> None:
    runner = talking()
    runner.handle(ConnectionOver("no_answer"), 60.0)
    runner.handle(a_recording(), 60.1)
    assert runner.path[-1] == "agent"


def test_a_recording_that_is_full_is_followed_by_the_next() -> None:
    runner = talking()
    runner.take_commands()
    runner.handle(a_recording(), 400.0)
    assert runner.take_commands() == [Record(CALL, RecordingId(f"{CALL}-2"), 605.0, both=True)]
    assert runner.phase is P.CONNECT_TALK


def test_a_recording_that_closes_empty_is_not_begun_again() -> None:
    runner = talking()
    runner.take_commands()
    runner.handle(a_recording(length_s=0), 9.0)
    assert runner.take_commands() == []


@pytest.mark.parametrize("outcome", ["busy", "no_answer", "failed", "unheard_of"])
def test_whoever_is_not_answered_goes_on_in_the_flow(outcome: str) -> None:
    runner = ringing()
    runner.take_commands()
    runner.handle(ConnectionOver(outcome), 2.0)
    assert runner.path == ["hello", "ring", "agent"]
    stop, _ = runner.take_commands()
    assert stop == StopPlaying(CALL)


def test_ringing_that_nobody_ends_is_given_up() -> None:
    runner = ringing()
    end_prompt(runner, 3.0)
    runner.take_commands()
    runner.handle_timer(31.0)
    assert Disconnect() in runner.take_commands()
    assert runner.path[-1] == "agent"


def test_a_talk_that_nobody_ends_is_cut() -> None:
    runner = talking()
    runner.take_commands()
    runner.handle_timer(8.0 + 600.0)
    assert runner.take_commands() == [Disconnect(), StopRecording(CALL)]
    runner.handle(a_recording(), 609.0)
    assert runner.path[-1] == "bye"


def test_an_answer_that_comes_too_late_is_ignored() -> None:
    runner = ringing()
    runner.handle(ConnectionOver("no_answer"), 25.0)
    runner.take_commands()
    runner.handle(Connected(), 25.1)
    assert runner.take_commands() == []


def test_the_farewell_closes_the_recording_of_the_talk() -> None:
    runner = talking()
    runner.take_commands()
    runner.wind_up(("bye",), 30.0)
    stop, play = runner.take_commands()
    assert stop == StopRecording(CALL)
    assert isinstance(play, Play)


def test_a_spent_step_does_not_ring_again() -> None:
    runner = ringing(RINGING.replace('busy = "agent"', 'busy = "ring"'))
    for now in (2.0, 3.0):
        runner.handle(ConnectionOver("busy"), now)
    assert runner.path == ["hello", "ring", "ring", "ring", "agent"]
    assert sum(isinstance(one, Connect) for one in runner.take_commands()) == 2


SCRIPT = """
calls test
hears hello
presses 1
hears wait
system connect 1001 night_shift -> answered 90s
hears bye
hung up
"""


def test_a_call_script_talks_with_a_person() -> None:
    assert play_script(SCRIPT, a_flow(), file="t.call").complaint is None


@pytest.mark.parametrize("outcome", ["busy", "no_answer", "failed"])
def test_a_call_script_reaches_nobody(outcome: str) -> None:
    rings = "calls test\nhears hello\npresses 1\nhears wait\nwaits 5s\nhears ringback\n"
    script = f"{rings}system connect 1001 night_shift -> {outcome}\nhears speak\nleaves\n"
    assert play_script(script, a_flow(), file="t.call").complaint is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("system connect 1001 -> busy", "connect 1001 night_shift"),
        ("system connect 1001 night_shift -> asleep", "answered 30s, busy, no_answer, failed"),
        ("system connect 1001 night_shift -> answered soon", "a time such as"),
    ],
)
def test_a_wrong_line_about_telephones_is_complained_of(line: str, complaint: str) -> None:
    script = f"calls test\nhears hello\npresses 1\nhears wait\n{line}\nleaves\n"
    played = play_script(script, a_flow(), file="t.call")
    assert played.complaint is not None
    assert complaint in played.complaint.text


@pytest.mark.parametrize("to", ['""', "[]", '["1001", 2]', '"../etc"', '"sip:a@b"', "12"])
def test_only_names_of_telephones_can_be_rung(to: str) -> None:
    assert "to " in complaints(RINGING.replace('["1001", "night_shift"]', to))


def test_a_flow_that_may_hold_a_caller_needs_the_music_for_it() -> None:
    told = complaints(RINGING)
    assert "ringback" in told
    assert "hold_music" in told


def test_leaving_a_message_for_a_person_is_not_led_to_one_again() -> None:
    flow = a_flow(RINGING.replace("1 = ", "2 = ")).steps["agent"]
    assert flow.settings["for_agent"] is True
    head = HEAD.replace('person = "agent"', 'person = "ring"')
    checked = check_flow(head + RINGING + AGENT, file="test.toml", texts=SOUNDS)
    assert checked.flow is not None
    assert [target for _, target in checked.flow.leads_to(checked.flow.steps["agent"])] == [
        "open",
        "agent",
        "end",
    ]
    assert ("0", "ring") in checked.flow.leads_to(checked.flow.steps["hello"])
    runner = Runner(checked.flow, CALL, 0.0)
    press(runner, "0", 1.0)
    runner.handle(ConnectionOver("failed"), 1.0)
    press(runner, "0", 2.0)
    assert runner.path == ["hello", "ring", "agent"]
    assert runner.phase is P.RECORD_BEEP
    assert not any(isinstance(one, FlowEnded) for one in runner.take_commands())
