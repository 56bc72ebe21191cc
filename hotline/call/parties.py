"""Who is in a bridge: the side that stays, whom it talks with, who rings, who comes in and who goes.

Bookkeeping alone: a leg is put in one place, moves to another, and is ended. When that happens is decided
by the bridge (``bridge.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotline.call.legs import L, Leg
from hotline.call.messages import CallCommand
from hotline.events.ids import CallId


class Parties:
    """The legs of one bridge.

    :param near: the side that stays.
    """

    def __init__(self, near: Leg) -> None:
        self.near = near
        self.far: Leg | None = None
        """Whom near talks with; None before somebody answered."""
        self.dialled: dict[CallId, Leg] = {}
        """Those who may answer."""
        self.arriving: dict[CallId, tuple[Leg, CallId]] = {}
        """Those who come in to take a leg's place, and which."""
        self.guests: dict[CallId, Leg] = {}
        """Those who came to the talk of the two, or may."""
        self._leaving: dict[CallId, tuple[Leg, float]] = {}
        self._gone: list[Leg] = []

    # -- looking ----------------------------------------------------------------------------------------

    def leg(self, leg_id: CallId) -> Leg | None:
        """Find a leg that is here."""
        if leg_id == self.near.leg_id:
            return self.near
        return next((leg for leg in self.others() if leg.leg_id == leg_id), None)

    def others(self) -> Iterator[Leg]:
        """All legs but near."""
        if self.far is not None:
            yield self.far
        yield from self.dialled.values()
        yield from (leg for leg, _ in self.arriving.values())
        yield from (leg for leg, _ in self._leaving.values())
        yield from self.guests.values()

    @property
    def present(self) -> Iterator[Leg]:
        """All legs that did not end, near first."""
        yield from (leg for leg in (self.near, *self.others()) if not leg.is_gone)

    def partner(self, leg_id: CallId) -> Leg | None:
        """Give the leg that a leg talks with, or that it waits for; None when that is not one leg."""
        others = [self.far] if self.far is not None else list(self.dialled.values())
        if leg_id == self.near.leg_id:
            return others[0] if len(others) == 1 else None
        return self.near if any(one.leg_id == leg_id for one in others) else None

    @property
    def holds(self) -> bool:
        """True while one side of the talk holds the other."""
        return self.near.holds_us or (self.far is not None and self.far.holds_us)

    @property
    def has_rung(self) -> bool:
        """True while one of those who may answer rings."""
        return any(leg.state is L.RINGING for leg in self.dialled.values())

    def is_leaving(self, leg_id: CallId) -> bool:
        """Tell whether a leg has left the talk and is about to hang up."""
        return leg_id in self._leaving

    def is_awaited(self, place: CallId) -> bool:
        """Tell whether somebody comes in already to take a leg's place."""
        return any(one == place for _, one in self.arriving.values())

    # -- moving -----------------------------------------------------------------------------------------

    def swap(self) -> None:
        """Turn the bridge round: near is who stays."""
        assert self.far is not None
        self.near, self.far = self.far, self.near

    def answer(self) -> Leg:
        """Make whoever answered the far side, and end all others who rang."""
        self.far = next(leg for leg in self.dialled.values() if leg.is_there)
        del self.dialled[self.far.leg_id]
        self.drop_dialled()
        return self.far

    def forget(self, leg: Leg) -> list[CallCommand]:
        """Let go of a leg without ending it.

        :returns: what it still wants done.
        """
        self.dialled.pop(leg.leg_id, None)
        if leg is self.far:
            self.far = None
        elif leg is self.near:
            assert self.far is not None
            self.near, self.far = self.far, None
        return leg.take_commands()

    def let_leave(self, leg: Leg, at: float) -> None:
        """Wait until then for a leg to hang up by itself."""
        self._leaving[leg.leg_id] = (leg, at)

    # -- ending -----------------------------------------------------------------------------------------

    def note_gone(self, leg: Leg) -> bool:
        """Note that a leg ended by itself; True when nobody waited for more of it."""
        self._gone.append(leg)
        places: tuple[dict[CallId, Any], ...] = (self._leaving, self.arriving, self.guests)
        return any([place.pop(leg.leg_id, None) is not None for place in places])

    def drop(self, leg: Leg, cause: str = "hung_up") -> None:
        """End a leg."""
        if leg.drop(cause):
            self._gone.append(leg)

    def drop_dialled(self) -> None:
        """End all who might have answered."""
        for leg in self.dialled.values():
            self.drop(leg)
        self.dialled.clear()

    def drop_others(self) -> None:
        """End all but near."""
        for leg in [*self.others()]:
            self.drop(leg)
        self.dialled.clear()
        self.arriving.clear()
        self._leaving.clear()
        self.guests.clear()
        self.far = None

    # -- time and commands --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        return min((at for _, at in self._leaving.values()), default=None)

    def handle_timer(self, now: float) -> None:
        """End those who did not leave by themselves."""
        for leg_id, (leg, at) in list(self._leaving.items()):
            if at <= now:
                del self._leaving[leg_id]
                self.drop(leg)

    def take_commands(self) -> Iterator[CallCommand]:
        """Give what the legs want done, those that ended first, and forget it."""
        gone, self._gone = self._gone, []
        for leg in [*gone, self.near, *self.others()]:
            yield from leg.take_commands()
