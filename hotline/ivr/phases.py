"""What a running step waits for, and what each thing that happens makes of it: one table.

A phase is a step in one of its moments (the prompt plays, the caller speaks). An input is what
happened, already told apart by what it means to the step: the same ``1`` is a CHOICE in a menu and
a DIGIT of a number. What is not in the table is of no concern to the phase and is ignored: a key
during ``say``, the late end of an old prompt, speech while nobody records.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from hotline.ivr.flow import Flow, Step, leads_to_person, person_keys
from hotline.media.dtmf import KEYS


class P(Enum):
    """Phases, named after verb and moment."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    IDLE = "idle"
    SAYING = "saying"
    MENU_PROMPT = "menu: prompt plays"
    MENU_WAIT = "menu: waiting for a key"
    COLLECT_PROMPT = "collect: prompt plays"
    COLLECT_FIRST = "collect: waiting for the first digit"
    COLLECT_MORE = "collect: waiting for the next digit"
    RECORD_PROMPT = "record: prompt plays"
    RECORD_BEEP = "record: beep sounds"
    RECORD_PATIENCE = "record: waiting for the first word"
    RECORD_SPEECH = "record: the caller speaks"
    RECORD_PAUSE = "record: the caller pauses"
    RECORD_CLOSING = "record: waiting for the file"
    ASK_WAIT = "ask: waiting for the answer"
    ASK_TELLING = "ask: one moment, please"
    ASK_HOLDING = "ask: answered, prompt still plays"
    DIGITS_PROMPT = "say_digits: digits are read"
    DIGITS_WAIT = "say_digits: waiting for the repeat key"
    CONNECT_PROMPT = "connect: prompt plays, telephones ring"
    CONNECT_RING = "connect: telephones ring"
    CONNECT_TALK = "connect: the caller talks with somebody"
    CONNECT_CLOSING = "connect: waiting for the file of the talk"
    FAREWELL = "farewell plays"
    OVER = "over"


class I(Enum):  # noqa: E742 - states S, inputs I, actions A: the letters of all our tables
    """Inputs: what happened, as the step sees it."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    BEGIN = "the step begins"
    CHOICE = "a key of the menu"
    DIGIT = "a digit of the number"
    FINISH = "the finish key"
    REPEAT = "the repeat key"
    PERSON = "a key to a person"
    OTHER_KEY = "any other key"
    PROMPT_ENDED = "the prompt ended"
    SPEECH_STARTED = "the caller began to speak"
    SPEECH_ENDED = "the caller fell silent"
    RECORDING_CLOSED = "the recording is on disk"
    ANSWERED = "the system answered"
    CONNECTED = "somebody answered"
    CONNECTION_OVER = "nobody answers any more, or the talk is over"
    TIMER_WAIT = "nothing came for so long"
    TIMER_MEANWHILE = "the answer takes long"
    TIMER_LONGEST = "it took too long"


class A(Enum):
    """Actions: what the runner does."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    PLAY = "play the prompt"
    LISTEN = "wait"
    CHOOSE = "go where the key leads"
    NOTHING = "leave: nothing"
    UNKNOWN = "leave: unknown"
    TO_PERSON = "go to a person"
    TAKE_DIGIT = "add the digit"
    COUNT_DIGITS = "leave: entered, incomplete or nothing"
    SKIP_PROMPT = "cut the prompt short and beep"
    BEEP = "beep"
    RECORD = "start the recording"
    NOTE_SPEECH = "stop the clock"
    NOTE_PAUSE = "start the clock of silence"
    CLOSE = "close the recording"
    CLOSE_FOR_PERSON = "close the recording, and note the wish for a person"
    WEIGH = "leave: recorded or silent"
    GIVE_UP = "the file does not come: fault"
    ASK = "ask the system"
    TAKE_ANSWER = "leave with the answer"
    HOLD_ANSWER = "keep the answer until the prompt ends"
    TELL = "say that it takes a moment"
    FAIL = "leave: failed"
    READ = "read the digits"
    READ_AGAIN = "read the digits again"
    DONE = "leave: done"
    NEXT = "leave: next"
    SET_LANGUAGE = "change the language, leave: next"
    CONNECT = "ring the telephones"
    PLAY_MUSIC = "play the music"
    RECORD_TALK = "record what the caller says"
    RECORD_ON = "begin the next recording"
    GIVE_UP_RINGING = "stop the ringing, leave: no_answer"
    NOT_CONNECTED = "leave with the outcome"
    CUT_TALK = "end the talk, close the recording"
    END_TALK = "leave: ended, or how a transfer failed"
    END = "end the call"


