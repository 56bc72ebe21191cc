"""Voice that is not G.711: G.722 and Opus, decoded to 8,000 samples a second where it comes in.

Inside the plane voice is A-law. A leg with another codec has a ``CodedVoice``: packets come one by
one, wait shortly for those before them (a decoder remembers, so it must be fed in order), and
leave as linear samples; frames on their way out are encoded. Where two legs agree on the codec
their packets pass as they are, and this only listens.

The codecs themselves are libraries, which the edge brings along (``Coder``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from hotline.errors import RemoteProtocolError
from hotline.media.g711 import Samples
from hotline.media.plan import Codec
from hotline.media.rtp import FRAME, FRAME_MS, RATE_HZ, RtpPacket, sequence_step, timestamp_step

RTP_RATE_HZ: Final = {Codec.G722: 8000, Codec.OPUS: 48_000}
"""RFC 3551, 4.5.2 (G.722 says 8,000 though it samples at 16,000); RFC 7587, 4.1."""
WAIT_TICKS: Final = 40 // FRAME_MS  # for a packet that others have overtaken, at first
LEAST_WAIT_TICKS: Final = 20 // FRAME_MS
MOST_WAIT_TICKS: Final = 120 // FRAME_MS
CALM_PACKETS: Final = 500  # ten seconds in which nothing came that had been given up
MOST_GIVEN_UP: Final = 64  # numbers that are remembered
LONGEST_GAP: Final = 100  # sequence numbers; a larger step is another stream
LONGEST_CONCEALED: Final = RATE_HZ // 10  # 100 ms: what is longer is a silence


def clock_ratio(codec: Codec) -> int:
    """Give the RTP timestamp units that one sample of 8,000 a second lasts."""
    return RTP_RATE_HZ.get(codec, RATE_HZ) // RATE_HZ


class Coder(Protocol):
    """One leg's codec, both ways; it remembers what went before."""

    def encode(self, samples: Samples) -> bytes:
        """Encode 160 samples; gives at most 160 bytes."""
        ...

    def decode(self, payload: bytes) -> Samples:
        """Decode one payload.

        :raises RemoteProtocolError: for what is no payload of this codec.
        """
        ...

    def conceal(self, length_samples: int, following: bytes) -> Samples:
        """Make up what was lost before a payload that has come; empty when the codec cannot."""
        ...


