"""Who is where: slots, ports, addresses, and the lists that a tick and the edge work from.

A call has a slot (its row in all columns), a seat at a local port, and one remote address or none.
Changes are noted at once; the sorted lists are made anew only when somebody asks, so that a
hundred calls that come together cost one sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.demux import STRANGER, Demux, Seats
from hotline.media.packets import Batch

PHASES: Final = 4
TURNS: Final = (0, 2, 1, 3)
"""Which phase each step of 5 ms moves on: so that two phases, where there are no more, are 10 ms apart."""
FILL_FIRST: Final = 512
"""Calls of one phase before the next is begun: a tick has a fixed cost, that of 120 calls (decision 125)."""

Slots = NDArray[np.int64]
Address = tuple[int, int]
"""The halves of an IPv6 address; zeros for IPv4."""


class Roster:
    """The places of all calls.

    :param groups: for each local port the local address that it is at, as any number.
    :param calls_per_port: how many calls may share one.
    """

    def __init__(self, groups: Sequence[int], calls_per_port: int) -> None:
        self.groups: Final = tuple(groups)
        ports = len(groups)
        self.slots: Final = ports * calls_per_port
        self.is_shared: Final = calls_per_port > 1
        """True where a port may have several calls."""
        self._seats, self._demux = Seats(groups, calls_per_port), Demux()
        self._phase_slots = max(FILL_FIRST, -(-self.slots // PHASES))
        self._free = [
            list(reversed(range(start, min(start + self._phase_slots, self.slots))))
            for start in range(0, self.slots, self._phase_slots)
        ]
        """Of each phase; the one freed last is taken first, while its rows are in the caches."""
        self._sizes = [len(free) for free in self._free]
        self._seat: dict[int, tuple[int, bool]] = {}
        self._slot_at: dict[int, int] = {}
        """By port, the last call that came there."""
        self.remote = np.zeros(self.slots, np.uint64)
        """Where each slot sends to and hears from (``rtp.remote_number``); 0: nowhere."""
        self.address = np.zeros((self.slots, 2), np.uint64)
        """The halves of each IPv6 address (``rtp.address_words``)."""
        self.port_index = np.zeros(self.slots, np.int64)
        self._is_open = np.zeros(self.slots, np.bool_)
        self._has_begun = np.zeros(self.slots, np.bool_)
        self._is_held = np.zeros(self.slots, np.bool_)
        self.is_relayed = np.zeros(self.slots, np.bool_)
        """True where all that is sent was another call's (``relay``)."""
        self._is_gathering = np.zeros(self.slots, np.bool_)
        self._waiting: dict[int, int] = {}
        self._is_waiting = np.zeros(ports, np.bool_)
        self._looks_around = np.zeros(ports, np.bool_)
        self._open: list[Slots] = [np.zeros(0, np.int64)] * self.phases
        self._sending: list[Slots] = list(self._open)
        self._relayed: list[Slots] = list(self._open)
        self._resting: list[Slots] = list(self._open)
        self._stale: set[int] = set()
        self._are_keys_stale = False
        self._touched: list[set[int]] = [set() for _ in range(self.phases)]
        self.versions = [0] * self.phases
        """By phase; grows when what the lists told is stale: a call came, went, moved, or began to send."""

    @property
    def phases(self) -> int:
        """How many phases the slots are divided into."""
        return len(self._free)

    # -- changes ------------------------------------------------------------------------------------

    def take(
        self, remote: int, address: Address, may_latch: bool, group: int = 0, port_index: int | None = None
    ) -> int | None:
        """Give a new call a slot and a port.

        :param group: the port is to be one of these.
        :param port_index: the port itself, where whoever asks has chosen one.
        :returns: the slot; None when the port, or all of the group's, are taken.
        """
        if port_index is None:
            port_index = self._seats.take(remote, may_latch, group)
        elif not self._seats.take_at(port_index, remote, may_latch):
            port_index = None
        if port_index is None:
            return None
        slot = self._take_slot()
        self._seat[slot] = remote, may_latch
        self._is_open[slot], self._has_begun[slot] = True, False
        self.remote[slot], self.address[slot], self.port_index[slot] = remote, address, port_index
        self._slot_at[port_index], self._are_keys_stale = slot, True
        self.wait_for_source(slot, may_latch)
        return slot

    def _take_slot(self) -> int:
        loads = [size - len(free) for size, free in zip(self._sizes, self._free, strict=True)]
        room = [phase for phase in range(self.phases) if self._free[phase]]
        phase = next((phase for phase in room if loads[phase] < FILL_FIRST), None)
        if phase is None:
            phase = min(room, key=loads.__getitem__)
        return self._free[phase].pop()

    def give_back(self, slot: int) -> None:
        """End a call's stay."""
        self.wait_for_source(slot, False)
        self._looks_around[self.port_index[slot]] = False
        self._is_open[slot] = self._has_begun[slot] = False
        self._is_held[slot] = self.is_relayed[slot] = self._is_gathering[slot] = False
        self.remote[slot], self._are_keys_stale = 0, True
        self._seats.give_back(int(self.port_index[slot]), *self._seat.pop(slot))
        self._free[slot // self._phase_slots].append(slot)
        self.note(slot)

    def move(self, slot: int, remote: int, address: Address) -> None:
        """Hear from, and send to, another address from now on."""
        self.remote[slot], self.address[slot] = remote, address
        self._are_keys_stale = True
        self.note(slot)

    def begin(self, slot: int) -> None:
        """Send from the next tick on; before that the answer may not be on its way (RFC 3264, 6.1)."""
        if not self._has_begun[slot]:
            self._has_begun[slot] = True
            self.note(slot)

    def hold(self, slot: int, is_held: bool) -> None:
        """Send nothing while the other side holds the call, though it is heard."""
        if self._is_held[slot] != is_held:
            self._is_held[slot] = is_held
            self.note(slot)

    def relay(self, slot: int, is_relayed: bool) -> None:
        """Leave a slot out of those that a tick fills, because it hears another call."""
        if self.is_relayed[slot] != is_relayed:
            self.is_relayed[slot] = is_relayed
            self.note(slot)

    def gather(self, slot: int, is_on: bool) -> None:
        """Send a slot nothing for a moment, its time standing still: what it hears next is not there yet."""
        if self._is_gathering[slot] != is_on:
            self._is_gathering[slot] = is_on
            self.note(slot)

    def wait_for_source(self, slot: int, is_waiting: bool) -> None:
        """Let a stranger's agreed packet fix the call's address, or no longer."""
        port = int(self.port_index[slot])
        if is_waiting:
            self._waiting[port] = slot
        elif self._waiting.get(port) == slot:
            del self._waiting[port]
        self._is_waiting[port] = port in self._waiting
        self.note(slot)

    def look_around(self, slot: int, does: bool) -> None:
        """Let strangers come as far as being counted, because the one who should send does not."""
        self._looks_around[self.port_index[slot]] = does
        self.note(slot)

    def note(self, slot: int) -> None:
        """Let the lists of a slot's phase be made anew: something about it has changed."""
        phase = slot // self._phase_slots
        self._stale.add(phase)
        self._touched[phase].add(int(self.port_index[slot]))
        self.versions[phase] += 1

    def _refresh(self) -> None:
        if not self._stale:
            return
        for phase in self._stale:
            start = phase * self._phase_slots
            mine = np.nonzero(self._is_open[start : start + self._phase_slots])[0] + start
            self._open[phase] = mine
            may_send, is_relayed = self.may_send(mine), self.is_relayed[mine]
            is_gathering = self._is_gathering[mine]
            sends = mine[may_send & ~is_relayed & ~is_gathering]
            self._sending[phase] = sends[np.argsort(self.port_index[sends], kind="stable")]
            self._relayed[phase] = mine[is_relayed]
            self._resting[phase] = mine[self._has_begun[mine] & ~(may_send & ~is_relayed) & ~is_gathering]
        self._stale.clear()
        if self._are_keys_stale:
            self._are_keys_stale = False
            self._demux.rebuild(np.nonzero(self._is_open)[0], self.remote, self.port_index)

    # -- questions ----------------------------------------------------------------------------------

    def open(self, phase: int) -> Slots:
        """Give the slots of a phase that have a call."""
        self._refresh()
        return self._open[phase]

    def sending(self, phase: int) -> Slots:
        """Give those that send what a tick makes, ordered by local port."""
        self._refresh()
        return self._sending[phase]

    def relayed(self, phase: int) -> Slots:
        """Give those that send what another call says."""
        self._refresh()
        return self._relayed[phase]

    def resting(self, phase: int) -> Slots:
        """Give those that have begun to send but are not among ``sending``: held, or relayed."""
        self._refresh()
        return self._resting[phase]

    def may_send(self, slots: Slots) -> NDArray[np.bool_]:
        """Tell to which of these slots packets may go now."""
        can: NDArray[np.bool_] = self._has_begun[slots] & ~self._is_held[slots] & (self.remote[slots] != 0)
        return can

    def listening(self, phase: int) -> list[int]:
        """Give the indexes of the ports that calls of a phase hear from."""
        ports: list[int] = np.unique(self.port_index[self.open(phase)]).tolist()
        return ports

    def take_touched(self, phase: int) -> set[int]:
        """Give the indexes of the ports of a phase about which anything has changed since this was asked."""
        touched, self._touched[phase] = self._touched[phase], set()
        return touched

    def peer_at(self, port: int) -> tuple[int, Address]:
        """Give the number and the address of the one peer that may be heard at a port.

        The number is 0 where there is none, or several, or it is not known yet.
        """
        slot = self._slot_at.get(port)
        if slot is None or self.is_shared or self._is_waiting[port] or self._looks_around[port]:
            return 0, (0, 0)
        return self.peer(slot)

    def find(self, batch: Batch) -> Slots:
        """Give the slot of each packet, STRANGER for those of nobody."""
        self._refresh()
        slots = self._demux.find(batch.remote, batch.port_index)
        if batch.address is not None:
            slots[(slots != STRANGER) & (self.address[slots] != batch.address).any(axis=1)] = STRANGER
        return slots

    def is_unwanted(self, batch: Batch, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which rows came to a port where no call waits for a source."""
        return ~self._is_waiting[batch.port_index[rows]]

    def is_taken(self, slot: int, remote: int) -> bool:
        """Tell whether another call of a slot's port has this sender, so that none could tell them apart."""
        if not self.is_shared or not remote:
            return False
        is_there = self._is_open & (self.port_index == self.port_index[slot]) & (self.remote == remote)
        is_there[slot] = False
        return bool(is_there.any())

    def peer(self, slot: int) -> tuple[int, Address]:
        """Give the number and the address of whom a slot sends to."""
        high, low = self.address[slot]
        return int(self.remote[slot]), (int(high), int(low))

    def may_send_to(self, slot: int) -> bool:
        """Tell whether packets may go to a slot now."""
        return bool(self._has_begun[slot] and not self._is_held[slot] and self.remote[slot])

    def find_one(self, remote: int, address: Address, port_index: int) -> tuple[int, bool]:
        """Give the slot that hears a sender, or would if this packet fixes its address, and which of the two.

        STRANGER and False when there is neither.
        """
        self._refresh()
        slot = self._demux.find_one(remote, port_index)
        if slot != STRANGER and self.peer(slot)[1] == address:
            return slot, True
        return self._waiting.get(port_index, STRANGER), False
