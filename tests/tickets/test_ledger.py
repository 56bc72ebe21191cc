"""The ledger: one form of JSON, a chain that shows where it was touched, and requests read back from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.tickets.deciding import replay
from hotline.tickets.duties import Duty
from hotline.tickets.ledger import (
    GENESIS,
    Row,
    append,
    append_recording,
    append_step,
    canonical,
    digest,
    read_step,
    walk,
)
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import as_json, from_json
from tests.tickets.lives import NOW, Life

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\u4e00"), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text("abc\u4e00"), values, max_size=4)


def chain(count: int) -> list[Row]:
    rows: list[Row] = []
    for number in range(count):
        rows.append(append(rows[-1] if rows else None, "step", NOW, {"n": number, "text": "诉求"}))
    return rows


@given(bodies)
@settings(max_examples=100)
def test_canonical_json_reads_back_and_does_not_depend_on_order(body: dict[str, object]) -> None:
    text = canonical(body)
    assert json.loads(text) == body
    assert canonical(dict(reversed(body.items()))) == text


@pytest.mark.parametrize("body", [{"a": 1.5}, {"a": [float("nan")]}, {1: "a"}, {"a": "\ud800"}])
def test_what_has_no_single_form_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        canonical(body)


def test_nesting_has_an_end() -> None:
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ValueError, match="deeply"):
        canonical({"a": deep})


def test_the_hash_of_a_row_is_what_another_program_computes() -> None:
    row = append(None, "step", NOW, {"b": 1, "a": "诉"})
    assert row.body == '{"a":"诉","b":1}'
    # printf '1:1' '4:step' ... | sha256sum
    fields = f"1:14:step25:2026-03-02T01:00:00+00:0017:{row.body}64:{GENESIS}"

    assert row.hash == hashlib.sha256(fields.encode()).hexdigest()


def test_neighbouring_fields_cannot_trade_characters() -> None:
    assert digest(1, "ab", "c", "{}", GENESIS) != digest(1, "a", "bc", "{}", GENESIS)


def test_an_untouched_chain_holds() -> None:
    rows = chain(20)
    assert walk(rows) is None
    assert walk(rows, head=rows[-1].hash) is None
    assert walk([]) is None


@given(st.integers(0, 9), st.sampled_from(["seq", "kind", "at", "body", "prev_hash", "hash"]))
@settings(max_examples=60)
def test_a_changed_field_is_found_at_its_row(index: int, field: str) -> None:
    rows = chain(10)
    old = getattr(rows[index], field)
    rows[index] = replace(rows[index], **{field: old + 1 if field == "seq" else old[:-1] + "~"})
    broken = walk(rows)
    assert broken is not None
    assert broken.seq == index + 1


@given(st.integers(0, 8))
def test_a_row_that_was_taken_out_is_found(index: int) -> None:
    rows = chain(10)
    del rows[index]
    broken = walk(rows)
    assert broken is not None
    assert broken.seq == index + 1


def test_a_row_that_was_hashed_anew_breaks_the_next_one() -> None:
    rows = chain(5)
    rows[2] = append(rows[1], "step", NOW, {"n": 99})
    broken = walk(rows)
    assert broken is not None
    assert (broken.seq, "before it" in broken.reason) == (4, True)


def test_rows_cut_off_the_end_show_against_a_head_that_was_kept() -> None:
    rows = chain(5)
    assert walk(rows[:3]) is None
    broken = walk(rows[:3], head=rows[-1].hash)
    assert broken is not None
    assert broken.seq == 4


def test_a_recordings_content_is_tied_into_the_chain() -> None:
    row = append_recording(None, NOW, name="a.wav", number="1", sha256="ab" * 32)
    assert json.loads(row.body)["sha256"] == "ab" * 32
    assert walk([row]) is None
    for wrong in ("ab", "AB" * 32, ""):
        with pytest.raises(ValueError, match="SHA-256"):
            append_recording(None, NOW, name="a.wav", number="1", sha256=wrong)
    with pytest.raises(ValueError, match="not a step"):
        read_step(row)


@pytest.mark.parametrize("state", RequestState)
def test_a_request_is_recomputed_from_its_rows(state: RequestState) -> None:
    life = Life.to(state)
    rows: list[Row] = []
    for step in life.steps:
        rows.append(append_step(rows[-1] if rows else None, step))
    assert walk(rows) is None
    steps = [read_step(row) for row in rows]
    assert steps == life.steps
    assert replay(steps) == life.request
    assert from_json(json.loads(canonical(as_json(life.request)))) == life.request


def test_a_row_that_holds_something_else_is_named() -> None:
    with pytest.raises(ValueError, match="row 1 holds no step"):
        read_step(append(None, "step", NOW, {"n": 1}))


def test_steps_that_do_not_follow_are_refused() -> None:
    steps = Life.to(RequestState.SIGNED).steps
    with pytest.raises(LocalProtocolError, match="not open"):
        replay(steps[1:])
    with pytest.raises(LocalProtocolError, match="does not follow"):
        replay([steps[0], *steps[2:]])
    with pytest.raises(LocalProtocolError, match="does not follow"):
        replay([*steps[:-1], replace(steps[-1], move="close", target="closed")])
    with pytest.raises(LocalProtocolError, match="does not follow"):
        replay([*steps[:-1], replace(steps[-1], move="fly")])
    with pytest.raises(LocalProtocolError, match="was applied to"):
        replay([*steps[:-1], replace(steps[-1], number="2")])
    with pytest.raises(LocalProtocolError, match="without steps"):
        replay([])
    changed = {**steps[-1].changed, "state": "closed"}
    with pytest.raises(LocalProtocolError, match="does not follow"):
        replay([*steps[:-1], replace(steps[-1], changed=changed)])


def test_a_step_keeps_what_was_said() -> None:
    life = Life.to(RequestState.IN_PROGRESS).move(RequestMove.REQUEST_EXTENSION, Duty.UNIT)
    assert life.steps[-1].said["extension_s"] == 3600
    assert life.steps[-1].said["reason"] == "r"
