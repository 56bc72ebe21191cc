"""What does a second of voice cost the whole product, and is it in time?

    python benchmarks/load_voice.py [--quick] [--calls 100,500,1000] [--pairs 100,400,700] [--seconds 8]

For each number of calls the product is started as shipped, all of it on the first core, and callers dial by
SIP from another. They hear prompt 1 (``prompt``: 50 packets each way, keys and voice listened for), press a
key one after the other, hear prompt 2 and are recorded (``record``: 50 packets each way as well). CPU is
that of all processes of the product. The floor is a C program which only moves the same packets
(media_floor.c), on the same core in the same run. ``pairs`` are two legs that hear each other, both
recorded, at one media plane; their cost is that of a leg.

The run fails when a recording is not, byte for byte, what its caller said, or when a claim does not hold.
Claims about lateness are made only where the callers had real-time priority.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _load import Target, a_target, verdict
from _voice import Callers, Dialler, Window, cpu_ns, is_of_cycle, make_prompts, run_floor, voice
from media_tick import Clock, collect, free_range

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import (
    Bridge,
    ClosePort,
    Codec,
    MediaEvent,
    OpenPort,
    PortOpened,
    Record,
    RecordingClosed,
)
from hotline.wire.media_link import MediaPlane

SETTLE_S = 2.0
KEYS_PER_S = 40.0
SILENT_MS = 30.0
"""Prompt 1 has ceased so long after the first packet of a key (issue: 25 with the core to itself)."""
COST_US = 1500.0
RATIO = 3.0
RSS_KIB = 200.0


@dataclass(frozen=True, slots=True)
class Level:
    """What was seen at one number of calls."""

    calls: int
    floor_us: float
    prompt_us: float
    record_us: float
    plane_us: float
    """Of ``prompt_us``, the media plane's part."""
    prompt: Window
    record: Window
    missing: float
    rss_kib: float
    wrong: int
    """Recordings that are not what was said, or missing."""

    @property
    def ratio(self) -> float:
        """Cost of the dearer of the two phases, in floors."""
        return max(self.prompt_us, self.record_us) / self.floor_us

    def __str__(self) -> str:
        late, keys = self.prompt, self.record
        return (
            f"{self.calls:5} {self.floor_us:6.0f} {self.prompt_us:7.0f} {self.record_us:7.0f}"
            f" {self.plane_us:6.0f} "
            f"{self.ratio:6.2f} {self.prompt_us * self.calls / 1e6:5.2f}  "
            f"{late.late_ms(0):5.2f} {late.late_ms(1):6.2f} {late.late_ms(2):6.1f} {late.late_share:7.3%} "
            f"{self.missing:8.3%}  {keys.key_ms('silent', 1):5.0f} {keys.key_ms('silent', 2):5.0f}  "
            f"{keys.key_ms('answer', 0):5.1f} {keys.key_ms('answer', 1):5.1f} "
            f" {self.rss_kib:6.0f} {self.wrong:6}"
        )


HEAD = (
    "calls  floor  prompt  record  plane  ratio  core   late p50, p99, max ms  > 5 ms   missing "
    " silent p99 max  answer p50 p99 ms  RSS kB  wrong"
)
"""``silent``: from a key's first packet to the last of prompt 1; ``answer``: from its end to prompt 2."""


def measure(calls: int, seconds: float, folder: Path) -> Level:
    """Measure the whole product with so many calls at once."""
    low = free_range(calls)
    floor_us = run_floor(calls, max(2.0, seconds / 2), folder, low)
    with a_target(make_prompts, calls=2 * calls + 200) as target:
        time.sleep(SETTLE_S)
        rss = target.memory_mib()
        callers, dialler = Callers(calls, low, folder), Dialler(target.port)
        try:
            dialler.dial(callers)
            time.sleep(SETTLE_S)
            prompt_us, plane_us, prompt = watch(target, callers, seconds)
            rss_kib = (target.memory_mib() - rss) * 1024 / calls
            callers.press(KEYS_PER_S)
            time.sleep(calls / KEYS_PER_S + 1.0 + SETTLE_S)
            record_us, _, record = watch(target, callers, seconds)
            dialler.hang_up(callers)
        finally:
            callers.stop()
            dialler.close()
        wrong = count_wrong(target.folder / "recordings", calls)
    missing = prompt.missing_share(calls, seconds)
    return Level(calls, floor_us, prompt_us, record_us, plane_us, prompt, record, missing, rss_kib, wrong)


