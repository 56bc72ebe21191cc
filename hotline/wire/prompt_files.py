"""The prompts of a site: ``<folder>/<language>/<name>.wav``, 8,000 Hz, one channel.

Sixteen-bit PCM, A-law and µ-law files are taken. The standard ``wave`` module reads PCM only, so
the few RIFF chunks are read here. Files are never resampled: at another rate the ear of whoever
made the prompt should decide, not this program.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import numpy as np

from hotline.errors import ConfigError
from hotline.media.g711 import Samples, decode
from hotline.media.plan import Codec
from hotline.media.rtp import RATE_HZ

PCM: Final = 1  # WAVE format tags (RFC 2361, appendix A)
ALAW: Final = 6
ULAW: Final = 7
EXTENSIBLE: Final = 0xFFFE
_REMEDY: Final = "convert it, for example: sox {0} -r 8000 -c 1 -b 16 new.wav"


def read_prompts_blocking(folder: Path) -> dict[str, Samples]:
    """Read all prompts below a folder, by name (``zh/greeting``).

    :raises ConfigError: when the folder is missing, or a file is not what a prompt must be.
    """
    if not folder.is_dir():
        raise ConfigError("there is no such folder of prompts; check media.prompts_dir", file=str(folder))
    return {
        f"{path.parent.name}/{path.stem}": read_wav(path.read_bytes(), file=str(path))
        for path in sorted(folder.glob("*/*.wav"))
    }


def read_wav(data: bytes, *, file: str) -> Samples:
    """Read a WAV file of one channel at 8,000 Hz.

    :param file: its name for complaints.
    :raises ConfigError: saying what it is instead, and the remedy.
    """
    layout: tuple[int, int, int, int] | None = None
    for name, body in _chunks(data, file):
        if name == b"fmt ":
            layout = _layout(body, file)
        elif name == b"data":
            if layout is None:
                break
            return _samples(body, layout, file)
    raise ConfigError("this WAV file has no sound in it: its format or data chunk is missing", file=file)


def _chunks(data: bytes, file: str) -> list[tuple[bytes, bytes]]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ConfigError(f"this is not a WAV file; {_REMEDY.format(Path(file).name)}", file=file)
    chunks, place = [], 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        chunks.append((data[place : place + 4], data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return chunks


def _layout(body: bytes, file: str) -> tuple[int, int, int, int]:
    if len(body) < 16:
        raise ConfigError("the format chunk of this WAV file is cut off", file=file)
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    return tag, channels, rate_hz, bits


def _samples(body: bytes, layout: tuple[int, int, int, int], file: str) -> Samples:
    tag, channels, rate_hz, bits = layout
    if channels != 1 or rate_hz != RATE_HZ:
        raise ConfigError(
            f"a prompt must have one channel at {RATE_HZ} Hz; this has {channels} at {rate_hz} Hz; "
            f"{_REMEDY.format(Path(file).name)}",
            file=file,
        )
    if tag == PCM and bits == 16:
        return np.frombuffer(body[: len(body) // 2 * 2], "<i2").astype(np.int16)
    if tag in (ALAW, ULAW) and bits == 8:
        return decode(np.frombuffer(body, np.uint8), Codec.PCMA if tag == ALAW else Codec.PCMU)
    raise ConfigError(
        f"a prompt must be 16-bit PCM, A-law or µ-law; this has format {tag} with {bits} bits; "
        f"{_REMEDY.format(Path(file).name)}",
        file=file,
    )
