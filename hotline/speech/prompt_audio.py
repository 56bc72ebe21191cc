"""The texts and the audio of the prompts: what is to be said, what was rendered, what is stale.

``texts.toml`` holds a table for each language and a table of tones; ``<language>/<name>.wav`` is the
audio; ``manifest.json`` tells of which text and with which voice each file was made, so that only
what changed is rendered anew, and a text without its audio is found before a caller finds it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tomllib
import wave
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hotline.errors import ConfigError
from hotline.speech.band import TELEPHONE_RATE_HZ, Samples, from_pcm16, to_pcm16
from hotline.speech.tones import make_sound

TEXTS: Final = "texts.toml"
MANIFEST: Final = "manifest.json"
TONES: Final = "tones"
RECIPE: Final = 1
"""Raise it when the rendering changes, so that every prompt is made anew."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice, and how it speaks a language best."""

    voice: str
    speed: float
    """1.0 is the voice's own pace."""
    shortest_style: int
    """Short sentences borrow the style of one with so many sounds: their own is restless."""


SPEAKERS: Final = {"zh": Speaker("zf_xiaoxiao", 0.9, 60), "en": Speaker("af_heart", 1.0, 1)}
"""The speaker of each language: slow enough for old people."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt in one language."""

    language: str
    name: str
    text: str
    """What is spoken, or how a tone sounds."""
    speaker: Speaker | None
    """None for a tone."""

    @property
    def path(self) -> str:
        """File below the prompts folder, ``zh/greeting.wav``."""
        return f"{self.language}/{self.name}.wav"

    @property
    def text_sha256(self) -> str:
        """Digest of all that decides how it sounds."""
        speaker = None if self.speaker is None else asdict(self.speaker)
        source = json.dumps([RECIPE, self.language, self.text, speaker], ensure_ascii=False)
        return hashlib.sha256(source.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the manifest says of one file."""

    text_sha256: str
    voice: str
    length_s: float
    sha256: str
    """Of the file."""


def read_prompts(text: str, *, file: str) -> list[Prompt]:
    """Read ``texts.toml``.

    :raises ConfigError: for what is not TOML, an odd name, an empty text, an unknown language.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}", file=file) from error
    tones = tree.pop(TONES, {})
    prompts = []
    for language, texts in tree.items():
        if language not in SPEAKERS or not isinstance(texts, dict):
            known = ", ".join(SPEAKERS)
            raise ConfigError(f"[{language}] is no language that we have a voice for ({known})", file=file)
        for name, spoken in texts.items():
            _check(name, spoken, language, file)
            prompts.append(Prompt(language, name, spoken, SPEAKERS[language]))
        for name, sound in tones.items():
            _check(name, sound, TONES, file)
            make_sound(sound, file=file)
            prompts.append(Prompt(language, name, sound, None))
    return prompts


def _check(name: str, text: object, table: str, file: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"[{table}] {name!r}: a prompt's name is a-z, 0-9 and _", file=file)
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"[{table}] {name}: a prompt needs a text", file=file)


def read_manifest(folder: Path) -> dict[str, Rendered]:
    """Read what was rendered; empty when nothing was.

    :raises ConfigError: for a manifest that was damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return {file: Rendered(**entry) for file, entry in tree.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"damaged ({error}); remove it and render again", file=str(path)) from error


def write_manifest(folder: Path, rendered: Mapping[str, Rendered]) -> None:
    """Write what was rendered, sorted by file."""
    tree = {file: asdict(rendered[file]) for file in sorted(rendered)}
    (folder / MANIFEST).write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def write_wav(samples: Samples) -> bytes:
    """Make an 8 kHz mono 16-bit WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TELEPHONE_RATE_HZ)
        file.writeframes(to_pcm16(samples))
    return content.getvalue()


def read_wav(path: Path) -> Samples:
    """Read an 8 kHz mono 16-bit WAV file.

    :raises ConfigError: for any other file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, TELEPHONE_RATE_HZ):
                raise ConfigError("a prompt is 8 kHz, mono, 16 bit", file=str(path))
            return from_pcm16(file.readframes(file.getnframes()))
    except (wave.Error, EOFError) as error:
        raise ConfigError(f"this is not a WAV file: {error}", file=str(path)) from error


def find_stale(folder: Path) -> list[str]:
    """Tell which prompts lack their audio, or have the audio of another text.

    :returns: one complaint a prompt, in a manager's words; empty when all is well.
    :raises ConfigError: when texts or manifest cannot be read.
    """
    texts = folder / TEXTS
    if not texts.exists():
        raise ConfigError("the texts of the prompts are missing", file=str(texts))
    prompts = read_prompts(texts.read_text(encoding="utf-8"), file=str(texts))
    rendered = read_manifest(folder)
    complaints = []
    for prompt in prompts:
        entry, path = rendered.get(prompt.path), folder / prompt.path
        if entry is None or not path.exists():
            complaints.append(f"{prompt.path}: not rendered yet")
        elif entry.text_sha256 != prompt.text_sha256:
            complaints.append(f"{prompt.path}: the text has changed since it was rendered")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
            complaints.append(f"{prompt.path}: the audio is not the one that was rendered")
    known = {prompt.path for prompt in prompts}
    complaints += [f"{file}: no text says this any more" for file in sorted(rendered) if file not in known]
    return complaints
