"""What the callers' voices say to the machine: keys, speech, levels; and what falls silent for it at once."""

from __future__ import annotations

import numpy as np

from hotline.media.key_sender import KeySender
from hotline.media.keys import KeySource
from hotline.media.leg import Leg
from hotline.media.outgoing import Slots
from hotline.media.parts import Parts
from hotline.media.plan import DigitPressed, KeyUnsent, LevelHeard, SpeechEnded, SpeechStarted
from hotline.media.playing import Playing


class Hearing:
    """The listening side of one plane."""

    def __init__(self, parts: Parts, playing: Playing) -> None:
        self._parts, self._playing = parts, playing
        self._sender = KeySender(parts.legs, parts.relay, parts.out)
        self._ticks = 0

    def pass_time(self) -> None:
        """Let 20 ms go by."""
        self._ticks += 1

    def tick(self, slots: Slots) -> None:
        """Listen to the next frame of each of these calls."""
        parts = self._parts
        self._sender.tick(slots)
        for ready, frames in parts.lines.read(slots):
            codecs = parts.lines.codec[ready]
            power = parts.voice.measure(ready, frames, codecs)
            for slot, dbov in parts.levels.feed(ready, power):
                call = parts.legs.by_slot[slot]
                if call is not None:
                    parts.events.append(LevelHeard(call.call_id, round(dbov, 1)))
            rows = parts.tones.candidates(ready, frames, codecs, power)
            if len(rows):
                power[np.isin(ready, self._look_again(ready[rows]))] = 0  # a key is no speech
            parts.voice.take_out_hum(ready, frames, codecs, power)
            for slot in parts.voice.judge(ready, power).tolist():
                self._turn(slot)
            parts.recordings.note_speech(ready, parts.voice.is_speech[ready])

    def press(self, call: Leg, key: str, source: KeySource) -> None:
        """Take a key from any source; if it counts, what it is to silence is silent in this very tick."""
        if call.fused.press(key, source, self._ticks):
            self._parts.events.append(DigitPressed(call.call_id, key))
            self._playing.interrupt(call, key)
            self._pass_key(call, key, source)
        if call.fused.best is not KeySource.TONE:
            self._parts.tones.is_armed[call.slot] = False

    def _pass_key(self, call: Leg, key: str, source: KeySource) -> None:
        """Let those who are talked with have a key that does not reach them in the voice as it passes."""
        if source is KeySource.TONE:
            return  # they hear it
        for other in self._parts.conferences.listeners(call):
            if other.event_payload_type is None:
                self._parts.events.append(KeyUnsent(other.call_id, key))
            elif source is KeySource.INFO or call.listener is not other:
                self._sender.press(other, key)

    def _turn(self, slot: int) -> None:
        call, is_speech = self._parts.legs.by_slot[slot], self._parts.voice.is_speech[slot]
        if call is not None:
            self._parts.events.append((SpeechStarted if is_speech else SpeechEnded)(call.call_id))
            if is_speech:
                self._playing.interrupt_by_speech(call)

    def _look_again(self, slots: Slots) -> list[int]:
        """See whether what looks like two tones is a key, and give the slots where one sounds.

        Talkers in a bridge press none in their voice.
        """
        parts = self._parts
        slots = slots[(parts.relay.target[slots] < 0) & ~parts.mixing.is_source[slots]]
        keyed: list[int] = []
        if not len(slots):
            return keyed
        starts, context = parts.lines.around(slots)
        for slot, key, is_new in parts.tones.press(slots, context, parts.lines.codec[slots], starts):
            keyed.append(slot)
            call = parts.legs.by_slot[slot]
            if call is not None and is_new:
                self.press(call, key, KeySource.TONE)
            elif call is not None:
                call.fused.hold(key, KeySource.TONE, self._ticks)
        return keyed
