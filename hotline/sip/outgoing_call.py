"""One INVITE of ours, from its sending to its final response, as a table (RFC 3261, 13.2 and 9.1).

A call that we make is one such attempt or several: one for each telephone that rings at once, one
after another where a place gives 503, answers a challenge, or sends us elsewhere (``dialler``). An
INVITE may not be cancelled before a provisional response came (9.1), and its 2xx is acknowledged
whatever became of the wish to call: one that nobody wants any more gets a BYE behind its ACK.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from hotline.sip.timers import PATIENCE


class Stage(Enum):
    """Where one INVITE of ours stands."""

    CALLING = "calling"
    """INVITE was sent; nothing came."""
    PROCEEDING = "proceeding"
    """A provisional response came."""
    LEAVING = "leaving"
    """Nobody wants the answer any more, but CANCEL must wait for a provisional response (9.1)."""
    CANCELLING = "cancelling"
    """CANCEL was sent; a final response is still to come."""
    ANSWERED = "answered"
    """A 2xx came: one dialog stands, others of a forked INVITE are ended (13.2.2.4)."""
    OVER = "over"


class Heard(Enum):
    """What may happen to it."""

    PROVISIONAL = "1xx"
    ANSWER = "2xx"
    ERROR = "300-699"
    NOTHING = "no final response, or no way there"
    """Timer B or a transport error: 8.1.3.1 takes them for 408 and 503."""
    GIVE_UP = "give up"
    """We hung up, it rang too long, or another telephone was answered."""
    CANCEL_OVERDUE = "no final response for 64*T1 after CANCEL"


class Move(Enum):
    """What is done then."""

    TELL_RINGING = "tell ringing"
    ESTABLISH = "send ACK, the dialog stands"
    END_SURPLUS = "send ACK and BYE"
    SEND_CANCEL = "send CANCEL"
    TRY_ON = "try the next place, or tell failed"
    FORGET = "forget the transaction"


H, M, T = Heard, Move, Stage
OUTGOING: Final[dict[tuple[Stage, Heard], tuple[tuple[Move, ...], Stage]]] = {
    (T.CALLING, H.PROVISIONAL): ((M.TELL_RINGING,), T.PROCEEDING),
    (T.CALLING, H.ANSWER): ((M.ESTABLISH,), T.ANSWERED),
    (T.CALLING, H.ERROR): ((M.TRY_ON,), T.OVER),
    (T.CALLING, H.NOTHING): ((M.TRY_ON,), T.OVER),
    (T.CALLING, H.GIVE_UP): ((), T.LEAVING),
    (T.PROCEEDING, H.PROVISIONAL): ((M.TELL_RINGING,), T.PROCEEDING),
    (T.PROCEEDING, H.ANSWER): ((M.ESTABLISH,), T.ANSWERED),
    (T.PROCEEDING, H.ERROR): ((M.TRY_ON,), T.OVER),
    (T.PROCEEDING, H.NOTHING): ((M.TRY_ON,), T.OVER),
    (T.PROCEEDING, H.GIVE_UP): ((M.SEND_CANCEL,), T.CANCELLING),
    (T.LEAVING, H.PROVISIONAL): ((M.SEND_CANCEL,), T.CANCELLING),
    (T.LEAVING, H.ANSWER): ((M.END_SURPLUS,), T.LEAVING),  # a forked INVITE may bring more of them
    (T.LEAVING, H.ERROR): ((), T.OVER),
    (T.LEAVING, H.NOTHING): ((), T.OVER),
    (T.LEAVING, H.GIVE_UP): ((), T.LEAVING),
    (T.CANCELLING, H.PROVISIONAL): ((), T.CANCELLING),
    (T.CANCELLING, H.ANSWER): ((M.END_SURPLUS,), T.CANCELLING),  # it crossed our CANCEL
    (T.CANCELLING, H.ERROR): ((), T.OVER),  # 487, mostly
    (T.CANCELLING, H.NOTHING): ((), T.OVER),
    (T.CANCELLING, H.GIVE_UP): ((), T.CANCELLING),
    (T.CANCELLING, H.CANCEL_OVERDUE): ((M.FORGET,), T.OVER),  # 9.1
    (T.ANSWERED, H.ANSWER): ((M.END_SURPLUS,), T.ANSWERED),  # another branch of a fork
    (T.ANSWERED, H.GIVE_UP): ((), T.ANSWERED),
}
"""(state, heard) -> (moves, next state). What comes from the wire and is in no row is dropped."""

CANCEL_S: Final = PATIENCE
"""How long a final response is waited for after CANCEL (9.1)."""


@dataclass(slots=True)
class AttemptMachine:
    """Walks the table for one INVITE."""

    state: Stage = Stage.CALLING
    _cancel_due: float | None = None

    def handle(self, heard: Heard, now: float) -> list[Move]:
        """Make one move; give what is to be done, in order."""
        row = OUTGOING.get((self.state, heard))
        if row is None:
            return []
        moves, to = row
        if to is not self.state:
            self._cancel_due = now + CANCEL_S if to is Stage.CANCELLING else None
            self.state = to
        return list(moves)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return self._cancel_due

    def handle_timer(self, now: float) -> list[Move]:
        """Fire what is due."""
        if self._cancel_due is None or self._cancel_due > now:
            return []
        return self.handle(Heard.CANCEL_OVERDUE, now)
