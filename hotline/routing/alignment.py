"""Fitting one name into a clause, syllable by syllable, with graded costs.

Semi-global alignment (Sellers 1980): the name must be used up, the clause may begin and end anywhere.
The limits below decide what counts as the name; they were measured, see docs/routing.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.names import Form
from hotline.routing.pinyin import GAP, Sound, confusion, gap

_MEAN_COST: Final = {2: 0.15, 3: 0.27, 4: 0.3}
"""Highest mean cost of the distinguishing syllables by their number; ``_MEAN_COST_LONG`` for more."""
_MEAN_COST_LONG: Final = 0.34
_MEAN_COST_BARE: Final = 0.1
"""The same for three syllables that nothing but their sound marks as a name."""
_MEAN_COST_WHOLE: Final = 0.34
_MEAN_COST_SUFFIX: Final = 0.25
"""Highest mean cost of the suffix where the name itself is short and leans on it."""
_ROUNDING: Final = 1e-9
_WORTH: Final = 0.45
"""What a syllable of the right sound counts; its cost is taken off."""
_SAME_CHARACTER: Final = 0.06
_SUFFIX_SHARE: Final = 0.4
"""Share of a syllable's worth in a suffix that many names have."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A stretch of a clause that sounds like a name."""

    form: Form
    first: int
    last: int
    """One after the last sound of the clause."""
    costs: tuple[float, ...]
    """Cost of each syllable of the name."""
    gaps: int
    """Syllables too many or too few."""
    gain: float
    """What it explains: grows with syllables that fit, shrinks with those that do not."""

    @property
    def mean(self) -> float:
        """Mean cost per syllable of the name."""
        return sum(self.costs) / len(self.costs)


def align(form: Form, clause: Sequence[Sound]) -> Iterator[Hit]:
    """Find where a name fits into a clause; stretches do not overlap, the best comes first."""
    if form.as_written:
        spoken = "".join(sound.character for sound in clause)
        at = spoken.find(form.text)
        if at >= 0:
            yield _judge(form, clause, at, at + len(form.text), (0.0,) * len(form.text), gaps=0)
        return
    wanted = form.syllables
    rows = _table(form, clause)
    limit = _MEAN_COST_WHOLE * len(wanted)
    taken: list[tuple[int, int]] = []
    for end in sorted(range(1, len(clause) + 1), key=rows[-1].__getitem__):
        if rows[-1][end] > limit:
            break
        start, costs, gaps = _trace(rows, form, clause, end)
        if any(start < right and left < end for left, right in taken):
            continue
        taken.append((start, end))
        if _is_like(form, costs, gaps):
            yield _judge(form, clause, start, end, costs, gaps=gaps)


def _table(form: Form, clause: Sequence[Sound]) -> list[list[float]]:
    """Cheapest cost of the first i syllables of the name against a stretch that ends at sound j."""
    rows = [[0.0] * (len(clause) + 1)]
    spoken = [(sound.syllable, gap(sound.character)) for sound in clause]
    for character, syllable in zip(form.text, form.syllables, strict=True):
        above = rows[-1]
        lost = gap(character)
        left = above[0] + lost
        row = [left]
        for j, (heard, added) in enumerate(spoken):
            left = min(above[j] + confusion(syllable, heard), above[j + 1] + lost, left + added)
            row.append(left)
        rows.append(row)
    return rows


def _trace(
    rows: Sequence[Sequence[float]], form: Form, clause: Sequence[Sound], end: int
) -> tuple[int, tuple[float, ...], int]:
    """Walk back from the end of a stretch; a syllable too many is charged to the one before it."""
    i, j = len(form.text), end
    costs = [0.0] * i
    gaps = 0
    while i > 0:
        here = rows[i][j]
        step = confusion(form.syllables[i - 1], clause[j - 1].syllable) if j else 0.0
        lost = gap(form.text[i - 1])
        if j and abs(rows[i - 1][j - 1] + step - here) < _ROUNDING:
            costs[i - 1] += step
            i, j = i - 1, j - 1
            continue
        gaps += 1
        if abs(rows[i - 1][j] + lost - here) < _ROUNDING:
            costs[i - 1] += lost
            i -= 1
        else:
            costs[i - 1] += gap(clause[j - 1].character)
            j -= 1
    return j, tuple(costs), gaps


def _is_like(form: Form, costs: Sequence[float], gaps: int) -> bool:
    first, last = form.stem
    stem, suffix = costs[first:last], costs[last:]
    if gaps > 1 or sum(costs) / len(costs) > _MEAN_COST_WHOLE:
        return False
    if gaps and len(costs) <= 4 and sum(costs) > GAP + _ROUNDING:
        return False  # a short name can miss a syllable, or have another one wrong, not both
    if len(stem) <= 3 and suffix and sum(suffix) / len(suffix) > _MEAN_COST_SUFFIX:
        return False
    if len(stem) == 3 == len(costs):
        return sum(stem) / 3 <= _MEAN_COST_BARE + _ROUNDING
    return sum(stem) / len(stem) <= _MEAN_COST.get(len(stem), _MEAN_COST_LONG) + _ROUNDING


def _judge(
    form: Form, clause: Sequence[Sound], start: int, end: int, costs: tuple[float, ...], *, gaps: int
) -> Hit:
    first, last = form.stem
    gain = 0.0
    for n, cost in enumerate(costs):
        gain += (_WORTH - cost) * (1.0 if first <= n < last else _SUFFIX_SHARE)
    written = "".join(sound.character for sound in clause[start:end])
    gain += _SAME_CHARACTER * sum(a == b for a, b in zip(written, form.text, strict=False))
    if form.is_weak:
        gain *= 0.7
    return Hit(form, start, end, costs, gaps, gain)
