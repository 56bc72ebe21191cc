"""Two sides that shall hear each other, from the first ring to the end of their talk.

A pure machine inside a call: the moves are the table in ``bridge_states.py``. It calls telephones (all
at once; the first that answers has the call), lets both sides hear each other, plays music to a side
that is held, carries out transfers (REFER, RFC 3515; RFC 5589), and lets another telephone take a
side's place (Replaces, RFC 3891). Who hears what is worked out anew after every move, from the state and
the directions of both voices, in one place (``_wanted_sounds``).

Media run through us, so that a hold or a transfer on one side needs no re-INVITE on the other. Beside it
stand who is in it (``parties``), whom it looks for (``search``), who may take whose place (``places``), and
what is reported on a transfer (``referral``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from hotline.call.bridge_guests import BridgeGuests
from hotline.call.bridge_news import News
from hotline.call.bridge_states import (
    LEAVING_S,
    MOST_LEGS,
    TRANSITIONS,
    B,
    I,
)
from hotline.call.destinations import Destination, Shown
from hotline.call.legs import PHONE, L, Leg
from hotline.call.legs import I as LegInput
from hotline.call.messages import (
    CallCommand,
    CallInput,
    GuestEvent,
    JoinCalls,
    ReportTransfer,
    TargetsFound,
)
from hotline.call.places import may_be_replaced, may_give, may_take
from hotline.call.statuses import (
    DECLINED,
    FORBIDDEN,
    NOT_THERE,
    OK,
)
from hotline.events.ids import CallId
from hotline.media.plan import MediaFailed, PortMoved, PortOpened
from hotline.sip.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRinging,
    MediaMoved,
    ReofferFailed,
    TransferAsked,
)


class Bridge(BridgeGuests):
    """One bridge: what happens to it, and what the call may ask of it (see ``BridgeMoves`` for its parts)."""

    # -- what the call asks for -----------------------------------------------------------------------

    def end(self, now: float) -> None:
        """End it for reasons of the call: near has left, or time is up."""
        self._move(I.NEAR_LEFT, now)

    def replace(self, arrived: CallArrived, now: float) -> None:  # noqa: ARG002 - one form
        """Let a call that came in take the place of one of our legs (RFC 3891)."""
        assert arrived.replaces is not None
        leg = Leg(
            arrived.call_id,
            self.call_id,
            arrived.origin.name or arrived.caller,
            arrived.origin.kind,
            terms=arrived.terms,
            local_ip=arrived.local_ip,
            may_latch=self._may_latch,
            state=L.ARRIVING,
        )
        self._shown[leg.leg_id] = Shown(arrived.caller, arrived.withheld)
        if self._parties.is_awaited(arrived.replaces) or not self._may_be_replaced(arrived.replaces):
            leg.status = DECLINED
            self._parties.drop(leg)
            return
        self._parties.arriving[leg.leg_id] = (leg, arrived.replaces)

    def may_give(self, leg_id: CallId) -> bool:
        """Tell whether a leg's partner may go over to another call."""
        return may_give(self.state, self._parties, leg_id, keeps_near=self.keeps_near)

    def may_take(self, place: CallId) -> bool:
        """Tell whether a leg of another call may take a leg's place."""
        return may_take(self.state, self._parties, place, keeps_near=self.keeps_near)

    def give(self, leg_id: CallId, now: float, *, report: bool) -> Leg:
        """Give the partner of a leg away; the leg itself is hung up, and the bridge is over.

        :param report: the leg asked for it, and is told first that it worked.
        """
        partner = self._parties.partner(leg_id)
        assert partner is not None, "ask may_give first"
        if report:
            self._commands.append(ReportTransfer(leg_id, OK))
        self._commands += self._parties.forget(partner)
        self._move(I.GIVEN, now)
        return partner

    def take(self, place: CallId, leg: Leg, now: float, *, report: bool) -> None:
        """Take a leg of another call in place of one of ours.

        :param report: the leg in that place asked for it, and is told that it worked.
        """
        parties = self._parties
        if place == self.near.leg_id:
            parties.swap()
        leg.belongs_to(self.call_id)
        self._shown.setdefault(leg.leg_id, Shown(leg.peer))
        self.notes.append(f"!transferred to {leg.peer}")
        if parties.far is not None:
            if report:
                self._commands.append(ReportTransfer(place, OK))
                parties.let_leave(parties.far, now + LEAVING_S)
            else:
                parties.drop(parties.far)
            parties.far = None
        self._search.stop()
        parties.dialled[leg.leg_id] = leg
        self._move(I.TAKEN if leg.is_there else I.TAKEN_RINGING, now)

    # -- the machine's verbs --------------------------------------------------------------------------

    @property
    def leg_ids(self) -> Iterator[CallId]:
        """All legs that are here, near included."""
        if not self.near.is_gone:
            yield self.near.leg_id
        yield from (leg.leg_id for leg in self._parties.others())

    def peer_of(self, leg_id: CallId) -> str:
        """Tell the user or number at the end of a leg; empty for a leg that is not here."""
        leg = self._parties.leg(leg_id)
        return leg.peer if leg is not None else ""

    @property
    def peers(self) -> Iterator[str]:
        """Users and numbers at the ends of the legs that are here."""
        yield from (leg.peer for leg in self._parties.present)

    def handle(self, event: CallInput, now: float) -> None:
        """Take what concerns one of the legs, or an answer to a command; all else is dropped."""
        if isinstance(event, GuestEvent):
            self._of_guests(event, now)
            return
        if isinstance(event, TargetsFound):
            self._guest_found(event)
            self._found(event, now)
            return
        leg = self._parties.leg(event.call_id)
        if leg is not None and type(event) in _OF_LEGS:
            _OF_LEGS[type(event)](self, leg, event, now)

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        timers = (self._limit, self._parties.next_timer(), self._guests.next_timer())
        return min((at for at in timers if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        self._parties.handle_timer(now)
        self._dismiss_late(now)
        if self._limit is not None and self._limit <= now:
            self._limit = None
            self._move(I.TIMEOUT, now)

    def take_commands(self) -> list[CallCommand]:
        """Give what is to be done, in this order, and forget it."""
        if self.state is B.OVER:
            self._forget_guests()
        hears, music = self._wanted_sounds()
        self._commands += self._hearing.part(hears)
        self._commands += self._parties.take_commands()
        self._commands += self._hearing.join(hears, music, set(self.leg_ids))
        self._welcome()
        commands, self._commands = self._commands, []
        return commands

    def take_news(self) -> list[News]:
        """Give what the call must know, and forget it."""
        news, self._news = self._news, []
        return news

    # -- events of the legs ---------------------------------------------------------------------------

    def _found(self, event: TargetsFound, now: float) -> None:
        search, parties = self._search, self._parties
        if not search.takes(event) or (self.state, I.FOUND) not in TRANSITIONS:
            return
        found = search.new_ones(event.destinations)[: MOST_LEGS - len(parties.dialled)]
        if found:
            search.is_found = True
            for destination in found:
                self._call(destination)
            self._move(I.FOUND, now)
            return
        search.nobody(event.status, event.reason)
        if not parties.dialled and not search.is_on:
            self._move(I.NOBODY, now)

    def _call(self, destination: Destination) -> None:
        leg = self._new_leg(destination, self._search.ring_s)
        self._parties.dialled[leg.leg_id] = leg

    def _port_opened(self, leg: Leg, event: PortOpened, now: float) -> None:
        leg.opened(event)
        if leg.leg_id in self._parties.arriving:
            _, place = self._parties.arriving.pop(leg.leg_id)
            self._put_in_place(leg, place, now)

    def _rings(self, leg: Leg, event: CallRinging, now: float) -> None:
        if not leg.rings(event.status, event.terms) or leg.leg_id in self._parties.guests:
            return
        has_voice = event.terms is not None and len(self._parties.dialled) == 1
        if has_voice and self.near.state is L.OFFERED:
            self._early = leg.leg_id  # the announcement of a network: let him hear it (RFC 3960, 3)
        self._move(I.RINGS, now)

    def _answers(self, leg: Leg, event: CallAnswered, now: float) -> None:
        if leg.leg_id in self._parties.guests:
            leg.answers(event.terms)
        elif leg.leg_id in self._parties.dialled and leg.answers(event.terms):
            self._move(I.ANSWERED, now)

    def _media_failed(self, leg: Leg, _event: MediaFailed, now: float) -> None:
        leg.cause = "media failed"
        if leg.move(LegInput.NO_MEDIA):
            self._leg_gone(leg, now)

    def _port_moved(self, leg: Leg, event: PortMoved, _now: float) -> None:
        leg.port_moved(event)

    def _reoffer_failed(self, leg: Leg, event: ReofferFailed, now: float) -> None:
        if leg.port_refused():
            leg.cause = f"did not follow to another port: {event.status}"
            self._leg_gone(leg, now)

    def _ended(self, leg: Leg, event: CallEnded, now: float) -> None:
        if leg.left(event.cause, event.status, event.redirects):
            self._leg_gone(leg, now)

    def _moved(self, leg: Leg, event: MediaMoved, now: float) -> None:
        if leg is self.near and self.keeps_near:
            leg.terms = event.terms  # the call itself has aimed it
        else:
            leg.aim(event.terms)
        self._move(I.HOLDS if self._parties.holds else I.RESUMES, now)

    def _transfer_asked(self, leg: Leg, event: TransferAsked, now: float) -> None:
        may = leg.kind is PHONE and not (leg is self.near and self.keeps_near)
        may = may and leg.leg_id not in self._parties.guests
        target = event.target.user or ""
        if not may or self._parties.is_leaving(leg.leg_id) or not (target or event.replaces):
            self._commands.append(ReportTransfer(leg.leg_id, FORBIDDEN))
        elif (self.state, I.REFERRED) not in TRANSITIONS:
            self._commands.append(ReportTransfer(leg.leg_id, NOT_THERE))
        elif event.replaces is not None:
            self._commands.append(JoinCalls(leg.leg_id, event.replaces))
        else:
            if leg is self.near:
                self._parties.swap()
            self._referral.target = target
            self._move(I.REFERRED, now)

    def _leg_gone(self, leg: Leg, now: float) -> None:
        parties = self._parties
        is_aside = parties.note_gone(leg)
        if self._guest_gone(leg) or is_aside:
            return
        if leg is parties.near:
            self._move(I.NEAR_LEFT, now)
        elif leg is parties.far:
            has_third = any(one.is_there and not one.part.supervises for one in self._guests)
            self._move(I.FAR_LEFT_THREE if has_third else I.FAR_LEFT, now)
        elif parties.dialled.pop(leg.leg_id, None) is not None:
            if leg.leg_id == self._early:
                self._early = None
            self._search.failed(leg.status or NOT_THERE)
            for user in leg.forwarded:
                if self._search.may_forward(user):
                    self.notes.append(f"!{leg.peer} forwarded to {user}")
                    self._move(I.FORWARDED, now)
            if not parties.dialled and not self._search.is_on:
                goes_on = self._search.may_go_on(leg.failed_line)
                self._move(I.LINE_FAILED if goes_on else I.NOBODY, now)

    def _may_be_replaced(self, place: CallId) -> bool:
        return may_be_replaced(self.state, self._parties, place, keeps_near=self.keeps_near)

    def _put_in_place(self, leg: Leg, place: CallId, now: float) -> None:
        parties = self._parties
        if not self._may_be_replaced(place):
            leg.status = DECLINED
            parties.drop(leg)
            return
        leg.move(LegInput.ACCEPT)
        self._commands += leg.take_commands()  # answered before the one that it replaces goes (RFC 3891, 3)
        if place == self.near.leg_id:
            parties.swap()
        replaced, parties.far = parties.far, None
        if replaced is not None:
            parties.drop(replaced, "replaced")
        parties.dialled[leg.leg_id] = leg
        self.notes.append(f"!taken over by {leg.peer}")
        self._move(I.REPLACED, now)


_OF_LEGS: Final[Mapping[type[object], Callable[..., None]]] = {
    PortOpened: Bridge._port_opened,
    PortMoved: Bridge._port_moved,
    ReofferFailed: Bridge._reoffer_failed,
    CallRinging: Bridge._rings,
    CallAnswered: Bridge._answers,
    MediaMoved: Bridge._moved,
    TransferAsked: Bridge._transfer_asked,
    MediaFailed: Bridge._media_failed,
    CallEnded: Bridge._ended,
}
