"""What a second of one call costs the media plane: CPU, at 50, 200 and 1,000 calls at once.

    python benchmarks/media_tick.py [--calls 50,200,1000] [--seconds 5] [--no-tones] [--json FILE]

The real plane process serves N calls, each with a port of its own and 50 packets a second each
way, first playing a prompt, then recording, then bridged in pairs and still recorded. A second process
is the N callers; plane and callers have a core each where there are two. CPU is user and system time of
all threads of the plane. ``floor`` is a C program that only moves the same packets (media_floor.c;
needs gcc). Callers send noise, so that every frame is loud and looked at for keys, which costs most; see
what is left with --no-tones. ``bridge delay`` is from a caller's sendmmsg to the packet's arrival at the
other's socket.

The run fails when a recording is not, byte for byte, what its caller sent, or when somebody in a bridge
hears anything but the other's very bytes (and silence before the first of them).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np

from hotline.events.ids import CallId, RecordingId
from hotline.media.packets import Batch
from hotline.media.plan import (
    Bridge,
    ClosePort,
    Codec,
    MediaEvent,
    MediaFailed,
    OpenPort,
    Play,
    PortOpened,
    Record,
    RecordingClosed,
)
from hotline.media.rtp import FRAME, remote_number
from hotline.wire.media_link import MediaPlane
from hotline.wire.media_process import open_ports
from hotline.wire.mmsg import Receiver, Sender

QUARTERS = 4
SO_TIMESTAMPNS = 35  # asm-generic/socket.h
Heard = tuple[int, tuple[float, float], tuple[float, float], int]
"""Packets that came; lateness (p99, maximum) and bridge delay (p50, p99) in ms; wrong packets in bridges."""
SILENCE = 0xD5
WARM_UP_S = 1.0
CYCLE = 64  # frames of noise that a caller repeats


class Timer:
    """What the reactor gives for a call that is to come."""

    def __init__(self, handle: asyncio.TimerHandle) -> None:
        self._handle = handle

    def active(self) -> bool:
        """Tell whether it is still to come."""
        is_over = self._handle.cancelled() or self._handle.when() <= asyncio.get_running_loop().time()
        return not is_over

    def cancel(self) -> None:
        """Let it not come."""
        self._handle.cancel()


class Clock:
    """The part of the reactor that the link needs."""

    def seconds(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def callLater(self, delay: float, call: Callable[..., None], *args: object) -> Timer:  # noqa: N802
        """Call something later."""
        return Timer(asyncio.get_running_loop().call_later(delay, call, *args))


def noise(caller: int) -> np.ndarray:
    return np.random.default_rng(caller).integers(0, 256, (CYCLE, FRAME), np.uint8)


def be_callers(
    ports: list[int],
    remotes: list[int],
    talk_from: float,
    bridge_from: float,
    until: float,
    heard: Queue[Heard],
    cpu: int | None,
) -> None:
    """Send a packet every 20 ms for every call; count what comes back, and time the first call's packets.

    From ``bridge_from`` on (the plane may be a little behind) call 2n hears call 2n + 1.
    """
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    count = len(remotes)
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in remotes]
    for end, port in zip(ends, remotes, strict=True):
        end.bind(("127.0.0.1", port))
        end.setblocking(False)
    sounds = np.stack([noise(n) for n in range(count)])
    starts = np.ascontiguousarray(sounds[:, :, :4]).view("<u4")[:, :, 0]
    packets = np.zeros((count, 12 + FRAME), np.uint8)
    half, words = packets.view(">u2"), packets.view(">u4")
    half[:, 0], words[:, 2] = 0x8008, np.arange(count) + 7
    sender, receiver = Sender(packets), Receiver()
    peers = np.array([remote_number("127.0.0.1", port) for port in ports], np.uint64)
    own, descriptors = np.arange(count), [end.fileno() for end in ends]
    quarters = [np.arange(quarter, count, QUARTERS) for quarter in range(QUARTERS)]
    plans = [sender.prepare(quarter, peers, own, descriptors) for quarter in quarters]
    reads = [[(int(n), descriptors[n]) for n in quarter] for quarter in quarters]
    meter, stamps = ends[0], []
    meter.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    reads[0] = reads[0][1:]
    frame, got, wrong = 0, 0, 0
    sent_at: list[float] = []
    unbridged = 0
    due = talk_from
    while due < until:
        for quarter in range(QUARTERS):
            time.sleep(max(0.0, due - time.monotonic()))
            slots = quarters[quarter]
            packets[slots, 12:] = sounds[slots, frame % CYCLE]
            half[slots, 1], words[slots, 1] = frame & 0xFFFF, frame * FRAME
            if quarter == 1:
                sent_at.append(time.clock_gettime(time.CLOCK_REALTIME))
            sender.send(plans[quarter])
            for batch in receiver.batches(reads[quarter]):
                got += len(batch.length)
                if due > bridge_from + WARM_UP_S / 2:
                    wrong += wrong_rows(batch, sounds, starts)
            if quarter == 0:
                stamps += arrivals(meter)
                unbridged = unbridged if due > bridge_from else len(stamps)
            due += 0.02 / QUARTERS
        frame += 1
    lateness = lateness_ms([(number, at) for number, at, _ in stamps[:unbridged]])
    delays = delay_ms([(payload, at) for _, at, payload in stamps[unbridged:]], sounds, sent_at)
    heard.put((got + len(stamps), lateness, delays, wrong))


def wrong_rows(batch: Batch, sounds: np.ndarray, starts: np.ndarray) -> int:
    """Count the packets that are neither a frame of the caller at the other end nor silence."""
    others = batch.port_index ^ 1 if len(sounds) > 1 else batch.port_index
    payload = batch.data[:, 12 : 12 + FRAME]
    beginnings = batch.data.view("<u4")[
        :, 3
    ]  # four bytes are enough to find the frame; then all are compared
    frame = (starts[others] == beginnings[:, None]).argmax(axis=1)
    is_same = (sounds[others, frame] == payload).all(axis=1)
    return int(np.count_nonzero(~is_same & (payload != SILENCE).any(axis=1)))


def delay_ms(
    stamps: list[tuple[bytes, float]], sounds: np.ndarray, sent_at: list[float]
) -> tuple[float, float]:
    """Give the median and 99th percentile of the time that frames of call 1 took to call 0."""
    if len(sounds) < 2:
        return 0.0, 0.0
    places = {sound.tobytes(): place for place, sound in enumerate(sounds[1])}
    sent, delays = np.array(sent_at), []
    for payload, at in stamps:
        if (place := places.get(payload)) is not None:
            mine = sent[place::CYCLE]
            delays.append(at - mine[np.searchsorted(mine, at) - 1])
    if not delays:
        return 0.0, 0.0
    return float(np.median(delays) * 1000), float(np.percentile(delays, 99) * 1000)


def arrivals(meter: socket.socket) -> list[tuple[int, float, bytes]]:
    """Read what waits: sequence number, the kernel's time of arrival, and payload of each packet."""
    told: list[tuple[int, float, bytes]] = []
    while True:
        try:
            data, control, _, _ = meter.recvmsg(2048, 64)
        except BlockingIOError:
            return told
        seconds, nanoseconds = struct.unpack("qq", control[0][2])
        told.append((int.from_bytes(data[2:4], "big"), seconds + nanoseconds / 1e9, data[12:]))


