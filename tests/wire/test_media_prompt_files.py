"""Prompt files: what is taken, and what the complaint says about the rest."""

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.media.g711 import decode, encode
from hotline.media.plan import Codec
from hotline.wire.prompt_files import read_prompts_blocking, read_wav

SOUND = (np.arange(-400, 401) * 40).astype(np.int16)


def wav(
    body: bytes, *, tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, before: bytes = b""
) -> bytes:
    size = channels * bits // 8
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * size, size, bits)
    chunks = (
        b"fmt "
        + struct.pack("<I", len(layout))
        + layout
        + before
        + b"data"
        + struct.pack("<I", len(body))
        + body
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_sixteen_bit_samples_are_taken_as_they_are() -> None:
    assert (read_wav(wav(SOUND.tobytes()), file="x.wav") == SOUND).all()


@pytest.mark.parametrize(("tag", "codec"), [(6, Codec.PCMA), (7, Codec.PCMU)])
def test_companded_files_are_expanded(tag: int, codec: Codec) -> None:
    body = encode(SOUND, codec)
    assert (read_wav(wav(body.tobytes(), tag=tag, bits=8), file="x.wav") == decode(body, codec)).all()


def test_other_chunks_are_passed_over() -> None:
    data = wav(SOUND.tobytes(), before=b"LIST" + struct.pack("<I", 3) + b"abc\0")
    assert (read_wav(data, file="x.wav") == SOUND).all()


def test_a_file_that_was_piped_has_an_endless_size() -> None:
    data = bytearray(wav(SOUND.tobytes()))
    data[40:44] = b"\xff\xff\xff\xff"
    assert (read_wav(bytes(data), file="x.wav") == SOUND).all()


@pytest.mark.parametrize("rate", [16000, 24000, 48000, 44100])
def test_another_rate_is_refused_with_the_remedy(rate: int) -> None:
    with pytest.raises(ConfigError, match=rf"{rate} Hz; convert it, for example: sox") as told:
        read_wav(wav(SOUND.tobytes(), rate=rate), file="zh/x.wav")
    assert told.value.file == "zh/x.wav"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ID3", "not a WAV file"),
        (wav(SOUND.tobytes(), channels=2), "one channel"),
        (wav(SOUND.tobytes(), bits=8), "16-bit PCM"),
        (wav(SOUND.tobytes(), tag=3, bits=32), "format 3 with 32 bits"),
        (wav(b"")[:30], "missing|cut off"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "missing"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0abcd", "cut off"),
    ],
)
def test_what_is_no_prompt_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_wav(data, file="x.wav")


@settings(max_examples=200)
@given(st.binary(max_size=100), st.booleans())
def test_no_file_crashes_the_reader(data: bytes, is_wave: bool) -> None:
    with contextlib.suppress(ConfigError):
        read_wav((b"RIFF\0\0\0\0WAVE" if is_wave else b"") + data, file="x.wav")


def test_prompts_are_named_by_language_and_stem(tmp_path: Path) -> None:
    for name in ("zh/greeting", "en/greeting", "en/bye"):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(wav(SOUND.tobytes()))
    (tmp_path / "zh" / "notes.txt").write_text("no prompt")
    assert set(read_prompts_blocking(tmp_path)) == {"zh/greeting", "en/greeting", "en/bye"}


def test_a_missing_folder_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"media\.prompts_dir"):
        read_prompts_blocking(tmp_path / "none")
