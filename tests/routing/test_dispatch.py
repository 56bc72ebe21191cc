"""The table of dispatch rules: which rule decides, and what a wrong line is told."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_builders import the_district, the_files

from hotline.routing.dispatch import DispatchRule, first_rule, holes, shadows
from hotline.routing.dispatch_file import Known, known_of, read_owners, read_rules
from hotline.routing.district import DISPATCH_FILE, OWNERS_FILE, STREET, read_district
from hotline.routing.suggest import Suggester
from hotline.routing.suggestion import UNIT
from hotline.routing.units import OwnerWords, UnitChooser

HEADING = "rule,kind,region,owner,lead,co_handlers,reason\n"
BEIXINQIAO, CAOYUAN, ROADS, POWER, GAS = "110101005", "110101005014", "D030", "D043", "D044"


def known() -> Known:
    district = the_district()
    return known_of(
        (row.code for row in district.kinds),
        ((row.code, row.name) for row in district.regions),
        ((row.code, row.name) for row in district.units),
    )


def read(*lines: str):
    return read_rules(HEADING + "".join(line + "\n" for line in lines), "dispatch.csv", known())


def complaint(*lines: str) -> tuple[int, str]:
    _, bad = read(*lines)
    assert len(bad) == 1, bad
    return bad[0].line, bad[0].why


def kind(code: str):
    return next(row for row in the_district().kinds if row.code == code)


def proposed(code: str, region: str | None, owner: str | None = None):
    return [
        (one.unit.code, one.is_lead, one.rule)
        for one in UnitChooser(the_district()).propose(kind(code), region, owner)
    ]


def test_shipped_rules_are_all_usable_and_leave_no_hole():
    district, bad = read_district(the_files())
    assert not [one for one in bad if one.file in {DISPATCH_FILE, OWNERS_FILE}]
    assert len(district.rules) >= 9
    units = {unit.name: unit.code for unit in district.units}
    defaults = {row.code: units.get(row.default_department, row.default_department) for row in district.kinds}
    streets = [row.code for row in district.regions if row.level == STREET]
    assert holes(district.rules, defaults, streets, set(units.values())) == ()


def test_owner_of_the_component_leads_and_the_others_help():
    assert proposed("0502", CAOYUAN, GAS) == [
        (GAS, True, "R010"),
        (ROADS, False, "R010"),
        (BEIXINQIAO, False, "R010"),
    ]


def test_without_an_owner_the_catalogue_decides():
    assert proposed("0502", CAOYUAN)[0] == (ROADS, True, "")


def test_community_helps_where_a_rule_says_so():
    assert proposed("1801", CAOYUAN)[1:] == [(BEIXINQIAO, False, "R120"), (CAOYUAN, False, "R120")]


def test_street_stands_for_itself_where_its_community_is_unknown():
    assert proposed("1801", BEIXINQIAO)[1:] == [(BEIXINQIAO, False, "R120")]


def test_street_office_without_a_place_is_nobody():
    assert proposed("1802", None) == []


def test_suggestion_names_its_rule_and_the_words_that_told_the_owner():
    text = "北新桥草园社区门口的燃气井井盖没了"
    unit = next(one for one in Suggester(the_district()).suggest(text) if one.field == UNIT)
    assert unit.value == GAS
    assert "派单规则R010" in unit.reason
    assert "“燃气井”" in unit.reason


def test_owner_is_heard_by_sound_as_well():
    heard = OwnerWords(the_district().owners).hear("门口那个陆灯杆倒了")
    assert heard is not None
    assert heard[0] == "D045"
    assert heard[1].by_sound


def test_words_as_written_count_before_words_that_only_sound_so():
    heard = OwnerWords(the_district().owners).hear("热力井旁边的陆灯杆")
    assert heard is not None
    assert heard[0] == "D031"


def test_first_rule_from_the_top_decides():
    rules, bad = read("A,0502,北新桥街道,*,D001,,", "B,05,*,*,D002,,", "C,*,*,*,D003,,")
    assert not bad
    assert [
        first_rule(rules, *demand, None).name
        for demand in [("0502", CAOYUAN), ("0502", None), ("0101", CAOYUAN)]
    ] == [
        "A",
        "B",
        "C",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",0502,*,*,D001,,", "rule is empty"),
        ("A,,*,*,D001,,", "kind is empty; write \\* for every one"),
        ("A,0502|*,*,*,D001,,", "kind has \\* beside others"),
        ("A,9999,*,*,D001,,", "no kind or item '9999'; write 0502, 05 or \\*"),
        ("A,0502,东城街道,*,D001,,", "there is no region '东城街道'"),
        ("A,0502,*,热力公司,D001,,", "there is no owner '热力公司'"),
        ("A,0502,*,*,,,", "lead is empty; name the unit"),
        ("A,0502,*,*,D999,,", "there is no unit 'D999'; write a code or name of departments.csv"),
        ("A,0502,*,*,D001,区民政局不存在,", "there is no unit '区民政局不存在'"),
        ("A,0502,*,*,社区,,", "a community cannot lead"),
        ("A,0502,*,*,权属单位,,", "权属单位 needs an owner"),
        ("A,0502,*,*,D001,区民政局,", "both leads and helps"),
        ("A,0502,*,*,D001,", "the line has 6 cells, the heading 7"),
    ],
)
def test_wrong_line_is_told_with_its_remedy(line: str, words: str):
    number, why = complaint(line)
    assert number == 2
    assert re.search(words, why)


def test_rule_of_the_same_name_is_refused():
    assert complaint("A,0502,*,*,D001,,", "A,0501,*,*,D001,,") == (
        3,
        "rule A stands twice; give the second one a name of its own",
    )


def test_shadowed_rule_is_told_with_the_rules_that_hide_it():
    streets = "|".join(row.name for row in the_district().regions if row.level == STREET)
    line, why = complaint("A,05,*,*,D001,,", f"B,0601,{streets},*,D002,,", "C,0502,北新桥街道,D043,D003,,")
    assert line == 4
    assert why == "rule C never decides: A before it takes all; move it up or take it away"


def test_several_rules_hide_one_together():
    owners = "|".join(unit.code for unit in the_district().units)
    rules, bad = read("A,0502,*,*,D001,,", "B,0501|0503|0504,*,*,D002,,", f"C,05,北新桥街道,{owners},D003,,")
    assert [rule.name for rule in rules] == ["A", "B"]
    assert "A, B before it takes all" in bad[0].why


def test_rule_for_demands_without_a_place_is_not_hidden_by_one_for_each_street():
    streets = "|".join(row.code for row in the_district().regions if row.level == STREET)
    rules, bad = read(f"A,0502,{streets},*,D001,,", "B,0502,*,*,D002,,")
    assert not bad
    assert first_rule(rules, "0502", None, None).name == "B"


def test_hole_of_one_street_is_told():
    rule = DispatchRule("A", 2, ("0502",), (BEIXINQIAO,), ("*",), "D999", (), "")
    found = holes([rule], {"0502": ROADS}, [BEIXINQIAO, "110101006"], {ROADS})
    assert [(one.kind, one.region, one.why) for one in found] == [
        ("0502", BEIXINQIAO, "rule A names no unit")
    ]


def test_hole_of_the_whole_district_is_told_once():
    found = holes([], {"0502": ""}, [BEIXINQIAO, "110101006"], {ROADS})
    assert [(one.kind, one.region) for one in found] == [("0502", None)]


@pytest.mark.parametrize(
    ("line", "words"),
    [("井,D043", "at least two characters"), ("电力井,D999", "there is no unit 'D999'"), ("电力井", "cells")],
)
def test_wrong_owner_word_is_told(line: str, words: str):
    _, bad = read_owners(f"phrase,owner\n{line}\n", "owners.csv", known())
    assert words in bad[0].why


CODES = st.sampled_from(["0501", "0502", "05", "0601", "*"])
REGIONS = st.sampled_from([BEIXINQIAO, CAOYUAN, "110101006", "*"])
OWNERS = st.sampled_from([POWER, GAS, "*"])
RULES = st.lists(st.tuples(CODES, REGIONS, OWNERS), max_size=7).map(
    lambda rows: [
        DispatchRule(f"R{n}", n, (code,), (region,), (owner,), ROADS, (), "")
        for n, (code, region, owner) in enumerate(rows)
    ]
)


@settings(max_examples=60, deadline=None)
@given(RULES)
def test_rule_is_shadowed_exactly_when_no_demand_reaches_it(rules):
    kinds = ["0501", "0502", "0601"]
    regions = [BEIXINQIAO, CAOYUAN, "110101005001", "110101006", "110101006001"]
    reached = {
        rule.name
        for demand in itertools.product(kinds, [*regions, None], [POWER, GAS, "D001", None])
        if (rule := first_rule(rules, *demand))
    }
    hidden = {one.rule.name for one in shadows(rules, kinds, regions)}
    assert hidden == {rule.name for rule in rules} - reached


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_no_text_brings_the_reader_down(text: str):
    rules, bad = read_rules(HEADING + text.replace('"', ""), "dispatch.csv", known())
    assert all(one.line >= 2 for one in bad)
    assert all(rule.lead for rule in rules)
