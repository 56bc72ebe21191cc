"""What the media plane was told of each leg and still holds, so that another plane can go on with it.

A plane may die, and a leg may have to go over to another one. Whoever commands planes notes here what it
commanded, and what came of that; ``rebuild`` then gives the commands that let a new plane go on: the same
terms, the same talk, the prompt from its beginning, the recording behind what was written of it. Nothing of
it is asked of the dead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import law_of
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    ExpectVoice,
    FinishRecording,
    MediaCommand,
    MediaEvent,
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

LEAST_PAUSE_S: Final = 1.0
"""Of a pause that was nearly over."""
Talk = Bridge | Mix


@dataclass(slots=True)
class Words:
    """A recording that is not on disk under its final name yet."""

    record: Record
    began: float
    spoken_s: float = 0.0
    """Of speech that has ended."""
    is_ended: bool = False
    """It was told to end; RecordingClosed is still to come."""
    paused_at: float | None = None
    pause: PauseRecording | None = None


@dataclass(slots=True)
class Anchor:
    """What stands of one leg."""

    port: OpenPort
    """With the terms that were agreed last."""
    plays: Play | None = None
    words: Words | None = None
    is_expected: bool = False
    """Its voice is missed when it does not come."""
    is_watched: bool = False
    """How loud it is is told."""
    taps: list[str] = field(default_factory=list)
    """Subscribers to its voice."""
    speaks_since: float | None = None
    talk: Talk | None = None
    """Whom it hears."""


@dataclass(slots=True)
class Anchors:
    """All legs that have a port."""

    of: dict[CallId, Anchor] = field(default_factory=dict)
    unsealed: dict[RecordingId, FinishRecording] = field(default_factory=dict)
    """Recordings that were told to end, and whose files are not safe yet; their legs may be gone."""

    # -- what is commanded --------------------------------------------------------------------------

    def opened(self, command: OpenPort) -> None:
        """Note that a leg has a port."""
        self.of[command.call_id] = Anchor(command)

    def note(self, command: MediaCommand, now: float) -> None:
        """Note a command for a leg that has a port; others change nothing."""
        anchor = self.of.get(command.call_id)
        if anchor is None:
            return
        match command:
            case Aim():
                anchor.port = _aimed(anchor.port, command)
            case Bridge() | Mix():
                self._join(command)
            case Unbridge():
                self._part(command.call_id)
            case Play():
                anchor.plays = command
            case StopPlaying():
                anchor.plays = None
            case ExpectVoice():
                anchor.is_expected = True
            case WatchLevel():
                anchor.is_watched = command.is_on
            case Tap():
                anchor.taps = [one for one in anchor.taps if one != command.subscriber]
                anchor.taps += [command.subscriber] if command.is_on else []
            case ClosePort():
                self._end_words(anchor, now)
                self._leave(command.call_id)
                del self.of[command.call_id]
            case _:
                self._note_words(anchor, command, now)

    def _note_words(self, anchor: Anchor, command: MediaCommand, now: float) -> None:
        words = anchor.words
        match command:
            case Record():
                self._end_words(anchor, now)
                anchor.words = Words(command, now - command.resumed_s, command.spoken_ms / 1000)
            case StopRecording():
                self._end_words(anchor, now)
            case PauseRecording() if words is not None and words.pause is None:
                words.pause, words.paused_at = command, now
            case ResumeRecording() if words is not None:
                words.pause = words.paused_at = None

    def hear(self, event: MediaEvent, now: float) -> None:
        """Note what a plane told."""
        if isinstance(event, RecordingClosed):
            self.unsealed.pop(event.recording_id, None)
        elif isinstance(event, MediaFailed):  # of a disk, maybe: then nobody will tell that it is closed
            for recording_id in [one for one, left in self.unsealed.items() if left.call_id == event.call_id]:
                del self.unsealed[recording_id]
        anchor = self.of.get(event.call_id)
        if anchor is None:
            return
        words = anchor.words
        match event:
            case PromptEnded() if anchor.plays is not None and anchor.plays.tag == event.tag:
                anchor.plays = None
            case SpeechStarted():
                anchor.speaks_since = now
            case SpeechEnded():
                self._count_speech(anchor, now)
            case RecordingClosed() if words is not None and words.record.recording_id == event.recording_id:
                anchor.words = None
            case RecordingResumed() if words is not None:
                words.pause = words.paused_at = None

    @staticmethod
    def _count_speech(anchor: Anchor, now: float) -> None:
        """Add what was spoken since the detector heard her begin, as far as it was recorded."""
        since, anchor.speaks_since = anchor.speaks_since, None
        words = anchor.words
        if since is not None and words is not None and words.pause is None:
            words.spoken_s += max(0.0, now - max(since, words.began))

    def _end_words(self, anchor: Anchor, now: float) -> None:
        words = anchor.words
        if words is None:
            return
        since = anchor.speaks_since
        self._count_speech(anchor, now)
        anchor.speaks_since = since
        anchor.words = None
        record = words.record
        self.unsealed[record.recording_id] = FinishRecording(
            record.call_id, record.recording_id, law_of(anchor.port.codec), round(words.spoken_s * 1000)
        )

    # -- who hears whom -----------------------------------------------------------------------------

    def _join(self, talk: Talk) -> None:
        members = members_of(talk)
        for leg_id in members:
            self._part(leg_id)
        for leg_id in members:
            if leg_id in self.of:
                self.of[leg_id].talk = talk
                if isinstance(talk, Bridge):
                    self.of[leg_id].plays = None

    def _part(self, leg_id: CallId) -> None:
        """End a talk for all who are in it."""
        talk = self.of[leg_id].talk if leg_id in self.of else None
        for one in self._in(talk):
            one.talk = None

    def _leave(self, leg_id: CallId) -> None:
        """Let the others of a talk go on without one, where they still hear anybody."""
        talk = self.of[leg_id].talk
        left: Talk | None = None
        if isinstance(talk, Mix):
            hears = tuple(pair for pair in talk.hears if leg_id not in pair)
            left = Mix(hears[0][0], hears) if hears else None
        for one in self._in(talk):
            one.talk = left

    def _in(self, talk: Talk | None) -> Iterator[Anchor]:
        for leg_id in members_of(talk) if talk is not None else ():
            if leg_id in self.of and self.of[leg_id].talk is talk:
                yield self.of[leg_id]

    # -- going on -----------------------------------------------------------------------------------

    def speaks(self, leg_id: CallId) -> bool:
        """Tell whether a leg's speech has begun and its end was not told."""
        return self.of[leg_id].speaks_since is not None

    def rebuild(self, leg_ids: Collection[CallId], now: float) -> list[MediaCommand]:
        """Give what lets a plane go on with these legs, whose ports it has opened anew.

        Talks are built of those who are among them.
        """
        commands: list[MediaCommand] = []
        talks: list[Talk] = []
        for leg_id in leg_ids:
            anchor = self.of[leg_id]
            if anchor.is_watched:
                commands.append(WatchLevel(leg_id, True))
            if anchor.is_expected:
                commands.append(ExpectVoice(leg_id))
            commands += [Tap(leg_id, subscriber) for subscriber in anchor.taps]
            if anchor.talk is not None and not any(anchor.talk is one for one in talks):
                talks.append(anchor.talk)
        for talk in talks:
            if members_of(talk) <= set(leg_ids):
                commands.append(talk)
            elif isinstance(talk, Mix):
                hears = tuple(pair for pair in talk.hears if set(pair) <= set(leg_ids))
                commands += [Mix(hears[0][0], hears)] if hears else []
        for leg_id in leg_ids:
            commands += self._go_on(self.of[leg_id], now)
        return commands

    def _go_on(self, anchor: Anchor, now: float) -> Iterator[MediaCommand]:
        words = anchor.words
        if words is not None:
            self._count_speech(anchor, now)
            spoken_ms = round(words.spoken_s * 1000)
            yield replace(words.record, resumed_s=max(now - words.began, 0.001), spoken_ms=spoken_ms)
            if words.pause is not None and words.paused_at is not None:
                left_s = words.paused_at + words.pause.longest_s - now
                yield replace(words.pause, longest_s=max(left_s, LEAST_PAUSE_S))
        anchor.speaks_since = None
        if anchor.plays is not None:
            yield anchor.plays


def members_of(talk: Talk) -> set[CallId]:
    """Name those who are in a talk."""
    if isinstance(talk, Bridge):
        return {talk.call_id, talk.other}
    return {talk.call_id, *(leg_id for pair in talk.hears for leg_id in pair)}


def _aimed(port: OpenPort, aim: Aim) -> OpenPort:
    """Give the command that would have opened a port with what was agreed later."""
    return replace(
        port,
        remote_ip=aim.remote_ip,
        remote_port=aim.remote_port,
        codec=aim.codec,
        event_payload_type=aim.event_payload_type,
        payload_type=aim.payload_type,
        sends=aim.sends,
        srtp=aim.srtp,
        event_clock_hz=aim.event_clock_hz,
        receives=aim.receives,
        rtcp_ip=aim.rtcp_ip,
        rtcp_port=aim.rtcp_port,
        rtcp_mux=aim.rtcp_mux,
    )
