"""Many datagrams a system call: recvmmsg and sendmmsg straight into numpy arrays.

The kernel's structs are rows of numpy arrays, filled once; no Python object is made for a packet.
The layouts are those of 64-bit Linux (recvmmsg(2), sendmmsg(2), sendmsg(2)); elsewhere making a
``Receiver`` raises ConfigError.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import ConfigError
from hotline.media.packets import Batch
from hotline.media.relayed import Relayed

MSG_DONTWAIT: Final = 0x40
MSG_TRUNC: Final = 0x20
SOCKADDR_IN: Final = 16
SOCKADDR_IN6: Final = 28
NAME: Final = 32  # bytes kept for either, so that halves of an IPv6 address lie on whole words
ROWS: Final = 2048  # datagrams that one batch may hold
WIDTH: Final = 1024  # bytes of a row: 125 ms of G.711 with room for extensions
AT_ONCE: Final = 64  # datagrams taken from one port before the next has its turn
BATCHES: Final = 2  # a receive is bounded: under overload the kernel drops, the tick goes on

_MMSGHDR: Final = np.dtype(
    {
        "names": ["name", "name_length", "iov", "iov_count", "control", "control_length", "flags", "length"],
        "formats": ["<u8", "<u4", "<u8", "<u8", "<u8", "<u8", "<i4", "<u4"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
_IOVEC: Final = np.dtype([("base", "<u8"), ("length", "<u8")])
_MMSGHDR_BYTES: Final = 64
_libc: Final = ctypes.CDLL(None, use_errno=True)
CONTROL_WORDS: Final = 4  # of eight bytes: length; level and type; seconds; nanoseconds (cmsg(3))
CONTROL_BYTES: Final = 8 * CONTROL_WORDS
LONGEST_WAIT_S: Final = 10.0  # that a datagram may have waited; more is a step of the wall clock


def _system_calls() -> tuple[Any, Any]:
    is_fit = sys.platform == "linux" and sys.maxsize > 2**32 and sys.byteorder == "little"
    libc = (
        ctypes.PyDLL(None) if is_fit else None
    )  # keeps the GIL: these calls never wait, and giving it up costs more
    if libc is None or not hasattr(libc, "recvmmsg") or not hasattr(libc, "sendmmsg"):
        raise ConfigError(
            f"the media plane needs 64-bit little-endian Linux with recvmmsg and sendmmsg; this is "
            f"{platform.system()} {platform.machine()}: run hotline on such a machine or in a container"
        )
    # No argtypes: plain ints go as C ints, and addresses are made c_void_p once, not for each packet.
    return libc.recvmmsg, libc.sendmmsg


def _address(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _row_addresses(array: NDArray[Any]) -> NDArray[np.uint64]:
    rows = np.arange(len(array), dtype=np.uint64) * np.uint64(array.strides[0])
    return rows + np.uint64(_address(array))


def kernel_now() -> float:
    """Give the time by the clock that the kernel stamps arrivals with; good for differences only."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def release(descriptor: int) -> None:
    """Undo the connect of a UDP socket; it stays bound (connect(2): address family AF_UNSPEC).

    :raises OSError: when the kernel refuses.
    """
    if _libc.connect(descriptor, bytes(SOCKADDR_IN), SOCKADDR_IN) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Receiver:
    """One staging area for the datagrams of many sockets of one family.

    :raises ConfigError: where the system calls or their layouts are not those of 64-bit Linux.
    """

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._receive, _ = _system_calls()
        self._is_six = family == socket.AF_INET6
        self._data = np.zeros((ROWS, WIDTH), np.uint8)
        self._names = np.zeros((ROWS, NAME), np.uint8)
        self._iov, self._headers = np.zeros(ROWS, _IOVEC), np.zeros(ROWS, _MMSGHDR)
        self._iov["base"], self._iov["length"] = _row_addresses(self._data), WIDTH
        self._headers["name"] = _row_addresses(self._names)
        self._headers["name_length"] = SOCKADDR_IN6 if self._is_six else SOCKADDR_IN
        self._headers["iov"], self._headers["iov_count"] = _row_addresses(self._iov), 1
        self._starts = [ctypes.c_void_p(int(row)) for row in _row_addresses(self._headers)]
        # One message of the kernel for each: when it came (socket(7), SO_TIMESTAMPNS), if the socket asked.
        self._control = np.zeros((ROWS, CONTROL_WORDS), np.int64)
        self._headers["control"] = _row_addresses(self._control)
        self._headers["control_length"] = CONTROL_BYTES

    def batches(self, ports: Sequence[tuple[int, int]]) -> Iterator[Batch]:
        """Read what waits at the ports, in at most BATCHES batches; each is valid until the next.

        :param ports: index and file descriptor of each socket.
        """
        receive, starts, place = self._receive, self._starts, 0
        for _ in range(BATCHES):
            counts: list[int] = []
            indexes: list[int] = []
            filled = 0
            for index, descriptor in ports[place:]:
                if filled > ROWS - AT_ONCE:
                    break
                got = receive(descriptor, starts[filled], AT_ONCE, MSG_DONTWAIT, None)
                place += 1
                if got > 0:
                    counts.append(got)
                    indexes.append(index)
                    filled += got
            if not filled:
                return
            yield self._batch(filled, np.repeat(indexes, counts))

    def _batch(self, filled: int, port_index: NDArray[np.int64]) -> Batch:
        headers = self._headers[:filled]
        length = headers["length"].astype(np.int64)
        length[headers["flags"] & MSG_TRUNC != 0] = -1
        names = self._names[:filled]
        if not self._is_six:
            # sockaddr_in: family (2 bytes), then port and address in network order: port << 32 | address
            remote = names.view(">u8")[:, 0].astype(np.uint64) & np.uint64(0xFFFF_FFFF_FFFF)
            return Batch(self._data[:filled], length, remote, port_index, None, self._times(filled))
        # sockaddr_in6: family, port (2 bytes each), flow label (4), address (16), scope (4)
        address = names[:, 8:24].copy().view(">u8").astype(np.uint64)
        folded = address[:, 0] ^ address[:, 1]
        folded = (folded >> np.uint64(32)) ^ (folded & np.uint64(0xFFFF_FFFF))
        port = names.view(">u2")[:, 1].astype(np.uint64)
        remote = port << np.uint64(32) | folded
        return Batch(self._data[:filled], length, remote, port_index, address, self._times(filled))

    def _times(self, filled: int) -> NDArray[np.float64] | None:
        """Tell when the datagrams came, by the monotonic clock; None when the kernel did not say."""
        told = self._headers["control_length"][:filled]
        if (told != CONTROL_BYTES).any():
            told[:] = CONTROL_BYTES
            return None
        age = kernel_now() - self._control[:filled, 2] - self._control[:filled, 3] * 1e-9
        return time.monotonic() - np.clip(age, 0.0, LONGEST_WAIT_S)


