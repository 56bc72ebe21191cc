"""Request numbers: what is read to the caller, written on letters and keyed in again.

Twelve digits: the day as ``YYMMDD``, the count of that day in five, one check digit
(ISO/IEC 7064, MOD 11,10). Digits only, because a telephone has no other keys. The check digit
finds every single wrong digit and nearly every pair of neighbours that changed places, so that a
slip leads to "no such number" and not to somebody else's request.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from hotline.errors import OutsideError
from hotline.events.ids import RequestNumber

LENGTH: Final = 12
"""Digits of a number, the check digit included."""
COUNT_DIGITS: Final = 5
LARGEST_COUNT: Final = 10**COUNT_DIGITS - 1
"""Requests that one day can number."""


def check_digit(digits: str) -> str:
    """Compute the check digit for a string of ASCII digits (ISO/IEC 7064, MOD 11,10).

    :raises ValueError: when there is anything but ASCII digits, or nothing.
    """
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"a number holds digits only, not {digits!r}")
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def compose(day: date, count: int) -> RequestNumber:
    """Build the number of the ``count``-th request of a day.

    :param day: the day in the site's time zone.
    :param count: counted from 1.
    :raises OutsideError: when the day has no number left.
    :raises ValueError: when ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"requests of a day are counted from 1, not {count}")
    if count > LARGEST_COUNT:
        raise OutsideError(f"{day.isoformat()} has no request number left: {LARGEST_COUNT} are given out")
    digits = f"{day:%y%m%d}{count:0{COUNT_DIGITS}d}"
    return RequestNumber(digits + check_digit(digits))


def read_number(text: str) -> RequestNumber | None:
    """Read what a caller keyed in or an agent typed; spaces and hyphens between digits are allowed.

    :returns: the number, or None when it cannot be one of ours. It may still never have been given out.
    """
    digits = text.replace(" ", "").replace("-", "")
    if len(digits) != LENGTH or not (digits.isascii() and digits.isdigit()):
        return None
    if check_digit(digits[:-1]) != digits[-1]:
        return None
    return RequestNumber(digits)
