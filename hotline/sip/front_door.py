"""Who is heard at all, decided before a message is parsed.

A trunk's address and a registered telephone's are known; so is, for a while, whom we have written to
ourselves, and whoever stands in a call. From anybody else only what begins like a REGISTER goes on: the
one thing by which a stranger can become known. Everything else is dropped, for it would cost more to
refuse than to send, and an answer would tell a scanner that somebody lives here.

Every source has a bucket of messages, a known one a large one; strangers share one more among them, so
that forged sources cannot multiply what they get.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from hotline.sip.rate import SourceRates, TokenBucket, source_key

KNOWN_PER_S: Final = 1000.0
"""Messages of a known address. A carrier's border controller that sets up 100 calls a second sends some
400; reading and refusing one takes about 0.2 ms, so that one address takes a fifth of a core at most."""
KNOWN_BURST: Final = 500
"""Messages taken at once, as after a pause of the network."""
STRANGER_PER_S: Final = 20.0
"""Messages of an address that nobody knows. A telephone registers with two messages."""
STRANGER_BURST: Final = 400
"""A house of a hundred telephones behind one address, after a power cut."""
STRANGERS_PER_S: Final = 500.0
"""Of all strangers together, whose addresses may be forged."""
STRANGERS_BURST: Final = 2000
ACQUAINTANCE_S: Final = 240.0
"""How long whom we wrote to is heard: an INVITE may ring for three minutes (RFC 3261, timer C) and its
answer is repeated for 32 seconds."""
MAX_ACQUAINTANCES: Final = 4096
PEERS_FRESH_S: Final = 1.0
"""How long the list of those in calls is believed."""
NOTE_EVERY_S: Final = 3600.0
"""One line in the log an address an hour."""
MAX_NOTED: Final = 4096


@dataclass(slots=True)
class DoorCounts:
    """What was turned away, for the metrics."""

    throttled: int = 0
    """Dropped unread: their known source sends too much."""
    unknown_source: int = 0
    """Dropped unread: no trunk, no registered telephone, no REGISTER."""
    strangers_throttled: int = 0
    """Dropped unread: registrations of one unknown source, or of all of them, come too fast."""


class FrontDoor:
    """Decides about every datagram and every message of a stream before it is parsed.

    :param knows: tells whether an address is a trunk's or a registered telephone's; cheap.
    :param peers: lists the addresses that stand in calls; asked at most once a second.
    """

    def __init__(
        self,
        knows: Callable[[str, float], bool],
        peers: Callable[[], Collection[str]],
        *,
        known: SourceRates | None = None,
        strangers: SourceRates | None = None,
        all_strangers: TokenBucket | None = None,
    ) -> None:
        self.counts = DoorCounts()
        self._knows, self._list_peers = knows, peers
        # An empty table of rates counts as false.
        self._known = SourceRates(KNOWN_PER_S, KNOWN_BURST) if known is None else known
        self._strangers = SourceRates(STRANGER_PER_S, STRANGER_BURST) if strangers is None else strangers
        self._all_strangers = all_strangers or TokenBucket(STRANGERS_PER_S, STRANGERS_BURST)
        self._acquaintances: dict[str, float] = {}
        self._peers: frozenset[str] = frozenset()
        self._peers_until = float("-inf")
        self._noted: dict[str, float] = {}

    def knows(self, ip: str, now: float) -> bool:
        """Tell whether an address is more than a stranger's."""
        if self._knows(ip, now) or self._acquaintances.get(ip, now) > now:
            return True
        if self._peers_until <= now:
            self._peers, self._peers_until = frozenset(self._list_peers()), now + PEERS_FRESH_S
        return ip in self._peers

    def admits(self, start: bytes | bytearray, ip: str, now: float) -> bool:
        """Decide about one message.

        :param start: its first octets, nine at least if it has them.
        :returns: True when it goes on; else it was counted and must be dropped in silence.
        """
        if self.knows(ip, now):
            if self._known.takes(ip, now):
                return True
            self.counts.throttled += 1
            return False
        if not start.startswith(b"REGISTER "):
            self.counts.unknown_source += 1
            return False
        if self._strangers.takes(ip, now) and self._all_strangers.takes(now):
            return True
        self.counts.strangers_throttled += 1
        return False

    def admits_connection(self, ip: str, now: float) -> bool:
        """Decide about a new connection, which costs a stranger as much as a message."""
        if self.knows(ip, now):
            return True
        if self._strangers.takes(ip, now) and self._all_strangers.takes(now):
            return True
        self.counts.strangers_throttled += 1
        return False

    def wrote_to(self, ip: str, now: float) -> None:
        """Note that a request of ours went to an address: its answers must be heard."""
        self._acquaintances.pop(ip, None)  # the latest stand last
        if len(self._acquaintances) >= MAX_ACQUAINTANCES:
            del self._acquaintances[next(iter(self._acquaintances))]
        self._acquaintances[ip] = now + ACQUAINTANCE_S

    def is_worth_a_line(self, ip: str, now: float) -> bool:
        """Tell whether a dropped message of an address should stand in the log: once an hour."""
        key = source_key(ip)
        if self._noted.get(key, now) > now:
            return False
        self._noted.pop(key, None)
        if len(self._noted) >= MAX_NOTED:
            del self._noted[next(iter(self._noted))]
        self._noted[key] = now + NOTE_EVERY_S
        return True
