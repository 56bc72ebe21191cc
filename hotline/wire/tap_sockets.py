"""Taps on the wire: blocks go to the unix sockets of subscribers, who never hold the plane up.

``TapSender`` is the plane's side, ``TapReceiver`` a subscriber's: a datagram socket in a folder that only its
user may enter. What a subscriber's queue does not take is dropped, counted, and told with the next block.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.media.taps import TapBlock, read_block

LONGEST_BLOCK: Final = 4096


class TapSender:
    """Sends blocks, and never waits."""

    def __init__(self) -> None:
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.setblocking(False)
        self._lost: dict[tuple[str, CallId], int] = {}

    def send(self, blocks: Iterable[tuple[str, TapBlock]]) -> set[str]:
        """Send blocks; give the subscribers who have gone."""
        gone: set[str] = set()
        for subscriber, block in blocks:
            key = (subscriber, block.call_id)
            lost = self._lost.pop(key, 0)
            if subscriber in gone:
                continue
            told = TapBlock(block.call_id, block.codec, block.start, block.data, lost, block.is_last)
            try:
                self._end.sendto(told.to_bytes(), subscriber)
            except (BlockingIOError, InterruptedError):
                if not block.is_last:
                    self._lost[key] = lost + 1
            except OSError:  # ECONNREFUSED, ENOENT: nobody is there
                gone.add(subscriber)
        for key in [key for key in self._lost if key[0] in gone]:
            del self._lost[key]
        return gone

    def close(self) -> None:
        """Close the socket."""
        self._end.close()


class TapReceiver:
    """A subscriber's socket; iterate over it for blocks, in the order in which they come.

    Use it as ``async with TapReceiver() as blocks``, and give its ``path`` in ``Tap`` commands.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hotline-tap-"))  # mode 0700
        self.path = str(self._folder / "voice")
        """What subscribes it."""
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.setblocking(False)
        self._end.bind(self.path)

    async def __aenter__(self) -> TapReceiver:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: the plane finds nobody there and sends no more."""
        self.close()

    def close(self) -> None:
        """Close the socket and take its folder away."""
        self._end.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __aiter__(self) -> TapReceiver:
        """Iterate over the blocks."""
        return self

    async def __anext__(self) -> TapBlock:
        """Wait for the next block; what is none is skipped."""
        loop = asyncio.get_running_loop()
        while True:
            datagram = await loop.sock_recv(self._end, LONGEST_BLOCK)
            try:
                return read_block(datagram)
            except RemoteProtocolError:
                continue
