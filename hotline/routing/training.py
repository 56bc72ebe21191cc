"""From a district's decided requests to a model and to chances that can be believed.

The samples are dealt into ``FOLDS`` parts; each part is judged by a model trained on the others, and
the chances are drawn on those judgements. The model itself is then trained on everything. Equal texts
always fall into the same part, so that none is judged by a model that has seen it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.calibration import Calibration, fit
from hotline.routing.district import KindRow
from hotline.routing.evaluation import Evaluation, judge
from hotline.routing.joint import DAY_ONE, Chances, JointRanker
from hotline.routing.kind_model import PASSES, KindModel, Sample
from hotline.routing.kinds import KindRanker

FOLDS: Final = 5
FEWEST: Final = 100
"""Samples without which nothing is trained: fewer teach less than the catalogue knows."""
_LIMIT: Final = 3
_AS_IT_IS: Final = Calibration(((0.0, 0.0), (1.0, 1.0)))


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training."""

    model: KindModel
    chances: Chances
    held_out: Evaluation
    """Of keywords and models together, each text judged by models that had not seen it."""


def train(kinds: Sequence[KindRow], samples: Sequence[Sample], *, passes: int = PASSES) -> Trained:
    """Train a model on samples of this catalogue, and draw its chances on parts held out.

    :raises ConfigError: for a sample whose kind the catalogue does not have.
    """
    mixed = sorted(samples, key=lambda sample: (_deal(sample), sample.text, sample.kind))
    words = KindRanker(kinds)
    folds = []
    for fold in range(FOLDS):
        part = [sample for sample in mixed if int(_deal(sample)[:8], 16) % FOLDS == fold]
        rest = [sample for sample in mixed if int(_deal(sample)[:8], 16) % FOLDS != fold]
        model = KindModel(kinds)
        model.train(rest, passes=passes)
        folds.append((part, model))
    by_words = fit(
        (one.score, one.kind.code == sample.kind) for sample in mixed for one in words.rank(sample.text)
    )
    by_model = fit(
        (one.share, one.kind == sample.kind)
        for part, model in folds
        for sample in part
        for one in model.rank(sample.text)
    )
    chances = Chances(by_words or DAY_ONE.by_words, by_model or DAY_ONE.by_model, _AS_IT_IS)
    answers = []
    for part, model in folds:
        ranker = JointRanker(kinds, model, chances)
        answers += [(sample.kind, ranker.judge(sample.text, limit=_LIMIT)) for sample in part]
    together = fit((higher, code == kind) for kind, named in answers for code, higher in named)
    chances = Chances(chances.by_words, chances.by_model, together or DAY_ONE.together)
    stated = [
        (kind, [(code, chances.together.chance(higher)) for code, higher in named]) for kind, named in answers
    ]
    model = KindModel(kinds)
    model.train(mixed, passes=passes)
    return Trained(model, chances, judge(stated))


def _deal(sample: Sample) -> str:
    return hashlib.sha256(sample.text.encode("utf-8", "surrogatepass")).hexdigest()
