"""What the two sides of a bridge hear: the difference between what is wanted and what was commanded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from hotline.events.ids import CallId
from hotline.media.plan import Bridge, MediaCommand, Play, StopPlaying, Unbridge

MUSIC_TAG: Final = -1
"""Tag of the music that a bridge plays; a flow counts its own from 1."""
Pair = tuple[CallId, CallId]


class Hearing:
    """Who hears whom, and who hears music, as the media plane was told last.

    :param music: prompt that is played over and over.
    """

    def __init__(self, music: str) -> None:
        self._music = music
        self._pair: Pair | None = None
        self._listeners: set[CallId] = set()

    def part(self, pair: Pair | None) -> Iterator[MediaCommand]:
        """Part two sides that shall not hear each other any more; goes before their ports are closed."""
        if self._pair is not None and pair != self._pair:
            yield Unbridge(self._pair[0])
            self._pair = None

    def join(
        self, pair: Pair | None, listeners: set[CallId], present: Collection[CallId]
    ) -> Iterator[MediaCommand]:
        """Let these two hear each other, and these hear music.

        :param present: legs whose ports are open; nothing is said to others.
        """
        if pair is not None and pair != self._pair:
            yield Bridge(*pair)
            self._listeners -= set(pair)  # what they play ends
        self._pair = pair
        for leg_id in sorted((self._listeners - listeners).intersection(present)):
            yield StopPlaying(leg_id)
        for leg_id in sorted(listeners - self._listeners):
            yield Play(leg_id, (self._music,), MUSIC_TAG, repeats=True)
        self._listeners = listeners
