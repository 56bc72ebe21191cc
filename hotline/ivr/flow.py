"""The flow language: what a flow is, and the one table of verbs that all else is made from.

A flow is a set of steps. Each step does one thing (its verb), has settings, and names the step that
follows each of its outcomes. There are no expressions: what a caller says or presses is a value,
never part of a path, a command or a flow. The checker, the runner, the drawing and docs/flows.md
all read ``VERBS``; a new verb is a row here, its phases in ``phases.py``, a call script and a page.

This module reads no files and keeps no state of a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

KEYS: Final = "0123456789*#"
"""The keys of a telephone. A to D exist (RFC 4733, 3.2), but no caller has them."""

OPEN_REQUEST: Final = "open_request"
REQUEST_STATUS: Final = "request_status"
BEEP: Final = "beep"
PAUSE: Final = "pause"
RINGBACK: Final = "ringback"
HOLD_MUSIC: Final = "hold_music"
"""Sounds without words: what a caller hears while telephones ring, and while she is held."""
LONGEST_CALL_S: Final = 900.0
"""Fifteen minutes: ten times the 150 s that a call to a city's service line takes on average."""


class Kind(Enum):
    """What a setting is written as."""

    PROMPTS = "a prompt's name, or a list of names"
    SECONDS = 'a time such as "4s" or "500ms"'
    KEY = "one key of the telephone"
    COUNT = "a whole number"
    FLAG = "true or false"
    WORD = "one of the words below"
    PHONES = "a telephone's user or a group of them, or a list of these"


SettingValue = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a verb."""

    name: str
    kind: Kind
    meaning: str
    default: SettingValue | None = None
    """What holds when the step is silent about it; None with ``needed`` False means off."""
    needed: bool = False
    low: float = 0
    high: float = 0
    """Bounds of a time in seconds or of a count; both included."""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A way out of a step."""

    name: str
    meaning: str
    needed: bool = True
    with_setting: str = ""
    """Needed when this setting is given, and meaningless without it."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A row of the table: what a step of this kind needs, may have, reads, writes and leads to."""

    name: str
    meaning: str
    settings: tuple[Setting, ...]
    outcomes: tuple[Outcome, ...]
    listens: bool = False
    """The caller's keys or voice decide what comes next; the keys to a person work."""
    keys: bool = False
    """Keys of the telephone are outcomes too (``1 = "leave_request"``)."""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    """Values of the call, see VALUES. An entry ``value=`` stands for the value that the setting names."""
    ends: bool = False

    def setting(self, name: str) -> Setting | None:
        """Give the setting of that name; None when the verb has none."""
        return next((one for one in self.settings if one.name == name), None)

    def outcome(self, name: str) -> Outcome | None:
        """Give the outcome of that name; None when the verb has none."""
        return next((one for one in self.outcomes if one.name == name), None)


VALUES: Final[Mapping[str, str]] = {
    "recording": "what the caller said last",
    "request_number": "the number of the request that was opened for it",
    "entered_number": "the digits that the caller keyed in",
}

QUESTIONS: Final[Mapping[str, tuple[tuple[Outcome, ...], tuple[str, ...], tuple[str, ...]]]] = {
    # question: outcomes, reads, writes
    OPEN_REQUEST: (
        (
            Outcome("opened", "the request is stored and has a number"),
            Outcome("failed", "the store did not answer in time; the recording is safe on disk"),
        ),
        ("recording",),
        ("request_number",),
    ),
    REQUEST_STATUS: (
        (
            Outcome("missing", "no request has that number, or its check digit is wrong"),
            Outcome("failed", "the store did not answer in time"),
            Outcome("draft", "heard, but no person has looked at it yet", needed=False),
            Outcome("accepted", "a person accepted it", needed=False),
            Outcome("dispatched", "sent to a unit", needed=False),
            Outcome("signed", "the unit confirmed it", needed=False),
            Outcome("replied", "the unit replied", needed=False),
            Outcome("closed", "closed", needed=False),
            Outcome("other", "any state without a line of its own"),
        ),
        ("entered_number",),
        (),
    ),
}

_PROMPT: Final = Setting("prompt", Kind.PROMPTS, "What the caller hears.", needed=True)
_TRIES: Final = Setting(
    "tries",
    Kind.COUNT,
    "How often a call may come to this step; the next time it goes to `spent` at once.",
    low=1,
    high=9,
)
_SPENT: Final = Outcome("spent", "the step was tried often enough", needed=False, with_setting="tries")