MakeCoder = Callable[[Codec], Coder]
"""Makes a coder for a leg.

It raises OutsideError when the codec's library is not there.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """Decoded voice at its place."""

    timestamp: int
    """In samples of 8,000 a second, without end (it does not wrap)."""
    samples: Samples


class CodedVoice:
    """What one leg says, put in order and decoded; and the coder for what it hears.

    :param coder: of this leg alone.
    :param ratio: RTP timestamp units a sample.
    """

    def __init__(self, coder: Coder, ratio: int) -> None:
        self.coder, self.ratio = coder, ratio
        self._ssrc = -1
        self._expected = 0
        self._stamp = 0
        """RTP timestamp of the newest packet, without wrapping."""
        self._next = 0
        """Behind the last sample that was given out."""
        self._waiting: dict[int, RtpPacket | None] = {}
        self._waited = 0
        self.patience = WAIT_TICKS
        """Ticks that packets wait for one before them: grows when it comes after all, shrinks in calm."""
        self._given_up: set[int] = set()
        self._calm = 0

    @property
    def ssrc(self) -> int:
        """Whose voice this is; -1 before the first packet."""
        return self._ssrc

    @property
    def is_waiting(self) -> bool:
        """Tell whether packets wait for one before them."""
        return bool(self._waiting)

    def is_anew(self, packet: RtpPacket) -> bool:
        """Tell whether a voice packet begins another stream, or follows a long loss."""
        step = sequence_step(packet.sequence, self._expected & 0xFFFF)
        return packet.ssrc != self._ssrc or abs(step) > LONGEST_GAP

    def take(self, packet: RtpPacket, *, is_voice: bool = True) -> list[Heard]:
        """Take a packet; give what can be heard now.

        :param is_voice: False for a key and the like, which only fills its place in the order.
        """
        step = sequence_step(packet.sequence, self._expected & 0xFFFF)
        if self.is_anew(packet):
            if not is_voice:
                return []  # the voice after it will tell
            self._restart(packet)
            step = 0
        if step < 0:
            self._regret(self._expected + step)
            return []
        self._waiting.setdefault(self._expected + step, packet if is_voice else None)
        heard = self._drain()
        if len(self._waiting) > self.patience + 1:
            heard += self._skip()
        return heard

    def wait(self) -> list[Heard]:
        """Let 20 ms go by; give what needs wait no longer for a packet that does not come."""
        if not self._waiting:
            self._waited = 0
            return []
        self._waited += 1
        return self._skip() if self._waited > self.patience else []

    def sample_time(self, timestamp: int) -> int:
        """Turn an RTP timestamp near the newest one into samples, as in ``Heard``."""
        return (self._stamp + timestamp_step(timestamp, self._stamp & 0xFFFFFFFF)) // self.ratio

    def _regret(self, number: int) -> None:
        """Wait longer from now on, when a packet was given up too soon."""
        if number in self._given_up:
            self._given_up.discard(number)
            self.patience = min(self.patience + 1, MOST_WAIT_TICKS)
            self._calm = 0

    def _restart(self, packet: RtpPacket) -> None:
        self._waiting.clear()
        self._given_up.clear()
        if packet.ssrc == self._ssrc:  # after a long loss: the clock has gone on
            self._stamp += timestamp_step(packet.timestamp, self._stamp & 0xFFFFFFFF)
        else:
            self._ssrc, self._stamp = packet.ssrc, packet.timestamp
        self._expected, self._next, self._waited = packet.sequence, self._stamp // self.ratio, 0

    def _skip(self) -> list[Heard]:
        """Go on with the first packet that is there."""
        first = min(self._waiting)
        self._given_up.update(range(self._expected, first))
        while len(self._given_up) > MOST_GIVEN_UP:
            self._given_up.remove(min(self._given_up))
        self._expected = first
        return self._drain(is_gap=True)

    def _drain(self, *, is_gap: bool = False) -> list[Heard]:
        heard: list[Heard] = []
        while self._expected in self._waiting:
            packet = self._waiting.pop(self._expected)
            self._expected += 1
            self._waited = 0
            self._calm += 1
            if self._calm >= CALM_PACKETS:
                self.patience, self._calm = max(self.patience - 1, LEAST_WAIT_TICKS), 0
            if packet is not None:
                heard += self._decode(packet, is_gap=is_gap)
                is_gap = False
        return heard

    def _decode(self, packet: RtpPacket, *, is_gap: bool) -> list[Heard]:
        self._stamp += timestamp_step(packet.timestamp, self._stamp & 0xFFFFFFFF)
        start = self._stamp // self.ratio
        heard = []
        missing = start - self._next
        if is_gap and 0 < missing <= LONGEST_CONCEALED:
            made_up = self.coder.conceal(missing, packet.payload)
            if len(made_up):
                heard.append(Heard(self._next, made_up))
        try:
            samples = self.coder.decode(packet.payload)
        except RemoteProtocolError:
            return heard
        if len(samples):
            heard.append(Heard(start, samples))
            self._next = start + len(samples)
        return heard


class Reframer:
    """Cuts what one leg says into frames of 20 ms for a leg with another codec."""

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, np.int16)
        self._end = 0
        self.sequence = 0
        """Number of the next packet of the stream that the frames make."""

    def take_number(self) -> int:
        """Give the next packet's number."""
        self.sequence = self.sequence + 1 & 0xFFFF
        return self.sequence

    def cut(self, timestamp: int, samples: Samples) -> list[tuple[int, Samples]]:
        """Give the frames that are whole now, with the time of their first samples.

        What follows no longer on the rest of before (a gap, or a packet that is late) drops the rest.
        """
        if timestamp != self._end:
            if 0 < self._end - timestamp <= RATE_HZ:
                return []
            self._rest = samples[:0]
        self._end = timestamp + len(samples)
        whole = np.concatenate([self._rest, samples])
        start = self._end - len(whole)
        count = len(whole) // FRAME
        self._rest = whole[count * FRAME :]
        return [(start + k * FRAME, whole[k * FRAME : (k + 1) * FRAME]) for k in range(count)]
