"""Kept signalling on disk: what passed, in files that a pager can show, with an index beside each.

``2026-11-23.001.sip`` holds the messages of a day (UTC) in the order they passed, each after a line that
tells when it passed, in which direction (``<`` to us, ``>`` from us), between whom and how long it is, and of
a message from us the call that it belongs to::

    @ 1793613845.100123 < udp 10.0.0.1:5060 192.0.2.7:5060 812
    INVITE sip:96156@10.0.0.1 SIP/2.0
    ...

``2026-11-23.001.idx`` holds for each the CRC-32 of its Call-ID, or of our own id of the call, and where
it begins: 12 octets. What a crash cut off is passed over, and what the index lacks is looked for in the file.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import zlib
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, Final

import numpy as np

from hotline.sip.flow import Address, host_text
from hotline.sip.glimpse import SeenMessage, call_id_of

FOLDER: Final = "signalling"
"""In the data folder."""
MIN_FILE_BYTES: Final = 1 << 20
FILES: Final = 16
"""The room is parted into so many files: the oldest is what goes when it is full."""
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)\.(\d{3,})\.sip")
_HEAD: Final = re.compile(rb"@ (\d+\.\d+) ([<>]) (\w+) (\S+) (\S+) (\d+)(?: (\S+))?\n")
_LEG: Final = re.compile(r"-leg\d+$")
"""How our ids of a call's further legs differ from the call's."""
_ENTRY: Final = struct.Struct("<IQ")
_INDEX: Final = np.dtype([("crc", "<u4"), ("at", "<u8")])


def key_of(call_id: bytes) -> int:
    """Make the key of a Call-ID in the index."""
    return zlib.crc32(call_id)


def record_of(seen: SeenMessage) -> bytes:
    """Write a message as it stands in a file."""
    at, is_sent, transport, local, remote, data, call = seen
    way = f"{'>' if is_sent else '<'} {transport} {_written(local)} {_written(remote)}"
    return f"@ {at:.6f} {way} {len(data)}{' ' if call else ''}{call}\n".encode() + data + b"\n"


@lru_cache(maxsize=1024)
def _written(address: Address) -> str:
    return f"{host_text(address[0])}:{address[1]}"


class KeptFiles:
    """The writing side; every method blocks, and belongs to one thread.

    :param folder: made when the first message comes.
    :param days: days to keep, today's among them.
    :param room_bytes: most that all files together may take.
    """

    def __init__(self, folder: Path, days: int, room_bytes: int) -> None:
        self._folder, self._days = folder, days
        self._file_bytes = max(MIN_FILE_BYTES, room_bytes // FILES)
        self._room_bytes = max(room_bytes, 2 * self._file_bytes)
        self._messages: IO[bytes] | None = None
        self._index: IO[bytes] | None = None
        self._day = date.min
        self._size = 0

    def write(self, batch: list[SeenMessage]) -> None:
        """Append messages.

        :raises OSError: when the disk does not take them.
        """
        if not batch:
            return
        day = datetime.fromtimestamp(batch[0].at, UTC).date()
        if self._messages is None or day > self._day or self._size >= self._file_bytes:
            self._open(day)
        assert self._messages is not None
        assert self._index is not None
        records = [record_of(seen) for seen in batch]
        entries, at = [], self._size
        for seen, record in zip(batch, records, strict=True):
            entries.append(_ENTRY.pack(key_of(call_id_of(seen.data)), at))
            if seen.call:
                entries.append(_ENTRY.pack(key_of(_ours(seen)), at))
            at += len(record)
        _append(self._messages, b"".join(records))
        _append(self._index, b"".join(entries))
        self._size = at

    def close(self) -> None:
        """Close the files; the next message opens new ones."""
        for file in (self._messages, self._index):
            if file is not None:
                file.close()
        self._messages = self._index = None

    def _open(self, day: date) -> None:
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prune(day)
        taken = [number for known, number, _ in _segments(self._folder) if known == day]
        stem = f"{day:%Y-%m-%d}.{max(taken, default=0) + 1:03d}"
        self._messages = self._make(f"{stem}.sip")
        self._index = self._make(f"{stem}.idx")
        self._day, self._size = day, 0

    def _make(self, name: str) -> IO[bytes]:
        # Unbuffered: a batch is one write, and what was written is there for a reader at once.
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        return os.fdopen(handle, "wb", buffering=0)

    def _prune(self, today: date) -> None:
        """Delete what is too old, then the oldest, until there is room for one more file."""
        oldest = today - timedelta(days=self._days - 1)
        segments = _segments(self._folder)
        room = self._room_bytes - self._file_bytes
        sizes = {path: _size(path) + _size(path.with_suffix(".idx")) for _, _, path in segments}
        total = sum(sizes.values())
        for day, _, path in segments:
            if day >= oldest and total <= room:
                break
            total -= sizes[path]
            path.unlink(missing_ok=True)
            path.with_suffix(".idx").unlink(missing_ok=True)


def _append(file: IO[bytes], octets: bytes) -> None:
    if file.write(octets) != len(octets):  # a file without a buffer may take a part, and say so
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _segments(folder: Path) -> list[tuple[date, int, Path]]:
    """List the files, oldest first."""
    if not folder.is_dir():
        return []
    named = [(found, path) for path in folder.iterdir() if (found := _NAME.fullmatch(path.name))]
    return sorted((date.fromordinal(_day(found[1])), int(found[2]), path) for found, path in named)


def _day(text: str) -> int:
    """Read a day; what somebody else put there counts as very old."""
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        return date.min.toordinal()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def find_blocking(folder: Path, names: Collection[str]) -> list[SeenMessage]:
    """Find what passed in some calls, in the order it passed.

    :param names: SIP Call-IDs, and ids of ours: a call's, which stands for all of its legs.
    """
    wanted = {name.encode("utf-8", "surrogateescape") for name in names}
    ours = {name for name in wanted if b" " not in name}
    # Of a call only what we sent bears our id; what it says there tells the Call-IDs of all its legs.
    of_ours = {call_id_of(seen.data) for seen in _find(folder, ours) if _ours(seen) in ours}
    wanted |= of_ours - {b""}
    found = [seen for seen in _find(folder, wanted) if call_id_of(seen.data) in wanted]
    return sorted(found, key=lambda seen: seen.at)


def _ours(seen: SeenMessage) -> bytes:
    call = seen.call
    return (_LEG.sub("", call) if "-leg" in call else call).encode()


def _find(folder: Path, names: Collection[bytes]) -> Iterator[SeenMessage]:
    """Find what may have one of these names: the index knows a hash only."""
    keys = np.array([key_of(name) for name in names], "<u4")
    for _, _, path in _segments(folder):
        try:
            with path.open("rb") as file:
                yield from _find_in(file, path.with_suffix(".idx"), keys)
        except FileNotFoundError:
            continue  # pruned meanwhile


def _find_in(
    file: IO[bytes], index: Path, keys: np.ndarray[tuple[int], np.dtype[np.uint32]]
) -> Iterator[SeenMessage]:
    entries = np.zeros(0, _INDEX)
    if index.exists():
        octets = index.read_bytes()
        entries = np.frombuffer(octets[: len(octets) - len(octets) % _INDEX.itemsize], _INDEX)
    for at in np.unique(entries["at"][np.isin(entries["crc"], keys)]):
        file.seek(int(at))
        seen = _read(file)
        if seen is not None:
            yield seen
    end = 0
    if len(entries):
        file.seek(int(entries["at"][-1]))
        _read(file)
        end = file.tell()
    file.seek(end)
    yield from _scan(file)


def _read(file: IO[bytes]) -> SeenMessage | None:
    """Read one message; None when what stands there is none, or is cut off."""
    head = _HEAD.fullmatch(file.readline(512))
    if head is None:
        return None
    data = file.read(int(head[6]) + 1)
    if len(data) != int(head[6]) + 1:
        return None
    return SeenMessage(
        float(head[1]),
        head[2] == b">",
        head[3].decode(),
        _address(head[4]),
        _address(head[5]),
        data[:-1],
        (head[7] or b"").decode(),
    )


def _scan(file: IO[bytes]) -> Iterator[SeenMessage]:
    """Read messages one after the other; what a crash left half written is passed over."""
    while True:
        at = file.tell()
        seen = _read(file)
        if seen is not None:
            yield seen
            continue
        file.seek(at)
        if not file.readline():
            return


def _address(text: bytes) -> Address:
    host, _, port = text.decode().rpartition(":")
    return (host.strip("[]"), int(port))
