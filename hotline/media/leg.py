"""What the plane knows of one call beside its columns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hotline.events.ids import CallId
from hotline.media.coded import CodedVoice, Reframer, clock_ratio
from hotline.media.dtmf import EventKeys
from hotline.media.g711 import law_of
from hotline.media.keys import FusedKeys
from hotline.media.plan import Codec, Srtp
from hotline.media.protection import Protection
from hotline.media.recording import OpenRecording
from hotline.media.roster import Address
from hotline.media.rtp import RATE_HZ


@dataclass(slots=True, eq=False)
class Conference:
    """Legs of which some hear others."""

    hears: dict[Leg, tuple[Leg, ...]]
    """All of them, in the order in which they came, and whom each hears."""


@dataclass(slots=True, eq=False)
class Leg:
    """One call's media."""

    call_id: CallId
    slot: int
    version: int
    """Of IP, at its local port."""
    declared: tuple[int, Address] = (0, (0, 0))
    """Where its SDP says it is."""
    may_latch: bool = False
    waits_for_source: bool = False
    codec: Codec = Codec.PCMA
    payload_type: int = 8
    event_payload_type: int | None = None
    event_clock_hz: int = 0
    """Of telephone-event; 0: the voice's own."""
    coded: CodedVoice | None = None
    """None where the codec is G.711."""
    heard: int = 0
    """Pieces of decoded voice so far."""
    srtp: Srtp | None = None
    protection: Protection | None = None
    sends: bool = True
    keys: EventKeys = field(default_factory=EventKeys)
    fused: FusedKeys = field(default_factory=FusedKeys)
    queue: deque[tuple[int, int]] = field(default_factory=deque)
    """Rows of the prompts that are still to be played."""
    loop: tuple[tuple[int, int], ...] = ()
    """Rows to begin again with when the queue is empty; () when it ends then."""
    tag: int = 0
    stops_at_keys: str = ""
    """Keys that end what it is played."""
    stops_at_speech: bool = False
    recording: OpenRecording | None = None
    conference: Conference | None = None
    """Who hears whom, where it is one of them."""
    other: Leg | None = None
    """Whom of these it talks with: each hears the other, and both were there before others came."""
    listener: Leg | None = None
    """Whom its packets pass on to."""
    reframer: Reframer | None = None
    """Makes frames for ``listener`` of what this one says; None where packets pass as they are."""

    @property
    def law(self) -> Codec:
        """How its voice is kept inside the plane."""
        return law_of(self.codec)

    @property
    def ratio(self) -> int:
        """Timestamp units in a sample of 8,000 a second."""
        return clock_ratio(self.codec)

    @property
    def event_ratio(self) -> int:
        """The same for the durations of keys, which some telephones count at 8,000 Hz beside Opus."""
        return self.event_clock_hz // RATE_HZ or self.ratio
