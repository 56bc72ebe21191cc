"""What became of the calls of each trunk: answered, given up, failed and why, and how long they lasted.

It follows the events of the user agent; attempts and refusals at the caps are counted where they are
decided (``trunk_calls``). Calls that we answered and whose ACK never came make an alarm
(``missing_acks``). From these follow the two figures that carriers are asked about: the answer
seizure ratio (answered / calls, ITU-T E.411) and the mean length of an answered call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hotline.events.ids import CallId
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.call_moves import Cause
from hotline.sip.events import CallAnswered, CallArrived, CallConfirmed, CallEnded, SipEvent
from hotline.sip.missing_acks import MissingAcks
from hotline.sip.trunk_calls import TrunkCounts
from hotline.sip.trunk_events import TrunkAcknowledged, TrunkEvent, TrunkUnacknowledged

BUSY: Final = frozenset({486, 600})
NO_ANSWER: Final = frozenset({408, 480, 487})
"""Nobody came to the telephone: 487 stands for a call that we ended while it rang."""
UNKNOWN: Final = frozenset({404, 410, 484, 485, 604})
"""The number leads nowhere (21.4.5, 21.4.11, 21.4.22, 21.4.23, 21.6.3)."""
SERVER_FAILURES: Final = range(500, 600)


@dataclass(slots=True)
class _Standing:
    trunk: str
    is_out: bool
    answered_at: float | None = None


class TrunkTraffic:
    """Follows the calls of all trunks.

    :param counts: of each trunk, by its name.
    """

    def __init__(self, counts: Mapping[str, TrunkCounts]) -> None:
        self._counts = counts
        self._standing: dict[CallId, _Standing] = {}
        self._acks = {name: MissingAcks() for name in counts}
        self._events: list[TrunkEvent] = []

    def __len__(self) -> int:
        return len(self._standing)

    def handle(self, event: SipEvent, now: float) -> None:
        """Take an event of the user agent; those of other calls are passed over."""
        match event:
            case CallArrived() if self._is_ours(event.origin):
                self._standing[event.call_id] = _Standing(event.origin.name, is_out=False)
            case CallConfirmed() if event.call_id in self._standing:
                self._answer(self._standing[event.call_id], now)
            case CallAnswered() if self._is_ours(event.origin):
                standing = self._standing[event.call_id] = _Standing(event.origin.name, is_out=True)
                self._answer(standing, now)
            case CallEnded() if event.call_id in self._standing:
                self._end(self._standing.pop(event.call_id), event, now)
            case CallEnded() if self._is_ours(event.origin):
                self._fail(self._counts[event.origin.name], event)

    def take_events(self) -> list[TrunkEvent]:
        """Hand out what a person should see, once."""
        taken, self._events = self._events, []
        return taken

    def alarms_of(self, trunk: str, now: float) -> tuple[str, ...]:
        """Say what a person must look at."""
        finding = self._acks[trunk].finding(now)
        return (str(finding),) if finding is not None else ()

    def _is_ours(self, origin: Origin) -> bool:
        return origin.kind is OriginKind.TRUNK and origin.name in self._counts

    def _answer(self, standing: _Standing, now: float) -> None:
        if standing.answered_at is not None:
            return
        standing.answered_at = now
        counts = self._counts[standing.trunk]
        if standing.is_out:
            counts.answered_out += 1
        else:
            counts.answered_in += 1
            self._note_ack(standing.trunk, now, is_lost=False)

    def _note_ack(self, trunk: str, now: float, *, is_lost: bool) -> None:
        acks = self._acks[trunk]
        if not acks.note(now, is_lost=is_lost):
            return
        finding = acks.finding(now)
        if finding is None:
            self._events.append(TrunkAcknowledged(trunk))
        else:
            self._events.append(TrunkUnacknowledged(trunk, finding.lost, finding.of, str(finding)))

    def _end(self, standing: _Standing, ended: CallEnded, now: float) -> None:
        counts = self._counts[standing.trunk]
        if standing.answered_at is not None:
            talked_s = max(0.0, now - standing.answered_at)
            if standing.is_out:
                counts.talked_out_seconds += talked_s
            else:
                counts.talked_in_seconds += talked_s
        elif ended.cause == "cancel":
            counts.abandoned_in += 1
        else:
            counts.failed_in += 1
            if ended.cause == Cause.NO_ACK.value:
                counts.unacknowledged_in += 1
                self._note_ack(standing.trunk, now, is_lost=True)

    def _fail(self, counts: TrunkCounts, ended: CallEnded) -> None:
        """Count a call of ours that was never answered, by the reason."""
        status = ended.status
        if ended.cause != "failed":
            counts.abandoned_out += 1
        elif status in BUSY:
            counts.busy_out += 1
        elif status in NO_ANSWER:
            counts.no_answer_out += 1
        elif status in UNKNOWN:
            counts.unknown_out += 1
        elif status in SERVER_FAILURES:
            counts.server_failed_out += 1
        else:
            counts.rejected_out += 1
