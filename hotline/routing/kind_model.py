"""A classifier of kinds that learns from each decision: averaged passive-aggressive, on ``features``.

On its first day it knows the catalogue: names and keywords give every feature a weight for the kinds
that hold it (``prior``). What is learned is kept apart and added, so that an edited catalogue counts at
once and a file of learned weights outlives it.

Learning is PA-I (Crammer et al. 2006, section 3): a text whose kind leads the others by a margin of 1
changes nothing; otherwise the weights move just far enough, by ``AGGRESSIVENESS`` at most, towards
that kind and away from its strongest rival. ``train`` makes several passes and keeps the mean of all
weights on the way, which is steadier; ``learn`` counts at once and in full.

Rows of weights are replaced, never changed, so that one thread may learn while others rank.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.errors import ConfigError
from hotline.routing.district import KindRow
from hotline.routing.features import features_of, is_written

TEXT_LONGEST: Final = 1000
"""Characters that are looked at, as in ``suggest``."""
FEATURES_MOST: Final = 200_000
"""Learned features that are kept; beyond that the lightest go. About 60 MB."""
PASSES: Final = 4
AGGRESSIVENESS: Final = 0.25
"""Farthest that one text moves the weights; a single wrong decision must not turn the model over."""
_SCALE: Final = 4.0
"""Weight of the first day against what is learned."""
_SHARPNESS: Final = 4.0
"""From scores to shares: the higher, the more the best one takes."""
_WEAK_SHARE: Final = 0.35
_NAME_SHARE: Final = 1.5
_GROUP_SHARE: Final = 0.3
_SHOWN_MOST: Final = 3

Row = Mapping[str, float]
"""Weight by kind."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and the kind that a person decided on."""

    text: str
    kind: str
    """Four-digit code of the catalogue."""


@dataclass(frozen=True, slots=True)
class Likely:
    """A kind that a text may be about."""

    kind: str
    share: float
    """0 to 1, all kinds together 1; only orders, see ``calibration``."""