Row = tuple[A, P | None]
"""What to do, and the phase after it; None where the action itself leaves the step."""

TRANSITIONS: Final[Mapping[tuple[P, I], Row]] = {
    (P.SAYING, I.PROMPT_ENDED): (A.NEXT, None),
    # menu: a key counts from the first sound of the prompt on (barge-in)
    (P.MENU_PROMPT, I.CHOICE): (A.CHOOSE, None),
    (P.MENU_PROMPT, I.PERSON): (A.TO_PERSON, None),
    (P.MENU_PROMPT, I.OTHER_KEY): (A.UNKNOWN, None),
    (P.MENU_PROMPT, I.PROMPT_ENDED): (A.LISTEN, P.MENU_WAIT),
    (P.MENU_WAIT, I.CHOICE): (A.CHOOSE, None),
    (P.MENU_WAIT, I.PERSON): (A.TO_PERSON, None),
    (P.MENU_WAIT, I.OTHER_KEY): (A.UNKNOWN, None),
    (P.MENU_WAIT, I.TIMER_WAIT): (A.NOTHING, None),
    # collect
    (P.COLLECT_PROMPT, I.DIGIT): (A.TAKE_DIGIT, P.COLLECT_MORE),
    (P.COLLECT_PROMPT, I.FINISH): (A.COUNT_DIGITS, None),
    (P.COLLECT_PROMPT, I.PERSON): (A.TO_PERSON, None),
    (P.COLLECT_PROMPT, I.PROMPT_ENDED): (A.LISTEN, P.COLLECT_FIRST),
    (P.COLLECT_FIRST, I.DIGIT): (A.TAKE_DIGIT, P.COLLECT_MORE),
    (P.COLLECT_FIRST, I.FINISH): (A.COUNT_DIGITS, None),
    (P.COLLECT_FIRST, I.PERSON): (A.TO_PERSON, None),
    (P.COLLECT_FIRST, I.TIMER_WAIT): (A.COUNT_DIGITS, None),
    (P.COLLECT_MORE, I.DIGIT): (A.TAKE_DIGIT, P.COLLECT_MORE),
    (P.COLLECT_MORE, I.FINISH): (A.COUNT_DIGITS, None),
    (P.COLLECT_MORE, I.PERSON): (A.TO_PERSON, None),
    (P.COLLECT_MORE, I.TIMER_WAIT): (A.COUNT_DIGITS, None),
    # record: any key skips the prompt, as people know it from voice mail
    (P.RECORD_PROMPT, I.FINISH): (A.SKIP_PROMPT, P.RECORD_BEEP),
    (P.RECORD_PROMPT, I.OTHER_KEY): (A.SKIP_PROMPT, P.RECORD_BEEP),
    (P.RECORD_PROMPT, I.PERSON): (A.TO_PERSON, None),
    (P.RECORD_PROMPT, I.PROMPT_ENDED): (A.BEEP, P.RECORD_BEEP),
    (P.RECORD_BEEP, I.PERSON): (A.TO_PERSON, None),
    (P.RECORD_BEEP, I.PROMPT_ENDED): (A.RECORD, P.RECORD_PATIENCE),
    (P.RECORD_PATIENCE, I.SPEECH_STARTED): (A.NOTE_SPEECH, P.RECORD_SPEECH),
    (P.RECORD_PATIENCE, I.SPEECH_ENDED): (A.NOTE_PAUSE, P.RECORD_PAUSE),
    (P.RECORD_PATIENCE, I.FINISH): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_PATIENCE, I.PERSON): (A.CLOSE_FOR_PERSON, P.RECORD_CLOSING),
    (P.RECORD_PATIENCE, I.TIMER_WAIT): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_PATIENCE, I.TIMER_LONGEST): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_PATIENCE, I.RECORDING_CLOSED): (A.WEIGH, None),
    (P.RECORD_SPEECH, I.SPEECH_ENDED): (A.NOTE_PAUSE, P.RECORD_PAUSE),
    (P.RECORD_SPEECH, I.FINISH): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_SPEECH, I.PERSON): (A.CLOSE_FOR_PERSON, P.RECORD_CLOSING),
    (P.RECORD_SPEECH, I.TIMER_LONGEST): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_SPEECH, I.RECORDING_CLOSED): (A.WEIGH, None),
    (P.RECORD_PAUSE, I.SPEECH_STARTED): (A.NOTE_SPEECH, P.RECORD_SPEECH),
    (P.RECORD_PAUSE, I.FINISH): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_PAUSE, I.PERSON): (A.CLOSE_FOR_PERSON, P.RECORD_CLOSING),
    (P.RECORD_PAUSE, I.TIMER_WAIT): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_PAUSE, I.TIMER_LONGEST): (A.CLOSE, P.RECORD_CLOSING),
    (P.RECORD_PAUSE, I.RECORDING_CLOSED): (A.WEIGH, None),
    (P.RECORD_CLOSING, I.RECORDING_CLOSED): (A.WEIGH, None),
    (P.RECORD_CLOSING, I.TIMER_WAIT): (A.GIVE_UP, None),
    # ask
    (P.ASK_WAIT, I.ANSWERED): (A.TAKE_ANSWER, None),
    (P.ASK_WAIT, I.TIMER_MEANWHILE): (A.TELL, P.ASK_TELLING),
    (P.ASK_WAIT, I.TIMER_LONGEST): (A.FAIL, None),
    (P.ASK_TELLING, I.ANSWERED): (A.HOLD_ANSWER, P.ASK_HOLDING),
    (P.ASK_TELLING, I.PROMPT_ENDED): (A.LISTEN, P.ASK_WAIT),
    (P.ASK_TELLING, I.TIMER_LONGEST): (A.FAIL, None),
    (P.ASK_HOLDING, I.PROMPT_ENDED): (A.TAKE_ANSWER, None),
    # say_digits: only the repeat key and the keys to a person cut it short, so that the second
    # "#" of a hurried caller does not cost her the number
    (P.DIGITS_PROMPT, I.REPEAT): (A.READ_AGAIN, P.DIGITS_PROMPT),
    (P.DIGITS_PROMPT, I.PERSON): (A.TO_PERSON, None),
    (P.DIGITS_PROMPT, I.PROMPT_ENDED): (A.LISTEN, P.DIGITS_WAIT),
    (P.DIGITS_WAIT, I.REPEAT): (A.READ_AGAIN, P.DIGITS_PROMPT),
    (P.DIGITS_WAIT, I.PERSON): (A.TO_PERSON, None),
    (P.DIGITS_WAIT, I.TIMER_WAIT): (A.DONE, None),
    # connect: keys go to whom she talks with, and mean nothing to the flow
    (P.CONNECT_PROMPT, I.PROMPT_ENDED): (A.PLAY_MUSIC, P.CONNECT_RING),
    (P.CONNECT_PROMPT, I.CONNECTED): (A.RECORD_TALK, P.CONNECT_TALK),
    (P.CONNECT_PROMPT, I.CONNECTION_OVER): (A.NOT_CONNECTED, None),
    (P.CONNECT_PROMPT, I.TIMER_LONGEST): (A.GIVE_UP_RINGING, None),
    (P.CONNECT_RING, I.PROMPT_ENDED): (A.PLAY_MUSIC, P.CONNECT_RING),
    (P.CONNECT_RING, I.CONNECTED): (A.RECORD_TALK, P.CONNECT_TALK),
    (P.CONNECT_RING, I.CONNECTION_OVER): (A.NOT_CONNECTED, None),
    (P.CONNECT_RING, I.TIMER_LONGEST): (A.GIVE_UP_RINGING, None),
    (P.CONNECT_TALK, I.RECORDING_CLOSED): (A.RECORD_ON, P.CONNECT_TALK),
    (P.CONNECT_TALK, I.CONNECTION_OVER): (A.CLOSE, P.CONNECT_CLOSING),
    (P.CONNECT_TALK, I.TIMER_LONGEST): (A.CUT_TALK, P.CONNECT_CLOSING),
    (P.CONNECT_CLOSING, I.RECORDING_CLOSED): (A.END_TALK, None),
    (P.CONNECT_CLOSING, I.TIMER_WAIT): (A.END_TALK, None),
    (P.FAREWELL, I.PROMPT_ENDED): (A.END, P.OVER),
}

