"""What is heard of several at once: voices played out at the tick, added, and encoded, all in arrays.

Only listeners who hear more than one voice (or share one with somebody who has it passed on) are here;
whoever talks with one other has packets passed on, sooner and bit by bit (``relay``). Each voice is read
from its time line some 40 ms behind its newest sample, so that packets out of order find their place; the
distance follows the line: a voice that is not there in time is waited for, and what piled up is made
shorter in silence, or by laying two frames over each other (a talker's clock is never quite ours).

Nothing here clicks. A voice that joins a sum fades in; one that leaves it, or a frame that never came, is
the mirror of the frame before, fading out: it begins with the very sample at which that one ended. A
listener who comes from a passed voice hears it on from the next sample, a moment later; one who goes back
is sent what was still waiting at once (``take_rest``), so that her stream is one stream.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import CODECS, EXPANDED, SILENCE, encode
from hotline.media.outgoing import Outgoing
from hotline.media.roster import Roster
from hotline.media.rtp import FRAME, FRAME_MS
from hotline.media.timelines import Timelines

DELAY: Final = 2 * FRAME  # 40 ms: two packets out of order; where a voice begins to be played
MOST_DELAY: Final = 6 * FRAME  # 120 ms: what lies behind is a silence that is over
LONG_DELAY: Final = 3 * FRAME  # held for WINDOW_TICKS: one frame is taken out
WINDOW_TICKS: Final = 2000 // FRAME_MS
GATHER_TICKS: Final = 120 // FRAME_MS  # at most, before a listener who came from a passed voice is sent more
FADE: Final = FRAME // 4  # 5 ms
KNEE: Final = 20_000  # of a sum: above it the limiter bends (-4.3 dB); loud voices rarely meet there
CEILING: Final = 32_000  # where it never gets to: the largest A-law sample is 32,256

Slots = NDArray[np.int64]
Sums = NDArray[np.int32]
Frames = NDArray[np.int16]

_UP: Final = np.concatenate([np.arange(1, FADE + 1) / (FADE + 1), np.ones(FRAME - FADE)])
_DOWN: Final = np.linspace(1.0, 0.0, FRAME)
_NO_ONE: Final = np.zeros(0, np.int64)


def limit(sums: Sums) -> Frames:
    """Bend what is too loud below the ceiling, smoothly; what is not passes as it is. Any shape."""
    is_loud = np.abs(sums) > KNEE
    if is_loud.any():  # a few samples of the loudest words
        loud, room = sums[is_loud], CEILING - KNEE
        sums = sums.copy()
        sums[is_loud] = np.sign(loud) * (KNEE + room * (1 - np.exp((KNEE - np.abs(loud)) / room)))
    return sums.astype(np.int16)


def fade_out(frames: Frames) -> Frames:
    """Go on from frames that nothing follows: backwards, and to nothing. The last axis is time."""
    return (frames[..., ::-1] * _DOWN).astype(np.int16)


def _expand(octets: NDArray[np.uint8], laws: NDArray[np.uint8]) -> Frames:
    """Make samples of rows of different laws."""
    if (laws == laws[0]).all():
        alike: Frames = EXPANDED[laws[0]][octets]
        return alike
    frames: Frames = EXPANDED[laws[:, None], octets]
    return frames


class Mixing:
    """The listeners of one plane who hear several."""

    def __init__(self, roster: Roster, lines: Timelines, out: Outgoing) -> None:
        slots = roster.slots
        self._roster, self._lines, self._out = roster, lines, out
        self._voices: dict[int, list[int]] = {}
        """By listener: whom she hears."""
        self._listeners, self._sources = _NO_ONE, _NO_ONE
        self._edges, self._starts, self._counts = _NO_ONE, _NO_ONE, _NO_ONE
        """Of all pairs, ordered by listener: row of the source; where each listener's begin, and how many."""
        self._is_stale = False
        self._is_fresh: set[tuple[int, int]] = set()
        """Pairs of listener and source that begin in the next frame that is sent."""
        self._tails: dict[int, Frames] = {}
        """By listener: what fades out in her next frame."""
        self._gathering: dict[int, tuple[int, int, int]] = {}
        """By listener: the source that was passed to her, how far, and the ticks since."""
        self.is_source = np.zeros(slots, np.bool_)
        """By slot: somebody here hears it."""
        self._position = np.zeros(slots, np.int64)
        self._played = np.zeros(slots, np.int64)
        """Position of the frame that was played last."""
        self._has_begun = np.zeros(slots, np.bool_)
        self._is_gap = np.zeros(slots, np.bool_)
        self._least = np.zeros(slots, np.int64)
        self._window = np.zeros(slots, np.int64)
        self._last = np.zeros((slots, FRAME), np.int16)

    @property
    def is_on(self) -> bool:
        """Tell whether anybody is here."""
        return bool(self._voices)

    def hears(self, listener: int) -> bool:
        """Tell whether a slot is a listener here."""
        return listener in self._voices

    # -- who hears whom -----------------------------------------------------------------------------

    def hear(self, listener: int, sources: list[int], *, passed: int | None = None) -> None:
        """Let a slot hear these from now on, and nobody else.

        :param passed: the source that was passed on to her until now, which goes on where it was.
        """
        before = self._voices.get(listener)
        if before is None:
            self._out.mix(listener, True)
        self._leave(listener, [one for one in before or () if one not in sources])
        self._is_fresh.update((listener, one) for one in sources if before is None or one not in before)
        self._voices[listener] = list(sources)
        self._is_stale = True
        for source in sources:
            if not self.is_source[source]:
                self._begin(source)
        if passed is not None and passed in sources:
            self._gathering[listener] = passed, int(self._lines.edge[passed]), 0
            self._roster.gather(listener, True)

    def forget(self, listener: int) -> None:
        """Let a slot hear nobody here."""
        if self._voices.pop(listener, None) is None:
            return
        self._out.mix(listener, False)
        self._is_fresh = {pair for pair in self._is_fresh if pair[0] != listener}
        self._tails.pop(listener, None)
        self._go_on(listener)
        self._is_stale = True
        self._rebuild()

    def take_rest(self, listener: int, source: int) -> Frames:
        """Give what a listener was still to hear of a source that is passed to her from now on.

        What she heard of others fades out in it. Empty when nothing waits.
        """
        voices = self._voices.get(listener)
        if voices is None or source not in voices or not self._has_begun[source]:
            return np.zeros(0, np.int16)
        self._leave(listener, [one for one in voices if one != source])
        start, end = int(self._position[source]), int(self._lines.edge[source])
        if listener in self._gathering:
            start = max(start, self._gathering[listener][1])
        if not 0 < end - start <= MOST_DELAY:
            return np.zeros(0, np.int16)
        octets = self._lines.cut(np.array([source]), np.array([start]), end - start)[0]
        rest = EXPANDED[self._lines.codec[source]][octets].astype(np.int32)
        tail = self._tails.pop(listener, None)
        if tail is not None:
            head = min(FRAME, len(rest))
            rest[:head] += tail[:head]
        return limit(rest) if tail is not None else rest.astype(np.int16)

    def hush(self, listener: int) -> None:
        """Let a listener whose law may have changed hear silence until the next frame is made."""
        if listener in self._voices:
            self._out.mix(listener, True)

    def _begin(self, source: int) -> None:
        self.is_source[source] = True
        self._position[source] = self._played[source] = self._lines.edge[source]
        self._has_begun[source] = self._is_gap[source] = False
        self._least[source], self._window[source] = MOST_DELAY, 0
        self._last[source] = 0

    def _leave(self, listener: int, sources: list[int]) -> None:
        for source in sources:
            tail = fade_out(self._last[source])
            before = self._tails.get(listener)
            self._tails[listener] = tail if before is None else limit(before.astype(np.int32) + tail)
            self._is_fresh.discard((listener, source))

    def _go_on(self, listener: int) -> None:
        if self._gathering.pop(listener, None) is not None:
            self._roster.gather(listener, False)

    def _rebuild(self) -> None:
        if not self._is_stale:
            return
        self._is_stale = False
        sources = sorted({source for voices in self._voices.values() for source in voices})
        row = {source: k for k, source in enumerate(sources)}
        self._listeners = np.array(list(self._voices), np.int64)
        self._sources = np.array(sources, np.int64)
        self._edges = np.array([row[one] for voices in self._voices.values() for one in voices], np.int64)
        self._counts = np.array([len(voices) for voices in self._voices.values()], np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        self.is_source[:] = False
        self.is_source[self._sources] = True

    # -- every 20 ms --------------------------------------------------------------------------------

    def tick(self) -> None:
        """Make what each listener hears in the next 20 ms."""
        self._rebuild()
        came, frames = self._play_out()
        if self._gathering:
            self._end_gathering(came)
        sums = self._add(frames)
        is_sum = self._counts > 1
        for listener in [one for one in self._tails if one not in self._gathering]:
            row = int(np.nonzero(self._listeners == listener)[0][0])
            sums[row] += self._tails.pop(listener)
            is_sum[row] = True
        samples = sums.astype(np.int16)
        if is_sum.any():
            samples[is_sum] = limit(sums[is_sum])
        laws = self._out.law[self._listeners]
        for law, codec in enumerate(CODECS):
            rows = laws == law
            if rows.any():
                self._out.mixed[self._listeners[rows]] = encode(samples[rows], codec)

    def _add(self, frames: Frames) -> Sums:
        """Add what each listener hears: the first voice of all of them, then the second, and so on."""
        fades = self._take_fades() if self._is_fresh else {}
        sums: Sums = np.zeros((len(self._listeners), FRAME), np.int32)
        for turn in range(int(self._counts.max())):
            rows = np.nonzero(self._counts > turn)[0]
            voices = frames[self._edges[self._starts[rows] + turn]]
            for row in fades.get(turn, ()):
                place = int(np.searchsorted(rows, row))
                voices[place] = voices[place] * _UP
            sums[rows] += voices
        return sums

    def _play_out(self) -> tuple[NDArray[np.bool_], Frames]:
        """Give the next frame of each source, and which of them came."""
        sources, lines = self._sources, self._lines
        slack = lines.edge[sources] - self._position[sources]
        is_behind = slack > MOST_DELAY
        if is_behind.any():  # a pause is over
            late = sources[is_behind]
            self._position[late] += (slack[is_behind] - DELAY) // FRAME * FRAME
            slack[is_behind] = lines.edge[late] - self._position[late]
        is_there = slack >= np.where(self._has_begun[sources], FRAME, DELAY)
        self._has_begun[sources] |= is_there
        laws = lines.codec[sources]
        octets = lines.cut(sources, self._position[sources], FRAME)
        frames = _expand(octets, laws)
        is_hole = (octets == SILENCE[laws][:, None]).all(axis=1)  # lost, or said so
        self._played[sources] = self._position[sources]
        self._position[sources] += np.where(is_there, FRAME, 0)
        self._catch_up(is_there, slack, is_hole, frames)
        came: NDArray[np.bool_] = is_there & ~is_hole
        missing = np.nonzero(~came)[0]
        if len(missing):
            frames[missing] = fade_out(self._last[sources[missing]])
            self._last[sources[missing]] = 0  # and then nothing
        back = np.nonzero(came & self._is_gap[sources])[0]
        if len(back):
            frames[back] = (frames[back] * _UP).astype(np.int16)
        self._is_gap[sources] = ~came & self._has_begun[sources]
        self._last[sources[came]] = frames[came]
        return is_there, frames

    def _catch_up(
        self, is_there: NDArray[np.bool_], slack: Slots, is_hole: NDArray[np.bool_], frames: Frames
    ) -> None:
        """Shorten the way of voices that lie too far behind: at once in silence, else now and then."""
        sources = self._sources
        self._least[sources] = np.minimum(self._least[sources], slack)
        self._window[sources] += 1
        is_long = (self._window[sources] >= WINDOW_TICKS) & (self._least[sources] >= LONG_DELAY)
        skips = is_there & ((is_hole & (slack >= LONG_DELAY)) | is_long)
        over = sources[self._window[sources] >= WINDOW_TICKS]
        self._window[over], self._least[over] = 0, MOST_DELAY
        rows = np.nonzero(skips)[0]
        if not len(rows):
            return
        late = sources[rows]
        octets = self._lines.cut(late, self._position[late], FRAME)
        after = _expand(octets, self._lines.codec[late])
        is_silent = is_hole[rows][:, None]
        frames[rows] = np.where(is_silent, after, frames[rows] * _DOWN + after * (1 - _DOWN)).astype(np.int16)
        is_hole[rows] &= (octets == SILENCE[self._lines.codec[late]][:, None]).all(axis=1)
        self._position[late] += FRAME

    def _end_gathering(self, is_there: NDArray[np.bool_]) -> None:
        there = set(self._sources[is_there].tolist())
        for listener, (source, until, ticks) in list(self._gathering.items()):
            at = int(self._played[source])
            if source in there and at >= until:
                self._go_on(listener)
                if at == until:
                    self._is_fresh.discard((listener, source))  # the very next sample
            elif ticks >= GATHER_TICKS:
                self._go_on(listener)
            else:
                self._gathering[listener] = source, until, ticks + 1

    def _take_fades(self) -> dict[int, list[int]]:
        """Give who begins to hear a voice in this frame: rows of listeners, by that voice's place."""
        fades: dict[int, list[int]] = {}
        row_of = {listener: row for row, listener in enumerate(self._listeners.tolist())}
        for listener, source in list(self._is_fresh):
            if listener not in self._gathering:
                self._is_fresh.discard((listener, source))
                fades.setdefault(self._voices[listener].index(source), []).append(row_of[listener])
        return fades
