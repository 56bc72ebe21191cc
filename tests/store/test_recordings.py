from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.desk.views import RecordingFile
from hotline.errors import OutsideError
from hotline.media import g711
from hotline.media.g711 import CODECS
from hotline.media.plan import Codec
from hotline.store.playback import read_pcm16_blocking
from hotline.store.recordings import (
    read_name,
    scan_blocking,
    seal_blocking,
    sha256_blocking,
    speech_ms_blocking,
)


def a_tone(seconds: float = 1.0, level: float = 0.3) -> np.ndarray:
    return (np.sin(np.arange(int(8000 * seconds)) * 0.5) * level * 32767).astype(np.int16)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20261123-0900-ab12-1.alaw", ("20261123-0900-ab12-1", Codec.PCMA, False)),
        ("20261123-0900-ab12-2.ulaw", ("20261123-0900-ab12-2", Codec.PCMU, False)),
        ("c-1.alaw.part", ("c-1", Codec.PCMA, True)),
        ("c-12.ulaw.part", ("c-12", Codec.PCMU, True)),
        ("c-1.part", ("c-1", Codec.PCMA, True)),
        ("c-0.alaw", None),
        ("c.alaw", None),
        ("c-1", None),
        ("c-1.wav", None),
        ("c-1.wav.part", None),
        ("c-1.alaw.part.part", None),
        ("..-1.alaw", None),
        (".lock", None),
    ],
)
def test_file_name_tells_recording_codec_and_whether_it_is_open(name: str, expected: object) -> None:
    found = read_name(name)
    assert (found and (found.recording_id, found.codec, found.is_open)) == expected


@given(st.text(max_size=30))
def test_any_file_name_is_read_without_a_fault(name: str) -> None:
    found = read_name(name)
    assert found is None or name.startswith(found.recording_id)


def test_only_files_of_day_folders_are_walked(tmp_path: Path) -> None:
    for name in ("2026-11-24/b-1.alaw", "2026-11-23/a-1.alaw", "export/x-1.alaw", ".lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\xd5")
    (tmp_path / "2026-11-23/link-1.alaw").symlink_to(tmp_path / ".lock")
    (tmp_path / "2026-11-25").symlink_to(tmp_path / "export")
    assert [path.name for path in scan_blocking(tmp_path)] == ["a-1.alaw", "b-1.alaw"]
    assert list(scan_blocking(tmp_path / "nowhere")) == []


def test_sealed_file_keeps_every_byte(tmp_path: Path) -> None:
    part = tmp_path / "c-1.ulaw.part"
    part.write_bytes(b"said")
    final = seal_blocking(part)
    assert final == tmp_path / "c-1.ulaw"
    assert final.read_bytes() == b"said"
    assert not part.exists()
    assert seal_blocking(final) == final
    assert sha256_blocking(final) == hashlib.sha256(b"said").hexdigest()


def test_sealing_never_writes_over_sound(tmp_path: Path) -> None:
    (tmp_path / "c-1.alaw").write_bytes(b"first")
    (tmp_path / "c-1.alaw.part").write_bytes(b"second")
    with pytest.raises(OutsideError, match="both exist"):
        seal_blocking(tmp_path / "c-1.alaw.part")
    assert (tmp_path / "c-1.alaw").read_bytes() == b"first"


@pytest.mark.parametrize("codec", CODECS)
def test_stretch_of_a_recording_is_read_as_pcm(tmp_path: Path, codec: Codec) -> None:
    octets = g711.encode(a_tone(), codec)
    path = tmp_path / f"c-1{codec.suffix}"
    path.write_bytes(octets.tobytes())
    file = RecordingFile(str(path), codec.suffix, len(octets))
    expected = g711.decode(octets, codec).astype("<i2").tobytes()
    assert read_pcm16_blocking(file, 0, 8000) == expected
    assert read_pcm16_blocking(file, 100, 300) == expected[200:600]
    assert read_pcm16_blocking(file, 7990, 9000) == expected[-20:]
    assert read_pcm16_blocking(file, 9000, 9100) == b""
    assert read_pcm16_blocking(file, 300, 100) == b""


def test_missing_recording_is_an_outside_error(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="cannot be read"):
        read_pcm16_blocking(RecordingFile(str(tmp_path / "gone.alaw"), ".alaw", 8), 0, 8)


@pytest.mark.parametrize("codec", CODECS)
def test_speech_is_told_from_an_idle_line(tmp_path: Path, codec: Codec) -> None:
    silence = np.zeros(8000, np.int16)
    hiss = np.random.default_rng(7).normal(0, 30, 8000).astype(np.int16)
    word = np.concatenate([hiss, a_tone(0.6), hiss])
    for name, samples, least, most in (
        ("silence", silence, 0, 0),
        ("hiss", hiss, 0, 0),
        ("word", word, 560, 940),  # the detector holds on for 300 ms
    ):
        path = tmp_path / name
        path.write_bytes(g711.encode(samples, codec).tobytes())
        assert least <= speech_ms_blocking(path, codec) <= most, name
    (tmp_path / "short").write_bytes(b"\xd5" * 10)
    assert speech_ms_blocking(tmp_path / "short", codec) == 0
