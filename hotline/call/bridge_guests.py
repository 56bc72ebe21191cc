"""The guests of a bridge: looked for, rung, let in, told of, and sent away (``guests`` says what they do)."""

from __future__ import annotations

from typing import Final

from hotline.call.bridge_moves import BridgeMoves
from hotline.call.bridge_states import B
from hotline.call.destinations import Destination, Shown
from hotline.call.guests import GUEST_RING_S, Guest, Part, coached
from hotline.call.legs import Leg
from hotline.call.messages import (
    GuestAsked,
    GuestChanged,
    GuestDismissed,
    GuestEvent,
    NoteGuest,
    TargetsFound,
)
from hotline.events.ids import CallId
from hotline.media.plan import Play

TONE_TAG: Final = -2
"""Tag of the tone that tells of a supervisor; a flow counts its own from 1."""


class BridgeGuests(BridgeMoves):
    """What a bridge does for guests of its talk."""

    @property
    def is_talk(self) -> bool:
        """Tell whether two are connected here, so that others may come."""
        return self.state in (B.TALKING, B.HELD) and self._parties.far is not None

    @property
    def talkers(self) -> tuple[Leg, Leg]:
        """Give the two who are connected; ask ``is_talk`` first."""
        assert self._parties.far is not None, "ask is_talk first"
        return self.near, self._parties.far

    @property
    def guests(self) -> tuple[Guest, ...]:
        """Those who came, or may."""
        return tuple(self._guests)

    @property
    def supervisors(self) -> set[str]:
        """Name the telephones that supervise the talk."""
        return {guest.name for guest in self._guests if guest.part.supervises}

    def may_come(self, name: str, part: Part) -> bool:
        """Tell whether somebody may come to the talk: there is one, there is room, and she is not in it."""
        is_here = any(leg.peer == name for leg in self._parties.present)
        return self.is_talk and not is_here and self._guests.may_come(name, part)

    def _of_guests(self, event: GuestEvent, now: float) -> None:
        match event:
            case GuestAsked():
                if self.may_come(event.name, Part(event.part)):
                    shown = self._shown.get(self.near.leg_id, Shown(self.near.peer))
                    self._commands.append(self._guests.ask(event, shown, now))
            case GuestChanged():
                guest = self._guests.named(event.name)
                if guest is not None and guest.part.supervises and guest.part is not Part(event.part):
                    guest.part, guest.by = Part(event.part), event.by
                    if guest.has_joined:
                        self._note_guest(guest)
            case GuestDismissed():
                guest = self._guests.named(event.name)
                if guest is not None:
                    self._dismiss(guest)

    def _guest_found(self, event: TargetsFound) -> None:
        """Ring a guest who was found, or give her up."""
        found = self._guests.found(event)
        if found is None:
            return
        guest, destination = found
        if destination is None or not self.is_talk:
            self._guests.remove(guest)
            self.notes.append(f"!{guest.name} did not come: {event.status}")
            return
        leg = guest.leg = self._new_leg(destination, GUEST_RING_S)
        self._parties.guests[leg.leg_id] = leg

    def _new_leg(self, destination: Destination, ring_s: float) -> Leg:
        """Make a leg that is dialled."""
        near = self.near
        self.legs_made += 1
        leg = Leg(
            CallId(f"{self.call_id}-leg{self.legs_made}"),
            self.call_id,
            destination.peer,
            destination.origin.kind,
            destination=destination,
            codec=near.terms.codec if near.terms is not None else "PCMA",
            ring_s=ring_s,
            local_ip=destination.local_ip,
            may_latch=self._may_latch,
        )
        self._shown[leg.leg_id] = Shown(leg.peer)
        return leg

    def _welcome(self) -> None:
        """Note who has joined, and tell those who are to know by a tone; goes behind who hears whom."""
        if not self.is_talk:
            return
        for guest in self._guests:
            if guest.is_there and not guest.has_joined:
                guest.has_joined = True
                self.notes.append(f"!joined by {guest.name}, {guest.part.value}")
                self._note_guest(guest)
                if guest.tone and guest.part.supervises:
                    self._sound_tone()

    def _sound_tone(self) -> None:
        far = self._parties.far
        assert far is not None, "it is a talk"
        for leg in coached(self.near, far, is_served=self.keeps_near):
            if not self._parties.holds:  # music is a sign of its own
                self._commands.append(Play(leg.leg_id, (self._beep,), TONE_TAG))

    def _guest_gone(self, leg: Leg) -> bool:
        """Forget a guest whose leg ended; another trunk is tried where hers could not carry the call."""
        guest = self._guests.of(leg.leg_id)
        if guest is None:
            return False
        if not guest.has_joined and guest.search.may_go_on(leg.failed_line) and self.is_talk:
            guest.leg = None
            self._commands.append(guest.search.go_on())
            return True
        self._guests.remove(guest)
        if guest.has_joined:
            self._note_guest(guest, has_left=True)
        else:
            self.notes.append(f"!{guest.name} did not come: {leg.status}")
        return True

    def _dismiss(self, guest: Guest) -> None:
        """Send a guest away."""
        self._guests.remove(guest)
        if guest.leg is not None:
            self._parties.guests.pop(guest.leg.leg_id, None)
            self._parties.drop(guest.leg, "dismissed")
            if guest.has_joined:
                self._note_guest(guest, has_left=True)

    def _dismiss_late(self, now: float) -> None:
        for guest in self._guests.late(now):
            self.notes.append(f"!{guest.name} did not come")
            self._dismiss(guest)

    def _forget_guests(self) -> None:
        """Note that all have left: their legs end with the talk."""
        for guest in self._guests:
            self._dismiss(guest)

    def _note_guest(self, guest: Guest, *, has_left: bool = False) -> None:
        assert guest.leg is not None
        self._commands.append(
            NoteGuest(
                guest.leg.leg_id, self.call_id, guest.name, guest.part.value, guest.by, has_left=has_left
            )
        )
