"""What a bridge does at each move of its table: one method for each action, and who hears what then.

``bridge.py`` turns what happens into moves; the table of both is ``bridge_states.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hotline.call.bridge_news import BridgeOver, News, Ringing, Talking
from hotline.call.bridge_states import (
    LEAVING_S,
    PORT_S,
    SEEK_S,
    TARGET_RING_S,
    TRANSITIONS,
    A,
    B,
    I,
)
from hotline.call.destinations import Shown
from hotline.call.guests import Guests, Hears, coached, hears, listeners_to_music
from hotline.call.hearing import Hearing
from hotline.call.legs import I as LegInput
from hotline.call.legs import L, Leg
from hotline.call.messages import (
    CallCommand,
    Progress,
)
from hotline.call.parties import Parties
from hotline.call.referral import Referral
from hotline.call.search import Search
from hotline.call.statuses import (
    BEING_FORWARDED,
    GONE,
    NO_ANSWER,
    NOT_THERE,
    OK,
    RINGING,
    SESSION_PROGRESS,
    TRYING,
)
from hotline.events.ids import CallId
from hotline.ivr.flow import BEEP


class BridgeMoves:
    """The moves of one bridge.

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
        self.call_id, self.keeps_near = call_id, keeps_near
        self.state = B.CALLING
        self.legs_made = first_leg - 1
        self.notes: list[str] = []
        """What happened, for the path of the call."""
        self._parties, self._search, self._referral = Parties(near), Search(call_id), Referral()
        self._shown = {near.leg_id: shown}
        self._hearing, self._may_latch = Hearing(music), may_latch
        self._guests, self._beep = Guests(call_id), f"{music.rpartition('/')[0]}/{BEEP}"
        self._limit: float | None = None
        self._has_talked = False
        self._early: CallId | None = None
        self._commands: list[CallCommand] = []
        self._news: list[News] = []

    @property
    def near(self) -> Leg:
        """The side that stays."""
        return self._parties.near

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
        self._limit = now + SEEK_S
        shown = self._shown.get(self.near.leg_id, Shown(self.near.peer))
        self._commands.append(
            self._search.begin(to, shown, ring_s, acting=acting, only_idle=only_idle, alone=answers_itself)
        )

    # -- moving -----------------------------------------------------------------------------------------

    def _move(self, event: I, now: float) -> None:
        row = TRANSITIONS.get((self.state, event))
        if row is None:
            return
        action, self.state = row
        ACTIONS[action](self, now)

    # -- actions, one for each member of A --------------------------------------------------------------

    def _open_legs(self, now: float) -> None:
        self._limit = now + PORT_S + self._search.ring_s

    def _tell_ringing(self, _now: float) -> None:
        near = self.near
        if near.state is L.OFFERED:
            port = near.port if self._early is not None else None
            if port is not None:
                self._commands.append(Progress(near.leg_id, SESSION_PROGRESS, port.local_ip, port.local_port))
            else:
                self._commands.append(Progress(near.leg_id, RINGING))
        self._news.append(Ringing(SESSION_PROGRESS if self._early is not None else RINGING))

    def _connect(self, _now: float) -> None:
        self._limit = None
        self._search.stop()
        far = self._parties.answer()
        self._early = None
        self.near.move(LegInput.ACCEPT)
        self._has_talked = True
        self._report(OK)
        self.notes.append(f"!talked with {far.peer}")
        self._news.append(Talking(far.peer))
        self._note_hold()

    def _note_hold(self) -> None:
        if self._parties.holds:
            self.state = TRANSITIONS[B.TALKING, I.HOLDS][1]

    def _give_up(self, _now: float) -> None:
        self._note_unanswered(NO_ANSWER if self._parties.has_rung else NOT_THERE)
        self._parties.drop_others()
        self._report(self._search.status)
        self._news.append(BridgeOver(self._search.outcome, self._search.status))

    def _seek_forward(self, _now: float) -> None:
        near = self.near
        if near.state is L.OFFERED:
            self._commands.append(Progress(near.leg_id, BEING_FORWARDED))
        self._commands.append(self._search.forward())

    def _seek_line(self, now: float) -> None:
        self._limit = now + SEEK_S
        self._commands.append(self._search.go_on())

    def _note_unanswered(self, status: int) -> None:
        """Give those up who ring still."""
        self._limit, self._early = None, None
        if self._parties.dialled:
            self._search.failed(status)
        self._parties.drop_dialled()

    def _drop_all(self, _now: float) -> None:
        self._limit, self._early = None, None
        self._report(GONE)
        self._parties.drop_dialled()
        self._parties.drop_others()
        self._news.append(BridgeOver("left"))

    def _end(self, _now: float) -> None:
        self._parties.far = None
        self._parties.drop_others()
        self._news.append(BridgeOver("ended"))

    def _seek_target(self, now: float) -> None:
        far = self._parties.far
        assert far is not None
        self.notes.append(f"!transferring to {self._referral.target}")
        self._referral.begin(far.leg_id)
        self._report(TRYING)
        self.seek((self._referral.target,), self._search.ring_s or TARGET_RING_S, now, acting=far.peer)

    def _report(self, status: int) -> None:
        self._commands += self._referral.report(status)

    def _report_ringing(self, _now: float) -> None:
        self._report(RINGING)

    def _complete(self, now: float) -> None:
        parties = self._parties
        if parties.far is not None:
            parties.let_leave(parties.far, now + LEAVING_S)
            parties.far = None
        self._connect(now)

    def _go_back(self, _now: float) -> None:
        assert self._parties.far is not None
        self._note_unanswered(NO_ANSWER)
        self.notes.append(f"!not transferred: {self._search.why}")
        self._report(self._search.status)
        self._note_hold()

    def _go_on_alone(self, _now: float) -> None:
        self._parties.far = None

    def _hear(self, _now: float) -> None:
        return  # take_commands works it out

    def _hand_over(self, _now: float) -> None:
        self._limit, self._early = None, None
        self.near.status = NOT_THERE
        self._parties.drop(self.near, "transferred")
        self._parties.drop_dialled()
        self._parties.drop_others()
        self._news.append(BridgeOver("joined"))

    def _await_taken(self, now: float) -> None:
        self._limit = now + TARGET_RING_S

    def _take_member(self, _now: float) -> None:
        """Let the third take the place of far, who left."""
        parties = self._parties
        parties.far = self._guests.take_member()
        assert parties.far is not None, "else it was another move"
        del parties.guests[parties.far.leg_id]
        self.notes.append(f"!talked on with {parties.far.peer}")
        self._note_hold()

    # -- who hears what ---------------------------------------------------------------------------------

    def _wanted_sounds(self) -> tuple[Hears, set[CallId]]:
        """Work out who hears whom, and who hears music."""
        near, far = self.near, self._parties.far
        if self.state in (B.TALKING, B.HELD) and far is not None:
            talkers = (near, far)
            three = [*talkers, *(one.leg for one in self._guests if one.is_there and not one.part.supervises)]
            music = listeners_to_music([leg for leg in three if leg is not None])
            house = coached(near, far, is_served=self.keeps_near)
            return hears(talkers, house, tuple(self._guests)), music
        if self.state in (B.CALLING, B.TRANSFERRING) and self._has_talked:
            return (), {near.leg_id}
        if self.state is B.CALLING and self._early is not None:
            return ((near.leg_id, self._early), (self._early, near.leg_id)), set()
        return (), set()


ACTIONS: Final[Mapping[A, Callable[[BridgeMoves, float], None]]] = {
    A.OPEN_LEGS: BridgeMoves._open_legs,
    A.TELL_RINGING: BridgeMoves._tell_ringing,
    A.CONNECT: BridgeMoves._connect,
    A.SEEK_FORWARD: BridgeMoves._seek_forward,
    A.SEEK_LINE: BridgeMoves._seek_line,
    A.GIVE_UP: BridgeMoves._give_up,
    A.DROP: BridgeMoves._drop_all,
    A.END: BridgeMoves._end,
    A.SEEK_TARGET: BridgeMoves._seek_target,
    A.REPORT_RINGING: BridgeMoves._report_ringing,
    A.COMPLETE: BridgeMoves._complete,
    A.GO_BACK: BridgeMoves._go_back,
    A.GO_ON_ALONE: BridgeMoves._go_on_alone,
    A.TAKE_MEMBER: BridgeMoves._take_member,
    A.HEAR: BridgeMoves._hear,
    A.HAND_OVER: BridgeMoves._hand_over,
    A.AWAIT_TAKEN: BridgeMoves._await_taken,
}
