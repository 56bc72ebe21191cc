"""The sockets of RTCP: one above each voice's port, read and written a few times a second.

A port that somebody else has is left out: the voice below it works, and its quality is known from what
came alone. Reports that share the voice's port (RFC 5761) go out from there.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Final

from hotline.media.reports import Reports
from hotline.wire.mmsg import kernel_now

SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; Python has no name for it
LONGEST: Final = 1500  # bytes
AT_ONCE: Final = 64  # datagrams of one step: what waits longer is a flood
_ANCILLARY: Final = socket.CMSG_SPACE(16)


def stamp_arrivals(end: socket.socket) -> None:
    """Let the kernel tell when each datagram came (socket(7)), where it can."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


class ReportSockets:
    """RTCP of one plane.

    :param voices: sockets of the plane's ports, in their order.
    """

    def __init__(
        self,
        reports: Reports,
        voices: Sequence[socket.socket],
        seconds: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = kernel_now,
    ) -> None:
        self._reports, self._voices, self._seconds, self._wall_s = reports, voices, seconds, wall_s
        self._ends: dict[int, socket.socket] = {}
        self._by_descriptor: dict[int, int] = {}
        self._poll = select.epoll()
        for index, voice in enumerate(voices):
            end = _open_above(voice)
            if end is not None:
                self._ends[index] = end
                self._by_descriptor[end.fileno()] = index
                self._poll.register(end, select.EPOLLIN)
        self.strangers = 0
        """Datagrams that were not heard."""

    @property
    def missing(self) -> int:
        """How many voices have no port for reports."""
        return len(self._voices) - len(self._ends)

    def step(self) -> None:
        """Bring in what came, do what is due, send what is to be sent; never waits."""
        for descriptor, _ in self._poll.poll(0, AT_ONCE):
            index = self._by_descriptor[descriptor]
            self._read(index, self._ends[index])
        self._reports.handle_timer(self._seconds())
        self.send()

    def send(self) -> None:
        """Send what is to be sent; a peer that cannot be reached is not told."""
        for outbound in self._reports.take_outbound():
            index = outbound.port_index
            end = self._voices[index] if outbound.is_muxed else self._ends.get(index)
            if end is not None:
                with contextlib.suppress(OSError):
                    end.sendto(outbound.data, outbound.to)

    def close(self) -> None:
        """Close the ports."""
        self._poll.close()
        for end in self._ends.values():
            end.close()

    def _read(self, index: int, end: socket.socket) -> None:
        try:
            data, ancillary, _, source = end.recvmsg(LONGEST, _ANCILLARY)
        except OSError:  # what is told here is that our last report reached nobody
            return
        now = self._seconds()
        for level, kind, octets in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(octets) >= 16:
                seconds, nanoseconds = struct.unpack_from("=qq", octets)
                now -= min(max(0.0, self._wall_s() - seconds - nanoseconds / 1e9), 1.0)
        if not self._reports.hear(index, (source[0], source[1]), data, now):
            self.strangers += 1


def _open_above(voice: socket.socket) -> socket.socket | None:
    ip, port = voice.getsockname()[:2]
    end = socket.socket(voice.family, socket.SOCK_DGRAM)
    try:
        end.setblocking(False)
        if voice.family == socket.AF_INET6:
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        stamp_arrivals(end)
        end.bind((ip, port + 1))
    except (OSError, OverflowError):
        end.close()
        return None
    return end
