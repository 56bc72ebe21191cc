"""What a bridge tells the call that it stands in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ringing:
    """News: a telephone rings."""

    status: int


@dataclass(frozen=True, slots=True)
class Talking:
    """News: somebody answered."""

    peer: str


@dataclass(frozen=True, slots=True)
class BridgeOver:
    """News: the bridge is done; its legs are gone, except for ``near``."""

    outcome: str
    """``ended`` (far hung up), ``left`` (near did), ``joined`` (near went over to another call), or nobody
    answered: ``busy``, ``no_answer``, ``failed``."""
    status: int = 0
    """Final status that says why nobody answered."""


News = Ringing | Talking | BridgeOver
