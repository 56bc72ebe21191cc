"""The file of learned kinds in the data folder: written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from hotline.errors import ConfigError, OutsideError
from hotline.routing.model_file import Knowledge, read_model, write_model

MODEL_FILE: Final = "kinds.model"
"""Its name in the site's data folder."""
REFUSED: Final = ".refused"
"""Added to the name of a file that could not be used, which is kept for whoever looks into it."""
_PART: Final = ".part"


def load_blocking(path: Path) -> Knowledge | None:
    """Read what was learned; None when there is no such file yet.

    :raises ConfigError: when the file cannot be used, with the remedy.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"the learned kinds cannot be read: {error.strerror}", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the file is damaged, it is not UTF-8; move it away", file=str(path)) from error
    return read_model(text, str(path))


def save_blocking(path: Path, knowledge: Knowledge) -> None:
    """Write what was learned, durably; a reader sees the old file or the new one.

    :raises OutsideError: when the disk does not take it; the old file is as it was.
    """
    part = path.with_name(path.name + _PART)
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(write_model(knowledge))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise OutsideError(f"{path} cannot be written: {error.strerror}") from error


def set_aside_blocking(path: Path) -> Path:
    """Give a file that cannot be used another name, so that a new one does not destroy it.

    :raises OutsideError: when it cannot be renamed.
    """
    aside = path.with_name(path.name + REFUSED)
    try:
        path.replace(aside)
    except OSError as error:
        raise OutsideError(f"{path} cannot be moved away: {error.strerror}") from error
    return aside


def mark_of_blocking(path: Path) -> tuple[int, int, int] | None:
    """Tell by what to notice that another program replaced a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