VERBS: Final[Mapping[str, Verb]] = {
    verb.name: verb
    for verb in (
        Verb(
            "say",
            "Say something, to its end; keys pressed meanwhile are not heard.",
            (_PROMPT,),
            (Outcome("next", "it was said"),),
        ),
        Verb(
            "menu",
            "Say what can be chosen and wait for one key, which may come while the prompt still plays.",
            (
                _PROMPT,
                Setting(
                    "wait", Kind.SECONDS, "How long to wait after the prompt.", default=4.0, low=0.5, high=30
                ),
                _TRIES,
            ),
            (
                Outcome("nothing", "no key was pressed"),
                Outcome("unknown", "a key without a line of its own was pressed"),
                _SPENT,
            ),
            listens=True,
            keys=True,
        ),
        Verb(
            "collect",
            "Ask for digits.",
            (
                _PROMPT,
                Setting("digits", Kind.COUNT, "How many digits it takes.", needed=True, low=1, high=32),
                Setting("finish", Kind.KEY, "The key that ends it.", default="#"),
                Setting(
                    "wait", Kind.SECONDS, "How long to wait for the first digit.", default=8.0, low=1, high=60
                ),
                Setting(
                    "between",
                    Kind.SECONDS,
                    "How long to wait for each next one.",
                    default=5.0,
                    low=1,
                    high=60,
                ),
                _TRIES,
            ),
            (
                Outcome("entered", "all digits came"),
                Outcome("incomplete", "fewer or more digits came"),
                Outcome("nothing", "no digit came"),
                _SPENT,
            ),
            listens=True,
            writes=("entered_number",),
        ),
        Verb(
            "record",
            "Say the prompt and a beep, then record what the caller says.",
            (
                _PROMPT,
                Setting("longest", Kind.SECONDS, "The longest recording.", default=180.0, low=5, high=600),
                Setting(
                    "patience",
                    Kind.SECONDS,
                    "How long to wait for the first word.",
                    default=8.0,
                    low=3,
                    high=60,
                ),
                Setting("silence", Kind.SECONDS, "A pause so long ends it.", default=4.0, low=1, high=30),
                Setting("finish", Kind.KEY, "The key that ends it; it also skips the prompt.", default="#"),
                Setting("voice_skips", Kind.FLAG, "Whether her voice skips the prompt, too.", default=False),
                Setting("for_agent", Kind.FLAG, "Whether the caller asked for a person.", default=False),
                _TRIES,
            ),
            (
                Outcome("recorded", "at least a second of speech was recorded"),
                Outcome("silent", "hardly any speech was heard"),
                _SPENT,
            ),
            listens=True,
            writes=("recording",),
        ),
        Verb(
            "ask",
            "Ask the system to do or to find something.",
            (
                Setting("question", Kind.WORD, "What is asked.", needed=True, words=tuple(QUESTIONS)),
                Setting("meanwhile", Kind.PROMPTS, "What the caller hears when the answer takes long."),
                Setting("after", Kind.SECONDS, "What is long, in that sense.", default=1.5, low=0.5, high=10),
                Setting(
                    "longest",
                    Kind.SECONDS,
                    "No answer for so long is `failed`.",
                    default=12.0,
                    low=2,
                    high=60,
                ),
            ),
            (),  # of the question
        ),
        Verb(
            "say_digits",
            "Read a value digit by digit, in groups, as often as the caller wishes.",
            (
                _PROMPT,
                Setting(
                    "value",
                    Kind.WORD,
                    "The value that is read.",
                    needed=True,
                    words=("request_number", "entered_number"),
                ),
                Setting(
                    "group", Kind.COUNT, "How many digits stand between two short pauses.", 4, low=1, high=12
                ),
                Setting("times", Kind.COUNT, "How often it is read unasked.", 2, low=1, high=3),
                Setting("again", Kind.PROMPTS, "What is said before each further reading."),
                Setting("offer", Kind.PROMPTS, "What is said after the last: the repeat key."),
                Setting("repeat", Kind.KEY, "The key that has it read again.", default="1"),
                Setting("repeats", Kind.COUNT, "How many further readings the key gives.", 5, low=1, high=20),
                Setting(
                    "wait", Kind.SECONDS, "How long to wait for that key.", default=5.0, low=0.5, high=30
                ),
            ),
            (Outcome("done", "it was read, and the caller wants no more of it"),),
            listens=True,
            reads=("value=",),
        ),
        Verb(
            "set_language",
            "Speak another language from here on.",
            (Setting("language", Kind.WORD, "One of the flow's `languages`.", needed=True),),
            (Outcome("next", "done"),),
        ),
        Verb(
            "connect",
            "Ring telephones of the house, all at once: whoever answers first talks with the caller, and "
            "what they say is recorded. Afterwards, or when nobody answers, she goes on in the flow.",
            (
                Setting("to", Kind.PHONES, "Who is called.", needed=True),
                Setting("prompt", Kind.PROMPTS, "What the caller hears first."),
                Setting(
                    "music",
                    Kind.PROMPTS,
                    "What she hears then, over and over, until somebody answers.",
                    (RINGBACK,),
                ),
                Setting("ring", Kind.SECONDS, "How long it rings.", default=25.0, low=5, high=120),
                Setting(
                    "answers_itself",
                    Kind.FLAG,
                    "Ask the telephones to answer without a hand on them.",
                    default=False,
                ),
                Setting("longest", Kind.SECONDS, "The longest talk.", default=3600.0, low=60, high=14400),
                Setting(
                    "records_both",
                    Kind.FLAG,
                    "Record both sides of the talk; with `false` only what the caller says. Tell her before, "
                    "in a prompt.",
                    default=True,
                ),
                _TRIES,
            ),
            (
                Outcome("ended", "they talked, and the other side hung up"),
                Outcome("busy", "everybody is talking already, or declined"),
                Outcome("no_answer", "it rang, but nobody answered in time"),
                Outcome("failed", "nobody's telephone is registered, or none could be reached"),
                _SPENT,
            ),
        ),
        Verb("hang_up", "End the call.", (), (), ends=True),
    )
}


