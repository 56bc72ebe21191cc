"""What it costs that three hear each other: CPU of the plane's arithmetic, without system calls.

    python benchmarks/mixing.py [--talks 1,10,100] [--seconds 4] [--json FILE]

The same legs, all speaking, are first alone (received and sent silence), then in pairs whose packets pass on,
then in talks of three whose voices are added, then supervised (a caller and an agent whose packets pass on,
and a supervisor who hears both). Time is CPU time of this process, so that other programs count little; the
best of three rounds is told.

The run fails when a leg in a talk of three does not hear the two others and nobody else, or when adding costs
more than three times what passing on does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from hotline.events.ids import CallId
from hotline.media.g711 import EXPANDED, codec_index, encode
from hotline.media.packets import Batch
from hotline.media.plan import Bridge, Codec, Mix, OpenPort, Unbridge
from hotline.media.plane import Plane
from hotline.media.prompts import PromptBank
from hotline.media.rtp import FRAME, HEADER, remote_number

WIDTH = 256
TICKS_A_SECOND = 50
ROUNDS = 3
MOST_TIMES = 3.0
LOUD, FAINT = 1500.0, 500.0


class Bench:
    """A plane with legs that each send a tone of their own."""

    def __init__(self, legs: int) -> None:
        self.legs = legs
        token = itertools.count(1)
        ports = [16_000 + 2 * n for n in range(legs)]
        self.plane = Plane(
            local_ip="127.0.0.1",
            ports=ports,
            bank=PromptBank({}),
            new_token=lambda bits: next(token) & (1 << bits) - 1,
        )
        self.names = [CallId(f"c{n}") for n in range(legs)]
        for n, name in enumerate(self.names):
            self.plane.command(OpenPort(name, "192.0.2.7", 20_000 + n, Codec.PCMA, 101))
        self.plane.take_events()
        self.pitches = [300 + 1400 * (n % 97) / 97 for n in range(legs)]
        moments = np.arange(FRAME * TICKS_A_SECOND) / 8000
        waves = [(3000 * np.sin(2 * np.pi * hz * moments)).astype(np.int16) for hz in self.pitches]
        self.sounds = np.stack([encode(wave, Codec.PCMA) for wave in waves])
        self._data = np.zeros((legs, WIDTH), np.uint8)
        self._length = np.full(legs, HEADER + FRAME)
        self._remote = np.array([remote_number("192.0.2.7", 20_000 + n) for n in range(legs)], np.uint64)
        self._index = np.arange(legs)
        self._k = 0
        self.heard: dict[int, bytearray] = {}

    def tick(self) -> None:
        """Let 20 ms go by: everybody says a frame, everybody hears one."""
        k, self._k = self._k, self._k + 1
        at = k % TICKS_A_SECOND * FRAME
        words = self._data.view(">u4")
        words[:, 0] = 0x80080000 | k & 0xFFFF
        words[:, 1] = k * FRAME & 0xFFFFFFFF
        words[:, 2] = 1 + self._index
        self._data[:, HEADER : HEADER + FRAME] = self.sounds[:, at : at + FRAME]
        self.plane.receive(Batch(self._data.copy(), self._length, self._remote, self._index))
        for phase in range(self.plane.roster.phases):
            self.plane.tick(phase)
            for slot in self.plane.roster.sending(phase).tolist() if self.heard else ():
                if slot in self.heard:
                    self.heard[slot] += self.plane.packets[slot, HEADER : HEADER + FRAME].tobytes()
        self.plane.take_relayed().clear()
        self.plane.take_events()

    def cost(self, seconds: float) -> float:
        """Give microseconds of CPU for a leg-second."""
        for _ in range(TICKS_A_SECOND):
            self.tick()
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(int(seconds * TICKS_A_SECOND)):
                self.tick()
            best = min(best, time.process_time() - began)
        return best * 1e6 / self.legs / seconds

    def part(self) -> None:
        """Let nobody hear anybody."""
        for name in self.names:
            self.plane.command(Unbridge(name))

    def check(self, talks: list[tuple[int, ...]]) -> None:
        """Fail when somebody does not hear the others of her talk, or hears somebody else."""
        watched = {member: talk for talk in talks[:5] for member in talk}
        legs = self.plane._legs.by_call
        self.heard = {legs[self.names[member]].slot: bytearray() for member in watched}
        for _ in range(TICKS_A_SECOND):
            self.tick()
        for member, talk in watched.items():
            octets = np.frombuffer(bytes(self.heard[legs[self.names[member]].slot]), np.uint8)
            sound = EXPANDED[codec_index(Codec.PCMA)][octets][-4000:]
            moments = np.arange(len(sound)) / 8000
            for one in talk:
                turn = np.exp(-2j * np.pi * self.pitches[one] * moments)
                level = 2 * abs((sound * turn).sum()) / len(sound)
                if (level < LOUD) if one != member else (level > FAINT):
                    sys.exit(f"leg {member} hears leg {one} at {level:.0f}")
        self.heard = {}


def measure(talks: int, seconds: float) -> dict[str, float]:
    """Measure one size: microseconds of CPU for a leg-second, in each way."""
    bench = Bench(3 * talks)
    names, found = bench.names, {"talks": float(talks)}
    found["alone"] = bench.cost(seconds)
    for a, b in zip(names[::2], names[1::2], strict=False):
        bench.plane.command(Bridge(a, b))
    found["pairs"] = bench.cost(seconds)
    bench.part()
    threes = [(n, n + 1, n + 2) for n in range(0, 3 * talks, 3)]
    for three in threes:
        table = tuple((names[a], names[b]) for a, b in itertools.permutations(three, 2))
        bench.plane.command(Mix(names[three[0]], table))
    found["three"] = bench.cost(seconds)
    bench.check(threes)
    bench.part()
    for a, b, c in threes:
        table = tuple((names[x], names[y]) for x, y in ((a, b), (b, a), (c, a), (c, b)))
        bench.plane.command(Mix(names[a], table))
    found["supervised"] = bench.cost(seconds)
    return found


def main() -> None:
    """Measure, print, and fail where the claim does not hold."""
    options = argparse.ArgumentParser()
    options.add_argument("--talks", default="1,10,100")
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    print("CPU us for a leg-second     alone   pairs   three   supervised   core of all three-party talks")
    rows = []
    for talks in map(int, chosen.talks.split(",")):
        row = measure(talks, chosen.seconds)
        rows.append(row)
        share = row["three"] * 3 * talks / 1e6
        print(
            f"{talks:5} talks of three      {row['alone']:8.0f}{row['pairs']:8.0f}{row['three']:8.0f}"
            f"{row['supervised']:13.0f}{share:19.1%}"
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))
    last = rows[-1]
    added, passed = last["three"], last["pairs"]
    if added > MOST_TIMES * passed:
        sys.exit(f"adding costs {added:.0f} us for a leg-second, passing on {passed:.0f}")


if __name__ == "__main__":
    main()
