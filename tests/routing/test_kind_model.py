"""The classifier: what it knows on its first day, and how it learns."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_builders import misheard, the_district, the_sentences

from hotline.errors import ConfigError
from hotline.routing import kind_model
from hotline.routing.features import features_of, is_written
from hotline.routing.joint import JointRanker
from hotline.routing.kind_model import KindModel, Sample

KINDS = the_district().kinds
DAY_ONE = KindModel(KINDS)
JOINT = JointRanker(KINDS, DAY_ONE)
CODES = [row.code for row in KINDS]


def the_samples(style):
    return [
        Sample(row["text"], row["kind"])
        for row in the_sentences("kind_sentences.csv")
        if row["style"] == style
    ]


def shuffled(samples):
    mixed = list(samples)
    random.Random(96156).shuffle(mixed)
    return mixed


def hits(samples, rank, rate=0.0):
    noise = random.Random(96156)
    ranked = [rank(misheard(sample.text, rate, noise)) for sample in samples]
    first = sum(codes[:1] == [sample.kind] for codes, sample in zip(ranked, samples, strict=True))
    third = sum(sample.kind in codes for codes, sample in zip(ranked, samples, strict=True))
    return first, third


def by_model(model):
    return lambda text: [one.kind for one in model.rank(text)]


def by_both(text):
    return [one.kind.code for one in JOINT.rank(text)]


def test_every_kind_has_a_sentence_in_each_style():
    for style in ("spoken", "letter"):
        assert sorted(sample.kind for sample in the_samples(style)) == CODES


@pytest.mark.parametrize(
    ("style", "rate", "first_floor", "third_floor"),
    [("spoken", 0.0, 45, 56), ("spoken", 0.2, 42, 50), ("letter", 0.0, 54, 59), ("letter", 0.2, 49, 56)],
)
def test_first_day_knows_most_kinds_from_the_catalogue_alone(style, rate, first_floor, third_floor):
    for rank in (by_model(DAY_ONE), by_both):
        first, third = hits(the_samples(style), rank, rate)
        assert first >= first_floor
        assert third >= third_floor


@pytest.mark.parametrize("file", ["utterances.csv", "utterances_held_out.csv"])
def test_both_together_are_as_good_as_keywords_where_those_were_made_for_the_sentences(file):
    samples = [Sample(row["utterance_zh"], row["code"]) for row in the_sentences(file)]
    first, third = hits(samples, by_both)
    assert first >= 53
    assert third >= 58


def test_both_together_beat_keywords_on_sentences_that_these_never_saw():
    samples = [Sample(row["utterance_zh"], row["code"]) for row in the_sentences("utterances_fresh.csv")]
    first, third = hits(samples, by_both)
    assert first >= 23  # keywords alone: 21
    assert third >= 31  # keywords alone: 24


def test_training_teaches_words_that_the_catalogue_does_not_have():
    phrase = "那边咕咚咕咚的"
    others = [sample for sample in the_samples("letter") if sample.kind != "0604"]
    samples = [Sample(f"{phrase}{n}层也是", "0604") for n in "一二三四五六"]
    assert "0604" not in by_model(DAY_ONE)(phrase)
    model = KindModel(KINDS)
    model.train(shuffled(others + samples))
    assert by_model(model)(phrase)[0] == "0604"


def test_training_in_one_style_keeps_the_other():
    model = KindModel(KINDS)
    model.train(shuffled(the_samples("spoken")))
    assert model.samples == 60
    assert hits(the_samples("spoken"), by_model(model))[0] == 60
    assert hits(the_samples("letter"), by_model(model))[1] >= 58


def test_training_again_forgets_the_first_time():
    twice, once = KindModel(KINDS), KindModel(KINDS)
    twice.train(the_samples("letter"))
    twice.train(the_samples("spoken"))
    once.train(the_samples("spoken"))
    assert twice.learned == once.learned


def test_mean_of_a_training_is_the_mean_of_the_weights_after_each_step():
    samples = the_samples("spoken")[:7]
    model, plain = KindModel(KINDS), KindModel(KINDS)
    model.train(samples, passes=2)
    snapshots = [{}]
    for sample in samples * 2:
        plain.learn(sample)
        snapshots.append(dict(plain.learned))
    snapshots.pop()  # as in Daume's account the weights before each step and not the last ones
    snapshots.append(dict(plain.learned))
    for feature, row in model.learned.items():
        for kind, weight in row.items():
            mean = sum(shot.get(feature, {}).get(kind, 0.0) for shot in snapshots) / len(snapshots)
            assert weight == pytest.approx(mean, abs=1e-9)


def test_a_correction_counts_at_once_and_repeated_ones_settle():
    text = "胡同里有只大鹅追着人拧"
    model = KindModel(KINDS)
    before = {one.kind: one.share for one in model.rank(text, limit=60)}
    assert model.learn(Sample(text, "2001"))
    after = {one.kind: one.share for one in model.rank(text, limit=60)}
    assert after["2001"] > before.get("2001", 0.0)
    changes = [model.learn(Sample(text, "2001")) for _ in range(20)]
    assert model.rank(text)[0].kind == "2001"
    assert changes[-1] is False, "a text that is clear by a margin teaches nothing more"
    assert model.samples == 21


def test_one_wrong_decision_does_not_turn_the_model_over():
    model = KindModel(KINDS)
    model.learn(Sample("路灯不亮了胡同里黑灯瞎火", "1702"))
    assert model.rank("我们这儿路灯坏了晚上黑")[0].kind == "0503"


def test_unknown_kind_is_refused_and_nothing_is_learned():
    model = KindModel(KINDS)
    with pytest.raises(ConfigError, match="9999"):
        model.learn(Sample("垃圾没人清运", "9999"))
    assert (model.samples, dict(model.learned)) == (0, {})


def test_kind_that_left_the_catalogue_is_forgotten():
    model = KindModel(KINDS, {"大鹅": {"9999": 3.0, "2001": 1.0}, "鹅": {"9999": 1.0}})
    assert dict(model.learned) == {"大鹅": {"2001": 1.0}}
    assert model.rank("大鹅")[0].kind == "2001"


def test_a_reader_keeps_its_rows_while_the_model_learns():
    model = KindModel(KINDS)
    model.learn(Sample("路灯不亮", "1702"))
    rows = dict(model.learned)
    copies = {feature: dict(row) for feature, row in rows.items()}
    model.learn(Sample("路灯不亮", "1601"))
    assert rows == copies


def test_the_lightest_features_go_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(kind_model, "FEATURES_MOST", 40)
    model = KindModel(KINDS)
    for _ in range(6):
        model.learn(Sample("大鹅追人", "2001"))
    for sample in the_samples("spoken"):
        model.learn(sample)
    assert len(model.learned) <= 44


def test_no_digit_is_remembered():
    features = features_of("电话13800138000，３号楼5单元 Gas leaks are here")
    assert not [feature for feature in features if any(one.isdigit() for one in feature)]
    assert "gas" in features
    assert "leak" in features
    assert "are" not in features


def test_homophones_share_their_sounds():
    written, misheard_ = features_of("垃圾清运"), features_of("拉机青运")
    sounds = {feature for feature in written if not is_written(feature)}
    assert sounds
    assert sounds <= set(misheard_)


def test_words_that_spoke_for_a_kind_stand_in_the_text():
    text = "整条街的路灯从上礼拜就不亮了"
    assert DAY_ONE.rank(text)[0].kind == "0503"
    words = DAY_ONE.speaking(text, "0503")
    assert "路灯" in words
    assert len(words) <= 3
    assert all(word in text for word in words)


@pytest.mark.parametrize("text", ["", "喂你好", "12345", "，。！", "啊"])
def test_text_without_a_matter_has_no_kind(text):
    assert JOINT.rank(text) == ()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(CODES))
def test_any_text_can_be_ranked_and_learned(text, code):
    model = KindModel(KINDS[:12] + KINDS[40:])
    known = code in model.codes
    ranked = model.rank(text, limit=60)
    assert [one.share for one in ranked] == sorted((one.share for one in ranked), reverse=True)
    assert sum(one.share for one in ranked) <= 1 + 1e-9
    if known:
        changed = model.learn(Sample(text, code))
        assert changed is bool(model.learned)
        if changed:
            before = {one.kind: one.share for one in ranked}.get(code, 0.0)
            after = {one.kind: one.share for one in model.rank(text, limit=60)}[code]
            assert after > before or before == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40), st.sampled_from(["路灯不亮", "垃圾", "gas leak", "电梯困人"]))
def test_both_together_tell_falling_chances_and_words_of_the_text(text, word):
    ranked = JOINT.rank(text + word)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    for one in ranked:
        assert 0 < one.score < 1
        assert all((text + word)[heard.start : heard.end] == heard.text for heard in one.words)
