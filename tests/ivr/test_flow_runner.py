from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_builders import CALL, MAIN, PROMPTS, a_flow, a_recording, a_runner, end_prompt, press, prompts_of

from hotline.flows import read_flow
from hotline.ivr.phases import BEGINNINGS, PLAYING, TRANSITIONS, WAIT_SETTING, A, I, P
from hotline.ivr.runner import _ACTIONS, Answered, Ask, FlowEnded, Runner
from hotline.media.plan import (
    DigitPressed,
    Play,
    PromptEnded,
    Record,
    SpeechEnded,
    SpeechStarted,
    StopPlaying,
    StopRecording,
)


def recording_runner() -> Runner:
    """Give a runner that records since 0.0 seconds."""
    runner = a_runner()
    press(runner, "1", 0.0)
    end_prompt(runner, 0.0)  # the prompt
    end_prompt(runner, 0.0)  # the beep
    assert runner.phase is P.RECORD_PATIENCE
    assert runner.take_commands() == [Record(CALL, a_recording().recording_id, 180.0)]
    return runner


# -- the table ----------------------------------------------------------------------------------------


def test_every_action_is_carried_out_by_something() -> None:
    assert set(_ACTIONS) == set(A)


def test_every_action_stands_in_a_table() -> None:
    used = {action for action, _ in TRANSITIONS.values()} | {action for action, _ in BEGINNINGS.values()}
    assert used == set(A)


@pytest.mark.parametrize("phase", [phase for phase in P if phase not in (P.IDLE, P.OVER)])
def test_every_phase_has_a_way_on_without_the_caller(phase: P) -> None:
    by_itself = {I.PROMPT_ENDED, I.TIMER_WAIT, I.TIMER_LONGEST, I.RECORDING_CLOSED}
    assert by_itself & {meaning for one, meaning in TRANSITIONS if one is phase}
    assert phase not in WAIT_SETTING or (phase, I.TIMER_WAIT) in TRANSITIONS
    assert phase not in PLAYING or (phase, I.PROMPT_ENDED) in TRANSITIONS


def test_a_person_is_found_from_every_phase_that_hears_keys() -> None:
    hears = {phase for phase, meaning in TRANSITIONS if meaning in (I.CHOICE, I.DIGIT, I.FINISH, I.REPEAT)}
    assert [phase for phase in hears if (phase, I.PERSON) not in TRANSITIONS] == []


# -- prompts and keys ---------------------------------------------------------------------------------


def test_a_key_cuts_the_prompt_short() -> None:
    runner = a_runner()
    assert prompts_of(runner.take_commands()) == [("zh/hello",)]
    press(runner, "1", 0.5)
    stop, play = runner.take_commands()
    assert stop == StopPlaying(CALL)
    assert isinstance(play, Play)
    assert play.prompts == ("zh/speak",)


def test_the_late_end_of_an_old_prompt_is_ignored() -> None:
    runner = a_runner()
    press(runner, "1", 0.5)
    runner.take_commands()
    runner.handle(PromptEnded(CALL, 1), 0.6)
    assert runner.phase is P.RECORD_PROMPT
    assert runner.take_commands() == []


def test_a_prompt_whose_end_is_never_told_counts_as_ended() -> None:
    runner = a_runner()
    runner.handle_timer(89.9)
    assert runner.phase is P.MENU_PROMPT
    runner.handle_timer(90.0)
    assert runner.phase is P.MENU_WAIT


def test_the_wait_begins_when_the_prompt_ends() -> None:
    runner = a_runner()
    end_prompt(runner, 7.0)
    assert runner.next_timer() == 11.0
    runner.handle_timer(11.0)
    assert runner.path == ["hello", "hello"]


def test_a_step_tried_often_enough_leads_on() -> None:
    runner = a_runner()
    for now in (1.0, 2.0, 3.0):
        press(runner, "7", now)
    assert runner.path == ["hello"] * 4 + ["end"]
    assert runner.is_over
    assert runner.take_commands()[-1] == FlowEnded("finished")


def test_keys_beyond_the_telephone_are_wrong_keys() -> None:
    runner = a_runner()
    runner.handle(DigitPressed(CALL, "A"), 1.0)
    assert runner.path == ["hello", "hello"]


# -- recording ----------------------------------------------------------------------------------------


def test_nothing_said_closes_the_recording_when_patience_ends() -> None:
    runner = recording_runner()
    assert runner.next_timer() == 8.0
    runner.handle_timer(8.0)
    assert runner.take_commands() == [StopRecording(CALL)]
    runner.handle(a_recording(speech_ms=0, length_s=8.0), 8.1)
    assert runner.path[-2:] == ["agent", "agent"]


def test_patience_ends_with_the_first_word() -> None:
    runner = recording_runner()
    runner.handle(SpeechStarted(CALL), 7.9)
    assert runner.next_timer() == 185.0
    runner.handle_timer(60.0)
    assert runner.phase is P.RECORD_SPEECH
    assert runner.take_commands() == []


