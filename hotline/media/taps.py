"""Voices as they are said, for whoever listens along: blocks of 200 ms, each leg apart.

A tap follows a leg's time line 40 ms behind its newest sample, so a block leaves at most 260 ms after
its first sample came. It holds what recordings are made of: G.711, placed by its RTP timestamps, silence
where nothing came. A subscriber who is slow loses blocks, and is told how many; nothing waits for her.

The bytes of a block, for any subscriber to read::

    4  "TAP1"
    1  law: 0 µ-law, 8 A-law (RFC 3551, table 4)
    1  1: the leg has ended, and no more comes
    2  bytes of the leg's id
    4  blocks that were lost before this one, of this tap
    8  place of the first sample, since the tap began
    n  the leg's id, UTF-8
    m  samples, 8,000 a second
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.media.g711 import CODECS
from hotline.media.leg import Leg
from hotline.media.legs import Slots
from hotline.media.plan import Codec
from hotline.media.ring import BLOCK
from hotline.media.timelines import Timelines

MAGIC: Final = b"TAP1"
_HEAD: Final = struct.Struct("!4sBBHIQ")
MOST_TAPS: Final = 8
"""Of one leg."""


@dataclass(frozen=True, slots=True)
class TapBlock:
    """A stretch of a leg's voice."""

    call_id: CallId
    """The leg."""
    codec: Codec
    start: int
    """Samples since the tap began."""
    data: bytes
    lost: int = 0
    """Blocks that were lost before this one."""
    is_last: bool = False
    """The leg has ended; ``data`` is empty."""

    def to_bytes(self) -> bytes:
        """Write it as a datagram."""
        name = self.call_id.encode()
        head = _HEAD.pack(MAGIC, self.codec.value, self.is_last, len(name), self.lost, self.start)
        return head + name + self.data


def read_block(datagram: bytes) -> TapBlock:
    """Read a datagram of a tap.

    :raises RemoteProtocolError: for what is none.
    """
    try:
        magic, law, is_last, length, lost, start = _HEAD.unpack_from(datagram)
        end = _HEAD.size + length
        if magic != MAGIC or len(datagram) < end or is_last > 1:
            raise ValueError("it does not begin like one")
        call_id = CallId(datagram[_HEAD.size : end].decode())
        codec = Codec(law)
        if codec not in CODECS:
            raise ValueError(f"codec {law} is none of G.711")
        return TapBlock(call_id, codec, start, datagram[end:], lost, bool(is_last))
    except (struct.error, ValueError) as error:
        raise RemoteProtocolError(f"this is no block of a tap: {error}") from error


@dataclass(slots=True)
class _Tap:
    leg: Leg
    subscriber: str
    begin: int
    next: int


class Taps:
    """All taps of one plane."""

    def __init__(self, lines: Timelines) -> None:
        self._lines = lines
        self._by_slot: dict[int, list[_Tap]] = {}
        self._blocks: list[tuple[str, TapBlock]] = []

    def begin(self, leg: Leg, subscriber: str) -> bool:
        """Tap a leg for a subscriber from now on; False when too many listen already."""
        taps = self._by_slot.setdefault(leg.slot, [])
        if any(tap.subscriber == subscriber for tap in taps):
            return True
        if len(taps) >= MOST_TAPS:
            return False
        at = int(self._lines.reader[leg.slot])
        taps.append(_Tap(leg, subscriber, at, at))
        return True

    def end(self, leg: Leg, subscriber: str) -> None:
        """Tap a leg no more for a subscriber."""
        taps = [tap for tap in self._by_slot.pop(leg.slot, []) if tap.subscriber != subscriber]
        if taps:
            self._by_slot[leg.slot] = taps

    def leave(self, leg: Leg) -> None:
        """Tell all who listen that a leg has ended."""
        for tap in self._by_slot.pop(leg.slot, []):
            block = TapBlock(leg.call_id, leg.law, tap.next - tap.begin, b"", is_last=True)
            self._blocks.append((tap.subscriber, block))

    def forget(self, subscriber: str) -> None:
        """Tap nothing more for a subscriber who has gone."""
        for taps in list(self._by_slot.values()):
            for tap in taps:
                if tap.subscriber == subscriber:
                    self.end(tap.leg, subscriber)

    @property
    def is_on(self) -> bool:
        """Tell whether anything is tapped."""
        return bool(self._by_slot)

    def tick(self, slots: Slots) -> None:
        """Take the blocks that are whole, of these slots."""
        for slot in set(self._by_slot).intersection(slots.tolist()):
            for tap in self._by_slot[slot]:
                if int(self._lines.reader[slot]) - tap.next >= BLOCK:
                    octets = self._lines.cut(np.array([slot]), np.array([tap.next]), BLOCK)[0]
                    block = TapBlock(tap.leg.call_id, tap.leg.law, tap.next - tap.begin, octets.tobytes())
                    self._blocks.append((tap.subscriber, block))
                    tap.next += BLOCK

    def take_blocks(self) -> list[tuple[str, TapBlock]]:
        """Take what is to be sent, with the subscriber of each."""
        blocks, self._blocks = self._blocks, []
        return blocks
