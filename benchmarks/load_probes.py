"""How much do keep-alives and registrations cost? Run ``python benchmarks/load_probes.py``.

OPTIONS outside any dialog, and REGISTER, 401, REGISTER with MD5 credentials, 200, by a hundred telephones.
The claims: at 500 keep-alives and 200 registrations a second all are answered, at most 0.6 and 1.5 ms of
CPU each with the sockets, the gate and the kept signalling.
"""

from __future__ import annotations

import sys

from _load import a_target, is_quick, verdict

PROBE_MS = 0.6
REGISTRATION_MS = 1.5


def main() -> int:
    """Print the figures; fail when a claim does not hold."""
    seconds = 3 if is_quick() else 20
    with a_target() as target:
        target.load("options", 100, 2)
        probes = target.load("options", 500, seconds)
        print(f"500 keep-alives a second:    {probes}")
        registrations = target.load("register", 200, seconds)
        print(f"200 registrations a second:  {registrations}")
    return verdict(
        {
            "all are answered": probes.failed == registrations.failed == 0,
            f"{PROBE_MS} ms a keep-alive": probes.cpu_ms <= PROBE_MS,
            f"{REGISTRATION_MS} ms a registration": registrations.cpu_ms <= REGISTRATION_MS,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
