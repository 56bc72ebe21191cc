"""How long a list page, a search and a look-up by telephone take over many requests.

Claim: each below 50 ms (p95) with 200,000 requests in SQLite, and with 1,000,000 in PostgreSQL.
``--url postgresql+psycopg://...`` names an empty database of one's own; ``--quick`` takes 20,000 requests.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from hotline.search.asked import Asked, read_box
from hotline.store import Store
from hotline.store.desk_reads import lines_of
from hotline.store.search import find
from hotline.store.tables import CallRow, RecordingRow, RequestRow
from hotline.store.work import Writing
from hotline.tickets.number import compose
from hotline.wire.reactor import wall_now

BATCH = 2_000
PER_DAY = 700
FIRST = date(2020, 1, 1)
PLACES = (
    "和平里",
    "东直门",
    "北新桥",
    "安定门",
    "交道口",
    "景山",
    "东华门",
    "建国门",
    "朝阳门",
    "龙潭",
    "体育馆路",
)
THINGS = (
    "垃圾桶",
    "路灯",
    "井盖",
    "噪声",
    "停车",
    "漏水",
    "暖气",
    "电梯",
    "树木",
    "违建",
    "下水道",
    "宽带",
    "养老",
)
DOES = (
    "三天没清运了",
    "坏了没人修",
    "半夜吵得睡不着",
    "堵住了出口",
    "请尽快处理",
    "已经反映过两次",
    "影响老人出行",
)
STATES = ("accepted", "dispatched", "signed", "replied", "closed")


def sentence(rng: random.Random) -> str:
    """Say something in the length of a message."""
    said = [
        f"{rng.choice(PLACES)}{rng.randrange(1, 60)}号{rng.choice(THINGS)}{rng.choice(DOES)}"
        for _ in range(5)
    ]
    return "，".join(said) + f"，单号{rng.randrange(10**6)}。"


def fill(writing: Writing, first: int, people: int, rng: random.Random) -> None:
    """Write a batch of requests with their calls and recordings."""
    calls, recordings, requests = [], [], []
    for n in range(first, first + BATCH):
        day = FIRST + timedelta(days=n // PER_DAY)
        at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(seconds=n % PER_DAY * 60)
        call, number = f"call-{n:07d}", compose(day, n % PER_DAY + 1)
        caller = f"+8613{rng.randrange(people):09d}"
        calls.append(
            {"call_id": call, "sip_call_id": call, "caller": caller, "caller_raw": "", "called": "96156",
             "source": "", "withheld": False, "offered_at": at, "path": [], "direction": "in", "origin": ""}
        )  # fmt: skip
        recordings.append(
            {"recording_id": f"{call}-1", "call_id": call, "path": call, "codec": "PCMA",
             "length_samples": 8000, "far_path": "", "far_codec": "", "far_length_samples": 0,
             "far_sha256": "", "sha256": "0" * 64, "started_at": at, "cut_short": False}
        )  # fmt: skip
        requests.append(
            {"number": number, "recording_id": f"{call}-1", "call_id": call, "language": "zh",
             "for_agent": False, "state": STATES[min(4, rng.randrange(60))], "priority": "P3",
             "opened_at": at, "version": 1, "place": "", "edited_text": "",
             "transcript_state": "done", "text": sentence(rng), "confidence": "high",
             "model": "m", "level": 0}
        )  # fmt: skip
    for table, rows in ((CallRow, calls), (RecordingRow, recordings), (RequestRow, requests)):
        writing.session.execute(insert(table), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--url", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    wanted = 20_000 if options.quick else options.requests
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/hotline.sqlite3"
        store = Store(url, Path(folder) / "recordings", wall_now, lambda _position: None)
        store.migrate_blocking()
        began = time.perf_counter()
        for first in range(0, wanted, BATCH):
            store.write_blocking(lambda writing, first=first: fill(writing, first, options.people, rng))
        print(f"{wanted} requests of {options.people} people written in {time.perf_counter() - began:.0f} s")
        began = time.perf_counter()
        store.rebuild_index_blocking()
        print(f"indexed in {time.perf_counter() - began:.0f} s")
        if options.url:
            with store._write_engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
        measure(store, options.rounds, options.people, rng)
        store.close_blocking()


def measure(store: Store, rounds: int, people: int, rng: random.Random) -> None:
    """Ask in each way, and print what 50 and 95 of a hundred answers needed at most."""

    def ask(asked: Asked) -> None:
        def unit(session: Session) -> None:
            lines_of(session, None, find(session, asked, 51))

        store.read_blocking(unit)

    day = FIRST + timedelta(days=20)
    ways: dict[str, Callable[[], Asked]] = {
        "list page": Asked,
        "list page, one state": lambda: Asked(state=rng.choice(STATES)),
        "common word": lambda: read_box(rng.choice(THINGS)[:2]),
        "place and thing": lambda: read_box(f"{rng.choice(PLACES)} {rng.choice(THINGS)}"),
        "phrase": lambda: read_box(rng.choice(THINGS) + rng.choice(DOES)),
        "rare word": lambda: read_box(f"单号{rng.randrange(10**6)}"),
        "word in an open state": lambda: Asked(
            phrases=read_box(rng.choice(THINGS)).phrases, state="accepted"
        ),
        "word within ten days": lambda: Asked(
            phrases=read_box(rng.choice(THINGS)).phrases, first_day=day, last_day=day + timedelta(days=10)
        ),
        "telephone": lambda: Asked(phone=f"+8613{rng.randrange(people):09d}"),
        "telephone of nobody": lambda: Asked(phone="+8613999999999"),
    }
    for name, way in ways.items():
        took, used = [], []
        for _ in range(rounds):
            asked = way()
            began, worked = time.perf_counter(), time.thread_time()
            ask(asked)
            took.append(1000 * (time.perf_counter() - began))
            used.append(1000 * (time.thread_time() - worked))
        took.sort()
        p95 = took[int(0.95 * len(took))]
        p50, cpu = statistics.median(took), statistics.median(used)
        verdict = "" if p95 < 50 else "TOO SLOW"
        print(f"{name:24s} p50 {p50:7.2f} ms  p95 {p95:7.2f} ms  processor {cpu:6.2f} ms  {verdict}")


if __name__ == "__main__":
    main()
