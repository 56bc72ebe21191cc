"""Samples read, models saved and read back, chances drawn, suggestions judged."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_builders import the_district, the_sentences

from hotline.errors import ConfigError
from hotline.routing.calibration import Calibration, bands, fit, mean_error
from hotline.routing.evaluation import evaluate, judge
from hotline.routing.joint import DAY_ONE, Chances
from hotline.routing.kind_model import KindModel, Sample
from hotline.routing.model_file import Knowledge, read_model, write_model
from hotline.routing.samples import need, read_samples
from hotline.routing.training import train

KINDS = the_district().kinds
CODES = {row.code for row in KINDS}


# -- samples --------------------------------------------------------------------------------------
def test_samples_are_read_from_csv_and_from_json_lines():
    want = (Sample("路灯不亮", "0503"), Sample("水，没了", "0601"))
    table = 'kind,text,note\n0503,路灯不亮,\n0601,"水，没了",x\n'
    lines = '{"text": "路灯不亮", "kind": "0503"}\n\n{"text": "水，没了", "kind": "0601", "x": 1}\n'
    assert read_samples(table, "a.csv", CODES) == (want, ())
    assert read_samples(lines, "a.jsonl", CODES) == (want, ())
    assert read_samples("\ufeff" + lines, "a.jsonl", CODES) == (want, ())


def test_each_bad_line_is_named_with_its_remedy():
    table = "kind,text\n0503,路灯不亮\n503,路灯不亮\n0503,\n0503,a,b\n"
    samples, bad = read_samples(table, "a.csv", CODES)
    assert len(samples) == 1
    assert [(one.line, one.why.split(";")[0]) for one in bad] == [
        (3, "the catalogue has no kind '503'"),
        (4, "text is empty"),
        (5, "the line has 3 cells, the heading 2"),
    ]
    lines = '{"text": "a", "kind": 503}\n{"text"\n{"kind": "0503"}\n' + "[" * 100_000 + "\n"
    samples, bad = read_samples(lines, "a.jsonl", CODES)
    assert samples == ()
    assert [one.line for one in bad] == [1, 2, 3, 4]


def test_a_file_without_the_columns_or_with_too_few_samples_is_refused():
    with pytest.raises(ConfigError, match="column 'text' is missing"):
        read_samples("code,utterance\n0503,x\n", "a.csv", CODES)
    with pytest.raises(ConfigError, match="1 samples could be used and 100 are needed"):
        need([Sample("a", "0503")], "a.csv", 100)


def test_other_columns_can_be_named():
    samples, _ = read_samples("code,said\n0503,路灯\n", "a", CODES, text_column="said", kind_column="code")
    assert samples == (Sample("路灯", "0503"),)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.sampled_from(["", "text,kind\n", "{"]))
def test_any_text_is_read_or_refused(text, start):
    try:
        samples, bad = read_samples(start + text, "x", CODES)
    except ConfigError:
        return
    assert all(sample.kind in CODES and sample.text for sample in samples)
    assert all(one.why for one in bad)


# -- the file of learned kinds ----------------------------------------------------------------------
WEIGHTS = st.floats(-50, 50).map(lambda weight: round(weight, 5)).filter(bool)
ROWS = st.dictionaries(st.sampled_from(sorted(CODES)), WEIGHTS, min_size=1, max_size=4)
LINES = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=5).map(
    lambda points: Calibration(
        tuple(
            zip(
                sorted({score / 1000 for score, _ in points}),
                sorted(chance / 1000 for _, chance in points)[: len({score for score, _ in points})],
                strict=True,
            )
        )
    )
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
KNOWLEDGE = st.builds(
    Knowledge,
    st.dictionaries(TEXTS, ROWS, max_size=6),
    st.integers(0, 10**9),
    st.builds(Chances, LINES, LINES, LINES),
    st.integers(0, 10**12),
)


@settings(max_examples=100, deadline=None)
@given(KNOWLEDGE)
def test_what_was_written_is_read_back(knowledge):
    assert read_model(write_model(knowledge), "x") == knowledge


@settings(max_examples=100, deadline=None)
@given(KNOWLEDGE, st.data())
def test_any_change_of_a_file_is_noticed(knowledge, data):
    text = write_model(knowledge)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(["", "0", "\n", "垃"]))
    changed = text[:at] + other + text[at + 1 :]
    if changed == text:
        return
    with pytest.raises(ConfigError) as refusal:
        read_model(changed, "kinds.model")
    assert "kinds.model" in str(refusal.value)


def test_a_file_of_a_newer_hotline_is_refused_as_such():
    head, body = write_model(Knowledge()).split("\n", 1)
    newer = head.replace("hotline-kinds 1 ", "hotline-kinds 2 ") + "\n" + body
    with pytest.raises(ConfigError, match="version 2 was written by a newer hotline"):
        read_model(newer, "x")
    with pytest.raises(ConfigError, match="no file of learned kinds"):
        read_model("", "x")


def test_a_file_whose_digest_fits_and_whose_content_does_not_is_refused():
    for body in (
        "",
        "{}",
        "[]\n",
        '{"kinds":["0503"]}\n',
        write_model(Knowledge()).split("\n", 1)[1] + '["a",9,1]\n',
    ):
        digest = hashlib.sha256(body.encode()).hexdigest()
        with pytest.raises(ConfigError, match=r"does not hold|must rise"):
            read_model(f"hotline-kinds 1 sha256:{digest}\n{body}", "x")


def test_a_model_read_back_ranks_alike():
    model = KindModel(KINDS)
    for row in the_sentences("kind_sentences.csv"):
        model.learn(Sample(row["text"], row["kind"]))
    text = write_model(Knowledge(model.learned, model.samples))
    assert "13800138000" not in text
    again = KindModel(KINDS, read_model(text, "x").learned, samples=model.samples)
    for row in the_sentences("utterances_fresh.csv"):
        was, now = model.rank(row["utterance_zh"]), again.rank(row["utterance_zh"])
        assert [one.kind for one in was] == [one.kind for one in now]
        assert [one.share for one in now] == pytest.approx([one.share for one in was], abs=1e-3)


# -- chances ----------------------------------------------------------------------------------------
def test_a_chance_is_the_share_that_was_right():
    judged = [(n / 1000, n * 389 % 1000 < 500 + n / 2) for n in range(1000)]  # right at 0.5 + score / 2
    line = fit(judged)
    assert line.chance(0.25) == pytest.approx(0.625, abs=0.04)
    assert line.chance(0.75) == pytest.approx(0.875, abs=0.04)
    told = [(line.chance(score), right) for score, right in judged if score >= 0.05]
    assert mean_error(bands(told)) < 0.03


def test_too_few_judgements_draw_no_line():
    assert fit([(0.5, True)] * 19) is None
    assert fit([(0.5, True)] * 20).chance(0.5) == pytest.approx(21 / 22)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=20, max_size=200), st.floats(0, 1))
def test_a_higher_score_never_has_a_lower_chance(judged, score):
    line = fit(judged)
    assert 0 <= line.chance(0.0) <= line.chance(score) <= line.chance(1.0) < 1
    assert line.chance(score / 2) <= line.chance(score)


def test_a_line_that_falls_is_refused():
    for points in (
        (),
        ((0.0, 0.5), (1.0, 0.4)),
        ((0.5, 0.1), (0.5, 0.2)),
        ((0.0, -0.1),),
        ((float("nan"), 0.5),),
    ):
        with pytest.raises(ConfigError):
            Calibration(points)


# -- judging ------------------------------------------------------------------------------------------
def test_an_evaluation_counts_what_it_says():
    found = judge(
        [
            ("A", [("A", 0.9), ("B", 0.1)]),
            ("A", [("B", 0.8), ("A", 0.2)]),
            ("A", [("B", 0.7), ("C", 0.2), ("D", 0.1)]),
            ("B", [("B", 0.95)]),
            ("C", []),
        ]
    )
    assert (found.count, found.first, found.third, found.silent) == (5, 2, 3, 1)
    assert (found.first_share, found.third_share) == (0.4, 0.6)
    a, b, c = found.kinds
    assert (a.kind, a.count, a.first, a.third, a.claimed, a.mistaken_for) == ("A", 3, 1, 2, 0, "B")
    assert (b.kind, b.count, b.first, b.third, b.claimed, b.mistaken_for) == ("B", 1, 1, 1, 2, "")
    assert (c.kind, c.count, c.first, c.third, c.claimed, c.mistaken_for) == ("C", 1, 0, 0, 0, "")
    # A: precision 1, recall 1/3; B: 1/3, 1; C: 0.
    assert found.macro_f1 == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert [(row.precision, row.share, row.threshold) for row in found.coverage[:1]] == [(0.9, 0.4, 0.9)]


def test_a_threshold_does_not_part_equal_chances():
    found = judge([("A", [("A", 0.9)]), ("A", [("B", 0.9)]), ("A", [("A", 0.5)])])
    assert [row.share for row in found.coverage] == [0.0] * 4


def test_nothing_to_judge_is_no_error():
    found = evaluate([], lambda _: [])
    assert (found.count, found.first_share, found.macro_f1, found.mean_error) == (0, 0.0, 0.0, 0.0)


def test_training_judges_each_text_by_models_that_had_not_seen_it():
    """Texts of noise, each a hundred percent known to whoever saw it: held out, nothing can be right."""
    noise = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
    codes = sorted(CODES)
    samples = [
        Sample(a + b + c, codes[(7 * i + 11 * j + 29 * k) % 60])
        for i, a in enumerate(noise[:6])
        for j, b in enumerate(noise[6:12])
        for k, c in enumerate(noise[12:18])
    ]
    trained = train(KINDS, samples * 2, passes=2)
    assert trained.held_out.count == 2 * len(samples)
    assert trained.held_out.first_share < 0.2
    assert trained.model.samples == 2 * len(samples)


def test_training_draws_chances_that_hold():
    samples = [Sample(row["text"], row["kind"]) for row in the_sentences("kind_sentences.csv")]
    samples += [Sample(row["utterance_zh"], row["code"]) for row in the_sentences("utterances_held_out.csv")]
    trained = train(KINDS, samples, passes=2)
    assert trained.chances != DAY_ONE
    assert trained.held_out.first_share >= 0.8
    assert trained.held_out.third_share >= 0.95
    assert trained.held_out.mean_error < 0.12
    assert json.loads(json.dumps(trained.chances.together.points))
