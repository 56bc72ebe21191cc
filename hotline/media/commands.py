"""What a plane is commanded, carried out between ticks."""

from __future__ import annotations

from typing import Final, assert_never

from hotline.errors import LocalProtocolError
from hotline.media.agreement import Agreement
from hotline.media.dtmf import KEYS
from hotline.media.hearing import Hearing
from hotline.media.keys import KeySource
from hotline.media.leg import Leg
from hotline.media.parts import Parts
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    ExpectVoice,
    FinishRecording,
    MediaCommand,
    Mix,
    NoteKey,
    OpenPort,
    PauseRecording,
    Play,
    Record,
    ResumeRecording,
    StopPlaying,
    StopRecording,
    Tap,
    Unbridge,
    WatchLevel,
)
from hotline.media.playing import Playing

MAY_BE_LATE: Final = (
    NoteKey, WatchLevel, Tap, StopPlaying, PauseRecording, ResumeRecording, StopRecording, Unbridge,
    ClosePort, ExpectVoice,
)  # fmt: skip
"""Commands that a call without a port has no use for."""


class Commands:
    """Carries out commands; what cannot be done is answered by MediaFailed, never raised."""

    def __init__(self, parts: Parts, agreement: Agreement, playing: Playing, hearing: Hearing) -> None:
        self._parts, self._agreement, self._playing, self._hearing = parts, agreement, playing, hearing

    def carry_out(self, command: MediaCommand) -> None:
        """Do what a command says, as far as it can be done."""
        parts = self._parts
        call = parts.legs.by_call.get(command.call_id)
        match command:
            case FinishRecording():
                parts.recordings.finish(command)
            case OpenPort():
                self._agreement.open_port(command, call)
            case _ if call is None:
                if not isinstance(command, MAY_BE_LATE):  # else the call was faster
                    parts.fail(command.call_id, f"{type(command).__name__} came for a call that has no port")
            case Aim():
                self._agreement.aim(call, command)
            case Bridge() | Mix() | Unbridge():
                self._connect(call, command)
            case Play():
                self._playing.play(call, command)
            case NoteKey() | WatchLevel() | ExpectVoice() | Tap():
                self._hear(call, command)
            case StopPlaying():
                self._playing.stop(call)
            case Record() | PauseRecording() | ResumeRecording() | StopRecording():
                self._record(call, command)
            case ClosePort():
                self.close_port(call)
            case _:
                assert_never(command)

    def _hear(self, call: Leg, command: NoteKey | WatchLevel | ExpectVoice | Tap) -> None:
        if isinstance(command, ExpectVoice):
            self._parts.reports.answer(call)
            return
        if isinstance(command, Tap):
            self._tap(call, command)
            return
        if isinstance(command, WatchLevel):
            self._parts.levels.watch(call.slot, command.is_on)
        elif command.digit in KEYS:
            self._hearing.press(call, command.digit, KeySource.INFO)
        else:
            self._parts.fail(call.call_id, f"there is no key {command.digit!r} on a telephone")

    def _tap(self, call: Leg, command: Tap) -> None:
        parts = self._parts
        if not command.is_on:
            parts.taps.end(call, command.subscriber)
        elif not parts.taps.begin(call, command.subscriber):
            parts.complaints.append((call.call_id, "too many listen along; one more is refused"))

    def close_port(self, call: Leg) -> None:
        """End a call's media, closing its recording."""
        parts = self._parts
        parts.recordings.end(call)
        parts.taps.leave(call)
        parts.conferences.leave(call)
        parts.reports.close(call)
        parts.out.stop(call.slot)
        parts.legs.remove(call)
        parts.roster.give_back(call.slot)

    def _connect(self, call: Leg, command: Bridge | Mix | Unbridge) -> None:
        match command:
            case Bridge():
                self._bridge(call, command)
            case Mix():
                self._mix(call, command)
            case Unbridge():
                self._parts.conferences.end(call)

    def _bridge(self, call: Leg, command: Bridge) -> None:
        parts = self._parts
        other = parts.legs.by_call.get(command.other)
        if other is None or other is call:
            whom = "itself" if other is call else f"{command.other}, which has no port"
            parts.fail(call.call_id, f"the call cannot be bridged with {whom}")
            return
        for one in (call, other):
            self._playing.stop(one)
            parts.roster.begin(one.slot)
        parts.conferences.build({call: (other,), other: (call,)})

    def _mix(self, call: Leg, command: Mix) -> None:
        parts, legs = self._parts, self._parts.legs.by_call
        table: dict[Leg, list[Leg]] = {call: []}
        for listener, speaker in command.hears:
            missing = next((one for one in (listener, speaker) if one not in legs), None)
            if missing is not None or listener == speaker:
                whom = f"{missing}, which has no port" if missing is not None else "itself"
                parts.fail(call.call_id, f"{listener} cannot hear {speaker}: it would be mixed with {whom}")
                return
            table.setdefault(legs[listener], []).append(legs[speaker])
            table.setdefault(legs[speaker], [])
        for one in table:
            parts.roster.begin(one.slot)
        parts.conferences.build({leg: tuple(dict.fromkeys(heard)) for leg, heard in table.items()})

    def _record(self, call: Leg, command: Record | PauseRecording | ResumeRecording | StopRecording) -> None:
        recordings = self._parts.recordings
        match command:
            case PauseRecording():
                recordings.pause(call, command.longest_s)
            case ResumeRecording():
                recordings.resume(call)
            case StopRecording():
                recordings.end(call)
            case Record():
                try:
                    recordings.begin(call, command)
                except LocalProtocolError as error:
                    self._parts.fail(call.call_id, str(error))
