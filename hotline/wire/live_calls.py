"""Live talks for the desk and the command line: guests are asked for here, and what they did is written.

Implements ``desk.live_talks.LiveCalls`` on the switchboard. A person acts by the telephones that are hers in
the phone book; the command line names a telephone itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Protocol

import structlog

from hotline.call.guests import Part
from hotline.call.join import AnyCall
from hotline.call.messages import GuestAsked, GuestChanged, GuestDismissed, GuestEvent, NoteGuest
from hotline.desk.live_talks import LiveTalk, TalkGuest, shown_name
from hotline.errors import OutsideError, Refused
from hotline.events.ids import CallId
from hotline.media.plan import MediaCommand, Tap
from hotline.sip.events import CallArrived

COMMAND_LINE: Final = "command line"
TAP: Final = "tap"
"""Part, in events, of who has the voices sent to a program."""

log = structlog.get_logger()


class Calls(Protocol):
    """The switchboard, as far as guests need it."""

    @property
    def calls_now(self) -> Iterator[tuple[CallArrived, AnyCall]]:
        """Give each call in progress, and how it came."""
        ...

    def ask(self, event: GuestEvent) -> None:
        """Hand in what somebody wants of a call's guests."""
        ...


class GuestNotes(Protocol):
    """Where it is written who came to a talk."""

    async def note_guest(
        self, call_id: CallId, leg: CallId, name: str, part: str, by: str, *, has_left: bool
    ) -> None:
        """Note that somebody came to a talk, does something else there, or left it."""
        ...


