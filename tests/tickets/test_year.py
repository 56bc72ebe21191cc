"""A year of a small district by the benchmark's people: what was counted on the way stands in the rows."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import request_year

from hotline.tickets.deciding import replay
from hotline.tickets.ledger import read_step, walk
from hotline.tickets.request_moves import RequestState
from hotline.tickets.service_request import ServiceRequest, Step, altered, as_json, changes_of, from_json

COUNT = 400


@pytest.fixture(scope="module")
def year() -> request_year.Year:
    year = request_year.Year(COUNT)
    year.run()
    return year


def test_rows_tell_what_was_counted_while_the_year_was_lived(year: request_year.Year) -> None:
    request_year.check(year)
    moves, closed, late, states = request_year.recount(year.rows)
    assert moves["open"] == len(states) == COUNT
    assert closed == moves["close"] > COUNT * 0.8
    assert 0 < late < closed


def test_everybody_is_at_rest_after_the_year(year: request_year.Year) -> None:
    ends = Counter(request.state for request in year.requests.values())
    assert set(ends) <= {RequestState.CLOSED, RequestState.ANSWERED}
    assert not any(request.is_open for request in year.requests.values())


def test_every_request_of_the_year_is_recomputed_from_its_rows(year: request_year.Year) -> None:
    steps: dict[str, list[Step]] = {}
    for row in year.rows:
        step = read_step(row)
        steps.setdefault(step.number, []).append(step)
    assert {number: replay(made) for number, made in steps.items()} == year.requests


def test_rows_of_the_year_are_in_the_order_of_time(year: request_year.Year) -> None:
    times = [datetime.fromisoformat(row.at) for row in year.rows]
    assert times == sorted(times)


def test_a_changed_row_of_the_year_is_named(year: request_year.Year) -> None:
    place = Random(5).randrange(len(year.rows))
    rows = [*year.rows]
    rows[place] = replace(rows[place], body=rows[place].body.replace('"', '" ', 1))
    broken = walk(rows)
    assert broken is not None
    assert broken.seq == place + 1


def test_altered_request_is_the_one_that_dataclasses_make(year: request_year.Year) -> None:
    begun = ServiceRequest("1")
    for request in year.requests.values():
        other = altered(request, state=RequestState.DRAFT, version=7)
        assert other == replace(request, state=RequestState.DRAFT, version=7)
        assert changes_of(request, request) == {}
        assert from_json(as_json(request)) == request
        differing = {f.name for f in fields(request) if getattr(request, f.name) != getattr(begun, f.name)}
        assert set(changes_of(begun, request)) == differing
    with pytest.raises(TypeError, match="no colour"):
        altered(begun, colour="red")
