"""Requests that may be about the same matter: near in place, kind and time, and told in like words.

No threshold tells repeats from neighbours well enough to merge by machine (at 94 % precision a cosine
found 23 % of them), but the true sibling stands among the first few nearly always. So the likeliest three
are shown with their reasons, and a person decides.

Candidates come from the store by *traits*, short keys under which a request is filed; what is compared
here are some hundred of them, not all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MOST: Final = 3
"""Requests that are offered."""
NEAR_DAYS: Final = 60
"""Days back that repeats are looked for."""
KINDS_LOOKED_AT: Final = 3
TEXT_LONGEST: Final = 500
"""Characters of a text that are compared: what is the matter is said in the first two minutes."""

_TEXT, _PLACE, _KIND, _TIME = 0.45, 0.27, 0.2, 0.08
"""What each likeness counts; they add up to 1."""
_FLOOR: Final = 0.3
"""Likeness from which on a request is offered."""
_WORDS_FLOOR: Final = 0.12
"""Likeness of words without which place and kind must both be the same."""
_SAME_COMMUNITY, _SAME_STREET = 0.75, 0.35
_SECOND_KIND, _SAME_ITEM = 0.6, 0.3
_HALF_DAYS: Final = 14.0
"""Days after which a request counts half as near in time."""
_SHOWN_WORDS: Final = 3
_SKIPPED: Final = frozenset(" \t\n，。？！、；：,.?!;:“”\"'（）()")


@dataclass(frozen=True, slots=True)
class Described:
    """A request as far as likeness asks."""

    number: str
    opened_at: datetime
    text: str
    kinds: tuple[str, ...]
    """Codes of the kind that was decided, else of those suggested, the likeliest first."""
    region: str
    """Code of its street or community; empty when nobody knows."""
    place: str
    """Name of the place; empty when nobody knows."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A request that may be about the same matter."""

    number: str
    score: float
    """0 to 1."""
    reason: str
    """In Chinese, for the agent."""


def traits_of(one: Described) -> tuple[str, ...]:
    """List the keys under which a request is filed, and under which its siblings are looked for.

    ``p:`` a place, ``c:`` a community, ``k:`` a kind within a street (``k:0201:`` where no street is known).
    """
    street = one.region[:9]
    traits = [f"p:{one.place}"] if one.place else []
    if len(one.region) > len(street):
        traits.append(f"c:{one.region}")
    traits += [f"k:{kind}:{street}" for kind in one.kinds[:KINDS_LOOKED_AT]]
    return tuple(dict.fromkeys(traits))


def most_similar(one: Described, others: Iterable[Described], *, most: int = MOST) -> tuple[Similar, ...]:
    """Find the requests that are most like one, the likeliest first; those unlike it are left out.

    :param others: candidates; the request itself among them is passed over.
    """
    candidates = [other for other in others if other.number != one.number]
    grams = [_grams(other.text) for other in candidates]
    own = _grams(one.text)
    # What every candidate says (the name of the street, 请问) tells none from another.
    holders = Counter(gram for each in grams for gram in each)
    weight = {gram: math.log((len(grams) + 2) / (holders[gram] + 1)) for gram in own.keys() | holders.keys()}
    ranked = []
    for other, theirs in zip(candidates, grams, strict=True):
        words = _cosine(own, theirs, weight)
        place, kind = _place(one, other), _kind(one, other)
        if words < _WORDS_FLOOR and (place < 1 or kind < 1):
            continue
        days = abs((one.opened_at - other.opened_at).total_seconds()) / 86_400
        score = _TEXT * words + _PLACE * place + _KIND * kind + _TIME * 0.5 ** (days / _HALF_DAYS)
        if score >= _FLOOR:
            ranked.append((score, other.number, _reason(one, other, place, kind, days)))
    ranked.sort(key=lambda each: (-each[0], each[1]))
    return tuple(Similar(number, round(score, 3), reason) for score, number, reason in ranked[:most])


def _grams(text: str) -> Mapping[str, float]:
    kept = "".join(character for character in text[:TEXT_LONGEST].lower() if character not in _SKIPPED)
    counts = Counter(kept[n : n + size] for size in (2, 3) for n in range(len(kept) - size + 1))
    return {gram: 1 + math.log(count) for gram, count in counts.items()}


def _cosine(one: Mapping[str, float], other: Mapping[str, float], weight: Mapping[str, float]) -> float:
    shared = sum(one[gram] * other[gram] * weight[gram] ** 2 for gram in one.keys() & other.keys())
    if not shared:
        return 0.0
    return shared / (_length(one, weight) * _length(other, weight))


def _length(grams: Mapping[str, float], weight: Mapping[str, float]) -> float:
    return math.sqrt(sum((value * weight[gram]) ** 2 for gram, value in grams.items()))


def _place(one: Described, other: Described) -> float:
    if one.place and one.place == other.place:
        return 1.0
    if not one.region or not other.region or one.region[:9] != other.region[:9]:
        return 0.0
    return _SAME_COMMUNITY if one.region == other.region and len(one.region) > 9 else _SAME_STREET


def _kind(one: Described, other: Described) -> float:
    if not one.kinds or not other.kinds:
        return 0.0
    if one.kinds[0] == other.kinds[0]:
        return 1.0
    if one.kinds[0] in other.kinds or other.kinds[0] in one.kinds:
        return _SECOND_KIND
    return _SAME_ITEM if one.kinds[0][:2] == other.kinds[0][:2] else 0.0


def _reason(one: Described, other: Described, place: float, kind: float, days: float) -> str:
    parts = []
    if place == 1:
        parts.append(f"同一地点“{one.place}”")
    elif place:
        parts.append("同一社区" if place == _SAME_COMMUNITY else "同一街道")
    if kind:
        parts.append("同类诉求" if kind == 1 else "诉求相近")
    if shared := _shared(one.text, other.text):
        parts.append("都说到" + "".join(f"“{word}”" for word in shared))
    parts.append("同一天" if days < 1 else f"相隔{round(days)}天")
    return "；".join(parts)


def _shared(one: str, other: str) -> Sequence[str]:
    """Find the longest runs of characters that stand in both texts; three at most, none within another."""
    text, within = one[:TEXT_LONGEST], other[:TEXT_LONGEST]
    runs: list[str] = []
    start = 0
    while start < len(text):
        size = 0
        while (
            start + size < len(text)
            and text[start + size] not in _SKIPPED
            and text[start : start + size + 1] in within
        ):
            size += 1
        if size >= 2:
            runs.append(text[start : start + size])
        start += max(size, 1)
    longest = sorted(dict.fromkeys(runs), key=lambda run: -len(run))
    return [run[:12] for run in longest[:_SHOWN_WORDS]]
