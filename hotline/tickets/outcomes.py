"""What a unit's work led to: codes, never free text, for outcomes are counted."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a reply ends a unit's part."""

    SOLVED = "solved"
    """已解决."""
    PARTLY = "partly"
    """部分解决."""
    EXPLAINED = "explained"
    """已解释说明: nothing had to be done, or nothing may be."""
    PLANNED = "planned"
    """列入计划: it will be done at a later time that the reply names."""
    NOT_POSSIBLE = "not_possible"
    """无法解决."""
