"""What listening for keys in the voice costs, and whether speech presses any: in virtual time, no sockets.

    python benchmarks/tones.py [--calls 200,1000] [--seconds 4] [--speech FOLDER] [--hours 1]

CPU (user and system) of the plane's receive and tick, per call-second, for callers who send noise (every
frame is loud: the dearest) and for silent ones, with and without the detector. With --speech all wave
files of a folder are mixed, looped, quickened and slowed, and listened to; it fails when a key is heard.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "media"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from keypad import hear, speech

from hotline.events.ids import CallId
from hotline.media.packets import Batch
from hotline.media.plan import Codec, OpenPort
from hotline.media.plane import Plane
from hotline.media.prompts import PromptBank
from hotline.media.rtp import FRAME, HEADER, remote_number

CYCLE = 16
WIDTH = 256


def cost_us(calls: int, seconds: float, *, hears_tones: bool, is_loud: bool) -> float:
    """Give microseconds of CPU per call-second."""
    token = itertools.count(1)
    plane = Plane(
        local_ip="198.51.100.1",
        ports=[16000 + 2 * n for n in range(calls)],
        bank=PromptBank({}),
        new_token=lambda bits: next(token) & (1 << bits) - 1,
        hears_tones=hears_tones,
    )
    for n in range(calls):
        plane.command(OpenPort(CallId(f"c{n}"), "192.0.2.7", 20000 + n, Codec.PCMA, 101))
    rows = np.arange(calls)
    indexes = np.array([plane.port_index(CallId(f"c{n}")) for n in range(calls)], np.int64)
    remotes = np.array([remote_number("192.0.2.7", 20000 + n) for n in range(calls)], np.uint64)
    data = np.zeros((calls, WIDTH), np.uint8)
    sounds = np.random.default_rng(1).integers(0, 256, (CYCLE, calls, FRAME), np.uint8)
    if not is_loud:
        sounds[:] = 0xD5
    half, words = data.view(">u2"), data.view(">u4")
    spent = 0.0
    for frame in range(int(seconds * 50) + 50):
        data[:, HEADER : HEADER + FRAME] = sounds[frame % CYCLE]
        half[:, 0], half[:, 1] = 0x8008, frame
        words[:, 1], words[:, 2] = frame * FRAME, rows + 7
        batch = Batch(data, np.full(calls, HEADER + FRAME), remotes, indexes, None)
        began = time.process_time()
        plane.receive(batch)
        for phase in range(plane.roster.phases):
            plane.tick(phase)
        plane.take_events()
        plane.take_orders()
        spent += (time.process_time() - began) * (frame >= 50)
    return spent / calls / seconds * 1e6


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--calls", default="200,1000")
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--speech", type=Path)
    options.add_argument("--hours", type=float, default=1.0)
    chosen = options.parse_args()
    print("calls  voice  without tones us  with tones us")
    for calls, is_loud in itertools.product(map(int, chosen.calls.split(",")), (True, False)):
        without, with_tones = (
            cost_us(calls, chosen.seconds, hears_tones=hears, is_loud=is_loud) for hears in (False, True)
        )
        print(f"{calls:5}  {'noise' if is_loud else 'quiet'} {without:16.0f} {with_tones:14.0f}", flush=True)
    if chosen.speech:
        heard = hear(speech(chosen.speech.rglob("*.wav"), chosen.hours, np.random.default_rng(96156)))
        keys = [key for key in heard if key]
        print(
            f"{len(heard) * 10 / 3600:.2f} h of speech: {len(keys)} rows of 10 s with false keys {keys[:10]}"
        )
        if keys:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
