"""Recording files: header-less G.711 in day folders, ``<day>/<recording_id>.alaw`` or ``.ulaw``.

While one is being written it is called ``….alaw.part``; the media plane renames it when closed.
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
from hotline.media.plan import Codec
from hotline.media.rtp import FRAME, FRAME_MS
from hotline.media.vad import VoiceActivity

PART: Final = ".part"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_CODECS: Final = {codec.suffix: codec for codec in (Codec.PCMA, Codec.PCMU)}


@dataclass(frozen=True, slots=True)
class RecordingName:
    """What the name of a recording file tells."""

    recording_id: RecordingId
    codec: Codec
    is_open: bool


def read_name(name: str) -> RecordingName | None:
    """Read a file name; None when it is not one of a recording.

    A bare ``.part`` is taken for A-law, which Chinese trunks speak.
    """
    stem, is_open = (name.removesuffix(PART), True) if name.endswith(PART) else (name, False)
    recording_id, dot, law = stem.partition(".")
    codec = _CODECS.get(dot + law, Codec.PCMA if is_open and not dot else None)
    if codec is None or split_recording_id(recording_id) is None:
        return None
    return RecordingName(RecordingId(recording_id), codec, is_open)


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
    final = path.with_name(found.recording_id + found.codec.suffix)
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


def read_pcm16_blocking(file: RecordingFile, first_sample: int, last_sample: int) -> bytes:
    """Read a stretch of a recording as 16-bit little-endian PCM at 8,000 samples/s, mono.

    :param first_sample: counted from 0.
    :param last_sample: the first one that is not wanted any more; past the end is cut off.
    :raises OutsideError: when the file is gone or cannot be read.
    """
    first = max(first_sample, 0)
    length = max(last_sample - first, 0)
    try:
        with Path(file.path).open("rb") as opened:
            opened.seek(first)
            octets = opened.read(length)
    except OSError as error:
        raise OutsideError(f"the recording {file.path} cannot be read: {error.strerror}") from error
    codec = _CODECS[file.suffix]
    return g711.decode(np.frombuffer(octets, np.uint8), codec).astype("<i2").tobytes()
