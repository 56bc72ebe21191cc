"""All legs of one plane, by name and by slot, and which of them need more than columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hotline.events.ids import CallId
from hotline.media.leg import Leg

Slots = NDArray[np.int64]


class Legs:
    """The table of legs."""

    def __init__(self, slots: int) -> None:
        self.by_call: dict[CallId, Leg] = {}
        self.by_slot: list[Leg | None] = [None] * slots
        self.coded: dict[int, Leg] = {}
        """By slot, those whose voice is not G.711."""
        self.is_coded = np.zeros(slots, np.bool_)
        self.secured = 0
        """How many have SRTP."""
        self.is_secured = np.zeros(slots, np.bool_)

    def add(self, leg: Leg) -> None:
        """Take a new leg in."""
        self.by_call[leg.call_id] = self.by_slot[leg.slot] = leg

    def sort(self, leg: Leg) -> None:
        """Take note of a leg's codec and protection, which may have changed."""
        slot = leg.slot
        self.is_coded[slot] = leg.coded is not None
        self.coded.pop(slot, None)
        if leg.coded is not None:
            self.coded[slot] = leg
        self.secured += (leg.protection is not None) - int(self.is_secured[slot])
        self.is_secured[slot] = leg.protection is not None

    def remove(self, leg: Leg) -> None:
        """Forget a leg."""
        leg.coded = leg.protection = None
        self.sort(leg)
        del self.by_call[leg.call_id]
        self.by_slot[leg.slot] = None
