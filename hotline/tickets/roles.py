"""Who acts: roles of people, and the product itself; which duties each role holds.

Command (agents, units) and supervision are two axes: who dispatches does not judge, who judges
does not dispatch. The tables of request and work order name the duties of each move; a person has
one role, and acts under the first of its duties that may make the move.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from hotline.tickets.duties import Duty


class Role(StrEnum):
    """What a person is at a console, or ``system`` for the product."""

    SYSTEM = "system"
    AGENT = "agent"
    """话务员: takes requests in and dispatches them."""
    SHIFT_LEADER = "shift_leader"
    """值班长: an agent who also decides on returns and refusals."""
    REVIEWER = "reviewer"
    """审核回访员: looks at replies, checks on site, asks the callers."""
    SUPERVISOR = "supervisor"
    """督查: a reviewer who also arbitrates, grants suspensions and orders."""
    UNIT = "unit"
    """Works in a street, community or department."""
    UNIT_LEADER = "unit_leader"
    """Leads there."""
    ADMIN = "admin"


UNIT_ROLES: Final = frozenset({Role.UNIT, Role.UNIT_LEADER})
"""Roles of people who belong to a unit, and reach only what it was given."""

DUTIES: Final[Mapping[Role, tuple[Duty, ...]]] = {
    Role.SYSTEM: (Duty.SYSTEM,),
    Role.AGENT: (Duty.AGENT, Duty.DISPATCHER),
    Role.SHIFT_LEADER: (Duty.AGENT, Duty.DISPATCHER, Duty.SHIFT_LEADER),
    Role.REVIEWER: (Duty.REVIEWER, Duty.VERIFIER, Duty.FOLLOW_UP),
    Role.SUPERVISOR: (Duty.REVIEWER, Duty.VERIFIER, Duty.FOLLOW_UP, Duty.SUPERVISOR),
    Role.UNIT: (Duty.UNIT,),
    Role.UNIT_LEADER: (Duty.UNIT, Duty.UNIT_LEADER),
    Role.ADMIN: (),
}
"""A small hotline has one person for several duties of one side, never for duties that are kept apart."""
