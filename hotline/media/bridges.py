"""How a packet of one leg becomes a packet of another, who hears nobody else.

Who hears whom is decided in ``conferences``; what several say is added in ``mixing``. Three ways, told by
the codecs: both G.711 (packets pass as columns, ``relay``), both the same other codec (packets pass one by
one as they are), or different ones (decoded, cut into frames of 20 ms, encoded). Keys pass in each of them,
in the target's payload type and clock.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hotline.media.coded import Heard, Reframer
from hotline.media.g711 import CODECS, EXPANDED, LAWS, Samples, codec_index, encode
from hotline.media.leg import Leg
from hotline.media.outgoing import Outgoing
from hotline.media.packets import Batch
from hotline.media.relay import NOBODY, Relay, Slots
from hotline.media.rtp import FRAME, HEADER, RtpPacket, timestamp_step

LONGEST_SEGMENT: Final = 0xFFFF  # timestamp units that one event's duration can count (RFC 4733, 2.5.1.3)


class Bridges:
    """The links of one plane: whose packets go on to whom."""

    def __init__(self, relay: Relay, out: Outgoing, slots: int) -> None:
        self._relay, self._out = relay, out
        self._is_recoded = np.zeros(slots, np.bool_)
        self._legs: list[Leg | None] = [None] * slots

    def link(self, source: Leg, target: Leg) -> None:
        """Let a leg's packets go on to another, and to nobody else."""
        if source.listener is not target:
            self.unlink(source)
            source.listener = target
        self._legs[source.slot] = source
        self._link(source, target)

    def unlink(self, source: Leg) -> None:
        """Let a leg's packets go on to nobody."""
        if source.listener is None:
            return
        self._relay.part(source.slot)
        source.listener = source.reframer = None
        self._legs[source.slot] = None
        self._is_recoded[source.slot] = False

    def update(self, source: Leg) -> None:
        """Take note that either side of a leg's link began or ended to play, or changed its codec."""
        if source.listener is not None:
            self._link(source, source.listener)

    def is_passing(self, source: Leg) -> bool:
        """Tell whether the last that its listener was sent came from this leg."""
        target = source.listener
        return (
            target is not None
            and bool(self._relay.target[source.slot] == target.slot)
            and self._relay.is_on(target.slot)
        )

    def time_of(self, target: Leg) -> int:
        """Give the timestamp at which what a leg hears next begins."""
        return self._relay.time_of(target.slot)

    def send_rest(self, target: Leg, samples: Samples) -> None:
        """Send a leg what was still waiting for it, at once, before packets pass to it again.

        A frame that is not whole is left out where the codec has frames.
        """
        out, slot = self._out, target.slot
        for start in range(0, len(samples), FRAME):
            frame = samples[start : start + FRAME]
            if target.coded is None:
                payload = encode(frame, target.codec).tobytes()
            elif len(frame) == FRAME:
                payload = target.coded.coder.encode(frame)
            else:
                return
            mark = bool(out.mark[slot])
            stamp = int(out.timestamp[slot])
            self._relay.insert(slot, stamp, payload, int(out.payload_type[slot]), is_marked=mark)
            out.mark[slot] = 0
            out.timestamp[slot] = stamp + len(frame) * target.ratio & 0xFFFFFFFF

    def _link(self, source: Leg, target: Leg) -> None:
        is_same = source.codec is target.codec or (source.codec in CODECS and target.codec in CODECS)
        if is_same:
            if source.reframer is not None:
                self._relay.begin_anew(source.slot)
            source.reframer = None
        elif source.reframer is None:
            source.reframer = Reframer()
            self._relay.begin_anew(source.slot)
        self._is_recoded[source.slot] = source.reframer is not None
        self._relay.law[source.slot] = codec_index(source.law)
        if self._out.is_playing(target.slot):
            self._relay.part(source.slot)
        elif self._relay.target[source.slot] != target.slot:
            self._relay.join(source.slot, target.slot)

    @property
    def has_links(self) -> bool:
        """Tell whether any leg hears another."""
        return self._relay.links > 0

    # -- packets ------------------------------------------------------------------------------------

    def pass_on(self, batch: Batch, rows: Slots, sources: Slots) -> None:
        """Send on plain G.711 packets.

        :param rows: of the batch; :param sources: the slot of each.
        """
        is_heard = self._relay.target[sources] != NOBODY
        if not is_heard.all():
            rows, sources = rows[is_heard], sources[is_heard]
            if not len(rows):
                return
        is_recoded = self._is_recoded[sources]
        if is_recoded.any():
            for row, source in zip(rows[is_recoded].tolist(), sources[is_recoded].tolist(), strict=True):
                leg = self._legs[source]
                assert leg is not None
                octets = batch.data[row, HEADER : batch.length[row]]
                stamp = int.from_bytes(batch.data[row, 4:8].tobytes(), "big")
                self._recode(leg, Heard(stamp, EXPANDED[codec_index(leg.codec)][octets]))
            rows, sources = rows[~is_recoded], sources[~is_recoded]
        if len(rows):
            self._relay.pass_on(batch, rows, sources)

    def pass_one(self, leg: Leg, packet: RtpPacket) -> None:
        """Send on one voice packet of any kind, as it came."""
        other = leg.listener
        if other is None or self._relay.target[leg.slot] == NOBODY:
            return
        if leg.codec not in CODECS:
            if leg.reframer is None:
                self._relay.pass_one(
                    leg.slot,
                    packet.sequence,
                    packet.timestamp,
                    packet.payload,
                    is_marked=packet.is_marked,
                    duration=int(self._out.step[other.slot]),
                )
            return
        octets = np.frombuffer(packet.payload, np.uint8)
        if leg.reframer is not None:
            self._recode(leg, Heard(packet.timestamp, EXPANDED[codec_index(leg.codec)][octets]))
            return
        octets = LAWS[codec_index(leg.law), codec_index(other.law)][octets]
        self._relay.pass_one(
            leg.slot,
            packet.sequence,
            packet.timestamp,
            octets.tobytes(),
            is_marked=packet.is_marked,
            duration=len(octets),
        )

    def pass_heard(self, leg: Leg, heard: Heard) -> None:
        """Send on what was decoded, where the other side has another codec."""
        if leg.reframer is not None and self._relay.target[leg.slot] != NOBODY:
            self._recode(leg, heard)

    def _recode(self, leg: Leg, heard: Heard) -> None:
        reframer, other = leg.reframer, leg.listener
        assert reframer is not None
        assert other is not None
        for time, frame in reframer.cut(heard.timestamp, heard.samples):
            coder = other.coded
            payload = encode(frame, other.codec).tobytes() if coder is None else coder.coder.encode(frame)
            self._relay.pass_one(
                leg.slot,
                reframer.take_number(),
                time * other.ratio & 0xFFFFFFFF,
                payload,
                duration=int(self._out.step[other.slot]),
            )

    def begin_anew(self, leg: Leg) -> None:
        """Take note that a leg's numbers have jumped."""
        self._relay.begin_anew(leg.slot)

    def pass_key(self, leg: Leg, packet: RtpPacket) -> None:
        """Send a telephone event on, under the other side's payload type and clock (RFC 4733, 2.5).

        Where the other clock is faster, a key that is held long is cut into more segments than it came in;
        where it is slower, into fewer.
        """
        other = leg.listener
        if other is None or other.event_payload_type is None or len(packet.payload) < 4:
            return
        start = leg.keys.start_of(packet.timestamp)
        if start is None:
            return
        length = int.from_bytes(packet.payload[2:4], "big") * leg.ratio // leg.event_ratio
        length = (timestamp_step(packet.timestamp, start) + length) * other.ratio // leg.ratio
        segment = max(0, length - 1) // LONGEST_SEGMENT
        rest = (length - segment * LONGEST_SEGMENT) * other.event_ratio // other.ratio
        if leg.reframer is None:
            sequence, stamp = packet.sequence, start
        else:
            sequence = leg.reframer.take_number()
            stamp = (start if leg.coded is None else leg.coded.sample_time(start)) * other.ratio
        self._relay.pass_one(
            leg.slot,
            sequence,
            stamp + segment * LONGEST_SEGMENT & 0xFFFFFFFF,
            packet.payload[:2] + rest.to_bytes(2, "big"),
            is_marked=packet.is_marked,
            payload_type=other.event_payload_type,
        )
