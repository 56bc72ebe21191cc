"""How good voices are, in words: what a console says of a call that goes on, or of one that is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hotline.desk.views import VoiceView
from hotline.media.plan import LegQuality

GRADES: Final = ((4.34, "very_good"), (4.03, "good"), (3.60, "fair"), (3.10, "poor"))
"""Lowest scores of the classes of listeners' contentment (ITU-T G.107, annex B: R = 90, 80, 70, 60)."""
WORST: Final = "bad"
UNHEARD: Final = "unheard"
UNKNOWN: Final = "unknown"
ORDER: Final = (UNKNOWN, *(name for _, name in GRADES), WORST, UNHEARD)
"""From nothing to complain of to the worst."""


def grade_of(mos: float) -> str:
    """Give the class of a score."""
    return next((name for least, name in GRADES if mos >= least), WORST)


def voice_view(
    quality: LegQuality | None, who: str, *, is_missing: bool = False, is_over: bool = False
) -> VoiceView:
    """Judge a leg by the worse of its two directions.

    :param quality: None while the media plane has told nothing yet.
    :param who: ``caller`` or ``other``.
    :param is_missing: its voice is missing now, or was at a time of a call that is over.
    :param is_over: then a leg that was never heard is told as that.
    """
    if quality is None:
        return VoiceView(who, UNHEARD if is_missing else UNKNOWN, None, 0.0, is_missing=is_missing)
    directions = [(quality.mos, quality.loss), (quality.far_mos, quality.far_loss or 0.0)]
    known = [(mos, loss) for mos, loss in directions if mos is not None]
    if quality.mos is None and (is_over or is_missing):
        return VoiceView(who, UNHEARD, None, 0.0, is_missing=is_missing)
    if not known:
        return VoiceView(who, UNKNOWN, None, 0.0, is_missing=is_missing)
    mos, loss = min(known)
    return VoiceView(who, grade_of(mos), mos, loss, is_missing=is_missing)


def worst_first(views: Sequence[VoiceView]) -> list[VoiceView]:
    """Order the voices of a call: the caller's, then the worst of those she was connected with."""
    others = sorted(
        (view for view in views if view.who != "caller"),
        key=lambda view: ORDER.index(view.grade),
        reverse=True,
    )
    return [view for view in views if view.who == "caller"] + others[:1]
