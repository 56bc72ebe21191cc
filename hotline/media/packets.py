"""Received datagrams as columns: what the edge reads from its sockets and the plane takes in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Batch:
    """Datagrams in the order they were read; row i of each column is datagram i."""

    data: NDArray[np.uint8]
    """``(n, width)`` bytes, C-contiguous, width a multiple of 4; only ``length`` of a row are meant."""
    length: NDArray[np.int64]
    """Bytes of each datagram; -1 for one that was longer than the row."""
    remote: NDArray[np.uint64]
    """Sender of each datagram (``rtp.remote_number``)."""
    port_index: NDArray[np.int64]
    """Which local port each came to, as an index into the plane's ports."""
    address: NDArray[np.uint64] | None = None
    """``(n, 2)``: the halves of each sender's IPv6 address (``rtp.address_words``); None: all are IPv4."""
    at: NDArray[np.float64] | None = None
    """When each came, in seconds of the plane's clock; None: nobody measured, and jitter is not known."""
