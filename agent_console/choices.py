"""Long lists to choose from: units, streets, kinds of demand, searchable as people type them.

Agents type pinyin without an input method as often as characters, so every name can also be found
by its syllables and by their first letters: 东华门街道 is found by ``donghuamen`` and by ``dhm``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

from agent_console import wording
from hotline.desk.views import KindChoice, UnitChoice


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a list."""

    code: str
    label: str
    note: str
    """Smaller words behind the label, a message to translate when ``is_note_message``."""
    search: str
    """What typing is compared with: lower case, words parted by spaces."""
    is_note_message: bool = False


@lru_cache(maxsize=4096)
def search_words(label: str) -> str:
    """Write a name as it may be typed."""
    syllables = "".join(lazy_pinyin(label))
    initials = "".join(lazy_pinyin(label, style=Style.FIRST_LETTER))
    return f"{label} {syllables} {initials}".lower()


def unit_choices(units: Iterable[UnitChoice]) -> list[Choice]:
    """List the units that a request can go to."""
    return [
        Choice(
            unit.code,
            unit.name,
            wording.UNIT_KINDS.get(unit.kind, unit.kind) if unit.email else wording.N_("no e-mail address"),
            f"{search_words(unit.name)} {unit.code.lower()}",
            is_note_message=True,
        )
        for unit in units
    ]


def region_choices(units: Iterable[UnitChoice]) -> list[Choice]:
    """List the streets and communities that a place can lie in; their codes are those of the units."""
    return [
        Choice(
            unit.code,
            unit.name,
            wording.UNIT_KINDS.get(unit.kind, unit.kind),
            f"{search_words(unit.name)} {unit.code.lower()}",
            is_note_message=True,
        )
        for unit in units
        if unit.kind in {"street", "community"}
    ]


def kind_choices(kinds: Iterable[KindChoice]) -> list[Choice]:
    """List the kinds of demand."""
    return [
        Choice(kind.code, kind.label, kind.group, f"{search_words(kind.label)} {kind.group} {kind.code}")
        for kind in kinds
    ]
