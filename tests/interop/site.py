"""What the tests that dial look at: the store's rows, the recordings, what a phone heard."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from examples.phone.sound_file import ALAW, read_sound
from examples.product import ROOT, Product
from hotline.media.g711 import decode, encode
from hotline.media.plan import Codec

DATA = ROOT / "tests" / "data" / "speech"
PROMPTS = ROOT / "ivr_flows" / "prompts"
PHONE_PYTHON = ROOT / ".venv-phone" / "bin" / "python"
RATE_HZ = 8000


def rows(product: Product, sql: str, *values: object) -> list[dict[str, Any]]:
    """Read rows of the store, beside the running product."""
    store = sqlite3.connect(f"file:{product.data_dir / 'hotline.sqlite3'}?mode=ro", uri=True, timeout=10)
    store.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in store.execute(sql, values)]
    finally:
        store.close()


def wait_until(is_so: Callable[[], Any], what: str, within_s: float = 30.0) -> Any:
    """Wait for something outside this process."""
    until = time.monotonic() + within_s
    while True:
        if found := is_so():
            return found
        assert time.monotonic() < until, f"{what} did not happen within {within_s} s"
        time.sleep(0.1)


def the_request(product: Product, call_id: str) -> dict[str, Any]:
    """Wait for the one request of a call, and return its row."""
    sql = "select * from service_requests where call_id = ?"
    found = wait_until(lambda: rows(product, sql, call_id), f"a request of call {call_id}")
    assert len(found) == 1
    return dict(found[0])


def the_recording(product: Product, call_id: str) -> bytes:
    """Read the one recording of a call from the disk."""
    (row,) = rows(product, "select * from recordings where call_id = ?", call_id)
    sound = (product.data_dir / "recordings" / row["path"]).read_bytes()
    assert len(sound) == row["length_samples"]
    return sound


def transcribed(product: Product, call_id: str, within_s: float = 90.0) -> dict[str, Any]:
    """Wait until a call's request has its transcript, or is known to have none."""
    sql = "select * from service_requests where call_id = ? and transcript_state != 'waiting'"
    return dict(wait_until(lambda: rows(product, sql, call_id), f"a transcript for {call_id}", within_s)[0])


def read_wav(path: Path) -> np.ndarray:
    """Read a WAV of 8 kHz as 16-bit samples."""
    tag, sound = read_sound(path)
    return from_alaw(sound) if tag == ALAW else np.frombuffer(sound, np.int16)


def through_alaw(samples: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Give a sound as A-law, and as the linear sound that encodes to exactly those bytes."""
    data = encode(samples, Codec.PCMA).tobytes()
    return data, from_alaw(data)


def from_alaw(data: bytes) -> np.ndarray:
    """Give A-law as linear samples."""
    return decode(np.frombuffer(data, np.uint8), Codec.PCMA)


def write_wav(path: Path, samples: np.ndarray) -> Path:
    """Write a 16-bit WAV of 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype(np.int16).tobytes())
    return path


def prompt(name: str) -> np.ndarray:
    """Read a prompt of ours: ``zh/greeting``."""
    return read_wav(PROMPTS / f"{name}.wav")


PIECE = 2400  # 0.3 s: shorter than what a jitter buffer mostly leaves alone, longer than a syllable
FAINT = 100  # mean loudness of 32,768: below it a piece is a pause, which is like any other


def likeness(heard: np.ndarray, wanted: np.ndarray) -> float:
    """Tell how well a sound is found in another: 1 is the very sound at any loudness, 0 none of it.

    The sound is looked for piece by piece and the median counts, because a phone's jitter buffer leaves
    out or repeats frames on a busy machine. Another prompt of ours reaches some 0.5.
    """
    pieces = [wanted[at : at + PIECE].astype(float) for at in range(0, len(wanted) - PIECE + 1, PIECE)]
    return float(
        np.median([_likeness(heard.astype(float), one) for one in pieces if abs(one).mean() > FAINT])
    )


def _likeness(heard: np.ndarray, wanted: np.ndarray) -> float:
    if len(heard) < len(wanted):
        return 0.0
    size = 1 << (len(heard) + len(wanted)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    steps = len(heard) - len(wanted) + 1
    power = np.concatenate([[0.0], np.cumsum(heard**2)])
    energy = power[len(wanted) :][:steps] - power[: -len(wanted)][:steps]
    scale = np.sqrt(np.maximum(energy, 1.0) * float(wanted @ wanted))
    return float(np.max(product[:steps] / scale))


def run_phone(module: str, product: Product, *words: str, within_s: float = 120.0) -> list[dict[str, Any]]:
    """Run a phone program to its end; return what it said happened."""
    if module.endswith(".py"):
        command = [str(PHONE_PYTHON), str(ROOT / module)]
    else:
        command = [sys.executable, "-m", module]
    command += ["--server", f"127.0.0.1:{product.sip_port}", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within_s)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"
    return [json.loads(row) for row in done.stdout.splitlines() if row.startswith("{")]


def only_call(product: Product, seen: set[str]) -> str:
    """Return the id of the one call that was not seen before."""
    new = {row["call_id"] for row in rows(product, "select call_id from calls")} - seen
    assert len(new) == 1, f"{len(new)} new call records"
    return str(new.pop())
