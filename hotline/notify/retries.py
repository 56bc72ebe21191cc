"""How long a letter waits before it is tried again, and when it is given up.

The first waits are short, so that a relay that was only restarted is met within seconds; then
1 min x 1.5^n, at most half an hour apart, for a day (design: backend.md 2.3; the shape is Postal's).
"""

from __future__ import annotations

from typing import Final

QUICK_S: Final = (5.0, 15.0, 30.0)
FIRST_S: Final = 60.0
GROWTH: Final = 1.5
LONGEST_S: Final = 1800.0
GIVE_UP_S: Final = 24 * 3600.0
"""Age of a letter at which trying ends."""
FAIR_TRIES: Final = 8
"""Tries that this process has to make itself before it gives up: after a weekend without a relay the
first hiccup must not kill what has waited."""
UNCERTAIN_S: Final = 300.0
"""Wait after a relay took a letter and did not answer: it may well arrive."""
UNCERTAIN_TRIES: Final = 2
"""So often a letter is handed over without an answer: a repeat has the same Message-ID, but a third
copy helps nobody."""
NO_RELAY_S: Final = 60.0
"""How often it is noted that no relay is set."""


def wait_after(tries: int) -> float:
    """Tell how many seconds to wait after so many tries, counted from 1."""
    if tries <= len(QUICK_S):
        return QUICK_S[max(tries, 1) - 1]
    # The exponent is bounded, or a letter of many tries would overflow.
    return min(FIRST_S * GROWTH ** min(tries - len(QUICK_S) - 1, 20), LONGEST_S)