BEGINNINGS: Final[Mapping[str, Row]] = {
    # verb: what its step begins with
    "say": (A.PLAY, P.SAYING),
    "menu": (A.PLAY, P.MENU_PROMPT),
    "collect": (A.PLAY, P.COLLECT_PROMPT),
    "record": (A.PLAY, P.RECORD_PROMPT),
    "ask": (A.ASK, P.ASK_WAIT),
    "say_digits": (A.READ, P.DIGITS_PROMPT),
    "set_language": (A.SET_LANGUAGE, None),
    "connect": (A.CONNECT, P.CONNECT_PROMPT),
    "hang_up": (A.END, P.OVER),
}

PLAYING: Final = frozenset(
    {
        P.SAYING,
        P.MENU_PROMPT,
        P.COLLECT_PROMPT,
        P.RECORD_PROMPT,
        P.RECORD_BEEP,
        P.ASK_TELLING,
        P.ASK_HOLDING,
        P.DIGITS_PROMPT,
        P.CONNECT_PROMPT,
        P.CONNECT_RING,
        P.FAREWELL,
    }
)
"""Phases in which something plays: leaving one early says StopPlaying."""

RECORDING: Final = frozenset({P.RECORD_PATIENCE, P.RECORD_SPEECH, P.RECORD_PAUSE, P.CONNECT_TALK})
"""Phases with an open recording that nobody closes yet."""

