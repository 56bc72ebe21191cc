"""Reads tables of a site's TOML files with complaints that name file, line, key and remedy."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hotline.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SiteFile:
    """The text of one file, to find the line of a mistake in."""

    name: str
    text: str

    def tree(self) -> dict[str, Any]:
        """Read the text as TOML.

        :raises ConfigError: when it is none.
        """
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"this is not TOML: {error}", file=self.name) from error

    def table(
        self, value: object, place: str, *, allowed: Iterable[str], needed: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Check the keys of a table.

        :param place: dotted key of the table; empty for the file itself.
        :raises ConfigError: for anything else than a table, an unknown key or a missing one.
        """
        if not isinstance(value, dict):
            raise self.wrong(place, f"write [{place}] and its keys below it")
        allowed = [str(key) for key in allowed]
        for key in value:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(allowed)}"
                raise self.wrong(f"{place}.{key}".strip("."), f"unknown key {key!r}; {hint}")
        for key in needed:
            if key not in value:
                raise self.wrong(place, f"{key!r} is missing: write it")
        return value

    def wrong(self, place: str, message: str) -> ConfigError:
        """Make the complaint about the key at a dotted place."""
        return ConfigError(
            f"{place}: {message}" if place else message, file=self.name, line=self._line(place)
        )

    def _line(self, place: str) -> int | None:
        """Find the line of a key: below the header of the longest part of the place that has one."""
        parts = [re.sub(r"\[\d+\]$", "", part) for part in place.split(".") if part]
        rows = self.text.splitlines()
        for split in range(len(parts), -1, -1):
            start = 0
            if split:
                header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(map(re.escape, parts[:split])) + r"\s*\]")
                start = next((n for n, row in enumerate(rows, 1) if header.match(row)), 0)
                if not start:
                    continue
            if split == len(parts):
                return start or None
            key = re.compile(rf"\s*[\"']?{re.escape(parts[split])}[\"']?\s*[=.]")
            for number, row in enumerate(rows[start:], start + 1):
                if row.lstrip().startswith("["):
                    break
                if key.match(row):
                    return number
            if split:
                return start
        return None
