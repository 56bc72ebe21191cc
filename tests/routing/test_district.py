"""The district's files: what is read, what is refused, and how the refusal reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.routing import district
from hotline.routing.district import DISTRICT_FILES, is_email, read_district

CONFIG = Path(__file__).parents[2] / "config"


def the_files() -> dict[str, str]:
    return {name: (CONFIG / name).read_text(encoding="utf-8") for name in DISTRICT_FILES}


def test_shipped_files_have_no_rejected_line():
    bundle, rejected = read_district(the_files())
    assert rejected == ()
    assert len(bundle.kinds) == 60
    assert len([row for row in bundle.regions if row.level == "street"]) == 17
    assert len([row for row in bundle.regions if row.level == "community"]) == 169


def test_all_62_departments_are_units_and_no_office_stands_twice():
    files = the_files()
    bundle, _ = read_district(files)
    names = [line.split(",")[1] for line in files["departments.csv"].splitlines()[1:]]
    assert len(names) == 62
    for name in names:
        assert [unit.name for unit in bundle.units].count(name) == 1, name
    assert len({unit.code for unit in bundle.units}) == len(bundle.units) == 17 + 169 + 45


def test_every_unit_has_an_address_that_can_reach_nobody():
    bundle, _ = read_district(the_files())
    for unit in bundle.units:
        assert is_email(unit.email), unit
        assert unit.email.endswith("@dongcheng.example")


def test_streets_office_takes_the_streets_code():
    bundle, _ = read_district(the_files())
    office = next(unit for unit in bundle.units if unit.name == "北新桥街道办事处")
    assert (office.code, office.kind, office.region_code) == ("110101005", "street", "110101005")


def test_catalogue_of_59_kinds_is_refused_with_its_first_fault():
    files = the_files()
    files["catalogue.csv"] = files["catalogue.csv"].replace("\n0102,", "\n102,")
    with pytest.raises(ConfigError, match=r"8/22/60.*leading zero") as caught:
        read_district(files)
    assert (caught.value.file, caught.value.line) == ("catalogue.csv", 3)


def test_catalogue_that_lost_a_category_is_refused():
    files = the_files()
    lines = [line for line in files["catalogue.csv"].splitlines() if ",政务服务与咨询建议," not in line]
    files["catalogue.csv"] = "\n".join(lines)
    with pytest.raises(ConfigError, match="7/20/56"):
        read_district(files)


@pytest.mark.parametrize(
    ("file", "before", "after", "why"),
    [
        ("contacts.csv", "d001@dongcheng.example", "nobody", "is no e-mail address"),
        ("contacts.csv", "D001,", "D999,", "no unit has the code"),
        ("contacts.csv", "D002,", "D001,", "second address"),
        ("places.csv", "帽儿胡同,,交道口街道", "帽儿胡同,,西城街道", "no street of regions.json"),
        ("places.csv", "雨儿胡同,,", "帽儿胡同,,", "stands twice"),
        ("places.csv", "方家胡同,,", "方家胡同,", "cells, the heading"),
        ("departments.csv", "D003,", "X3,", "capital letter and three digits"),
        ("departments.csv", "街道,110101005", "街道,110101999", "a street of its own"),
        ("departments.csv", "区民政局", "区民政部", "goes to '区民政局'"),
        ("regions.json", '"110101001002"', '"110101999002"', "does not begin with its street"),
        ("regions.json", '"110101001002"', '"11010100100"', "must be 12 digits"),
    ],
)
def test_wrong_line_is_left_out_with_its_place_and_a_remedy(file, before, after, why):
    files = the_files()
    assert before in files[file]
    files[file] = files[file].replace(before, after, 1)
    _, rejected = read_district(files)
    assert any(why in str(one) for one in rejected), rejected
    assert all(one.line > 1 for one in rejected)


def test_second_line_of_a_pair_is_the_one_that_is_named():
    rows, rejected = district.read_places(
        "name,alias,street,verified\n甲胡同,,东四街道,0\n甲胡同,,东四街道,1\n", "p.csv", regions=the_regions()
    )
    assert [row.verified for row in rows] == [False]
    assert [one.line for one in rejected] == [3]


def the_regions():
    return read_district(the_files())[0].regions


def test_missing_file_is_told_by_name():
    files = the_files()
    del files["regions.json"]
    with pytest.raises(ConfigError, match=r"regions\.json"):
        read_district(files)


def test_byte_order_mark_of_a_spreadsheet_is_harmless():
    files = {name: "\ufeff" + text for name, text in the_files().items()}
    assert read_district(files)[1] == ()


def test_line_break_inside_a_name_is_refused():
    text = 'code,name,type,region_code\nD001,"区民政局\nBcc: x@y",区直部门,\n'
    units, rejected = district.read_units(
        text, "d.csv", regions=(), contacts="unit_code,email\n", contacts_file="c.csv"
    )
    assert units == ()
    assert "line break" in rejected[0].why


@pytest.mark.parametrize(
    "address",
    ["a@b\r\nBcc: c@d", "a b@c", "a@", "@b", "a@b@c", "<a@b>", "a,b@c", "a@b c", "é@b", "x" * 65 + "@b", ""],
)
def test_hostile_address_is_no_address(address):
    assert not is_email(address)


def complaints_about(files):
    """Every complaint, fatal or not, as (file, line) pairs."""
    try:
        _, rejected = read_district(files)
    except ConfigError as error:
        return [(error.file, error.line)]
    return [(one.file, one.line) for one in rejected]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DISTRICT_FILES), st.text(max_size=200))
def test_any_text_is_refused_by_the_files_name(file, text):
    assert file in {name for name, _ in complaints_about(the_files() | {file: text})}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DISTRICT_FILES), st.integers(0, 6000), st.text(max_size=5))
def test_damaged_file_is_read_or_refused_by_name(file, at, junk):
    text = the_files()[file]
    damaged = text[:at] + junk + text[at + 3 :]
    for name, line in complaints_about(the_files() | {file: damaged}):
        assert name in DISTRICT_FILES
        assert line is None or line >= 1
