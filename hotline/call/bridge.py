"""Two sides that shall hear each other, from the first ring to the end of their talk.

A pure machine inside a call: the moves are the table in ``bridge_states.py``. It calls telephones (all
at once; the first that answers has the call), lets both sides hear each other, plays music to a side
that is held, carries out transfers (REFER, RFC 3515; RFC 5589), and lets another telephone take a
side's place (Replaces, RFC 3891). Who hears what is worked out anew after every move, from the state and
the directions of both voices, in one place (``_wanted_sounds``).

Media run through us, so that a hold or a transfer on one side needs no re-INVITE on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hotline.call.bridge_states import (
    LEAVING_S,
    MOST_LEGS,
    PORT_S,
    SEEK_S,
    TRANSITIONS,
    A,
    B,
    I,
)
from hotline.call.destinations import Shown
from hotline.call.failures import BUSY, best_of, outcome_of
from hotline.call.hearing import Hearing
from hotline.call.legs import PHONE, L, Leg
from hotline.call.legs import I as LegInput
from hotline.call.messages import (
    CallCommand,
    CallInput,
    FindTargets,
    JoinCalls,
    Progress,
    ReportTransfer,
    TargetsFound,
)
from hotline.events.ids import CallId
from hotline.media.plan import MediaFailed, PortOpened
from hotline.sip.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRinging,
    MediaMoved,
    TransferAsked,
)

TRYING: Final = 100
RINGING: Final = 180
SESSION_PROGRESS: Final = 183
OK: Final = 200
FORBIDDEN: Final = 403
UNAVAILABLE: Final = 480
DECLINED: Final = 603
NO_ANSWER: Final = 408
GONE: Final = 487
"""For who transfers a caller that hangs up meanwhile."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """News: a telephone rings."""

    status: int


@dataclass(frozen=True, slots=True)
class Talking:
    """News: somebody answered."""

    peer: str


@dataclass(frozen=True, slots=True)
class BridgeOver:
    """News: the bridge is done; its legs are gone, except for ``near``."""

    outcome: str
    """``ended`` (far hung up), ``left`` (near did), ``joined`` (near went over to another call), or nobody
    answered: ``busy``, ``no_answer``, ``failed``."""
    status: int = 0
    """Final status that says why nobody answered."""


News = Ringing | Talking | BridgeOver


class Bridge:
    """One bridge.

    :param near: the side that stays; it may wait for an answer itself (``L.OFFERED``).
    :param music: prompt played to a side that is held.
    :param first_leg: number of the next leg of this call.
    :param keeps_near: near is a caller in a flow: it is never transferred and never replaced.
    """

    def __init__(
        self,
        call_id: CallId,
        near: Leg,
        shown: Shown,
        *,
        music: str,
        first_leg: int = 1,
        keeps_near: bool = False,
        may_latch: bool = False,
    ) -> None:
        self.call_id, self.near = call_id, near
        self.far: Leg | None = None
        self.state = B.CALLING
        self.legs_made = first_leg - 1
        self.notes: list[str] = []
        """What happened, for the path of the call."""
        self.keeps_near = keeps_near
        self._shown = {near.leg_id: shown}
        self._hearing, self._may_latch = Hearing(music), may_latch
        self._dialled: dict[CallId, Leg] = {}
        self._arriving: dict[CallId, tuple[Leg, CallId]] = {}
        self._leaving: dict[CallId, tuple[Leg, float]] = {}
        self._gone: list[Leg] = []
        self._failures: list[int] = []
        self._target = ""
        self._asked_by: CallId | None = None
        """The leg that asked for the transfer in progress; it hears of its end even when it is gone."""
        self._ring_s = 0.0
        self._tag = 0
        self._limit: float | None = None
        self._has_talked = False
        self._is_found = False
        self._early: CallId | None = None
        self._commands: list[CallCommand] = []
        self._news: list[News] = []

    # -- what the call asks for -----------------------------------------------------------------------

    def seek(
        self,
        to: tuple[str, ...],
        ring_s: float,
        now: float,
        *,
        acting: str = "",
        only_idle: bool = False,
        answers_itself: bool = False,
    ) -> None:
        """Look for these telephones, then ring all of them."""
        self._ring_s = ring_s
        self._failures.clear()
        self._tag += 1
        self._limit = now + SEEK_S
        self._is_found = False
        shown = self._shown.get(self.near.leg_id, Shown(self.near.peer))
        self._commands.append(
            FindTargets(self.call_id, self._tag, to, shown, acting, only_idle, answers_itself)
        )

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
        is_taken = any(place == arrived.replaces for _, place in self._arriving.values())
        if is_taken or not self._may_be_replaced(arrived.replaces):
            leg.status = DECLINED
            self._drop(leg)
            return
        self._arriving[leg.leg_id] = (leg, arrived.replaces)

    def partner(self, leg_id: CallId) -> Leg | None:
        """Give the leg that a leg talks with, or that it waits for; None when that is not one leg."""
        others = [self.far] if self.far is not None else list(self._dialled.values())
        if leg_id == self.near.leg_id:
            return others[0] if len(others) == 1 else None
        return self.near if any(one.leg_id == leg_id for one in others) else None

    def may_give(self, leg_id: CallId) -> bool:
        """Tell whether a leg's partner may go over to another call."""
        partner = self.partner(leg_id)
        if partner is None or (self.keeps_near and self.near.leg_id in (leg_id, partner.leg_id)):
            return False
        if partner is self.near and self.far is None:
            return False  # it waits for an answer itself
        return (self.state, I.GIVEN) in TRANSITIONS and partner.state in (L.STANDING, L.RINGING, L.DIALLED)

    def may_take(self, place: CallId) -> bool:
        """Tell whether a leg of another call may take a leg's place."""
        if place == self.near.leg_id and self.keeps_near:
            return False
        return (self.state, I.TAKEN) in TRANSITIONS and self.partner(place) is not None

    def give(self, leg_id: CallId, now: float, *, report: bool) -> Leg:
        """Give the partner of a leg away; the leg itself is hung up, and the bridge is over.

        :param report: the leg asked for it, and is told first that it worked.
        """
        partner = self.partner(leg_id)
        assert partner is not None, "ask may_give first"
        if report:
            self._commands.append(ReportTransfer(leg_id, OK))
        self._forget(partner)
        self._move(I.GIVEN, now)
        return partner

    def take(self, place: CallId, leg: Leg, now: float, *, report: bool) -> None:
        """Take a leg of another call in place of one of ours.

        :param report: the leg in that place asked for it, and is told that it worked.
        """
        if place == self.near.leg_id:
            self._swap()
        leg.belongs_to(self.call_id)
        self._shown.setdefault(leg.leg_id, Shown(leg.peer))
        self.notes.append(f"!transferred to {leg.peer}")
        if self.far is not None:
            if report:
                self._commands.append(ReportTransfer(place, OK))
                self._let_leave(self.far, now)
            else:
                self._drop(self.far)
            self.far = None
        self._dialled[leg.leg_id] = leg
        self._move(I.TAKEN if leg.is_there else I.TAKEN_RINGING, now)

    # -- the machine's verbs --------------------------------------------------------------------------

    @property
    def leg_ids(self) -> Iterator[CallId]:
        """All legs that are here, near included."""
        if not self.near.is_gone:
            yield self.near.leg_id
        yield from (leg.leg_id for leg in self._others())

    def peer_of(self, leg_id: CallId) -> str:
        """Tell the user or number at the end of a leg; empty for a leg that is not here."""
        leg = self._leg(leg_id)
        return leg.peer if leg is not None else ""

    @property
    def peers(self) -> Iterator[str]:
        """Users and numbers at the ends of the legs that are here."""
        yield from (leg.peer for leg in (self.near, *self._others()) if not leg.is_gone)

    def handle(self, event: CallInput, now: float) -> None:
        """Take what concerns one of the legs, or an answer to a command; all else is dropped."""
        if isinstance(event, TargetsFound):
            self._found(event, now)
            return
        leg = self._leg(event.call_id)
        if leg is not None and type(event) in _OF_LEGS:
            _OF_LEGS[type(event)](self, leg, event, now)

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        timers = [self._limit, *(at for _, at in self._leaving.values())]
        return min((at for at in timers if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        for leg_id, (leg, at) in list(self._leaving.items()):
            if at <= now:
                del self._leaving[leg_id]
                self._drop(leg)
        if self._limit is not None and self._limit <= now:
            self._limit = None
            self._move(I.TIMEOUT, now)

    def take_commands(self) -> list[CallCommand]:
        """Give what is to be done, in this order, and forget it."""
        pair, music = self._wanted_sounds()
        self._commands += self._hearing.part(pair)
        for leg in [*self._gone, self.near, *self._others()]:
            self._commands += leg.take_commands()
        self._gone.clear()
        self._commands += self._hearing.join(pair, music, set(self.leg_ids))
        commands, self._commands = self._commands, []
        return commands

    def take_news(self) -> list[News]:
        """Give what the call must know, and forget it."""
        news, self._news = self._news, []
        return news

    # -- events of the legs ---------------------------------------------------------------------------

    def _found(self, event: TargetsFound, now: float) -> None:
        if event.tag != self._tag or self._dialled:
            return
        if not event.destinations:
            self._failures.append(event.status)
            self._move(I.NOBODY, now)
            return
        if (self.state, I.FOUND) not in TRANSITIONS:
            return
        self._is_found = True
        codec = self.near.terms.codec if self.near.terms is not None else "PCMA"
        for destination in event.destinations[:MOST_LEGS]:
            self.legs_made += 1
            leg = Leg(
                CallId(f"{self.call_id}-leg{self.legs_made}"),
                self.call_id,
                destination.peer,
                destination.origin.kind,
                destination=destination,
                codec=codec,
                ring_s=self._ring_s,
                local_ip=destination.local_ip,
                may_latch=self._may_latch,
            )
            self._dialled[leg.leg_id] = leg
            self._shown[leg.leg_id] = Shown(leg.peer)
        self._move(I.FOUND, now)

    def _port_opened(self, leg: Leg, event: PortOpened, now: float) -> None:
        leg.opened(event)
        if leg.leg_id in self._arriving:
            _, place = self._arriving.pop(leg.leg_id)
            self._put_in_place(leg, place, now)

    def _rings(self, leg: Leg, event: CallRinging, now: float) -> None:
        if not leg.rings(event.terms):
            return
        has_voice = event.terms is not None and len(self._dialled) == 1
        if has_voice and self.near.state is L.OFFERED:
            self._early = leg.leg_id  # the announcement of a network: let him hear it (RFC 3960, 3)
        self._move(I.RINGS, now)

    def _answers(self, leg: Leg, event: CallAnswered, now: float) -> None:
        if leg.leg_id in self._dialled and leg.answers(event.terms):
            self._move(I.ANSWERED, now)

    def _media_failed(self, leg: Leg, _event: MediaFailed, now: float) -> None:
        leg.cause = "media failed"
        if leg.move(LegInput.NO_MEDIA):
            self._leg_gone(leg, now)

    def _ended(self, leg: Leg, event: CallEnded, now: float) -> None:
        if leg.left(event.cause, event.status):
            self._leg_gone(leg, now)

    def _moved(self, leg: Leg, event: MediaMoved, now: float) -> None:
        if leg is self.near and self.keeps_near:
            leg.terms = event.terms  # the call itself has aimed it
        else:
            leg.aim(event.terms)
        is_held = self.near.holds_us or (self.far is not None and self.far.holds_us)
        self._move(I.HOLDS if is_held else I.RESUMES, now)

    def _transfer_asked(self, leg: Leg, event: TransferAsked, now: float) -> None:
        may = leg.kind is PHONE and not (leg is self.near and self.keeps_near)
        target = event.target.user or ""
        if not may or leg.leg_id in self._leaving or not (target or event.replaces):
            self._commands.append(ReportTransfer(leg.leg_id, FORBIDDEN))
        elif (self.state, I.REFERRED) not in TRANSITIONS:
            self._commands.append(ReportTransfer(leg.leg_id, UNAVAILABLE))
        elif event.replaces is not None:
            self._commands.append(JoinCalls(leg.leg_id, event.replaces))
        else:
            if leg is self.near:
                self._swap()
            self._target = target
            self._move(I.REFERRED, now)

    def _leg_gone(self, leg: Leg, now: float) -> None:
        self._gone.append(leg)
        if self._leaving.pop(leg.leg_id, None) or self._arriving.pop(leg.leg_id, None):
            return
        if leg is self.near:
            self._move(I.NEAR_LEFT, now)
        elif leg is self.far:
            self._move(I.FAR_LEFT, now)
        elif self._dialled.pop(leg.leg_id, None) is not None:
            if leg.leg_id == self._early:
                self._early = None
            self._failures.append(leg.status or UNAVAILABLE)
            if not self._dialled:
                self._move(I.NOBODY, now)

    # -- moving -----------------------------------------------------------------------------------------

    def _move(self, event: I, now: float) -> None:
        row = TRANSITIONS.get((self.state, event))
        if row is None:
            return
        action, self.state = row
        _ACTIONS[action](self, now)

    def _leg(self, leg_id: CallId) -> Leg | None:
        if leg_id == self.near.leg_id:
            return self.near
        return next((leg for leg in self._others() if leg.leg_id == leg_id), None)

    def _others(self) -> Iterator[Leg]:
        if self.far is not None:
            yield self.far
        yield from self._dialled.values()
        yield from (leg for leg, _ in self._arriving.values())
        yield from (leg for leg, _ in self._leaving.values())

    def _swap(self) -> None:
        """Turn the bridge round: near is who stays."""
        assert self.far is not None
        self.near, self.far = self.far, self.near

    def _drop(self, leg: Leg, cause: str = "hung_up") -> None:
        if leg.drop(cause):
            self._gone.append(leg)

    def _forget(self, leg: Leg) -> None:
        """Let go of a leg without ending it."""
        self._commands += leg.take_commands()
        self._dialled.pop(leg.leg_id, None)
        if leg is self.far:
            self.far = None
        elif leg is self.near:
            assert self.far is not None
            self.near, self.far = self.far, None

    def _drop_dialled(self) -> None:
        for leg in self._dialled.values():
            self._drop(leg)
        self._dialled.clear()
        self._early = None

    def _let_leave(self, leg: Leg, now: float) -> None:
        self._leaving[leg.leg_id] = (leg, now + LEAVING_S)

    def _may_be_replaced(self, place: CallId) -> bool:
        if (self.state, I.REPLACED) not in TRANSITIONS:
            return False
        if place == self.near.leg_id:
            return not self.keeps_near and self.far is not None
        return self.partner(place) is not None or place in self._dialled

    def _put_in_place(self, leg: Leg, place: CallId, now: float) -> None:
        if not self._may_be_replaced(place):
            leg.status = DECLINED
            self._drop(leg)
            return
        leg.move(LegInput.ACCEPT)
        self._commands += leg.take_commands()  # answered before the one that it replaces goes (RFC 3891, 3)
        if place == self.near.leg_id:
            self._swap()
        replaced, self.far = self.far, None
        if replaced is not None:
            self._drop(replaced, "replaced")
        self._dialled[leg.leg_id] = leg
        self.notes.append(f"!taken over by {leg.peer}")
        self._move(I.REPLACED, now)

    # -- actions, one for each member of A --------------------------------------------------------------

    def _open_legs(self, now: float) -> None:
        self._limit = now + PORT_S + self._ring_s

    def _tell_ringing(self, _now: float) -> None:
        if self.near.state is L.OFFERED:
            port = self.near.port if self._early is not None else None
            if port is not None:
                self._commands.append(
                    Progress(self.near.leg_id, SESSION_PROGRESS, port.local_ip, port.local_port)
                )
            else:
                self._commands.append(Progress(self.near.leg_id, RINGING))
        self._news.append(Ringing(SESSION_PROGRESS if self._early is not None else RINGING))

    def _connect(self, _now: float) -> None:
        self._limit = None
        self.far = next(leg for leg in self._dialled.values() if leg.is_there)
        del self._dialled[self.far.leg_id]
        self._drop_dialled()
        self.near.move(LegInput.ACCEPT)
        self._has_talked = True
        self._report(OK)
        self.notes.append(f"!talked with {self.far.peer}")
        self._news.append(Talking(self.far.peer))
        self._note_hold()

    def _note_hold(self) -> None:
        if self.near.holds_us or (self.far is not None and self.far.holds_us):
            self.state = TRANSITIONS[B.TALKING, I.HOLDS][1]

    def _give_up(self, _now: float) -> None:
        self._limit = None
        rang = any(leg.state is L.RINGING for leg in self._dialled.values())
        self._failures += [NO_ANSWER if rang else UNAVAILABLE] if self._dialled else []
        self._drop_dialled()
        self._drop_rest()
        status = best_of(self._failures)
        self._report(status)
        outcome = outcome_of(status) if self._is_found or status in BUSY else "failed"
        self._news.append(BridgeOver(outcome, status))

    def _drop_rest(self) -> None:
        for leg in [*self._others()]:
            self._drop(leg)
        self._arriving.clear()
        self._leaving.clear()
        self.far = None

    def _drop_all(self, _now: float) -> None:
        self._limit = None
        self._report(GONE)
        self._drop_dialled()
        self._drop_rest()
        self._news.append(BridgeOver("left"))

    def _end(self, _now: float) -> None:
        self.far = None
        self._drop_rest()
        self._news.append(BridgeOver("ended"))

    def _seek_target(self, now: float) -> None:
        assert self.far is not None
        self.notes.append(f"!transferring to {self._target}")
        self._asked_by = self.far.leg_id
        self._report(TRYING)
        self.seek((self._target,), self._ring_s or TARGET_RING_S, now, acting=self.far.peer)

    def _report(self, status: int) -> None:
        if self._asked_by is not None:
            self._commands.append(ReportTransfer(self._asked_by, status))
            if status >= OK:
                self._asked_by = None

    def _report_ringing(self, _now: float) -> None:
        self._report(RINGING)

    def _complete(self, now: float) -> None:
        if self.far is not None:
            self._let_leave(self.far, now)
            self.far = None
        self._connect(now)

    def _go_back(self, _now: float) -> None:
        assert self.far is not None
        self._limit = None
        self._failures += [NO_ANSWER] if self._dialled else []
        self._drop_dialled()
        self.notes.append(f"!not transferred: {best_of(self._failures)}")
        self._report(best_of(self._failures))
        self._note_hold()

    def _go_on_alone(self, _now: float) -> None:
        self.far = None

    def _hear(self, _now: float) -> None:
        return  # take_commands works it out

    def _hand_over(self, _now: float) -> None:
        self._limit = None
        self.near.status = UNAVAILABLE
        self._drop(self.near, "transferred")
        self._drop_dialled()
        self._drop_rest()
        self._news.append(BridgeOver("joined"))

    def _await_taken(self, now: float) -> None:
        self._limit = now + TARGET_RING_S

    # -- who hears what ---------------------------------------------------------------------------------

    def _wanted_sounds(self) -> tuple[tuple[CallId, CallId] | None, set[CallId]]:
        """Work out which two hear each other, and who hears music."""
        near, far = self.near, self.far
        if self.state in (B.TALKING, B.HELD) and far is not None:
            music = {one.leg_id for one, other in ((near, far), (far, near)) if other.holds_us}
            return (near.leg_id, far.leg_id), set() if len(music) == 2 else music
        if self.state in (B.CALLING, B.TRANSFERRING) and self._has_talked:
            return None, {near.leg_id}
        if self.state is B.CALLING and self._early is not None:
            return (near.leg_id, self._early), set()
        return None, set()


TARGET_RING_S: Final = 60.0
"""How long the target of a transfer rings before it goes back to who asked for it."""


_OF_LEGS: Final[Mapping[type[object], Callable[..., None]]] = {
    PortOpened: Bridge._port_opened,
    CallRinging: Bridge._rings,
    CallAnswered: Bridge._answers,
    MediaMoved: Bridge._moved,
    TransferAsked: Bridge._transfer_asked,
    MediaFailed: Bridge._media_failed,
    CallEnded: Bridge._ended,
}

_ACTIONS: Final[Mapping[A, Callable[[Bridge, float], None]]] = {
    A.OPEN_LEGS: Bridge._open_legs,
    A.TELL_RINGING: Bridge._tell_ringing,
    A.CONNECT: Bridge._connect,
    A.GIVE_UP: Bridge._give_up,
    A.DROP: Bridge._drop_all,
    A.END: Bridge._end,
    A.SEEK_TARGET: Bridge._seek_target,
    A.REPORT_RINGING: Bridge._report_ringing,
    A.COMPLETE: Bridge._complete,
    A.GO_BACK: Bridge._go_back,
    A.GO_ON_ALONE: Bridge._go_on_alone,
    A.HEAR: Bridge._hear,
    A.HAND_OVER: Bridge._hand_over,
    A.AWAIT_TAKEN: Bridge._await_taken,
}
