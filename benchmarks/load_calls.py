"""What do short calls cost the whole product? Run ``python benchmarks/load_calls.py``.

INVITE, 200 (after the call record is committed), half a second, BYE: 20 a second for the wait for the
answer, then 100 a second. The claims: every call is answered and nothing is repeated; half of the callers
at 20 a second wait at most 40 ms; a call costs at most 6 ms of CPU, media plane and store included.
"""

from __future__ import annotations

import sys

from _load import a_target, is_quick, verdict

LIMIT_MS = 6.0
WAIT_MS = 40.0


def main() -> int:
    """Print the figures; fail when a claim does not hold."""
    seconds = 3 if is_quick() else 30
    with a_target() as target:
        target.load("call", 20, 2)
        calm = target.load("call", 20, seconds)
        print(f"20 a second:  {calm}")
        busy = target.load("call", 100, seconds)
        print(f"100 a second: {busy}")
    return verdict(
        {
            "every call is answered": calm.good == calm.attempts and busy.good == busy.attempts,
            f"answered within {WAIT_MS} ms": calm.percentile(0.5) <= WAIT_MS,
            f"{LIMIT_MS} ms of CPU a call": busy.cpu_ms <= LIMIT_MS,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
