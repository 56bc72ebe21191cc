"""Suggestions as an agent reads them: value, reason, and the words that led there."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_builders import misheard, the_district, the_sentences

from hotline.routing.suggest import Suggester
from hotline.routing.suggestion import KIND, PLACE, PRIORITY, REGION, UNIT
from hotline.routing.urgent import UrgentWords

SUGGESTER = Suggester(the_district())
URGENT = UrgentWords(the_district().urgent)


def best(text, field, **known):
    return next((one for one in SUGGESTER.suggest(text, **known) if one.field == field), None)


def test_request_is_filled_in_from_a_misheard_text():
    text = "北新桥街道草原社区院门口堆了一大堆砖头沙子，好几个月没人管。"
    assert best(text, KIND).value == "0102"
    assert best(text, PLACE).value == "草园社区"
    assert best(text, REGION).value == "110101005014"
    assert best(text, UNIT).value == "110101005"
    assert best(text, UNIT).label == "北新桥街道办事处"
    assert best(text, PRIORITY).value == "P3"
    assert "草原社区" in best(text, PLACE).reason
    assert "“砖头”" in best(text, KIND).reason


def test_corrected_place_is_told_by_what_was_really_heard():
    raw = "和平礼那边停水了"
    text, _ = SUGGESTER.correct(raw)
    certain, honest = best(text, PLACE), best(text, PLACE, raw_text=raw)
    assert certain.value == honest.value == "和平里街道"
    assert honest.score < certain.score
    assert "“和平礼”" in honest.reason
    assert "请向来电人核对" in honest.reason


def test_district_department_leads_while_street_and_community_help():
    units = [one for one in SUGGESTER.suggest("和平里七区这垃圾桶三天没清运了") if one.field == UNIT]
    assert [one.value for one in units[:3]] == ["D029", "110101010", "110101010011"]
    assert [one.label.endswith("（协办）") for one in units[:3]] == [False, True, True]
    assert units[0].score > units[1].score


def test_street_duty_without_a_place_has_no_unit():
    assert best("楼道里堆了旧家具", KIND).value == "0803"
    assert best("楼道里堆了旧家具", UNIT) is None


def test_street_duty_without_a_place_goes_to_the_callers_street():
    unit = best("楼道里堆了旧家具", UNIT, home_region="110101005014")
    assert unit.value == "110101005"
    region = best("楼道里堆了旧家具", REGION, home_region="110101005014")
    assert (region.value, region.score) == ("110101005014", 0.3)


def test_place_without_a_matter_goes_to_the_streets_office_with_little_certainty():
    unit = best("安定门那边", UNIT)
    assert unit.value == "110101004"
    assert unit.score < 0.5
    assert "类别不明" in unit.reason


def test_fire_raises_any_demand_to_p1():
    (first, second, *_) = SUGGESTER.suggest("垃圾桶着火了冒黑烟")
    assert (first.field, first.value) == (PRIORITY, "P1")
    assert "立即核实" in first.reason
    assert second.value == "P2"


def test_fire_by_sound_is_told_as_such():
    alarm = best("我要找火警", PRIORITY)
    assert alarm.value == "P1"
    assert alarm.score < 0.7
    assert "音近“着火”" in alarm.reason


@pytest.mark.parametrize("text", ["没有着火", "不是漏气", "没着火就是有烟味"])
def test_denied_danger_is_no_danger(text):
    assert URGENT.hear(text) == ()


@pytest.mark.parametrize("text", ["有人没有呼吸了", "那个井没有盖子", "电梯里的人出不来"])
def test_danger_that_begins_with_not_is_no_denial(text):
    assert URGENT.hear(text)


def test_english_alarm_is_heard_as_a_whole_word():
    assert best("There is a Gas Leak in my building", PRIORITY).value == "P1"
    assert best("the fireplace shop is closed", PRIORITY) is None


def test_every_urgent_phrase_is_heard_in_homophones():
    noise = random.Random(96156)
    for phrase in the_district().urgent:
        if phrase.isascii():
            continue
        text = f"我们这儿{misheard(phrase, 1.0, noise, near=0.0)}了快来"
        assert URGENT.hear(text), (phrase, text)


def test_p1_sentences_are_p1():
    for file in ("utterances.csv",):
        for row in the_sentences(file):
            if row["priority"] == "P1":
                assert best(row["utterance_zh"], PRIORITY).value == "P1", row


def test_nothing_said_suggests_nothing():
    assert SUGGESTER.suggest("") == ()
    assert SUGGESTER.suggest("喂你好") == ()


def test_text_is_only_looked_at_as_far_as_the_longest_message():
    assert best("啊" * 1000 + "着火", PRIORITY) is None


WORDS = ["着火", "垃圾桶", "和平里", "草原社区", "的", "，", "abc", "<b>", "\r\n", "没有", "7区", "井盖"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_every_suggestion_says_why(words):
    text = "".join(words)
    for one in SUGGESTER.suggest(text):
        assert 0 < one.score <= 1
        assert one.reason
        assert one.label
        assert all(word in text for word in one.source_text.split("、") if one.source_text)
