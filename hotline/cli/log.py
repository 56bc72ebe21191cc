"""The log of the running product: one line an event, and nowhere a caller's number."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from hotline.tickets.masking import mask

TELEPHONE: Final = re.compile(r"(?<![\w.-])\+?\d{7,15}(?![\w-])")
"""A subscriber's number is 7 digits at least; E.164 allows 15 at most."""
FREE_TEXT: Final = frozenset({"error", "reason", "exception"})
"""Keys of the log whose values quote what others wrote."""


def _without_numbers(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Mask what may be a caller's number where words of others are quoted: a header, an answer, a trace."""
    for key in FREE_TEXT & line.keys():
        if isinstance(line[key], str):
            line[key] = TELEPHONE.sub(lambda found: mask(found[0]), line[key])
    return line


class UnfailingStream(io.TextIOBase):
    """Where log lines go: a reader that went away or a full disk costs the line, never the call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            return len(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def _plain(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
    """Write a line for a file: as the coloured one, at a third of its price (calls leave several)."""
    trace = line.pop("exception", None)
    head = f"{line.pop('timestamp', '')} [{line.pop('level', ''):<8}] {line.pop('event', ''):<24} "
    words = [
        f"{name}={value if isinstance(value, str) and value.isalnum() else repr(value)}"
        for name, value in line.items()
    ]
    text = head + " ".join(words)
    return text if trace is None else f"{text}\n{trace}"


def set_up_logging(form: str, *, verbose: bool) -> None:
    """Log to stderr, one line an event: for a person to read, or as JSON."""
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form != "json":
        is_read = sys.stderr.isatty()
        renderer = structlog.dev.ConsoleRenderer(pad_event_to=24) if is_read else _plain
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(
                fmt="%H:%M:%S.%f" if form != "json" else "iso", utc=form == "json"
            ),
            structlog.processors.format_exc_info,
            _without_numbers,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", UnfailingStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )
