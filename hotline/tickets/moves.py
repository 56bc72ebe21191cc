"""The form of a life-cycle table: from where, by which move, to where, by whom and on which conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from hotline.errors import Refused
from hotline.tickets.duties import Actor, Duty

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)


class Need(StrEnum):
    """A condition of a move; ``conditions`` says how each is tested."""

    COMPLETE = "kind, text, place or none, contact or anonymous are there"
    REASON = "a reason is given"
    SOURCE = "an article or a three-party call is linked"
    SECOND_PERSON = "somebody else than who proposed it"
    PARENT = "the other request is open and not merged itself"
    PARENT_DONE = "the other request is closed"
    PARENT_GONE = "the other request has ended without a result"
    UNIT = "a unit is named, the ruled one if there was a ruling"
    OWN_ORDER = "the actor's unit has the lead"
    RETURN_OPEN = "within the time for a return, and no ruling yet"
    NOT_LAST_BOUNCE = "not the last return"
    LAST_BOUNCE = "the last return"
    RULED = "the unit is named, or none fits"
    DUE = "the step's time is over"
    EXTENSION_OPEN = "early enough, one left, and not longer than allowed"
    FIRST_EXTENSION = "the first extension"
    REVIEW_DAY = "a day of review within the longest suspension"
    OUTCOME = "outcome code and text are given"
    ORDERS_DONE = "every co-handler is done or excused"
    SITE_CHECK = "the kind is checked on site"
    NO_SITE_CHECK = "the kind is not checked on site"
    SOLVED = "the caller was reached and says that it is solved"
    UNSOLVED = "the caller says that it is not solved"
    NOT_REACHED = "all tries were made"
    TRY_LEFT = "a try is left"
    REWORK_LEFT = "fewer reworks than a caller's word orders"
    NO_REWORK_LEFT = "as many reworks as a caller's word orders"
    PASSCODE = "the caller has shown the passcode"
    REOPEN_OPEN = "within the time for reopening"


@dataclass(frozen=True, slots=True)
class Way:
    """Who may make a move, and when."""

    duties: frozenset[Duty]
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule(Generic[S]):
    """One arrow of a table: a move is allowed if one of its ways is."""

    target: S
    ways: tuple[Way, ...]

    @property
    def duties(self) -> frozenset[Duty]:
        """Everybody who may walk it on some condition."""
        return frozenset().union(*(way.duties for way in self.ways))


def find_rule(
    table: Mapping[tuple[S, M], Rule[S]], state: S, move: M, actor: Actor
) -> tuple[Rule[S], tuple[Way, ...]]:
    """Find an arrow and the ways that are open to somebody's duty.

    :raises Refused: ``state`` when the table has no such arrow, ``role`` when it is not this duty's to walk.
    """
    rule = table.get((state, move))
    if rule is None:
        raise Refused(f"what is {state} cannot be moved by {move}", code="state")
    ways = tuple(way for way in rule.ways if actor.duty in way.duties)
    if not ways:
        raise Refused(f"{move} is not for {actor.duty}", code="role")
    return rule, ways
