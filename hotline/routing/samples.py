"""Texts whose kind is known, read from a site's file: CSV with a heading, or one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Final

from hotline.errors import ConfigError
from hotline.routing.kind_model import TEXT_LONGEST, Sample
from hotline.routing.lines import Rejected, csv_rows

TEXT_COLUMN: Final = "text"
KIND_COLUMN: Final = "kind"


def read_samples(
    text: str,
    file: str,
    kinds: Collection[str],
    *,
    text_column: str = TEXT_COLUMN,
    kind_column: str = KIND_COLUMN,
) -> tuple[tuple[Sample, ...], tuple[Rejected, ...]]:
    """Read samples; a file whose first character is a brace is JSON Lines, any other CSV.

    :param kinds: codes of the catalogue; a line with another one is rejected.
    :returns: samples in the file's order, and the lines that were left out.
    :raises ConfigError: when the form of the file as a whole is wrong.
    """
    columns = (text_column, kind_column)
    is_json = text.lstrip("\ufeff \t\r\n").startswith("{")
    rows = _json_rows(text, columns) if is_json else csv_rows(text, file, columns)
    samples: list[Sample] = []
    bad: list[Rejected] = []
    for line, row, fault in rows:
        said, kind = row.get(text_column, ""), row.get(kind_column, "")
        why = fault
        if not why and not said.strip():
            why = f"{text_column} is empty; a sample needs what was said"
        if not why and kind not in kinds:
            why = f"the catalogue has no kind {kind!r}; {kind_column} takes its four-digit code"
        if why:
            bad.append(Rejected(file, line, why))
        else:
            samples.append(Sample(said.strip()[:TEXT_LONGEST], kind))
    return tuple(samples), tuple(bad)


def _json_rows(text: str, columns: tuple[str, str]) -> Iterator[tuple[int, dict[str, str], str]]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        row, why = _json_row(line, columns)
        yield number, row, why


def _json_row(line: str, columns: tuple[str, str]) -> tuple[dict[str, str], str]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}, "this is no JSON; write one object on each line"
    if not isinstance(found, dict):
        return {}, "this is no JSON object; write {...} on each line"
    for column in columns:
        if not isinstance(found.get(column), str):
            return {}, f"{column} must be there, between quotation marks"
    return {column: found[column] for column in columns}, ""


def need(samples: Collection[Sample], file: str, fewest: int) -> None:
    """Refuse a file with too few samples for what is to be done.

    :raises ConfigError: with the counts.
    """
    if len(samples) < fewest:
        raise ConfigError(
            f"{len(samples)} samples could be used and {fewest} are needed; add decided requests", file=file
        )