class Sender:
    """Sends rows of one array of packets, each to its own address and from its own socket.

    :param packets: a row a slot; must stay where it is in memory.
    :param lengths: bytes of each slot's packet; None: whole rows.
    """

    def __init__(self, packets: NDArray[np.uint8], lengths: NDArray[np.int64] | None = None) -> None:
        _, self._send = _system_calls()
        slots = len(packets)
        if lengths is None:
            lengths = np.full(slots, packets.shape[1], np.int64)
        self._packets, self._lengths = packets, lengths  # keeps the memory alive that the kernel reads
        self._names = np.zeros((slots, NAME), np.uint8)
        self._iov, self._headers = np.zeros(slots, _IOVEC), np.zeros(slots, _MMSGHDR)
        self._iov["base"], self._iov["length"] = _row_addresses(packets), lengths
        self._headers["iov"], self._headers["iov_count"] = _row_addresses(self._iov), 1
        self._starts = [ctypes.c_void_p(int(row)) for row in _row_addresses(self._headers)]
        self._name_rows = _row_addresses(self._names)
        self._bursts: dict[int, _Burst] = {}
        self.refused = 0
        """Packets that the kernel did not take."""

    def prepare(
        self,
        slots: NDArray[np.int64],
        remotes: NDArray[np.uint64],
        ports: NDArray[np.int64],
        descriptors: Sequence[int],
        is_connected: NDArray[np.bool_] | None = None,
        addresses: NDArray[np.uint64] | None = None,
    ) -> SendList:
        """Make the list of system calls for these slots; it stays good until one of them changes.

        :param slots: ordered by port.
        :param remotes: where each of all slots sends to (``rtp.remote_number``).
        :param ports: index of the local port of each of all slots.
        :param descriptors: socket of each local port.
        :param is_connected: which ports' sockets are connected to the one peer they have: naming it
            again would cost a look at the routing table for each packet.
        :param addresses: halves of each of all slots' IPv6 address; None: all are IPv4.
        """
        self.address(slots, remotes, ports, is_connected, addresses)
        self.resize(slots)
        indexes = ports[slots]
        if len(indexes) < 2 or (indexes[1:] != indexes[:-1]).all():  # a call a port: each as it lies
            starts = self._starts
            own = [
                (descriptors[index], starts[slot], 1)
                for index, slot in zip(indexes.tolist(), slots.tolist(), strict=True)
            ]
            return SendList(self._headers, own)
        headers = self._headers[slots]  # a copy, so that the slots of one port are neighbours
        indexes, firsts, counts = np.unique(indexes, return_index=True, return_counts=True)
        start = _address(headers)
        calls = [
            (descriptors[index], ctypes.c_void_p(start + _MMSGHDR_BYTES * first), count)
            for index, first, count in zip(indexes.tolist(), firsts.tolist(), counts.tolist(), strict=True)
        ]
        return SendList(headers, calls)

    def address(
        self,
        slots: NDArray[np.int64],
        remotes: NDArray[np.uint64],
        ports: NDArray[np.int64],
        is_connected: NDArray[np.bool_] | None = None,
        addresses: NDArray[np.uint64] | None = None,
    ) -> None:
        """Learn where these slots send to, for ``prepare`` and ``send_relayed``; as there."""
        names, headers = self._names, self._headers
        names.view(">u8")[slots, 0] = remotes[slots]
        names.view("<u2")[slots, 0] = socket.AF_INET
        headers["name"][slots] = self._name_rows[slots]
        headers["name_length"][slots] = SOCKADDR_IN
        six = slots[addresses[slots].any(axis=1)] if addresses is not None else slots[:0]
        if addresses is not None and len(six):
            names[six] = 0
            names.view("<u2")[six, 0] = socket.AF_INET6
            names.view(">u2")[six, 1] = remotes[six] >> np.uint64(32)
            names.view(">u8")[six, 1:3] = addresses[six]
            headers["name_length"][six] = SOCKADDR_IN6
        if is_connected is not None:
            known = slots[is_connected[ports[slots]]]
            headers["name"][known] = headers["name_length"][known] = 0

    def resize(self, slots: NDArray[np.int64]) -> None:
        """Take note of the lengths of these slots' packets."""
        self._iov["length"][slots] = self._lengths[slots]

    def send_relayed(self, relayed: Relayed, ports: NDArray[np.int64], descriptors: Sequence[int]) -> None:
        """Send what passes from call to call, each packet by itself, as each has a socket of its own.

        The slots must have been told of by ``prepare`` or ``address``.
        """
        burst = self._bursts.get(id(relayed))
        if burst is None:
            burst = self._bursts[id(relayed)] = _Burst(relayed)
        count = relayed.count
        slots = relayed.slots[:count]
        rows = np.nonzero(slots >= 0)[0]
        slots = slots[rows]
        burst.iov["length"][rows] = relayed.lengths[rows]
        burst.headers["name"][rows] = self._headers["name"][slots]
        burst.headers["name_length"][rows] = self._headers["name_length"][slots]
        send, starts = self._send, burst.starts
        for row, port in zip(rows.tolist(), ports[slots].tolist(), strict=True):
            if send(descriptors[port], starts[row], 1, MSG_DONTWAIT) != 1:
                self.refused += 1

    def send(self, send_list: SendList) -> None:
        """Send one packet of each slot of the list; a peer that cannot be reached stops no other."""
        send = self._send
        for descriptor, start, count in send_list.calls:
            sent = send(descriptor, start, count, MSG_DONTWAIT)
            if sent != count:
                self._send_rest(descriptor, start.value or 0, count, sent)

    def _send_rest(self, descriptor: int, start: int, count: int, sent: int) -> None:
        """Send what is left after an error or a short count; an error is the first packet's: skip that."""
        done = 0
        while (done := done + max(sent, 0)) < count:
            if sent <= 0:
                self.refused += 1
                done += 1
            if done < count:
                place = ctypes.c_void_p(start + _MMSGHDR_BYTES * done)
                sent = self._send(descriptor, place, count - done, MSG_DONTWAIT)
            else:
                sent = 0


class _Burst:
    """The kernel's structs for the rows of ``Relayed``."""

    def __init__(self, relayed: Relayed) -> None:
        rows = len(relayed.packets)
        self.relayed = relayed  # keeps the memory alive that the kernel reads
        self.iov, self.headers = np.zeros(rows, _IOVEC), np.zeros(rows, _MMSGHDR)
        self.iov["base"] = _row_addresses(relayed.packets)
        self.headers["iov"], self.headers["iov_count"] = _row_addresses(self.iov), 1
        self.starts = [ctypes.c_void_p(int(row)) for row in _row_addresses(self.headers)]


class SendList:
    """System calls that send one tick's packets of one phase."""

    def __init__(self, headers: NDArray[Any], calls: list[tuple[int, ctypes.c_void_p, int]]) -> None:
        self._headers = headers  # keeps the memory alive that ``calls`` points into
        self.calls = calls

    @classmethod
    def empty(cls) -> SendList:
        """Make a list that sends nothing."""
        return cls(np.zeros(0, _MMSGHDR), [])
