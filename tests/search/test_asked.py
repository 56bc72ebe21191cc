"""One box for words, numbers and telephones."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import Refused
from hotline.search.asked import Asked, highest, lowest, narrowed, read_box, read_day
from hotline.search.facts import MARK, Filed, fact, phrases_for
from hotline.tickets.number import compose

NUMBER = compose(date(2026, 11, 24), 17)


@pytest.mark.parametrize("text", [NUMBER, f" {NUMBER[:6]} {NUMBER[6:]} ", f"{NUMBER[:6]}-{NUMBER[6:]}"])
def test_twelve_right_digits_are_a_request(text: str) -> None:
    assert read_box(text) == Asked(number=NUMBER)


def test_a_wrong_digit_in_a_request_number_is_told() -> None:
    wrong = NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10)
    with pytest.raises(Refused, match="a digit of it is wrong"):
        read_box(wrong)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800138000", "+8613800138000"),
        ("138-0013-8000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("010-65241234", "+861065241234"),
        ("65241234", "+861065241234"),
        ("0755 1234 5678", "+8675512345678"),
    ],
)
def test_digits_of_a_telephone_are_a_telephone(text: str, phone: str) -> None:
    assert read_box(text) == Asked(phone=phone)


def test_short_rows_of_digits_are_words() -> None:
    assert [phrase.words for phrase in read_box("12号").phrases] == [("12", "号")]
    assert read_box("1204").phrases


def test_nothing_asked_is_empty() -> None:
    assert read_box("  ").is_empty
    assert Asked(before=NUMBER).is_empty
    assert not Asked(state="closed").is_empty


@pytest.mark.parametrize("text", ["？", "x" * 201, "一 二 三 四 五 六 七 八 九"])
def test_what_cannot_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_box(text)
    assert refused.value.code == "input"


@given(st.text(max_size=220))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        asked = read_box(text)
    except Refused as refused:
        code = refused.code
    else:
        code, is_empty = "input", asked.is_empty
        assert is_empty == (not text.strip())
    assert code == "input"


@given(st.text(max_size=12))
def test_any_day_is_read_or_refused(text: str) -> None:
    code = "input"
    try:
        read_day(text, "the day")
    except Refused as refused:
        code = refused.code
    assert code == "input"


def test_days_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(Refused, match="end before"):
        narrowed(Asked(), date(2026, 2, 2), date(2026, 2, 1))


def test_a_day_holds_all_its_numbers_and_no_other() -> None:
    day, next_day = date(2026, 11, 24), date(2026, 11, 25)
    assert lowest(day) < compose(day, 1) < compose(day, 99_999) < highest(day) < lowest(next_day)


@given(st.text(), st.text(), st.sampled_from("skrup"))
def test_facts_of_two_values_are_two_words_that_no_text_holds(one: str, other: str, name: str) -> None:
    assert fact(name, one).startswith(MARK)
    assert " " not in fact(name, one)
    if one.casefold() != other.casefold():
        assert fact(name, one) != fact(name, other)


def test_what_is_filed_is_what_is_asked_for() -> None:
    filed = Filed(NUMBER, ("垃圾",), "in_progress", "0201", ("R1", "R2"), ("D001",), "+8613800138000")
    words = filed.words()
    asked = Asked(state="in_progress", kind="0201", region="R2", unit="D001", phone="+8613800138000")
    assert len(phrases_for(asked)) == 5
    assert all(phrase.words[0] in words for phrase in phrases_for(asked))