def test_a_caller_who_speaks_before_the_beep_is_heard_on() -> None:
    runner = a_runner()
    press(runner, "1", 0.0)
    runner.handle(SpeechStarted(CALL), 0.5)
    end_prompt(runner, 1.0)
    end_prompt(runner, 1.4)
    assert runner.phase is P.RECORD_SPEECH
    runner.handle_timer(20.0)
    assert runner.phase is P.RECORD_SPEECH


def test_silence_after_speech_closes_the_recording() -> None:
    runner = recording_runner()
    runner.handle(SpeechStarted(CALL), 1.0)
    runner.handle(SpeechEnded(CALL), 5.0)
    assert runner.next_timer() == 9.0
    runner.handle_timer(9.0)
    assert runner.take_commands() == [StopRecording(CALL)]


def test_a_pause_for_breath_closes_nothing() -> None:
    runner = recording_runner()
    for second in range(1, 60, 3):
        runner.handle(SpeechStarted(CALL), float(second))
        runner.handle(SpeechEnded(CALL), float(second + 1))
        runner.handle_timer(second + 2.9)
    assert runner.take_commands() == []


def test_the_finish_key_at_once_is_silence() -> None:
    runner = recording_runner()
    press(runner, "#", 0.2)
    runner.handle(a_recording(speech_ms=0, length_s=0.2), 0.3)
    assert runner.path[-1] == "agent"
    assert not any(isinstance(command, Ask) for command in runner.take_commands())


@pytest.mark.parametrize(("speech_ms", "step"), [(999, "agent"), (1000, "open")])
def test_a_second_of_speech_is_a_request(speech_ms: int, step: str) -> None:
    runner = recording_runner()
    press(runner, "#", 5.0)
    runner.handle(a_recording(speech_ms=speech_ms), 5.1)
    assert runner.path[-1] == step


def test_the_plane_may_close_the_recording_by_itself() -> None:
    runner = recording_runner()
    runner.handle(SpeechStarted(CALL), 1.0)
    runner.handle(a_recording(length_s=180.0), 180.0)
    assert runner.path[-1] == "open"


def test_a_recording_that_the_plane_does_not_close_is_closed_by_us() -> None:
    runner = recording_runner()
    runner.handle(SpeechStarted(CALL), 1.0)
    runner.handle_timer(185.0)
    assert runner.take_commands() == [StopRecording(CALL)]


def test_a_file_that_never_comes_ends_the_flow_as_a_fault() -> None:
    runner = recording_runner()
    press(runner, "#", 1.0)
    runner.take_commands()
    runner.handle_timer(11.0)
    assert runner.take_commands() == [FlowEnded("fault")]
    assert runner.next_timer() is None


def test_a_recording_of_an_earlier_step_is_not_weighed() -> None:
    runner = recording_runner()
    runner.handle(a_recording(7), 1.0)
    assert runner.phase is P.RECORD_PATIENCE


def test_a_key_to_a_person_sets_the_wish_for_one() -> None:
    runner = a_runner()
    press(runner, "0", 1.0)
    assert runner.for_agent
    assert runner.path == ["hello", "agent"]


# -- asking -------------------------------------------------------------------------------------------


def asking_runner() -> Runner:
    runner = recording_runner()
    press(runner, "#", 5.0)
    runner.handle(a_recording(), 5.0)
    assert runner.take_commands()[1:] == [Ask("open_request", recording=a_recording())]
    return runner


def test_a_slow_answer_is_bridged_by_a_prompt() -> None:
    runner = asking_runner()
    runner.handle_timer(6.5)
    assert prompts_of(runner.take_commands()) == [("zh/wait",)]


def test_an_answer_does_not_cut_the_prompt_that_bridges_it() -> None:
    runner = asking_runner()
    runner.handle_timer(6.5)
    runner.handle(Answered("open_request", "opened", "261123000017"), 7.0)
    assert runner.phase is P.ASK_HOLDING
    end_prompt(runner, 8.0)
    assert runner.path[-1] == "end"


def test_no_answer_is_a_failure() -> None:
    runner = asking_runner()
    runner.handle_timer(100.0)
    assert runner.is_over
    assert runner.path[-1] == "end"


def test_the_answer_to_another_question_is_ignored() -> None:
    runner = asking_runner()
    runner.handle(Answered("request_status", "signed"), 5.5)
    assert runner.phase is P.ASK_WAIT


# -- digits -------------------------------------------------------------------------------------------

READING = """
[steps.hello]
do = "collect"
prompt = "number"
digits = 4
tries = 2
entered = "read"
incomplete = "hello"
nothing = "hello"
spent = "end"
[steps.read]
do = "say_digits"
prompt = "number"
value = "entered_number"
group = 2
times = 2
again = "again"
offer = "bye"
repeats = 1
done = "end"
"""


