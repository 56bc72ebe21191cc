"""Files that a site brings: JSON made CSV, bad lines taken out."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.routing.imports import as_csv, as_json, without

CELLS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@settings(max_examples=80)
@given(st.lists(st.fixed_dictionaries({"code": CELLS, "name": CELLS}), min_size=1, max_size=6))
def test_json_becomes_the_csv_that_it_came_from(rows: list[dict[str, str]]) -> None:
    text = as_csv(json.dumps(rows), "f.json", ("code", "name"))
    assert rows_of(text) == rows
    assert json.loads(as_json(text)) == rows


@pytest.mark.parametrize("text", ["[", "[1]", '[{"code": []}]', '[{"code": {"a": 1}}]'])
def test_json_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        as_csv(text, "f.json", ("code",))


def test_lines_are_taken_out_by_number() -> None:
    assert without('a,b\n1,"x\ny"\n2,z\n3,w\n', {3, 5}) == "a,b\n2,z\n"


def test_csv_stays_as_it_is() -> None:
    assert as_csv("\ufeffa,b\n1,2\n", "f.csv", ("a", "b")) == "a,b\n1,2\n"
