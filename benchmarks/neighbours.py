"""What siblings and hotspots cost: CPU milliseconds on a SQLite store of sixty days and more.

    python benchmarks/neighbours.py [--requests 100000] [--json FILE]

A made-up district of 40,000 requests a month: each speaks of one of 60 kinds at one of 187 regions, spread
evenly in time. Asked are the siblings of the newest 200 requests, and 20 looks for hotspots. The run fails
when a median passes ``LIMIT_MS``: siblings belong to a page that must stand in 200 ms, and the look comes
every minute in a reader thread.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from hotline.routing.crowds import crowds
from hotline.routing.district import COMMUNITY, DISTRICT_FILES, District, read_district
from hotline.routing.hotspots import keys_of
from hotline.routing.similar import Described, traits_of
from hotline.store import Store
from hotline.store.neighbours import _filed, _similar
from hotline.store.tables import CallRow, RecordingRow, RequestRow
from hotline.store.traits import HeatRow, TraitRow
from hotline.store.work import Writing
from hotline.tickets.number import compose

ROOT = Path(__file__).parents[1]
LIMIT_MS = {"siblings": 60.0, "hotspots": 1500.0}
A_MONTH = 40_000
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
SAYINGS = ("垃圾桶三天没有清运", "路灯不亮了", "井盖坏了一直响", "楼上漏水没人管", "暖气不热", "停车堵门")


def rows_of(count: int, district: District) -> dict[type, list[dict[str, object]]]:
    seed = random.Random(96156)
    regions = [row for row in district.regions if row.level == COMMUNITY]
    rows: dict[type, list[dict[str, object]]] = {
        table: [] for table in (CallRow, RecordingRow, RequestRow, TraitRow, HeatRow)
    }
    per_day: dict[date, int] = {}
    for n in range(count):
        at = NOW - timedelta(days=30 * (count - n) / A_MONTH)
        day = at.date()
        per_day[day] = per_day.get(day, 0) + 1
        number, call_id = compose(day, per_day[day]), f"call-{n}"
        region, kind = seed.choice(regions), seed.choice(district.kinds).code
        text = f"{region.name}{seed.choice(SAYINGS)}，{seed.choice(SAYINGS)}，已经{seed.randrange(2, 30)}天了"
        rows[CallRow].append(
            {
                "call_id": call_id, "sip_call_id": call_id, "caller": f"+86139{seed.randrange(10**8):08d}",
                "caller_raw": "", "called": "96156", "source": "", "withheld": False, "offered_at": at,
                "path": [], "direction": "in", "origin": "",
            }
        )  # fmt: skip
        rows[RecordingRow].append(
            {
                "recording_id": call_id, "call_id": call_id, "path": call_id, "codec": "PCMA",
                "length_samples": 8000, "sha256": "0" * 64, "started_at": at, "cut_short": False,
            }
        )  # fmt: skip
        rows[RequestRow].append(
            {
                "number": number, "recording_id": call_id, "call_id": call_id, "language": "zh",
                "for_agent": False, "state": "accepted", "priority": "P3", "opened_at": at, "version": 1,
                "kind_code": kind, "region_code": region.code, "place": region.name, "edited_text": "",
                "transcript_state": "done", "text": text, "confidence": "high", "model": "",
            }
        )  # fmt: skip
        one = Described(number, at, text, (kind,), region.code, region.name)
        rows[TraitRow] += [{"trait": trait, "number": number} for trait in traits_of(one)]
        rows[HeatRow] += [
            {"key": key, "number": number, "opened_at": at} for key in keys_of(region.name, region.code, kind)
        ]
    return rows


def milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requests", type=int, default=100_000)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    texts = {name: (ROOT / "config" / name).read_text(encoding="utf-8") for name in DISTRICT_FILES}
    district = read_district(texts)[0]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(
            f"sqlite:///{folder}/hotline.sqlite3", Path(folder), lambda: NOW, lambda _position: None
        )
        store.migrate_blocking()
        store.seed_blocking(district)
        rows = rows_of(options.requests, district)

        def fill(writing: Writing) -> None:
            for table, listed in rows.items():
                for start in range(0, len(listed), 5000):
                    writing.session.execute(insert(table), listed[start : start + 5000])

        store.write_blocking(fill)
        newest = [str(row["number"]) for row in rows[RequestRow][-200:]]
        spent = {
            "siblings": [
                milliseconds(lambda number=number: store.read_blocking(lambda s: _similar(s, None, number)))
                for number in newest
            ],
            "hotspots": [
                milliseconds(lambda: store.read_blocking(lambda s: crowds(_filed(s, NOW), NOW)))
                for _ in range(20)
            ],
        }
        store.close_blocking()
    result = {
        name: {
            "median_ms": round(statistics.median(values), 1),
            "p95_ms": round(statistics.quantiles(values, n=20)[-1], 1),
        }
        for name, values in spent.items()
    }
    for name, figures in result.items():
        sys.stdout.write(f"{name:10} {figures['median_ms']:8} ms, 95 % under {figures['p95_ms']} ms\n")
    if options.json:
        options.json.write_text(json.dumps({"requests": options.requests, **result}, indent=2))
    return int(any(result[name]["median_ms"] > limit for name, limit in LIMIT_MS.items()))


if __name__ == "__main__":
    sys.exit(main())
