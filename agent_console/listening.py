"""One listening is one permission, however many ranges a browser asks for.

A player fetches a recording in several requests and again for every jump. The desk notes each
permission it gives as a listening, so the answer is kept for a few minutes per session; that the
session still stands is checked on every request all the same.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from hotline.desk.desk import Desk
from hotline.desk.views import Actor, RecordingFile

LISTENING_S: Final = 300.0
MOST: Final = 2000
"""Listenings at once; the oldest is forgotten first, and merely asked for again."""


class Listenings:
    """The permissions given in the last minutes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._given: OrderedDict[tuple[str, str, str], tuple[float, RecordingFile]] = OrderedDict()

    async def file(self, actor: Actor, token: str, recording_id: str) -> RecordingFile:
        """Get what a person may hear. Raises Refused as the desk does."""
        now = asyncio.get_running_loop().time()
        key = (token, f"{actor.role} {actor.unit_code}", recording_id)
        until, file = self._given.get(key, (0.0, None))
        if file is None or until <= now:
            file = await self._desk.recording(actor, recording_id)
            self._given[key] = (now + LISTENING_S, file)
            self._given.move_to_end(key)
            while len(self._given) > MOST:
                self._given.popitem(last=False)
        return file
