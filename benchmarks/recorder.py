"""What it costs to put recordings on disk: CPU of the recorder, per call-second and per recording.

    python benchmarks/recorder.py [--calls 400] [--seconds 5] [--folder DIR]

Blocks of 200 ms are handed over as the plane does, as fast as they are taken; then all recordings are closed.
Every byte is checked afterwards. CPU is that of the process, less what handing over costs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Codec, RecordingClosed
from hotline.media.recording import AppendSamples, SealRecording
from hotline.wire.recorder import Recorder

BLOCK = 1600


def no_reserve(_descriptor: int, _offset: int, _length: int) -> None:
    """Reserve nothing."""
    raise OSError(95, "not wanted")


def run(folder: Path, calls: int, seconds: int, **options: Any) -> tuple[float, float]:  # noqa: ANN401 - those of Recorder
    """Give CPU in µs per call-second while recording, and per recording for closing."""
    recorder = Recorder(folder, lambda: "2026-11-23", reserve_bytes=0, longest_backlog=1 << 40, **options)
    sound = os.urandom(BLOCK * 5)
    names = [RecordingId(f"c{n}-1") for n in range(calls)]
    began, handing = time.process_time(), 0.0
    for part in range(5 * seconds):
        data = sound[part % 5 * BLOCK : (part % 5 + 1) * BLOCK]
        start = time.thread_time()
        for name in names:
            recorder.submit(AppendSamples(CallId(name), name, Codec.PCMA, data))
        handing += time.thread_time() - start
        while recorder.backlog_bytes:
            time.sleep(0.01)
    written = time.process_time()
    for name in names:
        recorder.submit(SealRecording(CallId(name), name, Codec.PCMA, 0))
    closed = 0
    while closed < calls:
        closed += sum(isinstance(event, RecordingClosed) for event in recorder.take_events())
        time.sleep(0.01)
    ended = time.process_time()
    if not recorder.close_blocking(60):
        raise SystemExit("the recorder did not end")
    if any(path.read_bytes() != sound * seconds for path in folder.glob("*/*.alaw")):
        raise SystemExit("a recording is not what was handed over")
    return (written - began - handing) / calls / seconds * 1e6, (ended - written) / calls * 1e6


def hashing() -> float:
    """Give CPU in µs of SHA-256 in a call-second, block by block."""
    digest, block = hashlib.sha256(), os.urandom(BLOCK)
    start = time.process_time()
    for _ in range(20_000):
        digest.update(block)
    return (time.process_time() - start) / 20_000 * 5 * 1e6


def main() -> None:
    """Print a row for each way."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--calls", type=int, default=400)
    asked.add_argument("--seconds", type=int, default=5)
    asked.add_argument("--folder", type=Path, default=None)
    words = asked.parse_args()
    print(f"{words.calls} recordings of {words.seconds} s; SHA-256 alone: {hashing():.1f} us a call-second")
    ways: dict[str, dict[str, Any]] = {
        "as it is": {},
        "without room reserved ahead": {"reserve": no_reserve},
        "with a peaks file each": {"drawn_from": 0},
    }
    for _ in range(2):
        for title, options in ways.items():
            with tempfile.TemporaryDirectory(dir=words.folder) as folder:
                writing, closing = run(Path(folder), words.calls, words.seconds, **options)
            print(f"{title:30} {writing:6.0f} us a call-second, {closing:6.0f} us to close one")


if __name__ == "__main__":
    main()
