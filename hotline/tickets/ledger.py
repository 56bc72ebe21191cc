"""The append-only ledger of a site: one row a step, each holding the hash of the row before.

Whoever changes, removes, adds or reorders a row breaks the chain at that place, and ``walk`` names
it. Cutting rows off the end shows only against a hash that was kept elsewhere: ``walk`` takes one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from hotline.tickets.calendar import utc
from hotline.tickets.service_request import Json, Step

GENESIS: Final = "0" * 64
"""What the first row names as the hash before it."""
_JSON_DEPTH: Final = 32
"""Deeper nesting is a bug of the writer."""
_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""Values that need no look inside; most are, and a call for each would cost more than all the rest."""
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is stored."""

    seq: int
    """Counted from 1, without gaps."""
    kind: str
    """``step`` for a move of a request; other rows of the product have kinds of their own."""
    at: str
    """UTC, ISO 8601."""
    body: str
    """Canonical JSON."""
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the chain does not hold."""

    seq: int
    """Of the row, counted by its place from 1."""
    reason: str


def canonical(tree: Mapping[str, Any]) -> str:
    """Write JSON in the one form that is hashed: keys sorted, no spaces, characters as they are.

    :raises ValueError: for floats (two machines may write one in two ways), keys that are no strings,
        lone surrogates, and nesting beyond reason.
    :raises TypeError: for what JSON cannot hold.
    """
    _check(tree, _JSON_DEPTH)
    text = _ENCODER.encode(tree)
    text.encode("utf-8")  # UnicodeEncodeError is a ValueError
    return text


def _check(value: object, depth: int) -> None:
    if depth == 0:
        raise ValueError("nested too deeply for a row")
    if type(value) in _PLAIN:
        return
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a float: write whole numbers with their unit")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is no string")
            if type(item) not in _PLAIN or depth == 1:
                _check(item, depth - 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if type(item) not in _PLAIN or depth == 1:
                _check(item, depth - 1)


def digest(seq: int, kind: str, at: str, body: str, prev_hash: str) -> str:
    """Compute the hash of a row: SHA-256 over its fields, each behind its length in bytes.

    :returns: 64 hexadecimal digits.
    """
    found = hashlib.sha256()
    for field in (str(seq), kind, at, body, prev_hash):
        data = field.encode("utf-8")
        found.update(f"{len(data)}:".encode("ascii"))
        found.update(data)
    return found.hexdigest()


def append(last: Row | None, kind: str, at: datetime, body: Mapping[str, Any]) -> Row:
    """Make the row after ``last``.

    :param last: None for the first row of a site.
    :raises ValueError: when the body cannot be written, or ``at`` has no zone.
    """
    seq, prev_hash = (last.seq + 1, last.hash) if last is not None else (1, GENESIS)
    written, text = utc(at).isoformat(), canonical(body)
    return Row(seq, kind, written, text, prev_hash, digest(seq, kind, written, text, prev_hash))


def walk(rows: Iterable[Row], *, head: str | None = None) -> Broken | None:
    """Check a whole chain, from its first row.

    :param head: hash of the last row as somebody kept it elsewhere; None: not compared.
    :returns: the first fault, or None when every row holds.
    """
    prev_hash, place = GENESIS, 0
    for place, row in enumerate(rows, 1):
        if row.seq != place:
            return Broken(place, f"numbered {row.seq}: a row is missing, added or out of place")
        if row.prev_hash != prev_hash:
            return Broken(place, "does not name the hash of the row before it")
        if digest(row.seq, row.kind, row.at, row.body, row.prev_hash) != row.hash:
            return Broken(place, "its content is not what was hashed")
        prev_hash = row.hash
    if head is not None and head != prev_hash:
        return Broken(place + 1, f"the chain ends here, but not with the hash {head[:12]} that was kept")
    return None


_STEP_NAMES: Final = tuple(f.name for f in fields(Step))
_STEP_VALUES: Final = attrgetter(*_STEP_NAMES)
STEP: Final = "step"
RECORDING: Final = "recording"


def append_step(last: Row | None, step: Step) -> Row:
    """Make the row of a step."""
    body = dict(zip(_STEP_NAMES, _STEP_VALUES(step), strict=True))
    body["at"] = step.at.isoformat()
    return append(last, STEP, step.at, body)


def append_recording(last: Row | None, at: datetime, *, name: str, number: str, sha256: str) -> Row:
    """Make the row that ties a recording's content into the chain.

    :param sha256: of the file, 64 hexadecimal digits.
    :raises ValueError: when it is none.
    """
    if len(sha256) != len(GENESIS) or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"{sha256!r} is no SHA-256 in small hexadecimal digits")
    body: Json = {"name": name, "number": number, "sha256": sha256}
    return append(last, RECORDING, at, body)


def read_step(row: Row) -> Step:
    """Read the step of a row.

    :raises ValueError: when the row holds none.
    """
    if row.kind != STEP:
        raise ValueError(f"row {row.seq} is a {row.kind}, not a step")
    try:
        tree = json.loads(row.body)
        return Step(**{**tree, "at": datetime.fromisoformat(tree["at"])})
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"row {row.seq} holds no step: {error}") from error