CLOSING: Final = frozenset({P.RECORD_CLOSING, P.CONNECT_CLOSING})
"""Phases that wait for the file of a recording."""

WAIT_SETTING: Final[Mapping[P, str]] = {
    P.MENU_WAIT: "wait",
    P.COLLECT_FIRST: "wait",
    P.COLLECT_MORE: "between",
    P.RECORD_PATIENCE: "patience",
    P.RECORD_PAUSE: "silence",
    P.DIGITS_WAIT: "wait",
}
"""The setting that says how long a phase waits."""


_BY_KEY: Final = frozenset({I.CHOICE, I.DIGIT, I.FINISH, I.REPEAT, I.PERSON, I.OTHER_KEY})
_KEYED: Final = PLAYING & {phase for phase, meaning in TRANSITIONS if meaning in _BY_KEY}


def keys_that_cut(phase: P, step: Step, flow: Flow) -> str:
    """Give the keys that end what plays in a phase; the media plane then falls silent without asking."""
    if phase not in _KEYED:
        return ""
    keys = flow.cuts.get((step.name, phase))
    if keys is None:
        keys = flow.cuts[step.name, phase] = "".join(
            key
            for key in KEYS
            if (phase, meaning_of_key(step, key, flow.person, flow.person_keys)) in TRANSITIONS
        )
    return keys


def meaning_of_key(step: Step, key: str, flow_person: str, flow_person_keys: str) -> I:
    """Tell what a key means to a step.

    :param flow_person: name of the step that the keys to a person lead to; there they are ordinary keys.
    """
    verb = step.verb.name
    if verb == "menu" and key in step.outcomes:
        return I.CHOICE
    if verb == "collect" and key == step.text("finish"):
        return I.FINISH
    if verb == "collect" and key.isdigit():
        return I.DIGIT
    if key in person_keys(flow_person_keys, verb) and leads_to_person(step, flow_person):
        return I.PERSON
    if verb == "record" and key in (step.text("finish"), *flow_person_keys):
        return I.FINISH
    if verb == "say_digits" and key == step.text("repeat"):
        return I.REPEAT
    return I.OTHER_KEY
