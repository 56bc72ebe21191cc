"""A suggestion: a value, how sure we are, and why. A person decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KIND: Final = "kind"
"""Value: four-digit code of the catalogue, for example ``0201``."""
PLACE: Final = "place"
"""Value: name of a place, community or street as the gazetteer writes it."""
REGION: Final = "region"
"""Value: region code of a street (9 digits) or community (12 digits)."""
UNIT: Final = "unit"
"""Value: code of the organisation that should have it."""
PRIORITY: Final = "priority"
"""Value: ``P1`` to ``P4``."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposed value for one field of a request."""

    field: str
    """One of the constants of this module."""
    value: str
    label: str
    """What a person reads, in Chinese: ``垃圾清运与暴露垃圾``."""
    score: float
    """0 to 1; comparable within one field only."""
    reason: str
    """Why, in Chinese, with the words that led there: ``提到“垃圾桶”“清运”``."""
    source_text: str = ""
    """The words of the transcript that led to it; empty when none."""
