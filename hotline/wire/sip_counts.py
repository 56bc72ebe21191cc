"""What passed the SIP sockets, for the metrics: plain numbers that only grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SipCounts:
    """What passed, for the metrics. What the front door turned away stands in its own counts."""

    received: int = 0
    sent: int = 0
    keepalives: int = 0
    malformed: int = 0
    """Refused or dropped because they were no proper SIP."""
    oversized: int = 0
    unsent: int = 0
    """The network would not take them."""
    undelivered: int = 0
    """Requests that ICMP gave back: their transactions ended at once."""
    connections_refused: int = 0
    connections_failed: int = 0
    """Of ours, that could not be opened."""
    connections_expired: int = 0
    """Closed because nothing came, or too slowly."""
    faults: int = 0
    """Our own faults, survived; each is in the log with its trace."""
