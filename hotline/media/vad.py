"""Who speaks: the level of all calls at once, against a noise floor that each call learns.

A frame is loud when its mean power is some 8 dB above the floor. Two loud frames in a row begin
speech; it ends 300 ms after the last loud frame. The floor falls fast and rises slowly, so that a
pause between words teaches it and a long sentence does not. Hum of the mains (50 Hz and its first two
harmonics, of which 20 ms hold whole periods) is taken out of what is loud: it is no voice, however
loud, from its first frame on. Deliberately generous at the start of
a call: taking noise for speech costs a listener seconds, the reverse loses a resident's words.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import EXPANDED
from hotline.media.rtp import FRAME, FRAME_MS

HANG_OVER_FRAMES: Final = 300 // FRAME_MS
ONSET_FRAMES: Final = 2
ABOVE_FLOOR: Final = 6.0  # ratio of powers, 7.8 dB
FIRST_FLOOR: Final = 2e-5  # of full scale squared: -47 dB, a quiet room on a handset
LOWEST_FLOOR: Final = 1e-7
HIGHEST_FLOOR: Final = 1e-2
NEVER_SPEECH: Final = 2e-6  # -57 dB: idle-line noise of the codec itself
FALL: Final = 0.3
EVERY: Final = 2  # every other sample tells the power of a frame within half a decibel
RISE: Final = 1.005  # per 20 ms: doubles in 2.8 s
WORTH_A_LOOK: Final = 0.25
"""Part of the floor's power. Above it, hum would be learned as the floor, and hide a voice below it."""
HUM_EVERY: Final = 4
"""Samples between those that hum is measured by, at 2,000 a second."""
HUM_PERIODS: Final = (1, 2, 3)
"""In a frame: 50, 100 and 150 Hz. Voices on the telephone have little there (ITU-T G.712: from 300 Hz on)."""


def _hum_bank() -> NDArray[np.float32]:
    """Give orthonormal waves, and the constant part, over the samples of a frame that are looked at."""
    count = FRAME // HUM_EVERY
    turns = 2 * np.pi * np.outer(np.arange(count) / count, HUM_PERIODS)
    waves = np.hstack([np.full((count, 1), np.sqrt(0.5)), np.cos(turns), np.sin(turns)])
    bank: NDArray[np.float32] = (waves * np.sqrt(2.0) / count).astype(np.float32)
    return bank


_HUM_BANK: Final = _hum_bank()
"""``(40, 7)``: the squares of a frame's products with it add up to its power there."""
_LINEAR: Final[NDArray[np.float32]] = (EXPANDED / 32768.0).astype(np.float32)
_POWER: Final[NDArray[np.float32]] = ((EXPANDED / 32768.0) ** 2).astype(np.float32)
_MEAN: Final = np.full(FRAME // EVERY, EVERY / FRAME, np.float32)
"""Times a frame's powers: their mean, in a seventh of the time that ``mean`` takes."""


class VoiceActivity:
    """The detectors of all slots; columns are indexed by slot."""

    def __init__(self, slots: int) -> None:
        self._floor = np.full(slots, FIRST_FLOOR, np.float32)
        self._loud = np.zeros(slots, np.int16)
        self._hang = np.zeros(slots, np.int16)
        self.is_speech = np.zeros(slots, np.bool_)
        self.power = np.zeros(slots, np.float32)
        """Mean power of the last frame, of full scale squared."""

    def reset(self, slot: int) -> None:
        """Forget what a slot has learned; a new call begins."""
        self._floor[slot] = FIRST_FLOOR
        self._loud[slot] = self._hang[slot] = 0
        self.is_speech[slot] = False

    def feed(
        self, slots: NDArray[np.intp], frames: NDArray[np.uint8], codecs: NDArray[np.uint8]
    ) -> NDArray[np.intp]:
        """Hear one frame of each given slot; give the slots whose speech began or ended.

        :param slots: each at most once.
        :param frames: ``(len(slots), 160)`` G.711 bytes.
        :param codecs: table row of each slot's law (``g711.codec_index``).
        """
        power = self.measure(slots, frames, codecs)
        self.take_out_hum(slots, frames, codecs, power)
        return self.judge(slots, power)

    def measure(
        self, slots: NDArray[np.intp], frames: NDArray[np.uint8], codecs: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Give the mean power of the frames, and keep it as ``power``."""
        heard = frames[:, ::EVERY]
        if (codecs == codecs[0]).all():
            power: NDArray[np.float32] = _POWER[codecs[0]].take(heard) @ _MEAN
        else:
            power = _POWER[codecs[:, None], heard] @ _MEAN
        self.power[slots] = power
        return power

    def take_out_hum(
        self,
        slots: NDArray[np.intp],
        frames: NDArray[np.uint8],
        codecs: NDArray[np.uint8],
        power: NDArray[np.float32],
    ) -> None:
        """Lower the power of frames by what the mains have in it, in place.

        Those that are far below the floor are left alone: they can only teach it downwards.
        """
        rows = np.nonzero(power > np.maximum(WORTH_A_LOOK * self._floor[slots], NEVER_SPEECH))[0]
        if not len(rows):
            return
        heard = frames[rows, ::HUM_EVERY]
        law = codecs[rows]
        sound = _LINEAR[law[0]].take(heard) if (law == law[0]).all() else _LINEAR[law[:, None], heard]
        parts = sound @ _HUM_BANK
        rest = np.einsum("ij,ij->i", sound, sound) / sound.shape[1] - np.einsum("ij,ij->i", parts, parts)
        power[rows] = np.maximum(rest, 0.0)

    def judge(self, slots: NDArray[np.intp], power: NDArray[np.float32]) -> NDArray[np.intp]:
        """Tell speech from the power of a frame; give the slots whose speech began or ended."""
        floor = self._floor[slots]
        floor = np.where(power < floor, floor + FALL * (power - floor), floor * RISE)
        floor = np.clip(floor, LOWEST_FLOOR, HIGHEST_FLOOR).astype(np.float32)
        self._floor[slots] = floor
        is_loud = power > np.maximum(ABOVE_FLOOR * floor, NEVER_SPEECH)
        loud = np.where(is_loud, np.minimum(self._loud[slots] + 1, ONSET_FRAMES), 0)
        self._loud[slots] = loud
        was = self.is_speech[slots]
        starts = is_loud & (was | (loud >= ONSET_FRAMES))
        hang = np.where(starts, HANG_OVER_FRAMES, np.maximum(self._hang[slots] - 1, 0))
        self._hang[slots] = hang
        now = hang > 0
        self.is_speech[slots] = now
        changed: NDArray[np.intp] = slots[now != was]
        return changed
