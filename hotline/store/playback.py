"""Recordings for the ear and the eye: samples of one side or of both, and how loud they are over time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.desk.views import RecordingFile
from hotline.errors import LocalProtocolError, OutsideError
from hotline.media import g711
from hotline.media.concealment import CONTEXT, conceal
from hotline.media.peaks import SUFFIX, measure, read_peaks, write_peaks
from hotline.store.recordings import CODEC_OF

_PIECE: Final = 1 << 18  # bytes measured at once

Samples = NDArray[np.int16]


def _read_blocking(path: str, first_sample: int, last_sample: int) -> NDArray[np.uint8]:
    first = max(first_sample, 0)
    try:
        with Path(path).open("rb") as opened:
            opened.seek(first)
            octets = opened.read(max(last_sample - first, 0))
    except OSError as error:
        raise OutsideError(f"the recording {path} cannot be read: {error.strerror}") from error
    return np.frombuffer(octets, np.uint8)


def _decode_blocking(path: str, suffix: str, first_sample: int, last_sample: int) -> Samples:
    return g711.decode(_read_blocking(path, first_sample, last_sample), CODEC_OF[suffix])


def read_pcm16_blocking(file: RecordingFile, first_sample: int, last_sample: int) -> bytes:
    """Read a stretch of a recording as 16-bit little-endian PCM at 8,000 samples/s.

    One channel, or two where both sides were recorded: the caller left, whom she talked with right. Where one
    side ended earlier it is silent.

    :param first_sample: counted from 0.
    :param last_sample: the first one that is not wanted any more; past the end is cut off.
    :raises OutsideError: when a file is gone or cannot be read.
    """
    near = _decode_blocking(file.path, file.suffix, first_sample, last_sample)
    far = None
    if file.far_path:
        far = _decode_blocking(file.far_path, file.far_suffix, first_sample, last_sample)
    return _interleave(near, far)


def read_concealed_blocking(file: RecordingFile, first_sample: int, last_sample: int) -> bytes:
    """Read a stretch as ``read_pcm16_blocking`` does, for the ear: short gaps of lost packets are filled.

    :raises OutsideError: when a file is gone or cannot be read.
    """
    near = _conceal_blocking(file.path, file.suffix, first_sample, last_sample)
    far = None
    if file.far_path:
        far = _conceal_blocking(file.far_path, file.far_suffix, first_sample, last_sample)
    return _interleave(near, far)


def _conceal_blocking(path: str, suffix: str, first_sample: int, last_sample: int) -> Samples:
    first = max(first_sample, 0)
    start = max(0, first - CONTEXT)
    octets = _read_blocking(path, start, last_sample + CONTEXT)
    return conceal(octets, CODEC_OF[suffix])[first - start : max(last_sample, first) - start]


def _interleave(near: Samples, far: Samples | None) -> bytes:
    if far is None:
        return near.astype("<i2").tobytes()
    both = np.zeros((max(len(near), len(far)), 2), "<i2")
    both[: len(near), 0], both[: len(far), 1] = near, far
    return both.tobytes()


def read_g711_blocking(file: RecordingFile, first_sample: int, last_sample: int) -> NDArray[np.uint8]:
    """Read a stretch of a recording as it lies on the disk, ``(n, channels)``, in the caller's law.

    A far side in the other law is rewritten in the caller's; where one side ended earlier it is silent.

    :raises OutsideError: when a file is gone or cannot be read.
    """
    codec = CODEC_OF[file.suffix]
    near = _read_blocking(file.path, first_sample, last_sample)
    if not file.far_path:
        return near.reshape(-1, 1)
    far = _read_blocking(file.far_path, first_sample, last_sample)
    if file.far_suffix != file.suffix:
        far = g711.transcode(far, CODEC_OF[file.far_suffix], codec)
    length = max(len(near), len(far))
    both = np.full((length, 2), g711.SILENCE[g711.codec_index(codec)], np.uint8)
    both[: len(near), 0], both[: len(far), 1] = near, far
    return both


def read_peaks_blocking(file: RecordingFile) -> bytes:
    """Read the peaks file of a recording; measure the sound where there is none, or one that does not fit.

    :raises OutsideError: when the sound is gone or cannot be read.
    """
    place = Path(file.path).with_suffix(SUFFIX)
    sides = 2 if file.far_path else 1
    try:
        octets = place.read_bytes()
        if len(read_peaks(octets).sides) == sides:
            return octets
    except (OSError, LocalProtocolError):
        pass
    pairs = [_measure_blocking(file.path, file.suffix)]
    if file.far_path:
        pairs.append(_measure_blocking(file.far_path, file.far_suffix))
    return write_peaks(pairs)


def _measure_blocking(path: str, suffix: str) -> NDArray[np.int8]:
    try:
        with Path(path).open("rb", buffering=0) as sound:
            return measure(iter(lambda: sound.read(_PIECE), b""), CODEC_OF[suffix])
    except OSError as error:
        raise OutsideError(f"the recording {path} cannot be read: {error.strerror}") from error
