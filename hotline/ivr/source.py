"""Read the text of a flow: TOML, with the line of every table and key, and all mistakes at once.

``tomllib`` stops at its first complaint and knows no lines of what it read. Here a line that it
refuses is reported, taken out, and the reading goes on, so that a manager sees all of them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_HEADER: Final = re.compile(r"^\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*=""")
_AT_LINE: Final = re.compile(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", re.DOTALL)
_MOST_SYNTAX_COMPLAINTS: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One thing that is wrong with a flow, in a manager's words."""

    line: int
    """Counted from 1; 0 when the whole file is meant."""
    text: str
    step: str = ""
    file: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{where}step “{self.step}”: {self.text}" if self.step else f"{where}{self.text}"


@dataclass(slots=True)
class Source:
    """What a flow's text says, and where."""

    file: str
    tree: Mapping[str, object] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    """(table, key) -> line; the line of the table itself stands under the empty key."""
    complaints: list[Complaint] = field(default_factory=list)

    def line(self, table: str, key: str = "") -> int:
        """Give the line of a key, else of its table, else 0."""
        return self.lines.get((table, key)) or self.lines.get((table, ""), 0)


def read_source(text: str, *, file: str) -> Source:
    """Parse a flow's text.

    :returns: what could be read; every refused line is a complaint and left out.
    Never raises: any text is an answer.
    """
    source = Source(file)
    rows = text.splitlines()
    _index(source, rows)
    for _ in range(_MOST_SYNTAX_COMPLAINTS):
        try:
            source.tree = tomllib.loads("\n".join(rows))
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.match(str(error))
            message = found.group(1) if found else str(error)
            line = int(found.group(2)) if found and found.group(2) else len(rows)
            source.complaints.append(Complaint(line, f"this line is not TOML: {message}", file=file))
            if not 1 <= line <= len(rows) or not rows[line - 1].strip():
                break
            rows[line - 1] = ""
        except RecursionError:
            source.complaints.append(Complaint(0, "brackets are nested too deep to be read", file=file))
            break
        else:
            break
    return source


def _index(source: Source, rows: list[str]) -> None:
    """Note the line of each table and key; report what stands there twice, and blank it in ``rows``."""
    table, skipping = "", False
    for number, row in enumerate(rows, 1):
        header = _HEADER.match(row)
        if header:
            table = ".".join(part.strip().strip("\"'") for part in header.group(1).split("."))
            name, key = f"the table [{table}]", ""
        else:
            found = _KEY.match(row)
            if not found:
                if skipping:
                    rows[number - 1] = ""
                continue
            key = next(group for group in found.groups() if group is not None)
            name = f"“{key}”"
        first = source.lines.get((table, key))
        if header:
            skipping = first is not None
        if first is not None and (header or not skipping):
            text = f"{name} stands here a second time; it was given in line {first} already"
            source.complaints.append(Complaint(number, text, _step_of(table), source.file))
        if first is not None or skipping:
            rows[number - 1] = ""
            continue
        source.lines[(table, key)] = number


def _step_of(table: str) -> str:
    return table.removeprefix("steps.") if table.startswith("steps.") else ""


def in_words(complaints: Sequence[Complaint]) -> str:
    """Write complaints one a line, in the order of the file."""
    return "\n".join(str(one) for one in sorted(complaints))
