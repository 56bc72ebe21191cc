"""Kinds by keywords and by the classifier together: the higher of two calibrated chances.

Keywords (``kinds``) are exact where a caller says one; the classifier (``kind_model``) also knows what
only resembles them, and what was learned. Their scores mean different things, so each is turned into a
chance first, by a line that was drawn on texts whose kind is known. The higher of two chances is
right less often than it says, so it is turned into a chance once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hotline.routing.calibration import Calibration
from hotline.routing.district import KindRow
from hotline.routing.ear import HeardWord
from hotline.routing.kind_model import KindModel, Likely
from hotline.routing.kinds import KindRanker, RankedKind

FLOOR: Final = 0.1
"""Where the best kind has a lower chance, none is named."""
_LEAST: Final = 0.001
_LOOKED_AT: Final = 5
"""Kinds of each side; the third of both together is seldom the fourth of one."""


class Ranker(Protocol):
    """Whatever ranks the kinds that a text may be about."""

    def rank(self, text: str, *, limit: int = 3) -> tuple[RankedKind, ...]:
        """Name the likeliest kinds first; none when nothing speaks for one."""
        ...


@dataclass(frozen=True, slots=True)
class Chances:
    """How scores become chances."""

    by_words: Calibration
    """From the score of ``KindRanker``."""
    by_model: Calibration
    """From the share of ``KindModel``."""
    together: Calibration
    """From the higher of both chances."""


_WORDS: Final = (
    (0.1, 0.02),
    (0.2, 0.05),
    (0.31, 0.22),
    (0.4, 0.45),
    (0.48, 0.5),
    (0.6, 0.74),
    (0.7, 0.94),
    (0.82, 0.98),
)
_MODEL: Final = (
    (0.015, 0.01),
    (0.022, 0.03),
    (0.027, 0.12),
    (0.031, 0.22),
    (0.038, 0.35),
    (0.043, 0.41),
    (0.055, 0.6),
    (0.073, 0.67),
    (0.102, 0.82),
    (0.146, 0.9),
    (0.381, 0.99),
)
_TOGETHER: Final = (
    (0.02, 0.005),
    (0.12, 0.1),
    (0.21, 0.17),
    (0.37, 0.3),
    (0.55, 0.35),
    (0.78, 0.67),
    (0.92, 0.9),
    (0.974, 0.95),
    (0.988, 0.97),
)
DAY_ONE: Final = Chances(Calibration(_WORDS), Calibration(_MODEL), Calibration(_TOGETHER))
"""Before a district has trained a model: drawn on the sentences of docs/routing.md."""


class JointRanker:
    """Ranks kinds by keywords and a model; follows the model as it learns."""

    def __init__(self, kinds: Sequence[KindRow], model: KindModel, chances: Chances = DAY_ONE) -> None:
        self._rows = {row.code: row for row in kinds}
        self._words = KindRanker(kinds)
        self._model = model
        self._chances = chances

    def rank(self, text: str, *, limit: int = 3) -> tuple[RankedKind, ...]:
        """Name the kinds that a text may be about, the likeliest first; none when nothing speaks for one."""
        worded, likely = self._both(text)
        highest = self._highest(worded, likely)[:limit]
        best = [(code, self._chances.together.chance(higher)) for higher, code in highest]
        if not best or best[0][1] < FLOOR:
            return ()
        ranked = []
        for code, chance in best:
            score = round(max(chance, _LEAST), 3)
            if one := worded.get(code):
                ranked.append(replace(one, score=score))
            else:
                heard = _heard(self._model.speaking(text, code), text)
                ranked.append(RankedKind(self._rows[code], score, heard, by_likeness=True))
        return tuple(ranked)

    def judge(self, text: str, *, limit: int = 3) -> tuple[tuple[str, float], ...]:
        """Tell code and higher of both chances of the likeliest kinds: what ``together`` is drawn on."""
        return tuple((code, higher) for higher, code in self._highest(*self._both(text))[:limit])

    def _both(self, text: str) -> tuple[dict[str, RankedKind], dict[str, Likely]]:
        return (
            {one.kind.code: one for one in self._words.rank(text, limit=_LOOKED_AT)},
            {one.kind: one for one in self._model.rank(text, limit=_LOOKED_AT)},
        )

    def _highest(
        self, worded: Mapping[str, RankedKind], likely: Mapping[str, Likely]
    ) -> list[tuple[float, str]]:
        chances = self._chances
        highest = []
        for code in worded.keys() | likely.keys():
            told = chances.by_words.chance(worded[code].score) if code in worded else 0.0
            guessed = chances.by_model.chance(likely[code].share) if code in likely else 0.0
            highest.append((max(told, guessed), told + guessed, code))
        # Where the higher ones are equal, as at the ends of the lines, the other one counts as well.
        highest.sort(key=lambda one: (-one[0], -one[1], one[2]))
        return [(higher, code) for higher, _, code in highest]


def _heard(words: Sequence[str], text: str) -> tuple[HeardWord, ...]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few scripts change their length; positions must be those of the text
        return ()
    spans = [(word, lowered.find(word)) for word in words]
    return tuple(
        HeardWord(word, text[at : at + len(word)], at, at + len(word)) for word, at in spans if at >= 0
    )
