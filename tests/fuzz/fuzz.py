"""Fuzz one reader with atheris: ``python tests/fuzz/fuzz.py sip 600``; ``make fuzz`` runs them all.

What is learnt stays in ``build/fuzz/NAME``; an input that breaks something is left there as ``crash-...``
and given back with ``python tests/fuzz/fuzz.py sip FILE``.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LARGEST = 8192  # octets of one input: a datagram that we take


def main() -> None:
    """Run one reader for so many seconds, or on one file."""
    name, what = sys.argv[1], sys.argv[2]
    if not what.isdigit():
        from readers import READERS

        READERS[name](Path(what).read_bytes())
        return

    import atheris

    atheris.enabled_hooks.add("RegEx")
    with atheris.instrument_imports(include=["hotline.sip", "readers"]):
        import readers
    folder = ROOT / "build" / "fuzz" / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in readers.seeds_of(name):
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [f"-max_total_time={what}", f"-max_len={LARGEST}", "-timeout=10", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder)], readers.READERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]
    main()
