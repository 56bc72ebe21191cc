"""What happens past the limit? Run ``python benchmarks/load_limit.py``.

Looks for the limit (calls a second that are carried without a refusal, in steps of 40), then calls at twice
that. The claims: nothing collapses, that is at twice the limit at least two thirds of the limit's calls are
carried, the others hear 503 at once, and half of those that are answered wait no longer than a few steps of
the control; two seconds later nobody is refused.
"""

from __future__ import annotations

import sys
import time

from _load import a_target, is_quick, verdict

FIRST = 80
STEP = 40
MOST = 600
PATIENCE_MS = 500.0
AT_ONCE_MS = 150.0
"""Half of those that are answered past the limit are answered within this: as good as below it."""
FADES_S = 2.0
"""The cut goes back within a second (hotline/sip/overload.py)."""


def main() -> int:
    """Print the figures; fail when a claim does not hold."""
    seconds = 3 if is_quick() else 15
    with a_target() as target:
        target.load("call", 50, 2)
        limit, rate = 0, FIRST
        while rate <= MOST:
            found = target.load("call", rate, seconds)
            print(f"{rate:4} a second: {found}")
            if found.good < found.attempts or found.percentile(0.99) > PATIENCE_MS:
                break
            limit, rate = rate, rate + STEP
        limit = limit or FIRST
        past = target.load("call", 2 * limit, 2 * seconds)
        print(f"{2 * limit:4} a second: {past}")
        carried = past.good / (2 * seconds)
        print(f"limit {limit} a second; at twice that {carried:.0f} a second are carried")
        time.sleep(FADES_S)
        after = target.load("call", FIRST // 2, seconds)
        print(f"{FIRST // 2:4} a second, afterwards: {after}")
    return verdict(
        {
            "two thirds of the limit are carried": carried >= limit * 2 / 3,
            "who is answered does not wait": past.percentile(0.5) < AT_ONCE_MS,
            "afterwards all is as before": after.good == after.attempts,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