def lateness_ms(stamps: list[tuple[int, float]]) -> tuple[float, float]:
    """Give the 99th percentile and the maximum of how much later than their 20 ms grid packets came."""
    told = stamps[50:]
    if not told:
        return 0.0, 0.0
    numbers = np.unwrap([float(number) for number, _ in told], period=65536)
    late = np.array([at for _, at in told]) - numbers * 0.02
    late -= np.median(late)
    return float(np.percentile(late, 99) * 1000), float(late.max() * 1000)


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process, from the scheduler's own count."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def free_range(count: int) -> int:
    for low in range(20_000, 60_000, 500):
        try:
            for end in open_ports("127.0.0.1", low, low + 2 * count - 1):
                end.close()
        except Exception:  # noqa: BLE001 - taken: the next range
            continue
        return low
    raise SystemExit("no free ports")


async def collect(waiting: list[MediaEvent], kind: type, count: int) -> list[Any]:
    """Wait for so many events of a kind."""
    async with asyncio.timeout(30):
        while sum(isinstance(event, kind) for event in waiting) < count:
            if failed := [event for event in waiting if isinstance(event, MediaFailed)]:
                raise SystemExit(failed[0].reason)
            await asyncio.sleep(0.01)
    return [event for event in waiting if isinstance(event, kind)]


