"""Lines of a site's files: read, and complained about by number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.errors import ConfigError

# C0, C1, line and paragraph separators, marks that turn the reading direction, lone surrogates.
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that could not be used."""

    file: str
    line: int
    """Counted from 1, the heading included."""
    why: str
    """What is wrong and what to do about it."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


def words_of(cell: str) -> tuple[str, ...]:
    """Split a cell at its bars; empty parts and repeats are left out."""
    return tuple(dict.fromkeys(word.strip() for word in cell.split("|") if word.strip()))


def csv_rows(text: str, file: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield line, cells and a fault of the line's form (empty when none) for each row with content."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        heading = [cell.strip() for cell in next(reader, [])]
        missing = [column for column in columns if column not in heading]
        if missing:
            message = f"column {missing[0]!r} is missing from the heading; it must name {', '.join(columns)}"
            raise ConfigError(message, file=file, line=1)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            row = {name: cell.strip() for name, cell in zip(heading, cells, strict=False)}
            why = ""
            if len(cells) != len(heading):
                why = f"the line has {len(cells)} cells, the heading {len(heading)}; check its commas"
                row = {name: row.get(name, "") for name in heading}
            elif any(CONTROL.search(cell) for cell in cells):
                why = "the line holds a control character or a line break inside a cell; take it out"
            yield reader.line_num, row, why
    except csv.Error as error:
        message = f"this is not CSV any more: {error}; check the quotation marks"
        raise ConfigError(message, file=file, line=reader.line_num) from error


def line_of(text: str, word: str) -> int:
    """Line in which a word first stands, 1 when it does not."""
    at = text.find(word) if word else -1
    return text.count("\n", 0, at) + 1 if at > 0 else 1
