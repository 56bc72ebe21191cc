"""A UDP proxy that loses, repeats and reorders datagrams, both ways, by a seeded chance."""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import threading
import time
from collections import Counter

LONGEST_DELAY_S = 0.3  # of a datagram; those after it overtake it


class LossyProxy:
    """Stands between phones and a server; each phone has a way of its own to the server.

    :param loss: share of datagrams that are lost, each way.
    :param repeat: share of the others that arrive twice.
    """

    def __init__(self, server: tuple[str, int], seed: int, *, loss: float = 0.2, repeat: float = 0.1) -> None:
        self.counts: Counter[str] = Counter()
        self._server, self._loss, self._repeat = server, loss, repeat
        self._chance = random.Random(seed)
        self._front = self._socket()
        self.address: tuple[str, int] = self._front.getsockname()
        self._back: dict[tuple[str, int], socket.socket] = {}
        self._phones: dict[socket.socket, tuple[str, int]] = {}
        self._queue: list[tuple[float, int, socket.socket, bytes, tuple[str, int]]] = []
        self._order = itertools.count()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> LossyProxy:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._is_over = True
        self._thread.join(5)
        for one in (self._front, *self._phones):
            one.close()

    def _run(self) -> None:
        while not self._is_over:
            now = time.monotonic()
            while self._queue and self._queue[0][0] <= now:
                _, _, way, data, to = heapq.heappop(self._queue)
                way.sendto(data, to)
            wait_s = min(self._queue[0][0] - now, 0.05) if self._queue else 0.05
            for ready in select.select([self._front, *self._phones], [], [], wait_s)[0]:
                data, source = ready.recvfrom(65536)
                if ready is self._front:
                    self._disturb(self._way_of(source), data, self._server)
                else:
                    self._disturb(self._front, data, self._phones[ready])

    def _way_of(self, phone: tuple[str, int]) -> socket.socket:
        if phone not in self._back:
            self._back[phone] = self._socket()
            self._phones[self._back[phone]] = phone
        return self._back[phone]

    def _disturb(self, way: socket.socket, data: bytes, to: tuple[str, int]) -> None:
        self.counts["seen"] += 1
        if self._chance.random() < self._loss:
            self.counts["lost"] += 1
            return
        copies = 1
        if self._chance.random() < self._repeat:
            self.counts["repeated"] += 1
            copies = 2
        for _ in range(copies):
            due = time.monotonic() + self._chance.uniform(0, LONGEST_DELAY_S)
            heapq.heappush(self._queue, (due, next(self._order), way, data, to))

    @staticmethod
    def _socket() -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        return one
