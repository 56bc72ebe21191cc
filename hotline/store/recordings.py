"""Recording files: header-less G.711 in day folders, ``<day>/<recording_id>.alaw`` or ``.ulaw``.

What was said to the caller, where that was recorded too, is ``<recording_id>.far.alaw`` or ``.far.ulaw``
beside it, and ``<recording_id>.peaks`` is what is drawn of both. While one is being written it is called
``….alaw.part``; the media plane renames it when closed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from hotline.desk.views import RecordingFile
from hotline.errors import OutsideError
from hotline.events.ids import RecordingId
from hotline.intake.path import split_recording_id
from hotline.media import g711
from hotline.media.peaks import SUFFIX
from hotline.media.plan import Codec
from hotline.media.recording import Side
from hotline.media.rtp import FRAME, FRAME_MS
from hotline.media.vad import VoiceActivity
from hotline.store.tables import RecordingRow

PART: Final = ".part"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
CODEC_OF: Final = {codec.suffix: codec for codec in (Codec.PCMA, Codec.PCMU)}
"""Law of a file by its suffix."""


@dataclass(frozen=True, slots=True)
class RecordingName:
    """What the name of a recording file tells."""

    recording_id: RecordingId
    codec: Codec
    is_open: bool
    side: Side = Side.NEAR

    def file(self, side: Side) -> str:
        """Give the final name of a side's file."""
        return f"{self.recording_id}{side.value}{self.codec.suffix}"


def read_name(name: str) -> RecordingName | None:
    """Read a file name; None when it is not one of a recording.

    A bare ``.part`` is taken for A-law, which Chinese trunks speak.
    """
    stem, is_open = (name.removesuffix(PART), True) if name.endswith(PART) else (name, False)
    recording_id, dot, rest = stem.partition(".")
    side = Side.FAR if (dot + rest).startswith(Side.FAR.value + ".") else Side.NEAR
    codec = CODEC_OF.get((dot + rest).removeprefix(side.value), Codec.PCMA if is_open and not dot else None)
    if codec is None or split_recording_id(recording_id) is None:
        return None
    return RecordingName(RecordingId(recording_id), codec, is_open, side)


def is_drawing(name: str) -> bool:
    """Tell whether a file name is one of peaks; those can be made again at any time."""
    stem = name.removesuffix(PART)
    return stem.endswith(SUFFIX) and split_recording_id(stem.removesuffix(SUFFIX)) is not None


def scan_blocking(folder: Path) -> Iterator[Path]:
    """Walk the regular files of the day folders, oldest day first; links are not followed."""
    if not folder.is_dir():
        return
    for day in sorted(folder.iterdir()):
        if not _DAY.fullmatch(day.name) or day.is_symlink() or not day.is_dir():
            continue
        with os.scandir(day) as entries:  # tells files from folders without a look at each
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
        yield from (day / name for name in names)


def seal_blocking(path: Path) -> Path:
    """Make a file durable under its final name: fsync, rename, fsync the folder.

    :returns: the final path; a file that has its final name already is only made durable.
    """
    found = read_name(path.name)
    if found is None:
        raise ValueError(f"{path} is no recording")
    final = path.with_name(found.file(found.side))
    _sync(path, os.O_RDONLY)
    if final != path:
        if final.exists():  # never write over sound; the plane renames, so this is somebody's doing by hand
            raise OutsideError(f"{final} and {path} both exist: look at them and take one away")
        path.rename(final)
    _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    return final


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_blocking(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def speech_ms_blocking(path: Path, codec: Codec) -> int:
    """Measure how much of a recording is speech, with the detector that the media plane uses."""
    octets = np.frombuffer(path.read_bytes(), np.uint8)
    frames = octets[: len(octets) // FRAME * FRAME].reshape(-1, 1, FRAME)
    detector, slot = VoiceActivity(1), np.array([0])
    law = np.array([g711.codec_index(codec)], np.uint8)
    speech_frames = 0
    for frame in frames:
        detector.feed(slot, frame, law)
        speech_frames += bool(detector.is_speech[0])
    return speech_frames * FRAME_MS


def recording_file(row: RecordingRow, folder: Path) -> RecordingFile:
    """Tell where the files of a recording lie.

    :param folder: the recordings folder.
    """
    return RecordingFile(
        str((folder / row.path).absolute()),
        Codec[row.codec].suffix,
        row.length_samples,
        str((folder / row.far_path).absolute()) if row.far_path else "",
        Codec[row.far_codec].suffix if row.far_path else "",
        row.far_length_samples,
    )


def fill_blocking(near: Path, codec: Codec, length: int) -> None:
    """Write silence for a caller who said nothing while the other side spoke.

    :raises OSError: also when the file is there already.
    """
    with near.open("xb") as file:
        file.write(bytes([g711.SILENCE[g711.codec_index(codec)]]) * length)
