"""Keys that we press ourselves in somebody's voice stream: events of RFC 4733 that no packet brought.

A telephone that tells its keys by SIP INFO talks through us with one that listens for events: each key
is sent to that one as an event of its own, between the packets that pass. One key at a time: first a
packet with the marker, one more every 20 ms, then the end three times (2.5.1.2 to 2.5.1.4), then a pause, so
that the same key twice is heard twice.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from hotline.media.dtmf import KEYS
from hotline.media.leg import Leg
from hotline.media.legs import Legs
from hotline.media.outgoing import Outgoing, Slots
from hotline.media.relay import Relay
from hotline.media.rtp import FRAME, FRAME_MS

KEY_TICKS: Final = 100 // FRAME_MS  # ITU-T Q.24: a receiver must take 40 ms; gateways want more
ENDS: Final = 3  # 2.5.1.4: the last packet is sent three times
PAUSE_TICKS: Final = 60 // FRAME_MS
MOST_WAITING: Final = 32
"""Keys that wait for those before them; nobody presses faster than five a second for longer."""
VOLUME: Final = 10  # -10 dBm0 (2.3.4)
END: Final = 0x80


@dataclass(slots=True)
class _Sending:
    leg: Leg
    waiting: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    """Event codes."""
    code: int = -1
    stamp: int = 0
    ticks: int = 0
    """Since the key began; negative in the pause after it."""


class KeySender:
    """The keys that one plane sends."""

    def __init__(self, legs: Legs, relay: Relay, out: Outgoing) -> None:
        self._legs, self._relay, self._out = legs, relay, out
        self._sending: dict[int, _Sending] = {}

    def press(self, leg: Leg, key: str) -> None:
        """Press a key in what a leg hears, after those before it.

        :param leg: has agreed on telephone-event.
        """
        sending = self._sending.get(leg.slot)
        if sending is None or sending.leg is not leg:
            sending = self._sending[leg.slot] = _Sending(leg)
        sending.waiting.append(KEYS.index(key))

    def tick(self, slots: Slots) -> None:
        """Let 20 ms go by for these slots."""
        if not self._sending:
            return
        for slot in set(self._sending).intersection(slots.tolist()):
            if not self._go_on(self._sending[slot]):
                del self._sending[slot]

    def _go_on(self, sending: _Sending) -> bool:
        leg = sending.leg
        is_here = self._legs.by_slot[leg.slot] is leg and leg.conference is not None
        if not is_here or leg.event_payload_type is None:
            return False
        if sending.code < 0:
            sending.ticks += 1
            if sending.ticks <= 0:
                return True
            if not sending.waiting:
                return False
            sending.code, sending.ticks = sending.waiting.popleft(), 1
            sending.stamp = self._relay.time_of(leg.slot)
            self._send(sending, is_marked=True)
            return True
        sending.ticks += 1
        is_end = sending.ticks >= KEY_TICKS
        for _ in range(ENDS if is_end else 1):
            self._send(sending, is_end=is_end)
        if is_end:
            sending.code, sending.ticks = -1, -PAUSE_TICKS
        return True

    def _send(self, sending: _Sending, *, is_marked: bool = False, is_end: bool = False) -> None:
        leg = sending.leg
        assert leg.event_payload_type is not None
        duration = sending.ticks * FRAME * leg.event_ratio
        payload = bytes((sending.code, VOLUME | (END if is_end else 0))) + duration.to_bytes(2, "big")
        self._relay.insert(leg.slot, sending.stamp, payload, leg.event_payload_type, is_marked=is_marked)