class KindModel:
    """Ranks the kinds of one catalogue by weights.

    :param learned: what an earlier model had learned; kinds that the catalogue no longer has are left out.
    """

    def __init__(
        self, kinds: Sequence[KindRow], learned: Mapping[str, Row] | None = None, *, samples: int = 0
    ) -> None:
        self.codes = tuple(row.code for row in kinds)
        self._known = frozenset(self.codes)
        self._prior = prior(kinds)
        self._learned: dict[str, Row] = {}
        for feature, row in (learned or {}).items():
            if kept := {code: weight for code, weight in row.items() if code in self._known}:
                self._learned[feature] = kept
        self.samples = samples
        """Texts that it has learned from."""

    @property
    def learned(self) -> Mapping[str, Row]:
        """What it has learned beyond the catalogue: weight by feature and kind."""
        return self._learned

    def rank(self, text: str, *, limit: int = 3) -> tuple[Likely, ...]:
        """Name the likeliest kinds; none when no feature of the text is known."""
        features = features_of(text[:TEXT_LONGEST])
        scores = self._scores(features)
        if not scores:
            return ()
        top = max(max(scores.values()), 0.0)
        unheard = len(self.codes) - len(scores)
        powers = {code: math.exp(_SHARPNESS * (score - top)) for code, score in scores.items()}
        total = sum(powers.values()) + unheard * math.exp(-_SHARPNESS * top)
        ordered = sorted(scores, key=lambda code: (-scores[code], code))[:limit]
        return tuple(Likely(code, powers[code] / total) for code in ordered)

    def speaking(self, text: str, kind: str) -> tuple[str, ...]:
        """Name the stretches of a text that speak most for a kind, three at most, in lower case."""
        weighed = []
        for feature in features_of(text[:TEXT_LONGEST]):
            weight = self._prior.get(feature, {}).get(kind, 0.0) + self._learned.get(feature, {}).get(
                kind, 0.0
            )
            if weight > 0 and len(feature) > 1 and is_written(feature):
                weighed.append((-weight, -len(feature), feature))
        shown: list[str] = []
        for _, _, feature in sorted(weighed):
            if not any(feature in one or one in feature for one in shown):
                shown.append(feature)
        return tuple(shown[:_SHOWN_MOST])

    def learn(self, sample: Sample) -> bool:
        """Learn from one decision; it counts from now on.

        :returns: whether anything changed; a text that was clear already changes nothing.
        :raises ConfigError: when the catalogue has no such kind.
        """
        features = features_of(sample.text[:TEXT_LONGEST])
        step = self._step(features, sample.kind)
        self.samples += 1
        if step is None:
            return False
        rival, size = step
        self._move(self._learned, features, sample.kind, rival, size)
        self._prune()
        return True

    def train(self, samples: Sequence[Sample], *, passes: int = PASSES) -> None:
        """Forget what was learned and learn from these, the mean of all weights on the way being kept.

        The order of the samples counts; give them mixed.

        :raises ConfigError: when the catalogue has no such kind.
        """
        read = [(features_of(sample.text[:TEXT_LONGEST]), sample.kind) for sample in samples]
        self._learned = {}
        drift: dict[str, Row] = {}
        steps = 1
        for _ in range(passes):
            for features, kind in read:
                if (step := self._step(features, kind)) is not None:
                    rival, size = step
                    self._move(self._learned, features, kind, rival, size)
                    self._move(drift, features, kind, rival, size * steps)
                steps += 1
        # The mean of the weights over all steps, without adding them up at each (Daume 2006, section 2.2).
        self._learned = {
            feature: {code: weight - drift[feature][code] / steps for code, weight in row.items()}
            for feature, row in self._learned.items()
        }
        self._prune()
        self.samples = len(samples)

    def _scores(self, features: Sequence[str]) -> dict[str, float]:
        scores: dict[str, float] = defaultdict(float)
        for table in (self._prior, self._learned):
            for feature in features:
                if row := table.get(feature):
                    for code, weight in row.items():
                        scores[code] += weight
        size = len(features) ** 0.5
        return {code: score / size for code, score in scores.items()}

    def _step(self, features: Sequence[str], kind: str) -> tuple[str, float] | None:
        """Tell the strongest rival and how far to move; None when the margin is kept."""
        if kind not in self._known:
            raise ConfigError(f"the catalogue has no kind {kind!r}; take it from catalogue.csv")
        if not features or len(self.codes) < 2:
            return None
        scores = self._scores(features)
        rival = max((code for code in self.codes if code != kind), key=lambda code: scores.get(code, 0.0))
        loss = 1.0 - scores.get(kind, 0.0) + scores.get(rival, 0.0)
        return (rival, min(AGGRESSIVENESS, loss / 2)) if loss > 0 else None

    @staticmethod
    def _move(table: dict[str, Row], features: Sequence[str], kind: str, rival: str, size: float) -> None:
        step = size / len(features) ** 0.5
        for feature in features:
            row = dict(table.get(feature, {}))
            row[kind] = row.get(kind, 0.0) + step
            row[rival] = row.get(rival, 0.0) - step
            table[feature] = row

    def _prune(self) -> None:
        if len(self._learned) <= FEATURES_MOST * 1.1:
            return
        heaviest = sorted(self._learned.items(), key=lambda one: -max(map(abs, one[1].values()), default=0.0))
        self._learned = dict(heaviest[:FEATURES_MOST])


def prior(kinds: Sequence[KindRow]) -> dict[str, Row]:
    """Weigh the features of the catalogue's names and keywords: rare ones more, each kind alike in all."""
    mass = {kind.code: _mass(kind) for kind in kinds}
    holders = Counter(feature for features in mass.values() for feature in features)
    rarity = {feature: math.log(1 + len(kinds) / held) for feature, held in holders.items()}
    table: dict[str, dict[str, float]] = defaultdict(dict)
    for code, features in mass.items():
        weights = {feature: weight**0.5 * rarity[feature] for feature, weight in features.items()}
        size = math.hypot(*weights.values()) or 1.0
        for feature, weight in weights.items():
            table[feature][code] = _SCALE * weight / size
    return dict(table)


def _mass(kind: KindRow) -> dict[str, float]:
    mass: dict[str, float] = defaultdict(float)
    phrases: Iterable[tuple[str, float]] = (
        (kind.label, _NAME_SHARE),
        (kind.level2, _GROUP_SHARE),
        *((word, 1.0) for word in (*kind.keywords, *kind.keywords_en)),
        *((word, _WEAK_SHARE) for word in kind.weak_keywords),
    )
    for phrase, share in phrases:
        for feature in features_of(phrase):
            mass[feature] += share
    return mass
