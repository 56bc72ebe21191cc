"""A call that a telephone of the house makes: to a colleague, or out on a trunk.

A pure machine like ``machine.Call``: events in, commands out. The telephone's own leg is answered only
when the other side answers, so that it is billed, and rings, as if both spoke directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from hotline.call.bridge import Bridge
from hotline.call.bridge_news import BridgeOver, Talking
from hotline.call.destinations import Shown
from hotline.call.failures import relayed
from hotline.call.frame import CallFrame
from hotline.call.legs import L, Leg
from hotline.call.messages import (
    CallerLeft,
    CallInput,
    OfferedNotWritten,
    OfferedWritten,
    Refuse,
    WriteAnswered,
)
from hotline.call.phone_states import PHONE_LIMITS_S, PHONE_TRANSITIONS, A, I, S
from hotline.call.statuses import OCCUPIED
from hotline.events.ids import CallId
from hotline.media.plan import MediaFailed, PortOpened
from hotline.sip.events import CallArrived, CallEnded

PHONE_RING_S: Final = 180.0  # RFC 3261, 16.6 step 11: timer C
_CAUSES: Final[Mapping[str, str]] = {
    "ended": "finished",
    "left": "caller",
    "joined": "transferred",
}


class PhoneCall(CallFrame[S, I, A]):
    """The machine of one such call.

    :param facts: what the user agent told about the telephone's INVITE.
    :param direction: ``inside`` or ``out``, for the call record.
    :param music: prompt for a side that is held.
    """

    def __init__(
        self, facts: CallArrived, now: float, *, direction: str, music: str, may_latch: bool = False
    ) -> None:
        super().__init__(
            facts,
            direction,
            now,
            moves=PHONE_TRANSITIONS,
            limits_s=PHONE_LIMITS_S,
            first=S.WRITING,
            timeout=I.TIMEOUT,
            waits_for_record=True,
        )
        self.bridge: Bridge | None = None
        """None until its record is written."""
        self._music, self._may_latch = music, may_latch
        self._status = 0

    # -- the machine's verbs --------------------------------------------------------------------------

    def handle(self, event: CallInput, now: float) -> None:
        """Take one event; what does not fit the state is dropped."""
        match event:
            case CallerLeft():
                self.cause = self.cause or "finished"
                self._move(I.TIMEOUT, now)
            case OfferedWritten():
                self._move(I.WRITTEN, now)
            case OfferedNotWritten():
                self._move(I.NOT_WRITTEN, now)
            case CallArrived() if self.bridge is None:
                self._commands.append(Refuse(event.call_id, OCCUPIED))
            case CallArrived():
                assert self.bridge is not None
                self.bridge.replace(event, now)
            case _:
                self._of_a_leg(event, now)
        self._follow_up(now)

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        if self.is_over:
            return None
        timers = [self._limit, self.bridge.next_timer() if self.bridge is not None else None]
        return min((one for one in timers if one is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (due := self.next_timer()) is not None and due <= now:
            if due == self._limit:
                self._fire_limit(now)
            elif self.bridge is not None:
                self.bridge.handle_timer(now)
            self._follow_up(now)

    @property
    def is_over(self) -> bool:
        """True when nothing more will be commanded."""
        return self.state is S.ENDED

    @property
    def leg_ids(self) -> tuple[CallId, ...]:
        """The legs of the call; the one that made it need not be among them. Empty when it is over."""
        if self.state is S.ENDED:
            return ()
        return (self.call_id,) if self.bridge is None else tuple(self.bridge.leg_ids)

    def peer_of(self, leg_id: CallId) -> str:
        """Tell the user or number at the end of a leg; empty for a leg that is not here."""
        return self.bridge.peer_of(leg_id) if self.bridge is not None else ""

    @property
    def peers(self) -> Iterator[str]:
        """Users and numbers at its ends."""
        if self.bridge is None:
            yield self.facts.origin.name
        else:
            yield from self.bridge.peers

    @property
    def path(self) -> tuple[str, ...]:
        """Whom the telephone called, and notes (``!...``)."""
        return (f"to {self.facts.called}", *self._notes)

    # -- moving -----------------------------------------------------------------------------------------

    def _of_a_leg(self, event: CallInput, now: float) -> None:
        if self.bridge is None:
            if isinstance(event, CallEnded):
                self.cause = "cancelled"
                self._move(I.LEFT, now)
            return
        bridge, near = self.bridge, self.bridge.near
        if self.state is S.OPENING and event.call_id == near.leg_id:
            self._opening(near, event, now)
        else:
            bridge.handle(event, now)

    def _opening(self, near: Leg, event: CallInput, now: float) -> None:
        match event:
            case PortOpened() if near.opened(event):
                self._move(I.PORT_OPENED, now)
            case MediaFailed():
                self._move(I.MEDIA_FAILED, now)
            case CallEnded() if near.left(event.cause, event.status):
                self.cause = "cancelled"
                self._move(I.LEFT, now)

    def _act(self, action: A, now: float) -> None:
        _ACTIONS[action](self, now)

    def follow_up(self, now: float) -> None:
        """Carry on what was done to the bridge from outside (``join.py``)."""
        self._follow_up(now)

    def _follow_up(self, now: float) -> None:
        while self.bridge is not None and not self.is_over:
            self._collect()
            news = self.bridge.take_news()
            if not news:
                return
            for one in news:
                if isinstance(one, Talking):
                    self._move(I.ANSWERED, now)
                elif isinstance(one, BridgeOver):
                    self._over(one, now)

    def _over(self, news: BridgeOver, now: float) -> None:
        cause = _CAUSES.get(news.outcome, news.outcome)
        if self.state is S.CONNECTING and news.outcome == "left":
            cause = "cancelled"
        self.cause = self.cause or cause
        self._status = news.status
        self._move(I.OVER, now)

    def _collect(self) -> None:
        assert self.bridge is not None
        self._commands += self.bridge.take_commands()
        self._notes += self.bridge.notes
        self.bridge.notes.clear()

    # -- actions, one for each member of A --------------------------------------------------------------

    def _open_port(self, _now: float) -> None:
        facts = self.facts
        near = Leg(
            self.call_id,
            self.call_id,
            facts.origin.name or facts.caller,
            facts.origin.kind,
            terms=facts.terms,
            local_ip=facts.local_ip,
            may_latch=self._may_latch,
            state=L.ARRIVING,
            is_noted=False,
        )
        self.bridge = Bridge(
            self.call_id,
            near,
            Shown(facts.caller or facts.origin.name, facts.withheld),
            music=self._music,
            may_latch=self._may_latch,
        )

    def _seek(self, now: float) -> None:
        assert self.bridge is not None
        self.bridge.seek((self.facts.called,), PHONE_RING_S, now, acting=self.facts.origin.name)

    def _note_answered(self, _now: float) -> None:
        self._commands.append(WriteAnswered(self.call_id))

    def _end(self, now: float) -> None:
        assert self.bridge is not None
        near = self.bridge.near
        near.status = relayed(self._status)
        near.drop()
        self._collect()
        self._write_ended(now)

    def _cut(self, now: float) -> None:
        assert self.bridge is not None
        self.bridge.end(now)
        self._end(now)


_ACTIONS: Final[Mapping[A, Callable[[PhoneCall, float], None]]] = {
    A.OPEN_PORT: PhoneCall._open_port,
    A.REFUSE: PhoneCall._refuse,
    A.SEEK: PhoneCall._seek,
    A.NOTE_ANSWERED: PhoneCall._note_answered,
    A.END: PhoneCall._end,
    A.CUT: PhoneCall._cut,
    A.WRITE_ENDED: PhoneCall._write_ended,
    A.NOTHING: PhoneCall._nothing,
}
