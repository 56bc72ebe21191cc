"""Phone numbers that not everybody may read in full."""

from __future__ import annotations

from typing import Final

HIDDEN: Final = "*"


def mask(number: str) -> str:
    """Hide the middle of a phone number: ``+8613800138000`` becomes ``138****8000``.

    Mainland numbers lose their country code, a landline keeps its area code
    (``+861065241234`` becomes ``010****1234``). Enough is left to tell two callers apart, too
    little to dial. Anything without digits (a SIP user name) keeps its first character only.
    Empty stays empty.
    """
    shown = domestic(number)
    if not any(character.isdigit() for character in shown):
        return shown[:1] + HIDDEN * 3 if shown else ""
    if len(shown) <= 4:  # an extension
        return HIDDEN * (len(shown) - 1) + shown[-1]
    head, tail = (3, 4) if len(shown) >= 10 else (2, 2) if len(shown) >= 7 else (1, 1)
    return shown[:head] + HIDDEN * (len(shown) - head - tail) + shown[-tail:]


def domestic(number: str) -> str:
    """Write a mainland number as it is dialled here: ``13800138000``, ``01065241234``; others unchanged."""
    if not number.startswith("+86"):
        return number
    rest = number.removeprefix("+86")
    is_mobile = len(rest) == 11 and rest.startswith("1")
    return rest if is_mobile else f"0{rest}"
