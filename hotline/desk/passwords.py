"""What a password must be, and how often one may be guessed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from hotline.errors import Refused

LEAST_LENGTH: Final = 10
MOST_LENGTH: Final = 200
"""A hash of a novel would be a cheap way to keep the machine busy."""
LEAST_DIFFERENT: Final = 5
"""Different characters; refuses ``aaaaaaaaaa`` and ``1212121212``."""
_COMMON: Final = frozenset(
    {
        *(
            "password",
            "passw0rd",
            "p@ssword",
            "p@ssw0rd",
            "mima",
            "admin",
            "administrator",
            "root",
            "hotline",
        ),
        *("welcome", "letmein", "iloveyou", "woaini", "qwerty", "asdfgh", "zxcvbn", "1qaz2wsx", "qazwsx"),
        *("dongcheng", "beijing", "jiedao", "shequ", "changeme", "default", "secret", "monkey", "dragon"),
        *("abc", "test", "user", "guest", "sunshine", "princess", "football", "baseball", "superman"),
    }
)
"""What guessing programs try first, with digits and signs taken off the ends."""
_RUNS: Final = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_ENDINGS: Final = "0123456789!@#$%^&*()_+-=.,;:?/\\ ~"

WINDOW: Final = timedelta(minutes=15)
PER_USER_AND_REMOTE: Final = 5
PER_USER: Final = 50
"""From everywhere together; high, so that a stranger cannot lock somebody out in passing."""
PER_REMOTE: Final = 30
"""One office may share an address."""


def check_password(password: str, user_name: str) -> None:
    """Refuse a password that is easily guessed.

    :raises Refused: ``input``, saying what is wrong with it.
    """
    folded = password.casefold()
    if len(password) < LEAST_LENGTH:
        raise Refused(f"a password needs at least {LEAST_LENGTH} characters", code="input")
    if len(password) > MOST_LENGTH:
        raise Refused(f"a password has at most {MOST_LENGTH} characters", code="input")
    if user_name and user_name.casefold() in folded:
        raise Refused("the password must not contain the user name", code="input")
    if len(set(folded)) < LEAST_DIFFERENT:
        raise Refused(f"a password needs at least {LEAST_DIFFERENT} different characters", code="input")
    core = folded.strip(_ENDINGS)
    half = core[: len(core) // 2]
    if core in _COMMON or (core == half * 2 and half in _COMMON):
        raise Refused("this password is one of the first that anybody tries", code="input")
    if any(_is_run(folded, run) for run in _RUNS):
        raise Refused("a password must not be a row of keys or of the alphabet", code="input")


def _is_run(text: str, run: str) -> bool:
    return text in run * 2 or text in run[::-1] * 2


class LoginLimit:
    """Counts tries in a sliding window, by user, by remote and by both together."""

    def __init__(self) -> None:
        self._tries: dict[tuple[str, str], deque[datetime]] = {}

    def is_exhausted(self, user_name: str, remote: str, at: datetime) -> bool:
        """Tell whether another try must be refused without looking at the password."""
        return any(self._count(key, at) >= limit for key, limit in self._keys(user_name, remote).items())

    def note_try(self, user_name: str, remote: str, at: datetime) -> None:
        """Count a try; note_accepted takes it back."""
        for key in self._keys(user_name, remote):
            self._tries.setdefault(key, deque(maxlen=PER_USER)).append(at)
        if len(self._tries) > 10_000:  # somebody tries names at random; old ones may be forgotten
            self._tries = {key: times for key, times in self._tries.items() if self._count(key, at)}

    def note_accepted(self, user_name: str, remote: str) -> None:
        """Forget the slips of a person who has now got it right, from where she sits."""
        self.take_back(user_name, remote)
        self._tries.pop((user_name, remote), None)

    def take_back(self, user_name: str, remote: str) -> None:
        """Uncount the last try: it was no guess, or nobody could look at it."""
        for key in self._keys(user_name, remote):
            if self._tries.get(key):
                self._tries[key].pop()

    def _keys(self, user_name: str, remote: str) -> Mapping[tuple[str, str], int]:
        return {(user_name, remote): PER_USER_AND_REMOTE, (user_name, ""): PER_USER, ("", remote): PER_REMOTE}

    def _count(self, key: tuple[str, str], at: datetime) -> int:
        times = self._tries.get(key, deque())
        while times and not at - WINDOW < times[0] <= at + WINDOW:
            times.popleft()
        return len(times)
