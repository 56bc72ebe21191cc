"""Scripts, styles and pictures, under an address that holds a digest of all of them.

``/static/<digest>/js/desk.js`` never changes, so a browser keeps it for a year; a new version of
the console has a new digest. One digest for the whole tree keeps relative imports of scripts right.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

STATIC_DIR: Final = Path(__file__).parent / "static"
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
YEAR_S: Final = 31_536_000  # RFC 9111 names no limit; a year is what browsers treat as for ever


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, ready to send."""

    kind: str
    body: bytes
    zipped: bytes
    """The same, gzipped; empty when that saves nothing."""


class StaticFiles:
    """All files, read once: there are few and they are small."""

    def __init__(self, folder: Path = STATIC_DIR) -> None:
        self._files: dict[str, StaticFile] = {}
        total = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix not in KINDS:
                continue
            name, body = path.relative_to(folder).as_posix(), path.read_bytes()
            zipped = gzip.compress(body, 9, mtime=0)
            self._files[name] = StaticFile(
                KINDS[path.suffix], body, zipped if len(zipped) < len(body) else b""
            )
            total.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
        self.digest = total.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Tell the address of a file. Raises KeyError for an unknown one, so that a page fails in tests."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"

    def find(self, name: str) -> StaticFile | None:
        """Find a file by its name below the static folder; there is no way out of it."""
        return self._files.get(name)


@cache
def static_files() -> StaticFiles:
    """Read the console's files once in a process."""
    return StaticFiles()