async def measure(
    calls: int, seconds: float, folder: Path, cores: list[int], *, hears_tones: bool
) -> dict[str, float]:
    waiting: list[MediaEvent] = []
    low = free_range(2 * calls)  # the plane's with those of RTCP, then the callers'
    plane = MediaPlane(
        Clock(),
        recordings_dir=folder / "recordings",
        prompts_dir=folder / "prompts",
        listen_ip="127.0.0.1",
        port_low=low,
        port_high=low + 2 * calls - 1,
        on_event=waiting.append,
        reserve_bytes=0,
        hears_tones=hears_tones,
    )
    await plane.start()
    pid = plane.pid
    assert pid is not None
    if len(cores) > 1:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cores[0]})

    remotes = list(range(low + 2 * calls, low + 4 * calls, 2))
    names = [CallId(f"c{n}") for n in range(calls)]
    for name, port in zip(names, remotes, strict=True):
        plane.send(OpenPort(name, "127.0.0.1", port, Codec.PCMA, 101))
    by_name = {event.call_id: event.local_port for event in await collect(waiting, PortOpened, calls)}
    talk_from = time.monotonic() + 3.0
    heard: Queue[Heard] = get_context("spawn").Queue()
    bridge_from = talk_from + 2 * (WARM_UP_S + seconds) + 0.5
    until = bridge_from + WARM_UP_S + seconds + 0.5
    cpu = cores[1] if len(cores) > 1 else None
    args = ([by_name[name] for name in names], remotes, talk_from, bridge_from, until, heard, cpu)
    callers = get_context("spawn").Process(target=be_callers, args=args)
    callers.start()

    async def watch(begin: float) -> float:
        await asyncio.sleep(begin + WARM_UP_S - time.monotonic())
        before, began = cpu_ns(pid), time.monotonic()
        await asyncio.sleep(seconds)
        return (cpu_ns(pid) - before) / 1000 / (time.monotonic() - began) / calls

    await asyncio.sleep(talk_from - time.monotonic() - 0.1)
    for name in names:
        plane.send(Play(name, ["zh/long"], 1))
    prompt_us = await watch(talk_from)
    for name in names:
        plane.send(Record(name, RecordingId(f"{name}-1"), 600.0))
    record_us = await watch(time.monotonic())
    await asyncio.sleep(bridge_from - time.monotonic())
    for one, other in zip(names[::2], names[1::2], strict=False):
        plane.send(Bridge(one, other))
    bridge_us = await watch(bridge_from)
    (
        got,
        (late_p99, late_max),
        (delay_p50, delay_p99),
        wrong,
    ) = await asyncio.get_running_loop().run_in_executor(None, heard.get)
    await asyncio.sleep(0.1)
    for name in names:
        plane.send(ClosePort(name))
    closed = await collect(waiting, RecordingClosed, calls)
    for event in closed:
        check(np.fromfile(folder / "recordings" / event.path, np.uint8), int(event.call_id[1:]))
    await plane.stop()
    callers.join()
    if wrong:
        raise SystemExit(f"{wrong} packets in bridges were not what the other caller said")
    missing = max(0.0, 1 - got / ((until - talk_from) * 50 * calls))
    return {
        "calls": calls,
        "prompt_us": prompt_us,
        "record_us": record_us,
        "bridge_us": bridge_us,
        "delay_p50_ms": delay_p50,
        "delay_p99_ms": delay_p99,
        "missing": missing,
        "late_p99_ms": late_p99,
        "late_max_ms": late_max,
    }


