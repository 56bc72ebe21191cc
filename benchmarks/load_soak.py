"""Does anything grow? Run ``python benchmarks/load_soak.py`` (some four minutes).

20,000 short calls. The claims: every call is carried, and from the first quarter to the end neither the
descriptors nor the memory grow. What 32 seconds of transactions take (RFC 3261, timers J and L) stands from
the first quarter on.
"""

from __future__ import annotations

import sys
import time

from _load import a_target, is_quick, verdict

RATE = 150
QUARTER = 5000
GROWTH = 1.1
FORGOTTEN_S = 34.0


def main() -> int:
    """Print the figures; fail when a claim does not hold."""
    quarter = 300 if is_quick() else QUARTER
    memory, descriptors, good = [], [], 0
    with a_target() as target:
        for number in range(1, 5):
            found = target.load("call", RATE, quarter / RATE)
            memory.append(target.memory_mib())
            descriptors.append(target.descriptors())
            good += found.good
            print(f"{number * quarter:6} calls: {memory[-1]:.0f} MiB, {descriptors[-1]} descriptors; {found}")
        time.sleep(1 if is_quick() else FORGOTTEN_S)
        print(f"at rest: {target.memory_mib():.0f} MiB, {target.descriptors()} descriptors")
        rest = target.descriptors()
    return verdict(
        {
            "every call is carried": good == 4 * quarter,
            "memory is flat": memory[-1] <= GROWTH * memory[0],
            "descriptors are flat": rest <= descriptors[0] + 2,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
