"""A house on a test bench: calls, their legs, a media plane and telephones that do as they are told.

It plays the switchboard, so that a test reads like the day of an agent. Everything commanded is kept, and
``check`` holds every call to what must always be so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hotline.call.destinations import Destination
from hotline.call.join import AnyCall, join
from hotline.call.machine import Call
from hotline.call.messages import (
    Answer,
    CallCommand,
    CallerConfirmed,
    CallerLeft,
    CallInput,
    Dial,
    FindTargets,
    GuestAsked,
    HangUp,
    JoinCalls,
    NoteGuest,
    NoteLeg,
    OfferedWritten,
    OpenRequest,
    Progress,
    Refuse,
    ReportTransfer,
    RequestOpened,
    TargetsFound,
    WriteEnded,
    WriteOffered,
)
from hotline.call.phone_call import PhoneCall
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.ivr.flow import Flow
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    Mix,
    OpenPort,
    Play,
    PortOpened,
    PromptEnded,
    Record,
    RecordingClosed,
    StopPlaying,
    StopRecording,
    Unbridge,
)
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.dialling import DialTarget
from hotline.sip.events import CallAnswered, CallEnded, CallRinging, MediaMoved, TransferAsked
from hotline.sip.flow import Flow as SipFlow
from hotline.sip.headers import NameAddr
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoiceTerms
from tests.call.call_rig import FLOW, an_arrival

HOUSE = "198.51.100.1"
VOICE = VoiceTerms("192.0.2.50", 50000, "PCMA", 8, 101)
HELD = VoiceTerms("192.0.2.50", 50000, "PCMA", 8, 101, sends=False)


def a_destination(user: str, kind: OriginKind = OriginKind.PHONE, trunk: str = "unicom") -> Destination:
    uri = Uri("sip", user, host="192.0.2.50")
    flow = SipFlow("udp", (HOUSE, 5060), ("192.0.2.50", 5060))
    return Destination(
        user,
        ((DialTarget(uri, flow),),),
        NameAddr("", Uri("sip", "caller", host=HOUSE)),
        NameAddr("", uri),
        HOUSE,
        Origin(kind, user if kind is OriginKind.PHONE else trunk),
        forwards_to=lambda uri: uri.user if uri.host == HOUSE else "",
    )


@dataclass
class Port:
    """What the media plane does for a leg."""

    is_open: bool = True
    hears: str = ""
    """The other leg, ``music``, or the prompt that plays."""
    listens: frozenset[CallId] = frozenset()
    """Whose voices it hears, below what plays."""
    plays: Play | None = None
    recording: RecordingId | None = None


@dataclass
class House:
    """All calls, and what became of their commands."""

    flow: Flow = FLOW
    now: float = 100.0
    users: Sequence[str] = ("1001", "1002", "1003")
    """Telephones that are registered."""
    trunks: Sequence[str] = ("unicom",)
    """Lines out, in the order in which they are tried."""
    finds: bool = True
    """The directory answers."""
    opens_ports: bool = True
    calls: dict[CallId, AnyCall] = field(default_factory=dict)
    ports: dict[CallId, Port] = field(default_factory=dict)
    owner: dict[CallId, AnyCall] = field(default_factory=dict)
    dialled: dict[CallId, Dial] = field(default_factory=dict)
    answered: list[CallId] = field(default_factory=list)
    hung_up: list[CallId] = field(default_factory=list)
    refused: dict[CallId, int] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    reports: list[tuple[CallId, int]] = field(default_factory=list)
    notes: list[NoteLeg] = field(default_factory=list)
    guest_notes: list[NoteGuest] = field(default_factory=list)
    ends: dict[CallId, WriteEnded] = field(default_factory=dict)
    requests: list[OpenRequest] = field(default_factory=list)
    commands: list[CallCommand] = field(default_factory=list)
    wishes: list[FindTargets] = field(default_factory=list)

    # -- who calls ------------------------------------------------------------------------------------

    def resident(self, number: int = 1, **changes: object) -> CallId:
        """Let a resident call, and hear the greeting."""
        call_id = CallId(f"20261123-{number:04d}")
        call = Call(an_arrival(call_id=call_id, **changes), self.flow, self.now)
        self._begin(call)
        self.tell(CallerConfirmed(call_id))
        return call_id

    def phone(self, user: str, called: str, number: int = 9) -> CallId:
        """Let a telephone of the house call."""
        call_id = CallId(f"20261123-{number:04d}")
        facts = an_arrival(call_id=call_id, caller=user, called=called, origin=Origin(OriginKind.PHONE, user))
        self._begin(PhoneCall(facts, self.now, direction="inside", music="zh/hold_music"))
        return call_id

    def take_place(self, leg: CallId, user: str = "1003", number: int = 8) -> CallId:
        """Let a telephone call with Replaces, in the place of a leg."""
        call_id = CallId(f"20261123-{number:04d}")
        origin = Origin(OriginKind.PHONE, user)
        arrived = an_arrival(call_id=call_id, caller=user, called="", origin=origin, replaces=leg)
        call = self.owner.get(leg)
        assert call is not None
        self.owner[call_id] = call
        self._step(call, arrived)
        return call_id

    def invite(self, call_id: CallId, name: str, part: str, acting: str = "", *, tone: bool = False) -> None:
        """Let somebody want another one in a talk."""
        self.tell_call(GuestAsked(call_id, name, part, "wang", acting, tone))

    # -- what the others do ---------------------------------------------------------------------------

    def legs_to(self, user: str) -> list[CallId]:
        return [leg for leg, dial in self.dialled.items() if dial.peer == user]

    def leg_to(self, user: str) -> CallId:
        """Give the leg that was dialled to a user last."""
        return self.legs_to(user)[-1]

    def ring(self, leg: CallId, terms: VoiceTerms | None = None) -> None:
        self.tell(CallRinging(leg, 180 if terms is None else 183, terms))

    def answer(self, leg: CallId, terms: VoiceTerms = VOICE) -> None:
        self.tell(CallAnswered(leg, terms))

    def decline(self, leg: CallId, status: int = 486) -> None:
        self.tell(CallEnded(leg, "failed", status))

    def forward(self, leg: CallId, *users: str, host: str = HOUSE) -> None:
        """Let a telephone send its call elsewhere."""
        places = tuple(Uri("sip", user, host=host) for user in users)
        self.tell(CallEnded(leg, "failed", 302, redirects=places))

    def leave(self, leg: CallId, cause: str = "bye") -> None:
        call = self.owner.get(leg)
        is_first = isinstance(call, Call) and call.call_id == leg
        self.tell(CallerLeft(leg, cause) if is_first else CallEnded(leg, cause))

    def hold(self, leg: CallId) -> None:
        self.tell(MediaMoved(leg, HELD))

    def resume(self, leg: CallId) -> None:
        self.tell(MediaMoved(leg, VOICE))

    def transfer(self, leg: CallId, target: str = "", replaces: CallId | None = None) -> None:
        self.tell(TransferAsked(leg, Uri("sip", target or None, host=HOUSE), replaces, ""))

    def press(self, call_id: CallId, keys: str) -> None:
        for key in keys:
            self.tell(DigitPressed(call_id, key))

    def end_prompt(self, call_id: CallId) -> None:
        playing = self.ports[call_id].plays
        if playing is not None:
            self.tell(PromptEnded(call_id, playing.tag))

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        until = self.now + seconds
        while True:
            dues = [(due, call) for call in self.calls.values() if (due := call.next_timer()) is not None]
            if not dues or min(due for due, _ in dues) > until:
                break
            due, call = min(dues, key=lambda one: one[0])
            self.now = max(self.now, due)
            self._advance(call, lambda call=call: call.handle_timer(self.now))  # type: ignore[misc]
        self.now = until

    def hears(self, leg: CallId) -> str:
        """Tell what a leg hears: the other leg's id, ``music``, ``silence`` or a prompt."""
        port = self.ports[leg]
        if port.plays is not None:
            name = port.plays.prompts[0]
            return "music" if name.endswith("hold_music") else name
        return "+".join(sorted(port.listens)) or "silence"

    # -- the switchboard ------------------------------------------------------------------------------

    def tell(self, event: CallInput) -> None:
        """Hand an event of a leg in."""
        call = self.owner.get(event.call_id)
        if call is not None:
            self._step(call, event)

    def tell_call(self, event: CallInput) -> None:
        call = self.calls.get(event.call_id)
        if call is not None:
            self._step(call, event)

    def _begin(self, call: AnyCall) -> None:
        self.calls[call.call_id] = self.owner[call.call_id] = call
        self._advance(call, lambda: None)

    def _step(self, call: AnyCall, event: CallInput) -> None:
        self._advance(call, lambda: call.handle(event, self.now))

    def _advance(self, call: AnyCall, step: Callable[[], None]) -> None:
        step()
        later: list[CallInput] = []
        commands = call.take_commands()
        self._note_legs(call)
        for command in commands:
            self.commands.append(command)
            later += self._do(call, command)
        self._note_legs(call)
        if call.is_over:
            self.calls.pop(call.call_id, None)
        for event in later:
            if isinstance(event, TargetsFound | OfferedWritten | RequestOpened):
                self.tell_call(event)
            else:
                self.tell(event)
        self.check()

    def _note_legs(self, call: AnyCall) -> None:
        for leg in [leg for leg, owner in self.owner.items() if owner is call]:
            del self.owner[leg]
        if not call.is_over:
            for leg in call.leg_ids:
                self.owner[leg] = call

    def _do(  # noqa: C901 - a list of commands
        self, call: AnyCall, command: CallCommand
    ) -> list[CallInput]:
        leg = command.call_id
        match command:
            case WriteOffered():
                return [OfferedWritten(leg)]
            case FindTargets():
                self.wishes.append(command)
                return [self._found(command)] if self.finds else []
            case Dial():
                assert leg not in self.dialled
                self.dialled[leg] = command
            case Answer():
                assert leg not in self.answered
                self.answered.append(leg)
            case HangUp():
                self.hung_up.append(leg)
            case Refuse():
                self.refused[leg] = command.status
            case Progress():
                self.progress.append(command)
            case ReportTransfer():
                self.reports.append((leg, command.status))
            case NoteLeg():
                self.notes.append(command)
            case NoteGuest():
                self.guest_notes.append(command)
            case OpenRequest():
                self.requests.append(command)
                return [RequestOpened(leg, RequestNumber(f"{261123000000 + len(self.requests)}"))]
            case WriteEnded():
                assert leg not in self.ends
                self.ends[leg] = command
            case JoinCalls():
                self._join(command)
            case _:
                return self._media(command)
        return []

    def _found(self, command: FindTargets) -> TargetsFound:
        names = self.users if command.to == ("agents",) else command.to
        found = tuple(a_destination(name) for name in names if name in self.users)
        if not found and command.acting and command.to[0].isdigit() and len(command.to[0]) > 4:
            lines = [one for one in self.trunks if one not in command.but]
            found = tuple(a_destination(command.to[0], OriginKind.TRUNK, line) for line in lines[:1])
        return TargetsFound(command.call_id, command.tag, found, 480)

    def _join(self, command: JoinCalls) -> None:
        asked, other = self.owner.get(command.call_id), self.owner.get(command.replaces)
        joined = None
        if asked is not None and other is not None:
            joined = join(asked, command.call_id, other, command.replaces, self.now)
        if joined is None:
            self.reports.append((command.call_id, 603))
            return
        for call in joined:
            self._advance(call, lambda: None)

    def _media(self, command: CallCommand) -> list[CallInput]:
        leg = command.call_id
        if isinstance(command, OpenPort):
            assert leg not in self.ports, "a port is opened once"
            self.ports[leg] = Port()
            return [PortOpened(leg, HOUSE, 16000)] if self.opens_ports else []
        port = self.ports[leg]
        assert port.is_open, f"{command} to a port that is closed"
        match command:
            case ClosePort():
                self._leave_talk(leg)
                port.is_open, port.plays = False, None
                return self._close_recording(leg)
            case Bridge():
                other = self.ports[command.other]
                self._mix(((leg, command.other), (command.other, leg)))
                port.plays = other.plays = None
            case Mix():
                self._mix(command.hears)
            case Unbridge():
                self._unbridge(leg)
            case Play():
                port.plays = command
            case StopPlaying():
                port.plays = None
            case Record():
                assert port.recording is None
                port.recording = command.recording_id
            case StopRecording():
                return self._close_recording(leg)
            case Aim():
                pass
        return []

    def _mix(self, hears: Sequence[tuple[CallId, CallId]]) -> None:
        members = {leg for pair in hears for leg in pair}
        assert all(self.ports[leg].is_open for leg in members)
        for leg in members:
            self._leave_talk(leg)
        for leg in members:
            self.ports[leg].listens = frozenset(other for one, other in hears if one == leg)

    def _leave_talk(self, leg: CallId) -> None:
        self.ports[leg].listens = frozenset()
        for port in self.ports.values():
            port.listens -= {leg}

    def _unbridge(self, leg: CallId) -> None:
        """End the talk of a leg for all who are in it."""
        together = {leg}
        while more := {
            one
            for one, port in self.ports.items()
            if one not in together
            and (port.listens & together or any(one in self.ports[x].listens for x in together))
        }:
            together |= more
        for one in together:
            self.ports[one].listens = frozenset()

    def _close_recording(self, leg: CallId) -> list[CallInput]:
        recording, self.ports[leg].recording = self.ports[leg].recording, None
        if recording is None:
            return []
        path = f"2026-11-23/{recording}.alaw"
        return [RecordingClosed(leg, recording, path, Codec.PCMA, 80000, 5000, "00")]

    # -- what must always be so -------------------------------------------------------------------------

    def check(self) -> None:
        for leg, port in self.ports.items():
            for other in port.listens:
                assert port.is_open
                assert self.ports[other].is_open, (leg, other)
        for call in self.calls.values():
            if call.bridge is not None:
                legs = list(call.leg_ids)
                assert len(legs) == len(set(legs)), legs

    def check_end(self) -> None:
        """Nobody is left: everything that was begun has its end."""
        assert self.calls == {}
        assert not [leg for leg, port in self.ports.items() if port.is_open]
        for leg, dial in self.dialled.items():
            ended = [note for note in self.notes if note.call_id == leg and note.what == "ended"]
            assert len(ended) == 1, dial
        assert not any(leg in self.refused for leg in self.answered)
