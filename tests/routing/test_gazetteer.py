"""Places in spoken text: found when misheard, not found when nobody named one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_builders import misheard, the_district, the_gazetteer, the_sentences

CARRIERS = (
    "我住在{}这边没人管",
    "{}门口堆了好多东西",
    "喂你好我要反映一下{}的问题",
    "麻烦你们去{}看看吧昨天晚上就这样了",
)


def surface_forms():
    """Every name and alias with the streets it may mean: (name, entity, streets)."""
    streets = {}
    forms = []
    for region in the_district().regions:
        forms.append((region.name, region.name, region.parent or region.code))
        if region.level == "street":
            forms.append((region.name.removesuffix("街道"), region.name, region.code))
    for place in the_district().places:
        forms += [(name, place.name, place.street) for name in (place.name, *place.aliases)]
    for name, _, street in forms:
        streets.setdefault(name, set()).add(street)
    return [(name, entity, streets[name]) for name, entity, _ in forms]


def accuracy(rate, *, near=0.25, gaps=0.0, seed=96156):
    """Shares of right streets and right entities over all names, each in a sentence."""
    noise = random.Random(seed)
    forms = surface_forms()
    street_hits = entity_hits = 0
    for n, (name, entity, streets) in enumerate(forms):
        sentence = CARRIERS[n % len(CARRIERS)].format(misheard(name, rate, noise, near=near, gaps=gaps))
        found = the_gazetteer().find(sentence)
        street_hits += bool(found) and found[0].street in streets
        entity_hits += bool(found) and found[0].name == entity
    return street_hits / len(forms), entity_hits / len(forms)


@pytest.mark.parametrize(
    ("rate", "street_floor", "entity_floor"),
    [(0.0, 1.0, 0.97), (0.1, 0.98, 0.96), (0.2, 0.97, 0.95), (0.3, 0.96, 0.94)],
)
def test_street_is_right_although_characters_of_the_name_are_wrong(rate, street_floor, entity_floor):
    street, entity = accuracy(rate)
    assert street >= street_floor
    assert entity >= entity_floor


def test_street_is_mostly_right_when_syllables_are_lost_or_added():
    street, _ = accuracy(0.2, near=0.2, gaps=0.2)
    assert street >= 0.88


@pytest.mark.parametrize(
    ("heard", "corrected"),
    [
        ("北新桥草原社区院门口堆了砖头", "北新桥草园社区院门口堆了砖头"),
        ("北新桥街道草原社区，院门口", "北新桥街道草园社区，院门口"),
        ("和平礼这边停水了", "和平里这边停水了"),
        ("东直门外打街有渣土", "东直门外大街有渣土"),
        ("国子简街这里路灯坏了", "国子监街这里路灯坏了"),
        ("住在交道口局儿胡同", "住在交道口菊儿胡同"),
        ("草原社区和草原社区", "草园社区和草园社区"),
    ],
)
def test_homophones_become_the_name(heard, corrected):
    text, corrections = the_gazetteer().correct(heard)
    assert text == corrected
    assert corrections


@pytest.mark.parametrize(
    "text",
    [
        "和平里7区3号楼",
        "和平里七区",
        "在地摊上买的东西",
        "小区花园里的长椅坏了",
        "今天真是幸福光明的一天",
        "",
        "fire at the corner",
        "😀东四",
    ],
)
def test_text_without_a_misheard_name_stays_as_it_is(text):
    assert the_gazetteer().correct(text) == (text, ())


def test_corrections_point_into_both_texts():
    text, (first, second) = the_gazetteer().correct("喂，草原社区，还有和平礼。")
    assert (first.before, first.after) == ("草原社区", "草园社区")
    assert [text[one.start : one.end] for one in (first, second)] == ["草园社区", "和平里"]


def test_short_name_needs_its_characters_or_a_word_that_marks_it():
    gazetteer = the_gazetteer()
    assert [one.name for one in gazetteer.find("我在地坛呢")] == ["地坛公园"]
    assert gazetteer.find("有人摆地摊卖菜") == ()
    (found,) = gazetteer.find("东丹附近有人闹事")
    assert (found.name, found.needs_read_back) == ("东单北大街", True)


def test_place_in_its_own_characters_needs_no_read_back():
    best, second = the_gazetteer().find("北新桥草园社区院门口堆了砖头")
    assert (best.name, best.region, best.needs_read_back, best.score) == (
        "草园社区",
        "110101005014",
        False,
        1.0,
    )
    assert (second.name, second.region) == ("北新桥街道", "110101005")


@pytest.mark.parametrize("text", ["我们家新家园装修", "安义园的人都知道", "门口就是西何沿"])
def test_name_that_leans_on_nothing_asks_to_be_read_back(text):
    (found,) = the_gazetteer().find(text)
    assert found.needs_read_back
    assert found.score < 0.8


def test_two_streets_in_one_text_ask_to_be_read_back():
    found = the_gazetteer().find("从和平里开到龙潭街道都堵着")
    assert {one.name for one in found} == {"和平里街道", "龙潭街道"}
    assert all(one.needs_read_back for one in found)


def test_home_of_the_caller_settles_a_close_race():
    text = "从和平里开到建国门都堵着"
    assert the_gazetteer().find(text, home_region="110101010001")[0].name == "和平里街道"
    assert the_gazetteer().find(text, home_region="110101008")[0].name == "建国门街道"


@pytest.mark.parametrize("before", [0, 26, 33, 39, 40, 41, 200])
def test_name_is_found_wherever_it_stands_in_a_text_without_commas(before):
    text = "啊" * before + "北新桥街道草原社区" + "呢" * 90
    assert [one.name for one in the_gazetteer().find(text)] == ["草园社区", "北新桥街道"]
    corrected, corrections = the_gazetteer().correct(text)
    assert corrected == text.replace("草原", "草园")
    assert len(corrections) == 1


def test_unknown_home_is_ignored():
    assert the_gazetteer().find("和平里", home_region="999")[0].name == "和平里街道"


def test_sentences_without_a_place_have_none():
    for row in the_sentences("place_free.csv"):
        assert the_gazetteer().find(row["utterance_zh"]) == (), row
        assert the_gazetteer().correct(row["utterance_zh"])[1] == (), row


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([name for name, _, _ in surface_forms()] + list("的在了，。 7区里街abc")), max_size=8
    )
)
def test_correcting_twice_changes_nothing_more(words):
    once, corrections = the_gazetteer().correct("".join(words))
    assert the_gazetteer().correct(once)[0] == once
    for one in corrections:
        assert once[one.start : one.end] == one.after


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_searched(text):
    for one in the_gazetteer().find(text):
        assert text[one.start : one.end] == one.heard
        assert 0 <= one.score <= 1
    the_gazetteer().correct(text)
