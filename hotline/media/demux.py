"""Whose packet is this: by sender and local port, for a whole batch at once; and who gets which port.

A packet belongs to a call only if it comes from exactly the address that the call listens to, on
the call's own port. Everybody else is a stranger: counted, never heard, never answered (the
attack called RTP Bleed). One call a port is the rule; the same code serves several, because the
sender tells calls on one port apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

PORT_BITS: Final = 16
NO_KEY: Final = np.uint64(2**64 - 1)
STRANGER: Final = -1


class Demux:
    """Sorted keys; rebuilt when a call comes, goes or moves, searched for each batch."""

    def __init__(self) -> None:
        self._keys = np.array([NO_KEY], np.uint64)
        self._slots = np.array([STRANGER], np.int64)

    def rebuild(
        self, slots: NDArray[np.int64], remotes: NDArray[np.uint64], ports: NDArray[np.int64]
    ) -> None:
        """Know these calls from now on; calls without a remote address (0) are left out."""
        slots = slots[remotes[slots] != 0]
        keys = _keys(remotes[slots], ports[slots])
        order = np.argsort(keys)
        self._keys = np.append(keys[order], NO_KEY)
        self._slots = np.append(slots[order], STRANGER)

    def find(self, remotes: NDArray[np.uint64], ports: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the slot of each packet, or STRANGER."""
        keys = _keys(remotes, ports)
        places = np.searchsorted(self._keys, keys)
        return np.where(self._keys[places] == keys, self._slots[places], STRANGER)

    def find_one(self, remote: int, port: int) -> int:
        """Give the slot of one packet, or STRANGER."""
        key = np.uint64(remote << PORT_BITS | port)
        place = int(np.searchsorted(self._keys, key))
        return int(self._slots[place]) if self._keys[place] == key else STRANGER


def _keys(remotes: NDArray[np.uint64], ports: NDArray[np.int64]) -> NDArray[np.uint64]:
    return remotes << np.uint64(PORT_BITS) | ports.astype(np.uint64)


class Seats:
    """The places that calls take at the local ports; a freed one is taken again as late as possible.

    :param groups: for each local port the local address that it is at, as any number.
    :param calls_per_port: how many calls may share one.
    """

    def __init__(self, groups: Sequence[int], calls_per_port: int = 1) -> None:
        self._groups = tuple(groups)
        self._free: dict[int, OrderedDict[int, int]] = {group: OrderedDict() for group in groups}
        """By group: how many places are left at each port that has some, the longest unused one first."""
        for port, group in enumerate(groups):
            self._free[group][port] = calls_per_port
        self._at: dict[int, list[tuple[int, bool]]] = {port: [] for port in range(len(groups))}

    def take(
        self,
        remote: int,
        may_latch: bool,
        group: int = 0,
        is_fit: Callable[[int], bool] = lambda _port: True,
    ) -> int | None:
        """Give a port of a group; None when all are taken.

        Calls that share a port must differ in their remote address, and only one of them may be
        waiting for an address yet unknown: otherwise a packet could belong to two calls.

        :param is_fit: tells of a port whether it will do.
        """
        for port in self._free[group]:
            if is_fit(port) and self.take_at(port, remote, may_latch):
                return port
        return None

    def take_at(self, port: int, remote: int, may_latch: bool) -> bool:
        """Take a place at this very port; False when there is none for such a call."""
        is_waiting = may_latch or remote == 0
        others, free = self._at[port], self._free[self._groups[port]]
        if port not in free or any(there == remote or (waits and is_waiting) for there, waits in others):
            return False
        others.append((remote, is_waiting))
        free[port] -= 1
        free.move_to_end(port)
        if not free[port]:
            del free[port]
        return True

    def give_back(self, port: int, remote: int, may_latch: bool) -> None:
        """Return a place, told as it was taken."""
        self._at[port].remove((remote, may_latch or remote == 0))
        free = self._free[self._groups[port]]
        free[port] = free.get(port, 0) + 1
        free.move_to_end(port)