class LiveCallsOf:
    """The talks of a switchboard.

    :param phones_of: tells the telephones of a person.
    :param send: hands a command to the media planes.
    :param tone: whoever is supervised hears a tone when it begins.
    """

    def __init__(
        self,
        calls: Calls,
        notes: GuestNotes,
        phones_of: Callable[[str], Collection[str]],
        *,
        tone: bool,
        send: Callable[[MediaCommand], None],
    ) -> None:
        self._send = send
        self._calls, self._notes, self._phones_of, self._tone = calls, notes, phones_of, tone
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what is there --------------------------------------------------------------------------------

    def talks(self) -> Sequence[LiveTalk]:
        """List the talks of now, oldest first."""
        return [_view(arrived, call) for arrived, call in self._calls.calls_now if _is_talk(call)]

    def talk_of(self, user_name: str) -> LiveTalk | None:
        """Tell in which talk a person's telephone is one of the two."""
        phones = self._phones_of(user_name)
        return next((talk for talk in self.talks() if _own_phone(talk, phones)), None)

    # -- supervision ----------------------------------------------------------------------------------

    def supervise(self, user_name: str, call_id: str, part: str) -> None:
        """Ring a person's telephone into a talk, or let her do something else in it."""
        phones = list(self._phones_of(user_name))
        if not phones:
            raise Refused(
                "you have no telephone: an administrator gives you one with `hotline phone add --user`",
                code="phone",
            )
        talk = self._talk(call_id)
        here = next((guest.name for guest in talk.guests if guest.name in phones), None)
        self.bring(call_id, here or phones[0], part, user_name)

    def bring(self, call_id: str, phone: str, part: str, by: str) -> None:
        """Ring a telephone into a talk, or let it do something else there."""
        talk = self._talk(call_id)
        guest = next((one for one in talk.guests if one.name == phone), None)
        if guest is None:
            self._demand_room(call_id, phone, Part(part))
            self._calls.ask(GuestAsked(CallId(call_id), phone, part, by, tone=self._tone))
            return
        if not Part(guest.part).supervises:
            raise Refused(f"{phone} takes part in this talk", code="state")
        self._calls.ask(GuestChanged(CallId(call_id), phone, part, by))

    def leave(self, user_name: str, call_id: str) -> None:
        """Let a person who supervises a talk leave it."""
        phones = self._phones_of(user_name)
        for guest in self._talk(call_id).guests:
            if guest.name in phones:
                self._calls.ask(GuestDismissed(CallId(call_id), guest.name))

    def send_away(self, call_id: str, name: str) -> None:
        """Let any guest leave a talk."""
        if all(guest.name != name for guest in self._talk(call_id).guests):
            raise Refused(f"{name} is no guest of this talk", code="missing")
        self._calls.ask(GuestDismissed(CallId(call_id), name))

    # -- three who talk -------------------------------------------------------------------------------

    def invite(self, user_name: str, number: str) -> None:
        """Call a third into a person's own talk."""
        talk, phone = self._own(user_name)
        self.call_in(talk.call_id, number, user_name, acting=phone)

    def call_in(self, call_id: str, number: str, by: str, *, acting: str = "") -> None:
        """Call a third into a talk.

        :param acting: telephone on whose behalf a number outside is called; empty: the talk's own one.
        """
        talk = self._talk(call_id)
        self._demand_room(call_id, number, Part.MEMBER)
        acting = acting or (talk.near if talk.direction != "in" else talk.far)
        self._calls.ask(GuestAsked(CallId(call_id), number, Part.MEMBER.value, by, acting))

    def dismiss(self, user_name: str, number: str) -> None:
        """Let the third leave a person's own talk; who supervises it does not go."""
        talk, _ = self._own(user_name)
        for guest in talk.guests:
            if guest.name == number and not Part(guest.part).supervises:
                self._calls.ask(GuestDismissed(CallId(talk.call_id), number))
                return
        raise Refused(f"{number} takes no part in your talk", code="missing")

    def _own(self, user_name: str) -> tuple[LiveTalk, str]:
        phones = self._phones_of(user_name)
        for talk in self.talks():
            phone = _own_phone(talk, phones)
            if phone is not None:
                return talk, phone
        raise Refused("you are in no talk", code="state")

    def _talk(self, call_id: str) -> LiveTalk:
        for talk in self.talks():
            if talk.call_id == call_id:
                return talk
        raise Refused(f"call {call_id} is no talk of two now", code="missing")

    def _demand_room(self, call_id: str, name: str, part: Part) -> None:
        for _, call in self._calls.calls_now:
            if call.call_id == call_id and call.bridge is not None and call.bridge.may_come(name, part):
                return
        raise Refused(
            f"{name} cannot come to this talk: there or called already, or no place is left", code="state"
        )

    def tap(self, call_id: str, subscriber: str, *, is_on: bool) -> list[tuple[CallId, str]]:
        """Send the voices of a call's legs to a unix socket, or no longer; events say who listens.

        :returns: the legs and who is at the end of each, the caller first.
        """
        for arrived, call in self._calls.calls_now:
            if call.call_id == call_id:
                legs = call.leg_ids
                for leg in legs:
                    self._send(Tap(leg, subscriber, is_on=is_on))
                self.note(
                    NoteGuest(call.call_id, call.call_id, COMMAND_LINE, TAP, COMMAND_LINE, has_left=not is_on)
                )
                return [(leg, call.peer_of(leg) or arrived.caller) for leg in legs]
        raise Refused(f"call {call_id} is over, or never was", code="missing")

    # -- what came of it ------------------------------------------------------------------------------

    def note(self, note: NoteGuest) -> None:
        """Write that somebody came, does something else, or left."""
        log.info(
            "call.guest",
            call_id=note.call,
            leg=note.call_id,
            name=shown_name(note.name),
            part=note.part,
            by=note.by,
            has_left=note.has_left,
        )
        task = asyncio.get_running_loop().create_task(self._write(note))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, note: NoteGuest) -> None:
        try:
            name = shown_name(note.name)  # events travel to every browser
            await self._notes.note_guest(
                note.call, note.call_id, name, note.part, note.by, has_left=note.has_left
            )
        except OutsideError as error:
            log.error("call.guest_not_noted", call_id=note.call, error=str(error))

    async def idle(self) -> None:
        """Wait until all is written."""
        if self._tasks:
            await asyncio.wait(self._tasks)


def _is_talk(call: AnyCall) -> bool:
    return call.bridge is not None and call.bridge.is_talk


def _own_phone(talk: LiveTalk, phones: Collection[str]) -> str | None:
    """Tell which of these telephones is one of the two who talk."""
    ends = [talk.far] if talk.direction == "in" else [talk.near, talk.far]
    return next((end for end in ends if end in phones), None)


def _view(arrived: CallArrived, call: AnyCall) -> LiveTalk:
    bridge = call.bridge
    assert bridge is not None, "it is a talk"
    near, far = bridge.talkers
    return LiveTalk(
        call.call_id,
        call.direction,
        arrived.called,
        near.peer,
        far.peer,
        tuple(TalkGuest(one.name, one.part.value, one.by, one.is_there) for one in bridge.guests),
    )
