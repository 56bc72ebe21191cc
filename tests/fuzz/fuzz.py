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

    with atheris.instrument_imports(
        include=["hotline.sip", "hotline.media", "hotline.trunks", "readers", "plane_readers"]
    ):
        import readers
    folder = ROOT / "build" / "fuzz" / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in readers.seeds_of(name):
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    # atheris cannot look into regular expressions that are asked with a position: words help it on.
    words = folder.with_suffix(".dict")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in readers.words_of(name)), encoding="ascii")
    options = [
        f"-max_total_time={what}",
        f"-max_len={LARGEST}",
        f"-dict={words}",
        "-timeout=10",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], readers.READERS[name])
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]
    main()
