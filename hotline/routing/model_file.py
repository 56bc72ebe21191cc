"""What a classifier has learned, as the text of a file: versioned, and sealed with its SHA-256.

The first line names format, version and digest of all that follows; the second is a JSON object with
kinds, counts and chances; then one JSON array for each feature: the feature, and by turns the number of
a kind and its weight. The weights that come from the catalogue are not in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hotline.errors import ConfigError
from hotline.routing.calibration import Calibration
from hotline.routing.joint import DAY_ONE, Chances
from hotline.routing.kind_model import Row

FORMAT: Final = "hotline-kinds"
VERSION: Final = 1
"""Raised whenever a file of the new form could be misread by an older hotline."""
_DIGITS: Final = 5
"""Decimal places of a weight; less than that moves no ranking."""
_HEAD: Final = re.compile(rf"{FORMAT} ([0-9]{{1,6}}) sha256:([0-9a-f]{{64}})")
_REMEDY: Final = "move the file away and train anew with `hotline routing train`"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is kept between two runs."""

    learned: Mapping[str, Row] = field(default_factory=dict)
    samples: int = 0
    chances: Chances = DAY_ONE
    position: int = 0
    """Decisions up to this position of the event log have been learned from."""


def write_model(knowledge: Knowledge) -> str:
    """Write knowledge down; features stand in the order in which they were learned."""
    body = "".join(_lines(knowledge))
    digest = hashlib.sha256(body.encode("utf-8")).hexdigest()
    return f"{FORMAT} {VERSION} sha256:{digest}\n{body}"


def _lines(knowledge: Knowledge) -> Iterator[str]:
    kinds = sorted({kind for row in knowledge.learned.values() for kind in row})
    numbers = {kind: n for n, kind in enumerate(kinds)}
    chances = knowledge.chances
    yield _json(
        {
            "kinds": kinds,
            "samples": knowledge.samples,
            "position": knowledge.position,
            "by_words": chances.by_words.points,
            "by_model": chances.by_model.points,
            "together": chances.together.points,
        }
    )
    # In the order of learning: to sort them would hold up every other thread.
    for feature, weights in knowledge.learned.items():
        row: list[object] = [feature]
        for kind, weight in weights.items():
            if rounded := round(weight, _DIGITS):
                row += [numbers[kind], rounded]
        if len(row) > 1:
            yield _json(row)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_model(text: str, file: str) -> Knowledge:
    """Read knowledge back.

    :raises ConfigError: when the file is damaged, of another format or of a newer version.
    """
    head, _, body = text.partition("\n")
    match = _HEAD.fullmatch(head)
    if match is None:
        raise ConfigError(f"this is no file of learned kinds; {_REMEDY}", file=file, line=1)
    version = int(match[1])
    if version > VERSION:
        message = (
            f"version {version} was written by a newer hotline, this one reads {VERSION}; update hotline"
        )
        raise ConfigError(f"{message}, or {_REMEDY}", file=file, line=1)
    if version != VERSION:
        raise ConfigError(f"version {version} never was; {_REMEDY}", file=file, line=1)
    if hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest() != match[2]:
        raise ConfigError(f"the file is damaged, its digest does not fit; {_REMEDY}", file=file, line=1)
    lines = body.split("\n")
    try:
        return _knowledge(json.loads(lines[0]), [json.loads(line) for line in lines[1:] if line])
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        # The digest fits, so a program wrote it like that.
        raise ConfigError(
            f"the file does not hold what its version says ({error}); {_REMEDY}", file=file
        ) from error


def _knowledge(head: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> Knowledge:
    kinds = [str(kind) for kind in head["kinds"]]
    by_words, by_model, together = (
        Calibration(tuple((float(score), float(chance)) for score, chance in head[name]))
        for name in ("by_words", "by_model", "together")
    )
    learned: dict[str, Row] = {}
    for feature, *cells in rows:
        learned[str(feature)] = {
            kinds[number]: float(weight) for number, weight in zip(cells[::2], cells[1::2], strict=True)
        }
    return Knowledge(
        learned, int(head["samples"]), Chances(by_words, by_model, together), int(head["position"])
    )