def test_digits_are_read_in_groups_and_twice() -> None:
    runner = a_runner(READING)
    press(runner, "1290", 1.0)
    number = ("zh/digit_1", "zh/digit_2", "zh/pause", "zh/digit_9", "zh/digit_0")
    assert prompts_of(runner.take_commands())[-1] == ("zh/number", *number, "zh/again", *number, "zh/bye")


def test_the_repeat_key_has_an_end() -> None:
    runner = a_runner(READING)
    press(runner, "12901", 1.0)
    assert prompts_of(runner.take_commands())[-1][0] == "zh/again"
    press(runner, "1", 2.0)
    assert runner.is_over


def test_the_first_digit_cuts_the_prompt_short() -> None:
    runner = a_runner(READING)
    runner.take_commands()
    press(runner, "1", 1.0)
    assert runner.take_commands() == [StopPlaying(CALL)]


def test_the_finish_key_with_too_few_digits_is_incomplete() -> None:
    runner = a_runner(READING)
    press(runner, "12#", 1.0)
    assert runner.path == ["hello", "hello"]


def test_zero_is_a_digit_where_digits_are_asked_for() -> None:
    runner = a_runner(READING)
    press(runner, "00", 1.0)
    assert runner.path == ["hello"]
    press(runner, "*", 1.0)
    assert runner.path == ["hello", "agent"]


def test_digits_that_come_too_slowly_end_the_number() -> None:
    runner = a_runner(READING)
    press(runner, "12", 1.0)
    assert runner.next_timer() == 6.0
    runner.handle_timer(6.0)
    assert runner.path == ["hello", "hello"]


# -- faults and ends ----------------------------------------------------------------------------------


def test_an_answer_that_no_step_expects_leads_to_the_fault_step() -> None:
    runner = asking_runner()
    runner.handle(Answered("open_request", "nonsense"), 6.0)
    assert runner.path[-2:] == ["!fault: LocalProtocolError in open", "agent"]


def test_a_call_that_lasts_too_long_hears_a_farewell() -> None:
    runner = recording_runner()
    runner.wind_up(runner.flow.too_long, 50.0)
    stop, play = runner.take_commands()
    assert stop == StopRecording(CALL)
    assert isinstance(play, Play)
    assert play.prompts == tuple(f"zh/{name}" for name in runner.flow.too_long)
    runner.handle(PromptEnded(CALL, play.tag), 53.0)
    assert runner.take_commands() == [FlowEnded("finished")]


def test_a_running_call_keeps_its_flow() -> None:
    flow = a_flow()
    assert Runner(flow, CALL, 0.0).flow is flow


MAIN_FLOW = read_flow(MAIN, PROMPTS, with_audio=False)
MOVES = st.one_of(
    st.sampled_from("0123456789*#").map(lambda key: ("key", key)),
    st.sampled_from(["end", "timer", "speak", "hush", "opened", "failed", "signed", "missing", "late"]).map(
        lambda what: (what, "")
    ),
    st.sampled_from([0, 400, 999, 1000, 60000]).map(lambda ms: ("file", ms)),
)


class Line:
    """The far side of a runner: events in any order, numbers and recordings kept in step."""

    def __init__(self) -> None:
        self.runner = Runner(MAIN_FLOW, CALL, 0.0)
        self.now = 0.0
        self.tag = 0
        self.recordings = 0
        self.ends = 0

    def collect(self) -> None:
        for command in self.runner.take_commands():
            self.tag = command.tag if isinstance(command, Play) else self.tag
            self.recordings += isinstance(command, Record)
            self.ends += isinstance(command, FlowEnded)

    def move(self, what: str, value: object) -> None:
        self.now += 0.25
        events = {
            "end": PromptEnded(CALL, self.tag),
            "speak": SpeechStarted(CALL),
            "hush": SpeechEnded(CALL),
            "opened": Answered("open_request", "opened", "261123000017"),
        }
        if what == "key":
            press(self.runner, str(value), self.now)
        elif what == "timer":
            self.now = max(self.now, self.runner.next_timer() or self.now)
            self.runner.handle_timer(self.now)
        elif what == "file":
            self.runner.handle(a_recording(self.recordings, speech_ms=int(str(value))), self.now)
        else:
            self.runner.handle(events.get(what, Answered("request_status", what)), self.now)
        self.collect()


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, max_size=80))
def test_no_order_of_events_leaves_a_timer_behind_or_lasts_for_ever(moves: list[tuple[str, object]]) -> None:
    line = Line()
    line.collect()
    for what, value in moves:
        line.move(what, value)
    runner = line.runner
    assert not any(step.startswith("!fault") for step in runner.path)
    for _ in range(400):  # then nobody does anything more: it must end by its timers alone
        due = runner.next_timer()
        if due is None:
            break
        runner.handle_timer(due)
    line.collect()
    assert runner.is_over
    assert runner.next_timer() is None
    assert line.ends == 1
