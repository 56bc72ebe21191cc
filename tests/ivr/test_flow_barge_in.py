"""What the media plane is told to cut short by itself is what the flow would cut short."""

from __future__ import annotations

import copy

import pytest
from ivr_builders import CALL, a_flow

from hotline.ivr.phases import PLAYING, P
from hotline.ivr.runner import Runner
from hotline.media.dtmf import KEYS
from hotline.media.plan import DigitPressed, Play, PromptEnded, StopPlaying


def latest_play(runner: Runner) -> Play | None:
    plays = [command for command in runner.take_commands() if isinstance(command, Play)]
    return plays[-1] if plays else None


def cuts(runner: Runner, key: str) -> bool:
    """Tell whether the flow ends what plays when a key is pressed."""
    tried = copy.copy(runner)
    tried._commands, tried._timers = [], dict(runner._timers)
    tried._visits, tried._values, tried.path = dict(runner._visits), dict(runner._values), list(runner.path)
    tried.handle(DigitPressed(CALL, key), 1.0)
    return any(isinstance(command, StopPlaying | Play) for command in tried.take_commands())


STEPS = {
    "say": ("do = 'say'\nprompt = 'hello'\nnext = 'bye'", P.SAYING),
    "menu": ("do = 'menu'\nprompt = 'hello'\n1 = 'bye'\nnothing = 'bye'\nunknown = 'bye'", P.MENU_PROMPT),
    "collect": (
        "do = 'collect'\nprompt = 'hello'\ndigits = 3\nentered = 'bye'\nincomplete = 'bye'\nnothing = 'bye'",
        P.COLLECT_PROMPT,
    ),
    "record": ("do = 'record'\nprompt = 'hello'\nrecorded = 'open'\nsilent = 'bye'", P.RECORD_PROMPT),
}
BYE = "\n[steps.bye]\ndo = 'say'\nprompt = 'bye'\nnext = 'end'\n"


def beginning(verb: str, more: str = "") -> tuple[Runner, Play]:
    runner = Runner(a_flow(f"[steps.hello]\n{STEPS[verb][0]}\n{more}{BYE}"), CALL, 0.0)
    play = latest_play(runner)
    assert play is not None
    assert runner.phase is STEPS[verb][1]
    assert runner.phase in PLAYING
    return runner, play


@pytest.mark.parametrize("verb", STEPS)
def test_the_keys_that_cut_are_those_at_which_the_flow_would_stop_playing(verb: str) -> None:
    runner, play = beginning(verb)
    assert play.stops_at_keys == "".join(key for key in KEYS if cuts(runner, key))


def test_what_is_said_to_its_end_is_cut_by_none_and_a_menu_by_all() -> None:
    assert beginning("say")[1].stops_at_keys == ""
    assert beginning("menu")[1].stops_at_keys == KEYS


@pytest.mark.parametrize("verb", STEPS)
def test_the_end_that_the_plane_tells_after_the_key_moves_nothing_twice(verb: str) -> None:
    for key in KEYS:
        runner, play = beginning(verb)
        runner.handle(DigitPressed(CALL, key), 1.0)
        phase, path = runner.phase, list(runner.path)
        runner.take_commands()
        if key in play.stops_at_keys:
            runner.handle(PromptEnded(CALL, play.tag), 1.0)
            assert (runner.phase, runner.path) == (phase, path)
            assert runner.take_commands() == []


def test_her_voice_skips_the_prompt_of_a_recording_only_where_the_flow_says_so() -> None:
    assert not beginning("record")[1].stops_at_speech
    runner, play = beginning("record", "voice_skips = true\n")
    assert play.stops_at_speech
    runner.handle(PromptEnded(CALL, play.tag), 1.0)  # as the plane tells it, early
    beep = latest_play(runner)
    assert runner.phase is P.RECORD_BEEP
    assert beep is not None
    assert not beep.stops_at_speech
