from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.tickets.masking import mask


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13800138000", "138****8000"),
        ("+8613800138000", "138****8000"),
        ("+861065241234", "010****1234"),
        ("01065241234", "010****1234"),
        ("65241234", "65****34"),
        ("1001", "***1"),
        ("7", "7"),
        ("+442079460000", "+44******0000"),
        ("anna", "a***"),
        ("", ""),
    ],
)
def test_number_is_masked(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True))
def test_masked_number_never_tells_the_whole_one(number: str) -> None:
    assert number not in mask(number)
    assert number.lstrip("+") not in mask(number)
    assert mask(number).count("*") >= 3