FREE_VERBS: Final = frozenset({"say", "set_language", "hang_up"})
"""What a flow may do that is never answered: nobody can press or say anything before an answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """A checked step: every setting is there, with its default where the file is silent."""

    name: str
    verb: Verb
    settings: Mapping[str, SettingValue]
    """Times in seconds, prompts as tuples of names; settings that are off are missing."""
    outcomes: Mapping[str, str]
    """Outcome or key, and the step that it leads to."""
    line: int = 0
    """Where the step begins in its file, counted from 1."""

    def prompts(self, name: str = "prompt") -> tuple[str, ...]:
        """Give a setting that names prompts, or telephones; empty when it is off."""
        value = self.settings.get(name, ())
        assert isinstance(value, tuple), name
        return value

    def seconds(self, name: str) -> float:
        """Give a setting that is a time."""
        value = self.settings[name]
        assert isinstance(value, float), name
        return value

    def count(self, name: str) -> int | None:
        """Give a setting that is a number; None when it is off."""
        value = self.settings.get(name)
        assert value is None or isinstance(value, int), name
        return value

    def text(self, name: str) -> str:
        """Give a setting that is a word or a key."""
        value = self.settings[name]
        assert isinstance(value, str), name
        return value

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that must have been written before."""
        if self.verb.name == "ask":
            return QUESTIONS[self.text("question")][1]
        return tuple(self.text("value") if name == "value=" else name for name in self.verb.reads)

    def writes(self, outcome: str) -> tuple[str, ...]:
        """Tell the values that the step has written when it is left by ``outcome``."""
        if self.verb.name == "ask":
            return QUESTIONS[self.text("question")][2] if outcome == "opened" else ()
        return self.verb.writes if outcome in ("recorded", "entered") else ()


@dataclass(frozen=True, slots=True)
class Flow:
    """A checked flow; a running call keeps the one that it started with."""

    name: str
    """The stem of its file."""
    version: str
    """First twelve hexadecimal digits of the SHA-256 of its text: goes into the call record."""
    start: str
    languages: tuple[str, ...]
    """The first one is spoken until the caller chooses."""
    person: str
    """The step that the keys to a person lead to, from every step that listens."""
    person_keys: str
    fault: str
    """The step that a call goes to when a step of the flow fails."""
    too_long: tuple[str, ...]
    """Prompts of the farewell to a call that outlasts ``longest_s``."""
    longest_s: float
    free: bool = False
    """An announcement that costs its caller nothing: heard before the answer, where a trunk allows that."""
    steps: Mapping[str, Step] = field(default_factory=dict)
    cuts: dict[tuple[str, object], str] = field(default_factory=dict, compare=False, repr=False)
    """Keys that end a prompt, by step and phase, once they were asked for (``phases.keys_that_cut``)."""

    def leads_to(self, step: Step) -> Sequence[tuple[str, str]]:
        """List the ways out of a step as (outcome, next step), the keys to a person included."""
        ways = list(step.outcomes.items())
        if leads_to_person(step, self.person):
            ways += [(key, self.person) for key in person_keys(self.person_keys, step.verb.name)]
        return ways


def leads_to_person(step: Step, person: str) -> bool:
    """Tell whether the keys to a person work in a step.

    Not in the step that they lead to, nor in a message that is left for a person already: there they
    are keys as any other, or a caller whom nobody can answer would press herself round in a circle.

    :param person: name of the step that the keys lead to.
    """
    return step.verb.listens and step.name != person and step.settings.get("for_agent") is not True


def person_keys(keys: str, verb: str) -> str:
    """Tell which of the keys to a person work in a step: not the digits where digits are asked for."""
    return "".join(key for key in keys if verb != "collect" or not key.isdigit())
