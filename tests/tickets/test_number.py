from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import OutsideError
from hotline.tickets.number import LARGEST_COUNT, LENGTH, check_digit, compose, read_number

days = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))
counts = st.integers(1, LARGEST_COUNT)
numbers = st.builds(compose, days, counts)


def test_check_digit_agrees_with_the_examples_of_the_standard() -> None:
    # ISO/IEC 7064 gives 0794 -> 5 for MOD 11,10; German tax numbers use the same system.
    assert check_digit("0794") == "5"
    assert check_digit("8609574271") == "9"


def test_number_holds_day_count_and_check_digit() -> None:
    number = compose(date(2026, 11, 23), 42)
    assert number[:11] == "26112300042"
    assert len(number) == LENGTH


def test_day_without_numbers_left_is_an_outside_error() -> None:
    compose(date(2026, 11, 23), LARGEST_COUNT)
    with pytest.raises(OutsideError, match="2026-11-23 has no request number left"):
        compose(date(2026, 11, 23), LARGEST_COUNT + 1)


def test_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        compose(date(2026, 11, 23), 0)


@given(numbers)
def test_number_read_back_is_the_number(number: str) -> None:
    assert read_number(number) == number
    assert read_number(f" {number[:6]}-{number[6:]} ") == number


@given(numbers, st.integers(0, LENGTH - 1), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(number: str, place: int, shift: int) -> None:
    wrong = str((int(number[place]) + shift) % 10)
    assert read_number(number[:place] + wrong + number[place + 1 :]) is None


def test_nearly_every_swap_of_neighbours_is_found() -> None:
    found = tried = 0
    for count in range(1, LARGEST_COUNT, 97):
        number = compose(date(2026, 11, 23), count)
        for place in range(LENGTH - 1):
            if number[place] == number[place + 1]:
                continue
            swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
            tried += 1
            found += read_number(swapped) is None
    assert found / tried > 0.97


@given(st.text(max_size=20))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    number = read_number(text)
    assert number is None or len(number) == LENGTH


def test_digits_of_other_scripts_are_no_number() -> None:
    number = compose(date(2026, 11, 23), 7)
    assert read_number(number.translate({ord(str(d)): 0xFF10 + d for d in range(10)})) is None
