"""Keys that arrive as sound: the two tones of a push-button, told from speech, for all calls at once.

Two looks. The first is at every loud frame of 20 ms: how much of its power lies in one tone of the low
group and one of the high. A true tone of 40 ms always fills one frame; so whatever fills none is passed
over, and that is nearly all speech. The second look is at the 60 ms around such a frame: the two
frequencies exactly (by how fast their phases turn), what is left when both are taken away, and how long
they last. Speech may meet the first; it has not the patience for the second.

Source: ITU-T Q.23 (frequencies), Q.24 (annex A: what administrations accept and refuse).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import EXPANDED
from hotline.media.rtp import FRAME, RATE_HZ

Slots = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

LOW_HZ: Final = (697.0, 770.0, 852.0, 941.0)  # Q.23
HIGH_HZ: Final = (1209.0, 1336.0, 1477.0, 1633.0)
KEYPAD: Final = "123A456B789C*0#D"
"""Low group times high group, as the keys lie on a telephone."""
NO_KEY: Final = -1

QUIETEST: Final = 2.5e-4
"""Mean power of a loud frame, of full scale squared: about -30 dBm0 in all; Q.24 asks for -25 a tone."""
FIRST_SHARE: Final = 0.33  # of a frame's power in two tones; off by 1.5 % the nominal filters lose half
FIRST_TWIST: Final = (10**1.4, 10**1.1)
"""Low over high, and high over low, at first look, which blurs by up to 3 dB a tone: 14 and 11 dB."""
WIDEST_TWIST: Final = (10**1.0, 10**0.7)
"""The same exactly: 10 and 7 dB; Q.24 asks for 8 and 4."""
OFF_FREQUENCY: Final = 0.025  # Q.24: accept to 1.5 %, refuse from 3.5 %
LEAST_SHARE: Final = 0.80  # power in the two tones found, of all: noise 6 dB below
SHORTEST: Final = 31 * RATE_HZ // 1000  # samples; Q.24: accept from 40 ms, refuse to 23 ms
SHORTEST_PAUSE: Final = 30 * RATE_HZ // 1000  # samples; a lost packet is no pause, 40 ms are
CONTEXT: Final = 3 * FRAME
"""Samples that the second look sees: the frame before, the frame, the frame after."""

_BLOCK: Final = 20  # samples, 2.5 ms: how finely a tone's ends are found
_HOP: Final = 40  # samples, 5 ms: between the two views whose phases are compared
_VIEW: Final = FRAME - _HOP
_TURN_HZ: Final = RATE_HZ / (2 * np.pi * _HOP)
_TIMES: Final = np.arange(FRAME) / RATE_HZ
_ALL_HZ: Final = np.array(LOW_HZ + HIGH_HZ)


def _bank() -> Floats:
    angle = 2 * np.pi * np.outer(_TIMES, _ALL_HZ)
    return np.hstack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def _views() -> NDArray[np.complex64]:
    """Give for each tone the filter of one view (Hann, so that the other group does not blur it)."""
    window = np.hanning(_VIEW + 2)[1:-1]
    return (window[:, None] * np.exp(-2j * np.pi * np.outer(_TIMES[:_VIEW], _ALL_HZ))).astype(np.complex64)


_BANK: Final = _bank()
"""``(160, 16)``: cosines, then sines, of the eight tones."""
_VIEWS: Final = _views()
_LINEAR: Final[Floats] = (EXPANDED / 32768.0).astype(np.float32)


class ToneKeys:
    """The detectors of all slots; columns are indexed by slot."""

    def __init__(self, slots: int) -> None:
        self.is_wanted = True
        """False where a site takes no key from the voice; so for calls from then on."""
        self.is_armed = np.zeros(slots, np.bool_)
        """Whose voice is listened to for tones."""
        self._key = np.full(slots, NO_KEY, np.int64)
        self._end = np.zeros(slots, np.int64)

    def reset(self, slot: int) -> None:
        """Forget what a slot heard, and listen: a new call begins, or another telephone."""
        self.is_armed[slot] = self.is_wanted
        self._key[slot], self._end[slot] = NO_KEY, 0

    def candidates(
        self, slots: Slots, frames: NDArray[np.uint8], codecs: NDArray[np.uint8], power: Floats
    ) -> Slots:
        """Take the first look; give the rows that deserve the second.

        :param frames: ``(n, 160)`` G.711 bytes of the slots, ``codecs`` their tables' rows, ``power`` their
            mean power.
        """
        rows: Slots = np.nonzero((power > QUIETEST) & self.is_armed[slots])[0]
        if not len(rows):
            return rows
        sound = _expand(frames[rows], codecs[rows])
        parts = sound @ _BANK
        parts *= parts
        found = parts[:, :8] + parts[:, 8:]
        low, high = found[:, :4].max(axis=1), found[:, 4:].max(axis=1)
        total = np.einsum("ij,ij->i", sound, sound)
        is_keyed = (
            ((low + high) * (2 / FRAME) > FIRST_SHARE * total)
            & (low < FIRST_TWIST[0] * high)
            & (high < FIRST_TWIST[1] * low)
        )
        keyed: Slots = rows[is_keyed]
        return keyed

    def press(
        self, slots: Slots, context: NDArray[np.uint8], codecs: NDArray[np.uint8], starts: Slots
    ) -> list[tuple[int, str, bool]]:
        """Take the second look; give the slots where a key sounds, the key, and whether it was just pressed.

        :param context: ``(n, 480)`` G.711 bytes: the frame before, the candidate frame, the frame after.
        :param starts: position of each context on its slot's time line.
        """
        keys, firsts, lasts = examine(_expand(context, codecs))
        pressed = []
        for row in np.nonzero(keys != NO_KEY)[0].tolist():
            slot, key = int(slots[row]), int(keys[row])
            start, end = int(starts[row]) + int(firsts[row]), int(starts[row]) + int(lasts[row])
            is_new = key != self._key[slot] or start - self._end[slot] >= SHORTEST_PAUSE
            self._key[slot], self._end[slot] = key, max(end, int(self._end[slot]))
            pressed.append((slot, KEYPAD[key], is_new))
        return pressed


def examine(sound: Floats) -> tuple[Slots, Slots, Slots]:
    """Tell the key that sounds in the middle of each row, and from where to where it does.

    :param sound: ``(n, 480)`` samples of -1 to 1.
    :returns: places in KEYPAD (NO_KEY where there is none), and the first sample and the one behind the
        last of each tone, as far as the row shows it.
    """
    middle = sound[:, FRAME : 2 * FRAME]
    early, late = middle[:, :_VIEW] @ _VIEWS, middle[:, _HOP:] @ _VIEWS
    power = np.abs(early) ** 2 + np.abs(late) ** 2
    rows = np.arange(len(sound))
    low, high = power[:, :4].argmax(axis=1), 4 + power[:, 4:].argmax(axis=1)
    tones = np.stack([low, high], axis=1)
    nominal = _ALL_HZ[tones]
    turn = late[rows[:, None], tones] * early[rows[:, None], tones].conj()
    # a view that begins 5 ms later sees the nominal tone turned by so much already
    turn = turn * np.exp(-2j * np.pi * nominal * (_HOP / RATE_HZ))
    off = np.angle(turn) * _TURN_HZ
    is_true = (np.abs(off) <= OFF_FREQUENCY * nominal).all(axis=1)

    model, size_low, size_high = _fit(sound, nominal + off)
    is_true &= (size_low < WIDEST_TWIST[0] * size_high) & (size_high < WIDEST_TWIST[1] * size_low)
    blocks = (len(sound), CONTEXT // _BLOCK, _BLOCK)
    match = _pairs((sound * model).reshape(blocks).sum(axis=2))
    size = _pairs((model * model).reshape(blocks).sum(axis=2))
    total = _pairs((sound * sound).reshape(blocks).sum(axis=2))
    gain = match / np.maximum(size, 1e-9)
    left = total - 2 * match + size
    is_on = (gain > 0.5) & (gain < 2.0) & (left < 0.6 * np.maximum(total, 1e-9))
    is_true &= is_on[:, FRAME // _BLOCK : 2 * FRAME // _BLOCK - 1].all(axis=1)  # else another frame is fuller
    firsts, lasts = _run(is_on)
    places = np.arange(is_on.shape[1])
    inside = (places >= firsts[:, None]) & (places < lasts[:, None])
    whole = np.where(inside, total, 0).sum(axis=1)
    waste = np.where(inside, left, 0).sum(axis=1)
    is_true &= waste < (1 - LEAST_SHARE) * np.maximum(whole, 1e-9)
    firsts, lasts = firsts * _BLOCK + _BLOCK // 2, lasts * _BLOCK + _BLOCK // 2
    is_true &= lasts - firsts >= SHORTEST
    keys = np.where(is_true, low * 4 + high - 4, NO_KEY)
    return keys, firsts, lasts


def _expand(octets: NDArray[np.uint8], codecs: NDArray[np.uint8]) -> Floats:
    if (codecs == codecs[0]).all():
        expanded: Floats = _LINEAR[codecs[0]].take(octets)
    else:
        expanded = _LINEAR[codecs[:, None], octets]
    return expanded


def _fit(sound: Floats, hertz: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Give the two tones of the middle frame, drawn out over the whole context, and their powers."""
    times = (np.arange(CONTEXT) - CONTEXT / 2) / RATE_HZ
    angle = 2 * np.pi * hertz[:, :, None] * times
    basis = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)  # (n, 4, 480)
    middle = basis[:, :, FRAME : 2 * FRAME]
    gram = middle @ middle.transpose(0, 2, 1)
    aim = middle @ sound[:, FRAME : 2 * FRAME, None]
    weights = np.linalg.solve(gram, aim)
    powers = (weights[:, :2] ** 2 + weights[:, 2:] ** 2)[:, :, 0]
    return (basis * weights).sum(axis=1), powers[:, 0], powers[:, 1]


def _pairs(blocks: Doubles) -> Doubles:
    """Sum each block with its next: 5 ms seen every 2.5 ms."""
    summed: Doubles = blocks[:, :-1] + blocks[:, 1:]
    return summed


def _run(is_on: NDArray[np.bool_]) -> tuple[Slots, Slots]:
    """Give the first, and the one behind the last, of the blocks in one run with the middle."""
    count = is_on.shape[1]
    centre = count // 2
    before = ~is_on[:, centre::-1]
    after = ~is_on[:, centre:]
    back = np.where(before.any(axis=1), before.argmax(axis=1), before.shape[1])
    ahead = np.where(after.any(axis=1), after.argmax(axis=1), after.shape[1])
    return centre - back + 1, centre + ahead
