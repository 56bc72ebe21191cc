"""Numerals of an address, a time or a number as people write them: 三号楼五零一室 becomes 3号楼501室.

A few sure rules instead of a grammar (which would turn names into numbers): a numeral right before a
word that counts, and a run of at least five spoken digits. A numeral that belongs to a name stays:
东四十条, 第一中学, 五四大街.
"""

from __future__ import annotations

import re
from typing import Final

DIGITS: Final = {
    "零": 0, "〇": 0, "一": 1, "幺": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7,
    "八": 8, "九": 9,
}  # fmt: skip
PLACES: Final = {"十": 10, "百": 100, "千": 1000}
LONG_RUN: Final = 5
"""So many single digits in a row are a telephone number or the like."""

_NUMERAL: Final = "零〇一幺二两三四五六七八九十百千"
_COUNTED: Final = "号楼|号院|号|栋|单元|室|层|楼|点钟|点半|点|岁"
_BEFORE: Final = "东西南北第老小" + _NUMERAL
"""After these a numeral is part of a name."""
_COUNT: Final = re.compile(rf"(?<![{_BEFORE}])([{_NUMERAL}]+)(?=(?:{_COUNTED})(?!儿|线))")
_RUN: Final = re.compile(rf"[零〇一幺二三四五六七八九]{{{LONG_RUN},}}")


def write_numerals(text: str) -> str:
    """Write numerals that count something in digits, and leave all others."""
    text = _RUN.sub(lambda run: "".join(str(DIGITS[digit]) for digit in run[0]), text)

    def count(found: re.Match[str]) -> str:
        value = read_numeral(found[1])
        return found[1] if value is None else value

    return _COUNT.sub(count, text)


def read_numeral(numeral: str) -> str | None:
    """Read a Mandarin numeral below ten thousand: 二十三 is 23, 五零一 is 501, 三百零五 is 305.

    :returns: digits; None for what is no numeral (十十, 百).
    """
    if not any(character in PLACES for character in numeral):
        return "".join(str(DIGITS[character]) for character in numeral)
    total, digit, ceiling = 0, None, 10_000
    for character in numeral:
        if character in PLACES:
            place = PLACES[character]
            if place >= ceiling or (digit is None and (place != PLACES["十"] or total)):
                return None
            total, digit, ceiling = total + (1 if digit is None else digit) * place, None, place
        elif digit not in (None, 0):
            return None
        else:
            digit = DIGITS[character]
    return str(total + (digit or 0))
