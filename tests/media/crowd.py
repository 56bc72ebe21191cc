"""Many callers at once over bad roads: packets are lost, doubled and overtaken, each caller's by chance."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from voice_rig import WIDTH, Rig

from hotline.events.ids import CallId, RecordingId
from hotline.media.packets import Batch
from hotline.media.plan import ClosePort, Codec, Record
from hotline.media.rtp import FRAME_MS, remote_number

DELAYS = (0, 0, 0, 0, 0, 0, 1, 2, 5, 9)
"""Ticks that a packet may need more than others; the plane waits for stragglers longer than that."""
TOGETHER = 1024
"""Datagrams of one batch."""


class Road:
    """What becomes of the packets of one caller."""

    def __init__(self, chance: random.Random, loss: float, *, doubles: float = 0.05) -> None:
        self._chance, self.loss, self.doubles = chance, loss, doubles

    def arrivals(self, tick: int, delays: Iterable[int] = DELAYS) -> list[int]:
        """Give the ticks at which a packet sent now arrives: none when it is lost, two when it is doubled."""
        if self._chance.random() < self.loss:
            return []
        came = tick + self._chance.choice(tuple(delays))
        if self._chance.random() < self.doubles:
            return [came, came + self._chance.randrange(4)]
        return [came]


class Crowd:
    """Calls of one plane, by number, and the datagrams that are on their way to it."""

    def __init__(self, count: int, **terms: object) -> None:
        self.rig = Rig(ports=count, **terms)  # type: ignore[arg-type]
        self.codecs = [(Codec.PCMA, Codec.PCMU)[n % 2] for n in range(count)]
        self._from = [(f"192.0.2.{n % 200}", 10_000 + n) for n in range(count)]
        self._remotes = [remote_number(*at) for at in self._from]
        self._ports = [
            self.rig.ports.index(self.rig.open(self.name(n), self._from[n], self.codecs[n]))
            for n in range(count)
        ]
        self._coming: dict[int, list[tuple[int, bytes]]] = defaultdict(list)

    @staticmethod
    def name(call: int) -> CallId:
        return CallId(f"c{call}")

    def record_all(self) -> None:
        for n in range(len(self._ports)):
            self.rig.plane.command(Record(self.name(n), RecordingId(f"r{n}"), 3600.0))

    def close_all(self) -> None:
        for n in range(len(self._ports)):
            self.rig.plane.command(ClosePort(self.name(n)))
        self.rig.collect()

    def post(self, call: int, datagram: bytes, ticks: Iterable[int]) -> None:
        """Let a datagram arrive at these ticks."""
        for tick in ticks:
            self._coming[tick].append((call, datagram))

    def run(self, chance: random.Random) -> None:
        """Bring all that is on its way, what comes within a tick in any order."""
        plane = self.rig.plane
        for tick in range(max(self._coming, default=0) + 1):
            due = self._coming.pop(tick, [])
            chance.shuffle(due)
            for first in range(0, len(due), TOGETHER):
                plane.receive(self._batch(due[first : first + TOGETHER]))
            for phase in range(plane.roster.phases):
                plane.tick(phase)
            plane.reports.handle_timer(FRAME_MS / 1000 * (tick + 1))
            self.rig.collect()

    def _batch(self, due: list[tuple[int, bytes]]) -> Batch:
        rows = b"".join(datagram.ljust(WIDTH, b"\0") for _, datagram in due)
        return Batch(
            np.frombuffer(rows, np.uint8).reshape(-1, WIDTH).copy(),
            np.array([len(datagram) for _, datagram in due]),
            np.array([self._remotes[call] for call, _ in due], np.uint64),
            np.array([self._ports[call] for call, _ in due]),
            None,
        )
