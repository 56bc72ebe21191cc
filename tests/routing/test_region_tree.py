"""Regions with the days from and to which they were there, and the files they are read from."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.routing.district import read_regions
from hotline.routing.region_file import COLUMNS, merged, read_tree, write_csv, write_json
from hotline.routing.region_tree import Period, RegionTree, check

CONFIG = Path(__file__).parents[2] / "config"
TODAY, REPORT, MERGER = date(2026, 11, 24), date(2009, 6, 30), date(2010, 7, 1)
DISTRICT = Period("110101", "东城区", "district", None)
STREET = Period("110101005", "北新桥街道", "street", "110101")
COMMUNITY = Period("110101005014", "草园社区", "community", "110101005")
GRID = Period("110101005014001", "草园一格", "grid", "110101005014")
TREE = (DISTRICT, STREET, COMMUNITY, GRID)


def the_tree() -> RegionTree:
    periods, refused = read_tree((CONFIG / "region_periods.csv").read_text("utf-8"), "region_periods.csv")
    assert not refused
    return RegionTree(periods)


def streets(day: date) -> list[str]:
    return [one.code for one in the_tree().on(day) if one.level == "street"]


def faults(*periods: Period) -> list[tuple[str, str, str]]:
    return [(one.period.code, one.field, one.why) for one in check(periods)]


def test_ten_streets_of_2009_and_seventeen_of_today_stand_side_by_side():
    assert len(streets(REPORT)) == 10
    assert len(streets(TODAY)) == 17
    assert set(streets(REPORT)) < set(streets(TODAY))


def test_shipped_periods_say_what_the_shipped_regions_say():
    rows, _ = read_regions((CONFIG / "regions.json").read_text("utf-8"), "regions.json")
    today = {(one.code, one.name, one.level) for one in the_tree().on(TODAY) if one.level != "district"}
    assert today == {(row.code, row.name, row.level) for row in rows}
    assert set(streets(REPORT)) == {row.code for row in rows if row.level == "street" and row.in_2009}


def test_path_leads_up_to_the_district():
    assert [one.name for one in RegionTree(TREE).path(GRID.code, TODAY)] == [
        "草园一格",
        "草园社区",
        "北新桥街道",
        "东城区",
    ]


def test_street_answers_for_what_is_below_it():
    tree = RegionTree(TREE)
    assert tree.answerable(GRID.code, TODAY) == STREET
    assert tree.answerable(STREET.code, TODAY) == STREET
    assert tree.answerable("110101999", TODAY) is None


@pytest.mark.parametrize(
    ("giver", "taker", "may"),
    [
        (STREET.code, COMMUNITY.code, True),
        (COMMUNITY.code, STREET.code, False),
        (STREET.code, GRID.code, False),
        (STREET.code, "110101005999", False),
        ("110101006", COMMUNITY.code, False),
    ],
)
def test_work_is_handed_down_one_level_only(giver, taker, may):
    assert RegionTree(TREE).may_hand_down(giver, taker, TODAY) is may


def test_community_that_is_gone_takes_no_work():
    gone = Period(COMMUNITY.code, "草园社区", "community", STREET.code, valid_to=MERGER)
    assert not RegionTree([DISTRICT, STREET, gone]).may_hand_down(STREET.code, gone.code, TODAY)


def test_region_keeps_the_name_of_its_day():
    old = Period("110101011", "前门街道", "street", "110101", valid_to=MERGER)
    new = Period("110101011", "大前门街道", "street", "110101", valid_from=MERGER)
    tree = RegionTree([DISTRICT, old, new])
    assert tree.at("110101011", MERGER - timedelta(days=1)) == old
    assert tree.at("110101011", MERGER) == new
    assert not faults(DISTRICT, old, new)


def test_successor_stands_for_a_region_that_is_gone():
    gone = Period("110101005015", "旧社区", "community", STREET.code, None, MERGER, COMMUNITY.code)
    assert RegionTree([*TREE, gone]).now(gone.code, TODAY) == COMMUNITY
    assert RegionTree([*TREE]).now("110101005099", TODAY) is None


def _street(code: str, *rest: object) -> Period:
    return Period(code, "东四街道", "street", *rest)


@pytest.mark.parametrize(
    ("period", "field", "words"),
    [
        (_street("110101006", "110102"), "parent", "there is no region 110102 above"),
        (_street("110101006", STREET.code), "parent", "a street hangs below a district"),
        (_street("110101006", None), "parent", "has no parent; name its district"),
        (Period("110101006", "", "street", "110101"), "name", "has no name"),
        (Period("11010100", "东四街道", "street", "110101"), "code", "must have 9 digits for a street"),
        (Period("110101006", "东四街道", "town", "110101"), "level", "must be one of district, street"),
        (_street("110101006", "110101", TODAY, MERGER), "valid_to", "turn the dates round"),
        (Period(STREET.code, "北新桥", "street", "110101", MERGER), "valid_from", "twice on the same days"),
        (Period("110101006001", "甲社区", "community", STREET.code), "code", "does not begin with"),
        (_street("110101006", "110101", None, None, STREET.code), "successor", "is still there"),
        (_street("110101006", "110101", None, TODAY, "110101007"), "successor", "no region 110101007"),
        (Period("110102", "西城区", "district", "110101"), "parent", "leave its parent empty"),
    ],
)  # fmt: skip
def test_fault_is_told_with_its_field_and_remedy(period, field, words):
    ((code, found, why),) = faults(*TREE, period)
    assert (code, found) == (period.code, field)
    assert words in why


def test_circle_is_told():
    a = Period("110101006", "甲街道", "street", "110101007")
    b = Period("110101007", "乙街道", "street", "110101006")
    assert [(code, "cut the circle" in why) for code, _, why in faults(DISTRICT, a, b)] == [
        ("110101006", True),
        ("110101007", True),
    ]


def test_community_of_a_removed_street_is_told():
    removed = Period(STREET.code, "北新桥街道", "street", "110101", valid_to=MERGER)
    ((code, field, why),) = faults(DISTRICT, removed, COMMUNITY)
    assert (code, field) == (COMMUNITY.code, "parent")
    assert "was removed, or not yet there" in why


def test_what_hangs_on_a_faulty_region_is_told_as_well():
    bad = Period(STREET.code, "", "street", "110101")
    assert [code for code, _, _ in faults(DISTRICT, bad, COMMUNITY, GRID)] == [
        bad.code,
        COMMUNITY.code,
        GRID.code,
    ]


def test_line_of_a_csv_is_refused_by_number_and_field():
    text = ",".join(COLUMNS) + "\n110101,东城区,district,,,,\n110101005,北新桥街道,street,110101,2010-7-1,,\n"
    periods, refused = read_tree(text, "r.csv")
    assert [one.code for one in periods] == ["110101"]
    assert str(refused[0]) == (
        "line 3, valid_from: valid_from '2010-7-1' is no day; write it as 2010-07-01 or leave it empty"
    )


@pytest.mark.parametrize("text", ["{", "{}", '{"streets": 1}', "code,name\n"])
def test_file_of_another_form_is_refused_as_a_whole(text):
    with pytest.raises(ConfigError):
        read_tree(text, "r")


@pytest.mark.parametrize(
    "entry", ["[1]", '[{"code": "110101005", "name": "北", "communities": 3}]', '[{"name": "x"}]']
)
def test_strange_json_is_refused_by_line(entry):
    _, refused = read_tree(
        f'{{"district": {{"code": "110101", "name": "东城区"}}, "streets": {entry}}}', "r.json"
    )
    assert refused


def test_json_is_written_as_it_was_but_for_what_changed():
    old = (CONFIG / "regions.json").read_text("utf-8")
    periods, _ = read_tree((CONFIG / "region_periods.csv").read_text("utf-8"), "r.csv")
    again = json.loads(write_json(periods, TODAY, old))
    before = json.loads(old)
    assert again["streets"] == before["streets"]
    assert again["source"] == before["source"]


def test_new_tree_over_an_old_one_keeps_what_was():
    renamed = Period(COMMUNITY.code, "新草园社区", "community", STREET.code)
    found = merged([DISTRICT, STREET, COMMUNITY], [DISTRICT, STREET, renamed], TODAY)
    tree = RegionTree(found)
    assert tree.at(COMMUNITY.code, TODAY - timedelta(days=1)).name == "草园社区"
    assert tree.at(COMMUNITY.code, TODAY).name == "新草园社区"
    assert not check(found)


def test_region_that_the_new_tree_leaves_out_ends_on_the_day():
    tree = RegionTree(merged([DISTRICT, STREET, COMMUNITY], [DISTRICT, STREET], TODAY))
    assert tree.at(COMMUNITY.code, TODAY) is None
    assert tree.at(COMMUNITY.code, TODAY - timedelta(days=1)).name == COMMUNITY.name


DAYS = st.none() | st.sampled_from([date(2000, 1, 1), date(2010, 7, 1), date(2020, 1, 1)])
PERIODS = st.builds(
    Period,
    st.sampled_from(["110101", "110101005", "110101006", "110101005014", "110101005014001"]),
    st.sampled_from(["甲", "乙", ""]),
    st.sampled_from(["district", "street", "community", "grid"]),
    st.none() | st.sampled_from(["110101", "110101005", "110101005014", "110101007"]),
    DAYS,
    DAYS,
    st.sampled_from(["", "110101006", "110101005"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PERIODS, max_size=8))
def test_what_passes_the_check_is_a_tree_on_every_day(periods):
    bad = {id(one.period) for one in check(periods)}
    good = [one for one in periods if id(one) not in bad]
    tree = RegionTree(good)
    for day in (date(1999, 1, 1), date(2005, 1, 1), date(2015, 1, 1), TODAY):
        found = tree.on(day)
        assert len({one.code for one in found}) == len(found), "one region twice on a day"
        for one in found:
            assert tree.path(one.code, day)[-1].level == "district"


@settings(max_examples=100, deadline=None)
@given(st.lists(PERIODS, max_size=8))
def test_tree_is_read_back_as_it_was_written(periods):
    bad = {id(one.period) for one in check(periods)}
    good = [one for one in periods if id(one) not in bad]
    if check(good):
        return
    again, refused = read_tree(write_csv(good), "r.csv")
    assert not refused
    assert written(again) == written(good)


def written(rows) -> set[tuple[object, ...]]:
    return {(o.code, o.name, o.level, o.parent, o.valid_from, o.valid_to, o.successor) for o in rows}


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_no_text_brings_the_reader_down(text):
    try:
        read_tree(text, "r")
        read_tree(",".join(COLUMNS) + "\n" + text, "r")
    except ConfigError:
        pass
