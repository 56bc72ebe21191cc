"""What those in a bridge hear: the difference between what is wanted and what was commanded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from hotline.call.guests import Hears
from hotline.events.ids import CallId
from hotline.media.plan import Bridge, MediaCommand, Mix, Play, StopPlaying, Unbridge

MUSIC_TAG: Final = -1
"""Tag of the music that a bridge plays; a flow counts its own from 1."""


class Hearing:
    """Who hears whom, and who hears music, as the media plane was told last.

    :param music: prompt that is played over and over.
    """

    def __init__(self, music: str) -> None:
        self._music = music
        self._hears: Hears = ()
        self._listeners: set[CallId] = set()

    def part(self, hears: Hears) -> Iterator[MediaCommand]:
        """Part those who shall not hear each other any more; goes before their ports are closed.

        A talk whose first two stay is only changed, so that they hear each other without a break.
        """
        if self._hears and hears[:1] != self._hears[:1]:
            yield Unbridge(self._hears[0][0])
            self._hears = ()

    def join(
        self, hears: Hears, listeners: set[CallId], present: Collection[CallId]
    ) -> Iterator[MediaCommand]:
        """Let these hear each other, and these hear music.

        :param present: legs whose ports are open; nothing is said to others.
        """
        if hears != self._hears:
            if not self._hears and len(hears) == 2:
                yield Bridge(*hears[0])
                self._listeners -= set(hears[0])  # what they play ends
            elif hears:
                yield Mix(hears[0][0], hears)
        self._hears = hears
        for leg_id in sorted((self._listeners - listeners).intersection(present)):
            yield StopPlaying(leg_id)
        for leg_id in sorted(listeners - self._listeners):
            yield Play(leg_id, (self._music,), MUSIC_TAG, repeats=True)
        self._listeners = listeners