def check(sound: np.ndarray, caller: int) -> None:
    """Hold a recording against the noise of its caller, from whatever frame it begins with."""
    rows = sound.reshape(-1, FRAME)
    cycle = noise(caller)
    first = int(np.nonzero((cycle == rows[0]).all(1))[0][0])
    want = cycle[(first + np.arange(len(rows))) % CYCLE]
    if not (want == rows).all():
        wrong = int((want != rows).any(1).sum())
        raise SystemExit(f"the recording of caller {caller} is wrong in {wrong} frames")


def floor_us(calls: int, seconds: float, folder: Path, cores: list[int]) -> float | None:
    """Run the C program against the same callers; None without gcc."""
    if shutil.which("gcc") is None:
        return None
    program = folder / "floor"
    subprocess.run(["gcc", "-O2", "-o", program, Path(__file__).with_name("media_floor.c")], check=True)
    low = free_range(calls)
    remotes = list(range(low + 1, low + 2 * calls, 2))
    heard: Queue[Heard] = get_context("spawn").Queue()
    talk_from = time.monotonic() + 3.0
    cpu = cores[1] if len(cores) > 1 else None
    until = talk_from + seconds + 4
    args = (list(range(low, low + 2 * calls, 2)), remotes, talk_from, until + 1, until, heard, cpu)
    callers = get_context("spawn").Process(target=be_callers, args=args)
    callers.start()
    time.sleep(talk_from - time.monotonic())
    pin = ["taskset", "-c", str(cores[0])] if len(cores) > 1 and shutil.which("taskset") else []
    run = subprocess.run(
        [*pin, str(program), str(low), str(low + 1), str(calls), str(seconds)],
        check=True,
        capture_output=True,
        text=True,
    )
    heard.get()
    callers.join()
    return float(run.stdout)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--calls", default="50,200,1000")
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--no-tones", action="store_true", help="do not listen for keys in the voice")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    rows = []
    print(
        "calls  prompt us  record us  bridge us  core  missing  late p99, max ms"
        "  bridge delay p50, p99 ms  floor us  prompt/floor"
    )
    for calls in map(int, chosen.calls.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "prompts" / "zh").mkdir(parents=True)
            with wave.open(str(folder / "prompts" / "zh" / "long.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(noise(0).view(np.int8).astype("<i2").repeat(60, 0).tobytes())
            listens = not chosen.no_tones
            row = asyncio.run(measure(calls, chosen.seconds, folder, cores, hears_tones=listens))
            floor = floor_us(calls, chosen.seconds, folder, cores)
        ratio = f"{row['prompt_us'] / floor:12.2f}" if floor else "no gcc"
        print(
            f"{calls:5} {row['prompt_us']:10.0f} {row['record_us']:10.0f} {row['bridge_us']:10.0f}"
            f" {row['bridge_us'] * calls / 1e6:5.2f}"
            f" {row['missing']:8.2%} {row['late_p99_ms']:8.1f} {row['late_max_ms']:8.1f}"
            f" {row['delay_p50_ms']:16.1f} {row['delay_p99_ms']:8.1f}"
            f" {floor or 0:9.0f} {ratio}",
            flush=True,
        )
        rows.append({**row, "floor_us": floor})
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    sys.exit(main())
