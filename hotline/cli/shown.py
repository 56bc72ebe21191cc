"""How the engineer's commands print: tables, colours on a terminal only, no complaint when a pager leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from hotline.sip.text_width import fit, pad, width_of

COLOURS: Final[Mapping[str, str]] = {
    "request": "\x1b[34m",
    "provisional": "\x1b[90m",
    "success": "\x1b[32m",
    "redirection": "\x1b[33m",
    "challenge": "\x1b[33m",
    "failure": "\x1b[31m",
    "note": "\x1b[90m",
    "end": "\x1b[0m",
}
"""ANSI colours, by the kind of an arrow of a ladder."""


def colours_of_terminal() -> Mapping[str, str]:
    """Give colours when a person reads, none when a program does; ``NO_COLOR`` is obeyed."""
    return COLOURS if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else {}


def put(text: str) -> None:
    """Print a line or several at once; a reader that went away (``| head``) ends the command quietly."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, widest: int = 40) -> str:
    """Write a table: a head, and a line for each row, as wide as its longest cell."""
    cells = [list(heads), *([fit(str(cell), widest) for cell in row] for row in rows)]
    widths = [max(width_of(row[at]) for row in cells) for at in range(len(heads))]
    lines = ["  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(line.rstrip() for line in lines) + "\n"
