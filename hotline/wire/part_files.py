"""The files of one recording while they are written: reserved ahead, appended, hashed, sealed.

Room for half a minute is reserved ahead of what is written (``fallocate`` with FALLOC_FL_KEEP_SIZE), so that
a recording lies in few pieces and a disk that fills up is noticed early. The reserved room is no part of the
file's length: however the process ends, a file is as long as what was written to it, and every prefix of
it is a good recording. What is left of the reserve is given back when the file is sealed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from hotline.media.g711 import CODECS, LAWS, SILENCE, codec_index
from hotline.media.peaks import SUFFIX, measure, write_peaks
from hotline.media.plan import Codec
from hotline.media.recording import Side

PART: Final = ".part"
RESERVE_AHEAD: Final = 256 << 10  # 33 s
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE (fallocate(2))
_PIECE: Final = (
    64 << 10
)  # bytes measured at once, so that the tick waits for the interpreter less than 0.3 ms
_DAYS_BACK: Final = 2
"""Folders in which the beginning of a recording is looked for: it may have been midnight since."""
_NO_RESERVE: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

Write = Callable[[int, bytes], int]
Reserve = Callable[[int, int, int], None]

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reserve_blocking(descriptor: int, offset: int, length: int) -> None:
    """Reserve room without changing the file's length.

    :raises OSError: as fallocate(2).
    """
    if _libc.fallocate(descriptor, _KEEP_SIZE, offset, length) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@dataclass(slots=True)
class PartFile:
    """One side of a recording, open for appending."""

    path: Path
    codec: Codec
    descriptor: int
    length: int = 0
    reserved: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    """Of what was written, made while it was written."""
    is_sealed: bool = False
    """True when it has its final name already."""

    @property
    def final(self) -> Path:
        """Its name when it is sealed."""
        return self.path.with_suffix("")

    def fill_blocking(self, length: int, write: Write, reserve: Reserve) -> None:
        """Write silence until the file is so long; nothing when it is.

        :raises OSError: as ``append_blocking``.
        """
        if length > self.length:
            self.append_blocking(silence(self.codec, length - self.length), write, reserve)

    def append_blocking(self, data: bytes, write: Write, reserve: Reserve) -> None:
        """Write at the end, all of it.

        :raises OSError: what was written until then is counted and hashed.
        """
        while self.length + len(data) > self.reserved:
            try:
                reserve(self.descriptor, self.reserved, RESERVE_AHEAD)
            except OSError as error:  # full, or no such thing here: writing itself will tell
                self.reserved = 1 << 62 if error.errno in _NO_RESERVE else self.length + len(data)
            else:
                self.reserved += RESERVE_AHEAD
        while data:
            done = write(self.descriptor, data)
            self.digest.update(data[:done])
            self.length += done
            data = data[done:]

    def close_blocking(self) -> None:
        """Give back what was reserved and not used, and make the rest durable.

        :raises OSError: when it cannot be made durable.
        """
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor < 0:
            return
        try:
            if self.reserved:
                os.ftruncate(descriptor, self.length)
            if self.length:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not self.length:
            with contextlib.suppress(OSError):
                self.path.unlink()


def create_blocking(folder: Path, name: str, codec: Codec, side: Side) -> PartFile:
    """Make one side's file in a day's folder, and the folder when it is missing.

    :raises OSError: also when the file is there already.
    """
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        sync_folder_blocking(folder.parent)
    path = folder / f"{name}{side.value}{codec.suffix}{PART}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    return PartFile(path, codec, descriptor)


def reopen_blocking(root: Path, name: str, side: Side) -> PartFile | None:
    """Open one side's file that a dead process was writing, to go on behind what is in it.

    A file that has its final name already is opened as well: whoever died did so before telling it.

    :param root: the recordings folder.
    :returns: None when there is none.
    :raises OSError: when it cannot be read.
    """
    days = sorted((day for day in root.iterdir() if day.is_dir()), reverse=True)
    for folder in days[:_DAYS_BACK]:
        for codec in CODECS:
            final = folder / f"{name}{side.value}{codec.suffix}"
            part = final.with_name(final.name + PART)
            if part.exists() or final.exists():
                path = part if part.exists() else final
                descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
                file = PartFile(part, codec, descriptor, is_sealed=path is final)
                while data := os.read(descriptor, _PIECE):
                    file.digest.update(data)
                    file.length += len(data)
                file.reserved = file.length  # what the dead one reserved beyond it is given back at the end
                return file
    return None


def recode(data: bytes, source: Codec, target: Codec) -> bytes:
    """Write one law's bytes in the other."""
    if source is target:
        return data
    octets: bytes = LAWS[codec_index(source), codec_index(target)][np.frombuffer(data, np.uint8)].tobytes()
    return octets


def rename_blocking(files: list[PartFile]) -> None:
    """Give closed files their final names, durably.

    :raises FileExistsError: when one of these names is taken; then none is given.
    """
    for file in files:
        # The folder's lock is ours, so nobody makes it in between.
        if not file.is_sealed and file.final.exists():
            raise FileExistsError(f"{file.final.name} exists already")
    for file in files:
        if not file.is_sealed:
            file.path.rename(file.final)
    for folder in {file.path.parent for file in files}:
        sync_folder_blocking(folder)


def silence(codec: Codec, samples: int) -> bytes:
    """Make silence."""
    return bytes([SILENCE[codec_index(codec)]]) * samples


def write_peaks_blocking(near: Path, sides: list[tuple[Path, Codec]]) -> None:
    """Make the peaks file beside a sealed recording, from what its files hold.

    :raises OSError: nothing is left behind then.
    """
    place = near.with_suffix(SUFFIX)
    part = near.with_suffix(SUFFIX + PART)
    try:
        part.write_bytes(write_peaks([_measure_blocking(*side) for side in sides]))
        part.rename(place)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _measure_blocking(path: Path, codec: Codec) -> Any:  # noqa: ANN401 - an array of peaks
    with path.open("rb", buffering=0) as sound:
        return measure(iter(lambda: sound.read(_PIECE), b""), codec)


def sync_folder_blocking(folder: Path) -> None:
    """Make names in a folder durable.

    :raises OSError: when that fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
