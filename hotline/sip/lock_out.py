"""Who guesses passwords is not listened to for a while, and cannot tell.

Failures are counted for each source, and for each user from that source. Past a limit every further
one locks: a minute, then two, then four, up to an hour. Nothing that is said to a locked-out source
differs from what it was told before; even the right password gets the same challenge.

An office behind one address must not lose all its telephones because one of them has an old
password: a user who proved himself from there lately is spared the lock of the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hotline.sip.rate import source_key

FREE_PER_USER: Final = 5
"""Failures of one user from one source without consequence: a person who mistypes."""
FREE_PER_SOURCE: Final = 20
"""Failures of one source, whatever the users: a program that tries names needs more."""
FIRST_LOCK_S: Final = 60.0
LONGEST_LOCK_S: Final = 3600.0
FORGET_S: Final = 7200.0
"""A source that was quiet so long after its lock begins anew."""
PROVEN_S: Final = 86_400.0
"""How long a right password spares its user the lock of his source."""
MOST: Final = 20_000
"""Records kept, some 200 octets each; with more, the quarter that failed longest ago is forgotten."""

Key = tuple[str, str]


@dataclass(slots=True)
class _Failures:
    count: int
    until: float
    """End of the lock."""
    last: float


class LockOut:
    """Counts failures, and tells who is locked out."""

    def __init__(self, *, most: int = MOST) -> None:
        self._failures: dict[Key, _Failures] = {}
        """By source and user; the user is empty for all of a source's. Latest failure last."""
        self._proven: dict[Key, float] = {}
        self._most = most

    def __len__(self) -> int:
        return max(len(self._failures), len(self._proven))

    def is_locked(self, ip: str, user: str, now: float) -> bool:
        """Tell whether what a user says from a source is not to be believed now."""
        source = source_key(ip)
        if self._stands(source, user, now):
            return True
        return self._proven.get((source, user), -PROVEN_S) + PROVEN_S <= now and self._stands(source, "", now)

    def fail(self, ip: str, user: str, now: float) -> bool:
        """Note a failure; True when it began a lock, of the user there or of the source.

        To be called for those only who are not locked out: the others were not looked at.
        """
        source = source_key(ip)
        by_user = self._count(source, user, FREE_PER_USER, now)
        return self._count(source, "", FREE_PER_SOURCE, now) or by_user

    def succeed(self, ip: str, user: str, now: float) -> None:
        """Note a right password: the user's slips are forgotten, not those of his source."""
        key = (source_key(ip), user)
        self._failures.pop(key, None)
        self._proven.pop(key, None)
        self._proven[key] = now
        if len(self._proven) > self._most:
            self._proven = dict(list(self._proven.items())[self._most // 4 :])

    def forget_user(self, user: str) -> None:
        """Begin anew with a user everywhere: his password was changed."""
        for records in (self._failures, self._proven):
            for key in [key for key in records if key[1] == user]:
                del records[key]

    def _stands(self, source: str, user: str, now: float) -> bool:
        known = self._failures.get((source, user))
        return known is not None and now < known.until

    def _count(self, source: str, user: str, free: int, now: float) -> bool:
        key = (source, user)
        known = self._failures.pop(key, None)  # and put in again as the latest
        if known is None or now >= max(known.until, known.last) + FORGET_S:
            known = _Failures(0, 0.0, now)
        known.count, known.last = known.count + 1, now
        locks = known.count > free
        if locks:
            doublings = min(known.count - free - 1, 16)
            known.until = now + min(FIRST_LOCK_S * 2**doublings, LONGEST_LOCK_S)
        self._failures[key] = known
        if len(self._failures) > self._most:
            self._failures = dict(list(self._failures.items())[self._most // 4 :])
        return locks
