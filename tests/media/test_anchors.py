"""What was commanded of each leg and still holds: in whatever order it came, a new plane goes on with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import Rig

from hotline.events.ids import CallId, RecordingId
from hotline.media.anchors import Anchors, members_of
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    ExpectVoice,
    FinishRecording,
    MediaCommand,
    MediaFailed,
    Mix,
    OpenPort,
    PauseRecording,
    Play,
    PromptEnded,
    Record,
    RecordingClosed,
    RecordingResumed,
    ResumeRecording,
    SpeechEnded,
    SpeechStarted,
    StopPlaying,
    StopRecording,
    Tap,
    Unbridge,
    WatchLevel,
)

A, B, C = (CallId(name) for name in "abc")
FIRST = RecordingId("a-1")


def a_port(leg: CallId = A) -> OpenPort:
    return OpenPort(leg, "192.0.2.7", 40000, Codec.PCMA, 101)


def closed(leg: CallId = A, name: str = "a-1") -> RecordingClosed:
    return RecordingClosed(leg, RecordingId(name), "", Codec.PCMA, 0, 0, "")


def some(*legs: CallId) -> Anchors:
    anchors = Anchors()
    for leg in legs:
        anchors.opened(a_port(leg))
    return anchors


def test_a_port_is_opened_anew_with_the_terms_that_were_agreed_last() -> None:
    anchors = some(A)
    anchors.note(Aim(A, "192.0.2.9", 50000, Codec.PCMU, 96, 0, sends=False, rtcp_mux=True), 1.0)
    assert anchors.of[A].port == replace(
        a_port(),
        remote_ip="192.0.2.9",
        remote_port=50000,
        codec=Codec.PCMU,
        event_payload_type=96,
        payload_type=0,
        sends=False,
        rtcp_mux=True,
    )


def test_what_plays_is_played_again_until_it_ended() -> None:
    anchors = some(A)
    play = Play(A, ("zh/greeting",), 4, stops_at_keys="123")
    anchors.note(play, 1.0)
    anchors.hear(PromptEnded(A, 3), 1.5)  # of an earlier one
    assert anchors.rebuild([A], 2.0) == [play]
    anchors.hear(PromptEnded(A, 4), 2.5)
    assert anchors.rebuild([A], 3.0) == []


@pytest.mark.parametrize("end", [StopPlaying(A), Bridge(A, B), Bridge(B, A)])
def test_what_was_stopped_is_not_played_again(end: MediaCommand) -> None:
    anchors = some(A, B)
    anchors.note(Play(A, ("zh/music",), -1, repeats=True), 1.0)
    anchors.note(end, 2.0)
    assert not [one for one in anchors.rebuild([A, B], 3.0) if isinstance(one, Play)]


def test_a_recording_goes_on_with_its_age_and_what_was_spoken_in_it() -> None:
    anchors = some(A)
    anchors.hear(SpeechStarted(A), 9.0)  # before the beep
    anchors.note(Record(A, FIRST, 60.0), 10.0)
    anchors.hear(SpeechEnded(A), 12.0)
    anchors.hear(SpeechStarted(A), 15.0)
    assert anchors.speaks(A)
    assert anchors.rebuild([A], 18.0) == [Record(A, FIRST, 60.0, resumed_s=8.0, spoken_ms=5000)]
    assert not anchors.speaks(A)
    anchors.note(StopRecording(A), 20.0)
    assert anchors.unsealed == {FIRST: FinishRecording(A, FIRST, Codec.PCMA, 5000)}
    anchors.hear(closed(), 21.0)
    assert anchors.unsealed == {}


def test_a_pause_goes_on_for_the_rest_of_its_time() -> None:
    anchors = some(A)
    anchors.note(Record(A, FIRST, 600.0, both=True), 10.0)
    anchors.note(PauseRecording(A, 120.0), 30.0)
    assert anchors.rebuild([A], 50.0)[-1] == PauseRecording(A, 100.0)
    assert anchors.rebuild([A], 500.0)[-1] == PauseRecording(A, 1.0)
    anchors.note(ResumeRecording(A), 51.0)
    assert isinstance(anchors.rebuild([A], 52.0)[-1], Record)
    anchors.note(PauseRecording(A, 120.0), 53.0)
    anchors.hear(RecordingResumed(A, FIRST, 1, is_forgotten=True), 173.0)
    assert isinstance(anchors.rebuild([A], 174.0)[-1], Record)


def test_a_recording_of_a_leg_that_is_gone_is_still_to_be_closed() -> None:
    anchors = some(A)
    anchors.note(Record(A, FIRST, 60.0), 10.0)
    anchors.note(ClosePort(A), 11.0)
    assert A not in anchors.of
    assert list(anchors.unsealed) == [FIRST]
    anchors.hear(MediaFailed(A, "the disk broke"), 12.0)
    assert anchors.unsealed == {}


def test_a_talk_is_built_anew_before_what_is_played_above_it() -> None:
    anchors = some(A, B)
    anchors.note(Bridge(A, B), 1.0)
    anchors.note(Play(B, ("zh/music",), -1, repeats=True), 2.0)
    assert [type(one) for one in anchors.rebuild([A, B], 3.0)] == [Bridge, Play]
    assert not [one for one in anchors.rebuild([A], 3.0) if isinstance(one, Bridge)]


@pytest.mark.parametrize("end", [Unbridge(A), Unbridge(B), ClosePort(B), Bridge(B, C)])
def test_a_talk_that_is_over_is_not_built_anew(end: MediaCommand) -> None:
    anchors = some(A, B, C)
    anchors.note(Bridge(A, B), 1.0)
    anchors.note(end, 2.0)
    assert Bridge(A, B) not in anchors.rebuild([leg for leg in (A, B, C) if leg in anchors.of], 3.0)


def test_those_who_are_left_of_a_table_hear_each_other_on() -> None:
    anchors = some(A, B, C)
    anchors.note(Mix(C, ((A, B), (B, A), (C, A), (C, B))), 1.0)
    anchors.note(ClosePort(C), 2.0)
    assert anchors.rebuild([A, B], 3.0) == [Mix(A, ((A, B), (B, A)))]
    anchors.note(ClosePort(B), 4.0)
    assert anchors.rebuild([A], 5.0) == []


def test_what_is_watched_and_expected_stays_so() -> None:
    anchors = some(A)
    for command in (ExpectVoice(A), WatchLevel(A, True)):
        anchors.note(command, 1.0)
    assert set(map(type, anchors.rebuild([A], 2.0))) == {ExpectVoice, WatchLevel}
    anchors.note(WatchLevel(A, False), 3.0)
    assert anchors.rebuild([A], 4.0) == [ExpectVoice(A)]


def test_who_listens_along_listens_on() -> None:
    anchors = some(A)
    for command in (Tap(A, "one"), Tap(A, "two"), Tap(A, "one"), Tap(A, "two", is_on=False)):
        anchors.note(command, 1.0)
    assert anchors.rebuild([A], 2.0) == [Tap(A, "one")]


def test_commands_for_nobody_change_nothing() -> None:
    anchors = Anchors()
    for command in (Play(A, (), 1), Bridge(A, B), ClosePort(A), Record(A, FIRST, 1.0)):
        anchors.note(command, 1.0)
    anchors.hear(PromptEnded(A, 1), 2.0)
    assert anchors == Anchors()


LEGS = st.sampled_from([A, B, C])
COMMANDS = st.one_of(
    st.builds(lambda leg: Play(leg, ("zh/greeting",), 1, repeats=True), LEGS),
    st.builds(StopPlaying, LEGS),
    st.builds(Bridge, LEGS, LEGS).filter(lambda one: one.call_id != one.other),
    st.builds(Unbridge, LEGS),
    st.builds(
        lambda pairs: Mix(pairs[0][0], tuple(pairs)),
        st.lists(st.tuples(LEGS, LEGS).filter(lambda pair: pair[0] != pair[1]), min_size=1, unique=True),
    ),
    st.builds(ClosePort, LEGS),
    st.builds(a_port, LEGS),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMANDS, max_size=25))
def test_a_new_plane_has_the_same_talks_and_prompts_as_the_old_one(commands: list[MediaCommand]) -> None:
    anchors, old = Anchors(), Rig()
    for now, command in enumerate(commands):
        if isinstance(command, OpenPort):
            if command.call_id in anchors.of:
                continue
            anchors.opened(command)
            command = replace(command, remote_port=40000 + ord(command.call_id))
        else:
            if command.call_id not in anchors.of:
                continue
            if isinstance(command, Bridge | Mix) and not members_of(command) <= set(anchors.of):
                continue
            anchors.note(command, float(now))
        old.plane.command(command)
    new = Rig()
    for leg, anchor in anchors.of.items():
        new.plane.command(replace(anchor.port, remote_port=40000 + ord(leg)))
    for command in anchors.rebuild(list(anchors.of), 100.0):
        new.plane.command(command)
    assert not [event for event in new.plane.take_events() if isinstance(event, MediaFailed)]
    assert standing(new) == standing(old)


def standing(rig: Rig) -> dict[str, tuple[set[str], bool]]:
    """Tell of each leg whom it hears, and whether a prompt plays."""
    legs = rig.plane._legs.by_call
    return {
        name: (
            {one.call_id for one in leg.conference.hears[leg]} if leg.conference is not None else set(),
            bool(leg.loop),
        )
        for name, leg in legs.items()
    }
