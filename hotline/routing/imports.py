"""Files that a site brings, before they become files of the site: JSON made CSV, bad lines taken out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Sequence
from typing import Any

from hotline.errors import ConfigError


def as_csv(text: str, file: str, columns: Sequence[str]) -> str:
    """Turn a JSON list of objects into CSV; a text that does not begin with a bracket is CSV already.

    :param columns: of the heading, when the JSON says nothing more; other keys follow them.
    :raises ConfigError: when it is no list of objects.
    """
    text = text.removeprefix("\ufeff")
    if not text.lstrip().startswith("["):
        return text
    try:
        rows: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"this is not JSON: {error}", file=file, line=line) from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not all(
            isinstance(v, str | int | float | None) for v in row.values()
        ):
            raise ConfigError(
                f"entry {number} is no object of plain values; write {{...}} with texts and numbers",
                file=file,
            )
    heading = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    for row in rows:
        # A line break inside a cell would shift the numbers of all lines after it.
        cells = ["" if row.get(key) is None else str(row[key]) for key in heading]
        writer.writerow([" ".join(cell.split("\n")) for cell in cells])
    return out.getvalue()


def as_json(text: str) -> str:
    """Turn CSV into a JSON list of objects, all values as text."""
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def without(text: str, lines: Collection[int]) -> str:
    """Take records out of a CSV by the numbers of their last lines, the heading being 1."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for cells in reader:
        if cells and reader.line_num not in lines:
            writer.writerow(cells)
    return out.getvalue()
