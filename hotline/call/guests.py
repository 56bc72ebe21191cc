"""Who comes to a talk of two: a supervisor who listens, whispers or barges in, or a third who takes part.

What each part means is one table: whom the guest hears is always all who talk; who hears her is the part's.

==========  ==================  ============================
part        who hears her       what for
==========  ==================  ============================
monitor     nobody              quality, training
whisper     the house's side    a word to the agent
barge       all who talk        help, before both
member      all who talk        a department, an interpreter
==========  ==================  ============================

A guest is looked for and rung like anybody; who cannot be had costs the talk nothing. When the agent hangs up
while a member is there, the caller and the member talk on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hotline.call.destinations import Destination, Shown
from hotline.call.legs import PHONE, Leg
from hotline.call.messages import FindTargets, GuestAsked, TargetsFound
from hotline.call.search import Search
from hotline.events.ids import CallId

MOST_GUESTS: Final = 4
"""Of one talk; each takes a port, and every listener of a sum costs an addition."""
GUEST_RING_S: Final = 45.0
GUEST_WAIT_S: Final = 60.0
"""From the question to the answer, with the looking up."""
TAGS: Final = 1000
"""Tags of a guest's searches begin at a multiple of it, so that they are never the talk's own."""
Hears = tuple[tuple[CallId, CallId], ...]
"""Who hears whom: listener and speaker."""


class Part(Enum):
    """What a guest does."""

    MONITOR = "monitor"
    WHISPER = "whisper"
    BARGE = "barge"
    MEMBER = "member"

    @property
    def supervises(self) -> bool:
        """Tell whether it is one that only supervisors have."""
        return self is not Part.MEMBER


@dataclass(slots=True, eq=False)
class Guest:
    """One guest, from the question on."""

    name: str
    """User of the house or number that was asked for."""
    part: Part
    by: str
    """Who wanted it."""
    search: Search
    limit: float
    leg: Leg | None = None
    has_joined: bool = False
    tone: bool = False
    """Those who are to know hear a tone when she comes."""

    @property
    def is_there(self) -> bool:
        """True while she is connected."""
        return self.leg is not None and self.leg.is_there


class Guests:
    """All guests of one bridge."""

    def __init__(self, call_id: CallId) -> None:
        self._call_id = call_id
        self._all: list[Guest] = []
        self._asked = 0

    def __iter__(self) -> Iterator[Guest]:
        return iter(tuple(self._all))

    def may_come(self, name: str, part: Part) -> bool:
        """Tell whether there is room for one more, of that part and name."""
        has_member = part is Part.MEMBER and any(guest.part is Part.MEMBER for guest in self._all)
        is_here = any(guest.name == name for guest in self._all)
        return not has_member and not is_here and len(self._all) < MOST_GUESTS

    def ask(self, event: GuestAsked, shown: Shown, now: float) -> FindTargets:
        """Look for a guest."""
        self._asked += 1
        search = Search(self._call_id, first_tag=self._asked * TAGS)
        part = Part(event.part)
        guest = Guest(event.name, part, event.by, search, now + GUEST_WAIT_S, tone=event.tone)
        self._all.append(guest)
        return search.begin(
            (event.name,), shown, GUEST_RING_S, acting=event.acting, only_idle=False, alone=part.supervises
        )

    def found(self, event: TargetsFound) -> tuple[Guest, Destination | None] | None:
        """Take what was found for a guest: where she is, or None beside her where she is nowhere.

        :returns: None where it was not looked for.
        """
        for guest in self._all:
            if guest.search.takes(event):
                found = guest.search.new_ones(event.destinations)
                if not found:
                    self._all.remove(guest)
                return guest, (found[0] if found else None)
        return None

    def of(self, leg_id: CallId) -> Guest | None:
        """Find the guest of a leg."""
        return next((one for one in self._all if one.leg is not None and one.leg.leg_id == leg_id), None)

    def named(self, name: str) -> Guest | None:
        """Find a guest by whom was asked for."""
        return next((guest for guest in self._all if guest.name == name), None)

    def remove(self, guest: Guest) -> None:
        """Forget a guest; ending her leg is not done here."""
        guest.search.stop()
        if guest in self._all:
            self._all.remove(guest)

    def next_timer(self) -> float | None:
        """Tell when to look for those who are late; None: never."""
        return min((guest.limit for guest in self._all if not guest.is_there), default=None)

    def late(self, now: float) -> list[Guest]:
        """Give those who should have answered by now."""
        return [guest for guest in self._all if not guest.is_there and guest.limit <= now]

    def take_member(self) -> Leg | None:
        """Take the third who takes part out of the guests, when there is one: the talk is hers now."""
        for guest in self._all:
            if guest.part is Part.MEMBER and guest.is_there:
                self._all.remove(guest)
                return guest.leg
        return None


def coached(near: Leg, far: Leg, *, is_served: bool) -> list[Leg]:
    """Give whom a whisper and the tone are for: the house's side of a talk.

    :param is_served: near is a caller in a flow, whatever telephone she has; else the house's own
        telephones count, and of two of them the one that called.
    """
    if is_served:
        return [far]
    return [leg for leg in (near, far) if leg.kind is PHONE][:1]


def hears(talkers: Sequence[Leg], coached: Sequence[Leg], guests: Collection[Guest]) -> Hears:
    """Work out who hears whom; the first two who talk stand first.

    :param talkers: the two, who are connected.
    :param coached: whom a whisper is for.
    :param guests: those of them who are connected count.
    """
    there = [(guest.leg, guest.part) for guest in guests if guest.leg is not None and guest.leg.is_there]
    all_talk = [*talkers, *(leg for leg, part in there if part in (Part.MEMBER, Part.BARGE))]
    quiet = [(leg, part) for leg, part in there if part in (Part.MONITOR, Part.WHISPER)]
    table = [(one.leg_id, other.leg_id) for one in all_talk for other in all_talk if one is not other]
    table += [(leg.leg_id, other.leg_id) for leg, _ in quiet for other in all_talk]
    table += [(one.leg_id, leg.leg_id) for leg, part in quiet if part is Part.WHISPER for one in coached]
    return tuple(table)


def listeners_to_music(talkers: Collection[Leg]) -> set[CallId]:
    """Give who hears music while others hold: one whom all others hold, of all who talk."""
    free = [leg for leg in talkers if not leg.holds_us]
    return {free[0].leg_id} if len(free) == 1 and len(talkers) > 1 else set()
