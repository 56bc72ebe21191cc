"""What a suggestion costs: CPU milliseconds from a transcript to kind, place, unit and priority.

    python benchmarks/routing.py [--repeat 5] [--json FILE]

The shipped district (231 units, some 1,200 ways to say its places, 60 kinds) against three lengths
of text: one sentence as callers say it, a message of two minutes, and the longest text that is looked
at, without a single comma, which is the worst case. ``start`` is what building the tables costs once.

The run fails when a median passes ``LIMIT_MS``: suggestions are made on the event loop,
which also answers calls.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hotline.routing.district import DISTRICT_FILES, read_district
from hotline.routing.pinyin import _read as syllables_cache
from hotline.routing.suggest import TEXT_LONGEST, Suggester

ROOT = Path(__file__).parents[1]
LIMIT_MS = 100.0


def milliseconds(work: Callable[[str], object], texts: Sequence[str], repeat: int) -> list[float]:
    spent = []
    for _ in range(repeat):
        for text in texts:
            syllables_cache.cache_clear()  # each text is new in real life
            start = time.process_time()
            work(text)
            spent.append(1000 * (time.process_time() - start))
    return spent


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()

    start = time.process_time()
    texts = {name: (ROOT / "config" / name).read_text(encoding="utf-8") for name in DISTRICT_FILES}
    suggester = Suggester(read_district(texts)[0])
    result: dict[str, dict[str, float]] = {"start": {"ms": round(1000 * (time.process_time() - start), 1)}}

    with (ROOT / "tests" / "data" / "utterances.csv").open(encoding="utf-8") as lines:
        sentences = [row["utterance_zh"] for row in csv.DictReader(lines)]
    unbroken = "".join(sentences) * 3
    cases = {
        "sentence": sentences,
        "two minutes": ["，".join(sentences)[n : n + 600] for n in (0, 200, 400)],
        "longest": [unbroken[:TEXT_LONGEST]],
    }
    for name, sample in cases.items():
        milliseconds(suggester.suggest, sample, 1)  # warm
        for what, work in (("suggest", suggester.suggest), ("correct", suggester.correct)):
            spent = sorted(milliseconds(work, sample, options.repeat))
            figures = {
                "p50_ms": statistics.median(spent),
                "p95_ms": spent[min(len(spent) - 1, int(0.95 * len(spent)))],
                "max_ms": spent[-1],
            }
            result[f"{what}, {name}"] = {key: round(value, 2) for key, value in figures.items()}
    for name, row in result.items():
        print(f"{name:24}", "  ".join(f"{key} {value:8.2f}" for key, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    too_slow = [name for name, row in result.items() if row.get("p50_ms", 0.0) > LIMIT_MS]
    for name in too_slow:
        print(f"slower than {LIMIT_MS:.0f} ms: {name}", file=sys.stderr)
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
