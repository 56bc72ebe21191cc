"""Who acts: roles of people, and the product itself.

Command (agents, units) and supervision are two axes: who dispatches does not judge, who judges
does not dispatch. The tables of request and work order name the roles of each move.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is at a console, or ``system`` for the product."""

    SYSTEM = "system"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    UNIT = "unit"
    """Works in a street, community or department."""
    ADMIN = "admin"