def watch(target: Target, callers: Callers, seconds: float) -> tuple[float, float, Window]:
    """Give what a call-second costs the product, its media plane's part, and what callers heard meanwhile."""
    pids = target.pids()
    planes = [pid for pid in pids if b"media_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    callers.begin()
    before, planes_before, began = cpu_ns(pids), cpu_ns(planes), time.monotonic()
    time.sleep(seconds)
    all_us, planes_us = (cpu_ns(pids) - before) / 1000, (cpu_ns(planes) - planes_before) / 1000
    took = time.monotonic() - began
    return all_us / took / callers.calls, planes_us / took / callers.calls, callers.end()


def count_wrong(folder: Path, calls: int) -> int:
    """Hold the recordings against what was said; what is missing is wrong."""
    said, right = voice(), 0
    until = time.monotonic() + 20
    while len(found := sorted(folder.glob("*/*.alaw"))) < calls and time.monotonic() < until:
        time.sleep(0.2)
    for path in found:
        right += is_of_cycle(np.fromfile(path, np.uint8), said)
    return calls - right


async def measure_pairs(pairs: int, seconds: float, folder: Path) -> tuple[float, Window, int]:
    """Give what a leg-second costs in recorded bridges, what was heard, and how many recordings are wrong."""
    waiting: list[MediaEvent] = []
    calls = 2 * pairs
    low = free_range(2 * calls)
    place = folder / f"pairs{pairs}"
    (place / "prompts").mkdir(parents=True)
    make_prompts(place / "prompts" / "zh")
    plane = MediaPlane(
        Clock(), recordings_dir=place / "recordings", prompts_dir=place / "prompts", listen_ip="127.0.0.1",
        port_low=low, port_high=low + 2 * calls - 1, on_event=waiting.append, reserve_bytes=0,
    )  # fmt: skip
    await plane.start()
    assert plane.pid is not None
    pin(plane.pid)
    callers = Callers(calls, low + 2 * calls, folder)
    names = [CallId(f"c{n}") for n in range(calls)]
    for n, name in enumerate(names):
        plane.send(OpenPort(name, "127.0.0.1", callers.low + 2 * n, Codec.PCMA, 101))
    ports = {event.call_id: event.local_port for event in await collect(waiting, PortOpened, calls)}
    for n, name in enumerate(names):
        callers.send(n, ports[name])
    await asyncio.sleep(SETTLE_S)
    for n in range(0, calls, 2):
        plane.send(Bridge(names[n], names[n + 1]))
        plane.send(Record(names[n], RecordingId(f"{names[n]}-1"), 600.0, both=True))
    await asyncio.sleep(SETTLE_S)
    callers.begin()
    before, began = cpu_ns([plane.pid]), time.monotonic()
    await asyncio.sleep(seconds)
    leg_us = (cpu_ns([plane.pid]) - before) / 1000 / (time.monotonic() - began) / calls
    window = callers.end()
    callers.stop()
    for name in names:
        plane.send(ClosePort(name))
    await collect(waiting, RecordingClosed, pairs)
    await plane.stop()
    return leg_us, window, count_wrong(place / "recordings", calls)


def pin(pid: int) -> None:
    """Give a plane the first core."""
    import os

    from _load import CORES

    if len(CORES) > 1:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {CORES[0]})


def main() -> int:
    """Print the table; fail when a claim does not hold."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="a few seconds, to see whether it works")
    options.add_argument("--calls", default="")
    options.add_argument("--pairs", default="")
    options.add_argument("--seconds", type=float, default=0.0)
    chosen = options.parse_args()
    seconds = chosen.seconds or (2.0 if chosen.quick else 8.0)
    calls = chosen.calls or ("40" if chosen.quick else "100,500,1000,1500,2000")
    pairs = chosen.pairs or ("20" if chosen.quick else "100,400,700")
    levels: list[Level] = []
    bridged: list[tuple[int, float, Window, int]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(HEAD)
        for number in (int(text) for text in calls.split(",") if text != "0"):
            levels.append(measure(number, seconds, folder))
            print(levels[-1], flush=True)
        print("pairs  leg us  core   late p50, p99 ms            wrong")
        for number in (int(text) for text in pairs.split(",") if text != "0"):
            leg_us, window, wrong = asyncio.run(measure_pairs(number, seconds, folder))
            bridged.append((number, leg_us, window, wrong))
            print(
                f"{number:5} {leg_us:7.0f} {leg_us * 2 * number / 1e6:5.2f}  {window.late_ms(0):5.2f} "
                f"{window.late_ms(1):6.2f}  {wrong:26}",
                flush=True,
            )
    return verdict(claims(levels, bridged, is_quick=chosen.quick))


def claims(
    levels: list[Level], bridged: list[tuple[int, float, Window, int]], *, is_quick: bool
) -> dict[str, bool]:
    """Hold what was seen against what is claimed."""
    told = {
        "every recording is what was said": not any(level.wrong for level in levels)
        and not any(wrong for *_, wrong in bridged),
    }
    if not is_quick:
        large = [level for level in levels if level.calls >= 1000]
        told |= {
            f"at most {RATIO} floors from 1,000 calls on": all(level.ratio <= RATIO for level in large),
            f"at most {COST_US:.0f} us for a call-second": all(
                level.prompt_us <= COST_US for level in levels
            ),
            f"prompt 1 is silent {SILENT_MS:.0f} ms after a key began, for 99 of 100": all(
                level.record.key_ms("silent", 1) <= SILENT_MS for level in levels
            ),
            f"at most {RSS_KIB:.0f} KiB a call": all(level.rss_kib <= RSS_KIB for level in large),
        }
    return told


if __name__ == "__main__":
    sys.exit(main())
