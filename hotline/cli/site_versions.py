"""Files of the site with their versions: put in place whole or not at all, the former kept."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from hotline.errors import ConfigError, OutsideError

FOLDER = "versions"
"""Within the data folder; one folder for each file of the site."""


def version_of(text: str) -> str:
    """Name a version by what it holds: eight digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def install_blocking(path: Path, text: str, data_dir: Path, at: datetime) -> str:
    """Put a file in place, and keep what it was and what it is; returns the new version.

    :raises OutsideError: when it cannot be written; the file is then as it was.
    """
    folder = data_dir / FOLDER / path.stem
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _keep_blocking(folder, path.suffix, path.read_text(encoding="utf-8"), at)
        part = path.with_name(path.name + ".part")
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _keep_blocking(folder, path.suffix, text, at)
        part.replace(path)
    except OSError as error:
        raise OutsideError(f"{path} cannot be written: {error.strerror}", permanent=True) from error
    return version_of(text)


def _keep_blocking(folder: Path, suffix: str, text: str, at: datetime) -> None:
    """Keep a text unless it is what was kept last: going back to an earlier version is news as well."""
    version = version_of(text)
    kept = sorted(folder.iterdir())
    if not kept or kept[-1].stem.rpartition("-")[2] != version:
        name = f"{len(kept) + 1:06d}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{version}{suffix}"
        (folder / name).write_text(text, encoding="utf-8", newline="")


def versions_blocking(path: Path, data_dir: Path) -> list[tuple[str, str]]:
    """List the versions that are kept: when each was put in place (UTC), and its name; the oldest first."""
    folder = data_dir / FOLDER / path.stem
    kept = sorted(folder.iterdir()) if folder.is_dir() else []
    return [(at, version) for _, at, version in (one.stem.split("-") for one in kept)]


def read_version_blocking(path: Path, data_dir: Path, version: str) -> str:
    """Read a version that is kept.

    :raises ConfigError: when there is none of that name.
    """
    folder = data_dir / FOLDER / path.stem
    for kept in sorted(folder.iterdir()) if folder.is_dir() else ():
        if version and kept.stem.rpartition("-")[2] == version:
            return kept.read_text(encoding="utf-8")
    raise ConfigError(f"there is no version {version!r} of {path.name}; `versions` lists them")
