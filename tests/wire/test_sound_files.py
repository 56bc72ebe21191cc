"""What is exported is what was recorded, for our own readers and for those of others."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.media.g711 import decode, encode
from hotline.media.ogg import OggStream, checksum
from hotline.media.plan import Codec
from hotline.media.wav import WavCoding
from hotline.wire.sound_files import write_opus_blocking, write_wav_blocking

octets = np.random.default_rng(8).integers(0, 256, (20_001, 2), np.uint8)


def a_talk(length: int = 24_000) -> np.ndarray:
    time = np.arange(length) / 8000
    near, far = (9000 * np.sin(2 * np.pi * hertz * time) for hertz in (440, 1000))
    return np.stack([near, far], axis=1).astype(np.int16)


def in_pieces(sound: np.ndarray, size: int = 7001) -> list[np.ndarray]:
    return [sound[start : start + size] for start in range(0, len(sound), size)]


# -- WAV ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("coding", [WavCoding.ALAW, WavCoding.ULAW])
def test_g711_in_wav_is_the_recording_byte_for_byte(coding: WavCoding, channels: int) -> None:
    raw, out = octets[:, :channels], io.BytesIO()
    write_wav_blocking(out, in_pieces(raw), channels=channels, samples=len(raw), coding=coding)
    data = out.getvalue()
    tag, count, rate = struct.unpack_from("<HHI", data, 20)
    assert (tag, count, rate) == (coding.value, channels, 8000)
    start = data.index(b"data") + 8
    assert data[start : start + raw.size] == raw.tobytes()
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert len(data) % 2 == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_pcm_in_wav_is_read_by_python(channels: int) -> None:
    sound, out = a_talk()[:, :channels], io.BytesIO()
    write_wav_blocking(out, in_pieces(sound), channels=channels, samples=len(sound), coding=WavCoding.PCM16)
    out.seek(0)
    with wave.open(out) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (channels, 2, 8000)
        assert read.readframes(10**6) == sound.astype("<i2").tobytes()


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed")
@pytest.mark.parametrize("coding", WavCoding)
def test_sox_reads_the_same_samples(tmp_path: Path, coding: WavCoding) -> None:
    law = {WavCoding.ALAW: Codec.PCMA, WavCoding.ULAW: Codec.PCMU}.get(coding)
    sound = a_talk(8001)
    raw = sound if law is None else encode(sound.reshape(-1), law).reshape(-1, 2)
    with (tmp_path / "a.wav").open("wb") as out:
        write_wav_blocking(out, in_pieces(raw), channels=2, samples=len(sound), coding=coding)
    done = subprocess.run(["sox", tmp_path / "a.wav", "-t", "s16", "-"], capture_output=True, check=True)
    assert done.stderr == b""
    want = sound.reshape(-1) if law is None else decode(raw.reshape(-1), law)
    assert np.frombuffer(done.stdout, "<i2").tolist() == want.tolist()


def test_more_than_the_format_can_count_is_refused() -> None:
    with pytest.raises(ValueError, match="4 GiB"):
        write_wav_blocking(io.BytesIO(), [], channels=2, samples=2**31, coding=WavCoding.PCM16)


# -- Opus in Ogg --------------------------------------------------------------------------------------


def pages_of(data: bytes) -> list[tuple[int, int, int, bytes, bytes]]:
    """Read pages by the book (RFC 3533, 6): flags, granule, sequence, lacing, body."""
    pages, at = [], 0
    while at < len(data):
        magic, version, flags, granule, _serial, sequence, told, count = struct.unpack_from(
            "<4sBBqIIIB", data, at
        )
        assert (magic, version) == (b"OggS", 0)
        lacing = data[at + 27 : at + 27 + count]
        end = at + 27 + count + sum(lacing)
        page = bytearray(data[at:end])
        page[22:26] = bytes(4)
        assert checksum(page) == told
        pages.append((flags, granule, sequence, lacing, data[at + 27 + count : end]))
        at = end
    return pages


def packets_of(data: bytes) -> list[bytes]:
    packets, open_one = [], b""
    for _, _, _, lacing, body in pages_of(data):
        at = 0
        for length in lacing:
            open_one += body[at : at + length]
            at += length
            if length < 255:
                packets.append(open_one)
                open_one = b""
    assert not open_one
    return packets


def test_the_checksum_is_the_one_of_the_book() -> None:
    assert checksum(b"\x00\x00\x00\x01") == 0x04C1_1DB7
    assert checksum(b"123456789") == 0x89A1_897F  # CRC-32/POSIX without its length and last turn


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=700), min_size=1, max_size=400))
def test_packets_of_any_length_come_back_whole(packets: list[bytes]) -> None:
    stream = OggStream(1)
    data = b"".join(stream.put(packet, 960 * (n + 1)) for n, packet in enumerate(packets))
    data += stream.end(960 * len(packets))
    assert packets_of(data) == packets
    pages = pages_of(data)
    assert [page[2] for page in pages] == list(range(len(pages)))
    assert pages[-1][0] == 4
    granules = [page[1] for page in pages]
    assert granules == sorted(granules)
    assert all(b - a <= 48_000 for a, b in zip([0, *granules], granules, strict=False))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [1, 159, 160, 24_000, 24_107])
def test_opus_is_as_long_as_the_sound(channels: int, length: int) -> None:
    out = io.BytesIO()
    sound = a_talk(length)[:, :channels]
    write_opus_blocking(out, in_pieces(sound), channels=channels, samples=length, comments=["TITLE=a"])
    head, tags, *frames = packets_of(out.getvalue())
    assert head[:8] == b"OpusHead"
    version, count, pre_skip, rate, gain, mapping = struct.unpack("<BBHIhB", head[8:])
    assert (version, count, rate, gain, mapping) == (1, channels, 8000, 0, 0)
    assert tags == b"OpusTags\x07\0\0\0hotline\x01\0\0\0\x07\0\0\0TITLE=a"
    pages = pages_of(out.getvalue())
    assert pages[-1][1] == pre_skip + length * 6
    assert len(frames) * 960 >= pre_skip + length * 6 > (len(frames) - 1) * 960
    assert [page[0] for page in pages[:3]][:2] == [2, 0]


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("opusdec") is None, reason="opus-tools is not installed")
@pytest.mark.parametrize("channels", [1, 2])
def test_opusdec_hears_what_was_said_at_its_time(tmp_path: Path, channels: int) -> None:
    sound = a_talk(24_107)[:, :channels]
    sound[:4000] = 0
    with (tmp_path / "a.opus").open("wb") as out:
        write_opus_blocking(out, in_pieces(sound), channels=channels, samples=len(sound))
    told = subprocess.run(["opusinfo", tmp_path / "a.opus"], capture_output=True, text=True, check=True)
    assert "WARNING" not in told.stdout + told.stderr
    subprocess.run(
        ["opusdec", "--quiet", "--rate", "8000", tmp_path / "a.opus", tmp_path / "a.wav"], check=True
    )
    with wave.open(str(tmp_path / "a.wav")) as read:
        got = np.frombuffer(read.readframes(10**6), "<i2").reshape(-1, channels)
    assert abs(len(got) - len(sound)) <= 1
    for channel in range(channels):
        mine, theirs = (one[:24_000, channel].astype(float) for one in (sound, got))
        assert np.corrcoef(mine, theirs)[0, 1] > 0.97
        assert np.abs(theirs[:3900]).max() < 300
