"""The ways people say the names of a district: 草园社区 is also 草园小区 and 北新桥草园.

Only names are made here; matching them with what was heard is in alignment.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.district import COMMUNITY, STREET, PlaceRow, RegionRow
from hotline.routing.pinyin import syllables_of

PLACE: Final = "place"
"""Level of a road, hutong or landmark; the other levels are ``street`` and ``community``."""

# Words that many names end in; the longest that fits is taken off. What is left tells names apart.
_STREET_SUFFIXES: Final = ("街道办事处", "街道办", "街道")
_COMMUNITY_SUFFIXES: Final = ("社区居委会", "社区", "小区", "居委会")
_ROAD_SUFFIXES: Final = ("胡同", "大街", "公园", "小区", "街", "路", "巷")
# What follows a name of two syllables when it is one: 东四 as such must stand there as written, but
# what sounds like "dongsi fujin" is Dongsi.
_NEARBY: Final = ("这边", "那边", "附近", "门口", "路口", "地铁站")


@dataclass(frozen=True, slots=True)
class Entity:
    """A street, community, road or landmark."""

    name: str
    level: str
    region: str
    street: str


@dataclass(frozen=True, slots=True)
class Form:
    """One way to say an entity."""

    text: str
    syllables: tuple[str, ...]
    entity: Entity
    stem: tuple[int, int]
    """The syllables that tell this name from others."""
    as_written: bool
    """True when the very characters must stand there."""
    is_weak: bool
    """True when the words are also ordinary words, or leave out what makes them a name."""


def forms_of(regions: Sequence[RegionRow], places: Sequence[PlaceRow]) -> tuple[Form, ...]:
    """List the ways to say each name; of the same way for the same street the first is kept."""
    streets = {row.code: _bare(row.name, _STREET_SUFFIXES) for row in regions if row.level == STREET}
    kept: dict[tuple[str, str], Form] = {}
    for form in (
        *_street_forms(regions, streets),
        *_place_forms(places),
        *_community_forms(regions, streets),
    ):
        kept.setdefault((form.text, form.entity.street), form)
    return tuple(kept.values())


def _street_forms(regions: Sequence[RegionRow], streets: Mapping[str, str]) -> Iterator[Form]:
    for row in regions:
        if row.level == STREET:
            entity = Entity(row.name, STREET, row.code, row.code)
            bare = streets[row.code]
            for suffix in _STREET_SUFFIXES:
                yield _form(bare + suffix, entity, len(bare))
            yield from _alone(bare, entity)


def _place_forms(places: Sequence[PlaceRow]) -> Iterator[Form]:
    for place in places:
        entity = Entity(place.name, PLACE, place.street, place.street)
        for name in (place.name, *place.aliases):
            yield from _alone(name, entity)


def _alone(name: str, entity: Entity) -> Iterator[Form]:
    """Say a name as it is; a short one also with a word that shows it to be a name."""
    yield _form(name, entity, len(_bare(name, _ROAD_SUFFIXES)))
    if len(name) == 2:
        for word in _NEARBY:
            yield _form(name + word, entity, len(name), weak=True)


def _community_forms(regions: Sequence[RegionRow], streets: Mapping[str, str]) -> Iterator[Form]:
    for row in regions:
        if row.level != COMMUNITY or row.parent is None:
            continue
        entity = Entity(row.name, COMMUNITY, row.code, row.parent)
        bare = _bare(row.name, _COMMUNITY_SUFFIXES)
        for suffix in _COMMUNITY_SUFFIXES:
            yield _form(bare + suffix, entity, len(bare))
        street = streets[row.parent]
        if not bare.startswith(street):
            yield _form(street + bare, entity, len(bare), start=len(street))
        if len(bare) > 2:
            yield _form(bare, entity, len(bare), weak=True)


def _form(text: str, entity: Entity, stem: int, *, start: int = 0, weak: bool = False) -> Form:
    short = len(text) == 2
    span = (start, start + stem)
    return Form(text, tuple(syllables_of(text)), entity, span, as_written=short, is_weak=weak or short)


def _bare(name: str, suffixes: Iterable[str]) -> str:
    for suffix in suffixes:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name.removesuffix(suffix)
    return name
