"""What the user agent counts, for the metrics: plain numbers that only grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class UserAgentCounts:
    """Calls, refusals and repetitions since the start."""

    calls_in: int = 0
    """Calls told as CallArrived."""
    calls_out: int = 0
    """Calls that we began to make."""
    answered_in: int = 0
    answered_out: int = 0
    failed_out: int = 0
    """Calls of ours that got a final error, or none."""
    refused: int = 0
    """Requests outside calls that were refused, by their status below."""
    refused_not_found: int = 0
    """404: not a number of ours."""
    refused_unfit: int = 0
    """488: no voice that we can carry."""
    refused_full: int = 0
    """503: too many calls, or a trunk past its caps."""
    challenged: int = 0
    """401 and 407 sent."""
    silenced: int = 0
    """Requests that got no answer by decision of the admission."""
    shed: int = 0
    """503 without memory: overload, or too many transactions."""
    glare: int = 0
    """491 in both directions (14.1)."""
    retransmissions: int = 0
    """Requests and responses of ours that went out again."""
    repetitions: int = 0
    """Requests that came again and were absorbed."""
    pracks_sent: int = 0
    pracks_received: int = 0
    refreshes_sent: int = 0
    """UPDATE and re-INVITE for the session timer (RFC 4028)."""
    sessions_expired: int = 0
    failed_authentications: int = 0
    """Challenges to us that our secret did not answer."""
    surplus_answers: int = 0
    """2xx that nobody wanted any more: ACK and BYE (13.2.2.4)."""
    transfers_asked: int = 0
    """REFERs taken."""
    strays: int = 0
    """Responses that belong to nothing."""
