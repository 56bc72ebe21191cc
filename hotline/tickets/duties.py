"""Who acts on a request, and the axes that one person may not walk both of.

Command (dispatching) and handling stand on one side, supervision (reviewing, verifying, following
up, arbitrating) on the other: nobody judges what she dispatched or handled, and nobody who judged
it dispatches or handles it. That holds for the duties of a person, and again on each request for
what she did there under whatever duty she had then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hotline.errors import Refused


class Axis(StrEnum):
    """The side that an act belongs to."""

    CALLER = "caller"
    INTAKE = "intake"
    COMMAND = "command"
    HANDLING = "handling"
    SUPERVISION = "supervision"
    SYSTEM = "system"


class Duty(StrEnum):
    """As what somebody acts."""

    CALLER = "caller"
    AGENT = "agent"
    DISPATCHER = "dispatcher"
    SHIFT_LEADER = "shift_leader"
    UNIT = "unit"
    UNIT_LEADER = "unit_leader"
    REVIEWER = "reviewer"
    VERIFIER = "verifier"
    FOLLOW_UP = "follow_up"
    SUPERVISOR = "supervisor"
    SYSTEM = "system"


AXIS: Final[Mapping[Duty, Axis]] = {
    Duty.CALLER: Axis.CALLER,
    Duty.AGENT: Axis.INTAKE,
    Duty.DISPATCHER: Axis.COMMAND,
    Duty.SHIFT_LEADER: Axis.COMMAND,
    Duty.UNIT: Axis.HANDLING,
    Duty.UNIT_LEADER: Axis.HANDLING,
    Duty.REVIEWER: Axis.SUPERVISION,
    Duty.VERIFIER: Axis.SUPERVISION,
    Duty.FOLLOW_UP: Axis.SUPERVISION,
    Duty.SUPERVISOR: Axis.SUPERVISION,
    Duty.SYSTEM: Axis.SYSTEM,
}
APART: Final[Mapping[Axis, frozenset[Axis]]] = {
    Axis.COMMAND: frozenset({Axis.SUPERVISION}),
    Axis.HANDLING: frozenset({Axis.SUPERVISION}),
    Axis.SUPERVISION: frozenset({Axis.COMMAND, Axis.HANDLING}),
}
"""Axes that one person cannot walk together; symmetric."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a person under one of her duties, or the product."""

    person: str
    duty: Duty
    unit: str = ""
    """Code of the unit she acts for; empty for those who act for none."""

    @property
    def axis(self) -> Axis:
        """The side on which she acts."""
        return AXIS[self.duty]


SYSTEM: Final = Actor("system", Duty.SYSTEM)


def check_duties(duties: Iterable[Duty]) -> None:
    """Check that one person may hold these duties together.

    :raises Refused: ``duty`` when they stand on axes that are kept apart.
    """
    held = sorted(set(duties))
    for one in held:
        for other in held:
            if AXIS[other] in APART.get(AXIS[one], ()):
                raise Refused(f"nobody is both {one} and {other}: supervision stands apart", code="duty")


def check_axis(actor: Actor, walked: Iterable[Axis]) -> None:
    """Check that a person may act on a request where she acted before.

    :param walked: axes of what she did on it.
    :raises Refused: ``duty`` when she stood on the other side.
    """
    for axis in walked:
        if axis in APART.get(actor.axis, ()):
            raise Refused(
                f"{actor.person} acted on this request in {axis} and cannot act in {actor.axis}", code="duty"
            )
