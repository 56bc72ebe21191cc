"""Whatever comes, in whatever order: the promises of a call hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.call.messages import (
    Answer,
    CallerConfirmed,
    CallerLeft,
    OfferedNotWritten,
    OfferedWritten,
    OpenRequest,
    Refuse,
    RequestOpened,
    StatusFound,
    StatusMissing,
    WriteEnded,
    WriteFailed,
)
from hotline.call.states import S
from hotline.events.ids import RequestNumber
from hotline.media.plan import (
    ClosePort,
    DigitPressed,
    MediaFailed,
    OpenPort,
    PortMoved,
    PortOpened,
    PromptEnded,
    Record,
    SpeechEnded,
    SpeechStarted,
    StopRecording,
)
from hotline.sip.events import MediaMoved, ReofferFailed
from hotline.sip.voice_terms import VoiceTerms
from tests.call.call_rig import CALL, FLOW, Bench, a_recording

LIVE = (S.TALKING, S.CLOSING, S.SETTLING)
MOVES = st.one_of(
    st.sampled_from(["written", "port", "ack", "end", "end", "timer", "speak", "hush", "stored", "stored"]),
    st.sampled_from(
        ["not written", "write failed", "media failed", "bye", "cancel", "no_ack", "signed", "missing"]
    ),
    st.sampled_from(
        ["moved", "back", "followed", "not followed"]  # another media plane
    ),
    st.sampled_from([f"key {key}" for key in "0123456789*#"]),
    st.sampled_from([f"file {ms}" for ms in (0, 300, 999, 1000, 45000)]),
)
ON_THE_LINE = st.sampled_from(["written", "port", "ack"])


class World(Bench):
    """A bench whose far side answers in any order, but tells of no recording that nobody commanded."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0
        self.words: set[str] = set()
        """Recordings with a second of speech that were reported while the call could still hear of them."""
        self.reported: set[str] = set()

    def move(self, what: str) -> None:
        self.now += 0.25
        kind, _, value = what.partition(" ")
        if what == "timer":
            due = self.call.next_timer()
            self.wait(max(0.0, due - self.now) if due is not None else 1.0)
        elif kind == "file":
            self._report_file(int(value))
        elif kind == "key":
            self.tell(DigitPressed(CALL, value))
        elif what in ("bye", "cancel", "no_ack"):
            self.tell(CallerLeft(CALL, what))
        elif what == "stored":
            self.numbers += 1
            self.tell(RequestOpened(CALL, RequestNumber(f"{261123000000 + self.numbers}")))
        elif what == "written":
            self.tell(OfferedWritten(CALL))
        else:
            self.tell(
                {
                    "port": PortOpened(CALL, "198.51.100.1", 16000),
                    "ack": CallerConfirmed(CALL),
                    "end": PromptEnded(CALL, self.tag),
                    "speak": SpeechStarted(CALL),
                    "hush": SpeechEnded(CALL),
                    "not written": OfferedNotWritten(CALL, "disk full"),
                    "write failed": WriteFailed(CALL, "disk full"),
                    "media failed": MediaFailed(CALL, "gone"),
                    "signed": StatusFound(CALL, RequestNumber("261123000017"), "signed", ""),
                    "missing": StatusMissing(CALL),
                    "moved": PortMoved(CALL, "198.51.100.1", 18000),
                    "back": PortMoved(CALL, "198.51.100.1", 16000),
                    "followed": MediaMoved(CALL, VoiceTerms("192.0.2.7", 40000, "PCMA", 8, 101)),
                    "not followed": ReofferFailed(CALL, 488),
                }[what]
            )

    def _report_file(self, speech_ms: int) -> None:
        commanded = self.all_of(Record)
        if not commanded:
            return
        recording = a_recording(len(commanded), speech_ms=speech_ms, length_s=speech_ms / 1000 + 2)
        if recording.recording_id not in self.reported:  # the first report counts
            self.reported.add(recording.recording_id)
            if speech_ms >= 1000 and self.call.state in LIVE:
                self.words.add(recording.recording_id)
        self.tell(recording)

    def let_time_pass(self) -> None:
        """Nobody does anything more: the timers alone must bring the call to its end."""
        for _ in range(500):
            due = self.call.next_timer()
            if due is None:
                return
            self.wait(max(0.0, due - self.now))
        raise AssertionError("the timers of this call never end")


@settings(max_examples=300, deadline=None)
@given(st.lists(ON_THE_LINE, max_size=4), st.lists(MOVES, max_size=60))
def test_the_promises_hold_in_any_order(beginning: list[str], moves: list[str]) -> None:
    world = World()
    for what in (*beginning, *moves):
        world.move(what)
    world.let_time_pass()
    check_end(world)
    check_order(world)
    check_words(world)


@settings(max_examples=200, deadline=None)
@given(st.lists(MOVES, max_size=60))
def test_the_promises_hold_for_a_caller_who_got_through(moves: list[str]) -> None:
    world = World()
    for what in ("written", "port", "ack", "key 1", "end", "end", *moves):
        world.move(what)
    world.let_time_pass()
    check_end(world)
    check_order(world)
    check_words(world)


def check_end(world: World) -> None:
    assert world.call.is_over
    assert world.call.next_timer() is None
    assert world.call.take_commands() == []
    ends = world.all_of(WriteEnded)
    assert len(ends) == 1
    assert world.commands[-1] is ends[0]


def check_order(world: World) -> None:
    kinds = [type(command) for command in world.commands]
    if Answer in kinds:
        assert kinds.index(OpenPort) < kinds.index(Answer)
        assert Refuse not in kinds
    if Record in kinds:
        assert kinds.index(Answer) < kinds.index(Record)
    if OpenPort in kinds:
        assert kinds.count(ClosePort) == 1
        after = kinds[kinds.index(ClosePort) + 1 :]
        assert not {Record, StopRecording} & set(after)
    assert all(kinds.count(kind) <= 1 for kind in (Answer, Refuse, OpenPort, WriteEnded))


def check_words(world: World) -> None:
    openings: dict[str, OpenRequest] = {}
    for opening in world.openings:
        recording_id = opening.recording.recording_id
        assert openings.setdefault(recording_id, opening) == opening, "asked again, but for something else"
    assert world.words <= set(openings)
    assert all(one.recording.length_samples for one in openings.values())
    numbers = world.call._openings.numbers
    given_up = world.call._openings.given_up
    assert set(numbers) | set(given_up) == set(openings)
    assert not set(numbers) & set(given_up)
    assert len(set(numbers.values())) == len(numbers)


def test_the_flow_of_these_tests_is_the_hotlines_own() -> None:
    assert FLOW.name == "main"
