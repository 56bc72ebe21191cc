"""The prompts, encoded once in both laws, as rows of 20 ms that any number of calls may play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import CODECS, SILENCE, Samples, encode
from hotline.media.rtp import FRAME

SILENT_ROW: Final = 0


class PromptBank:
    """All prompts of a site; made once at start and never changed.

    :param prompts: samples at 8,000 Hz by name (``zh/greeting``); the last frame is filled up
        with silence.
    """

    def __init__(self, prompts: Mapping[str, Samples]) -> None:
        self._spans: dict[str, tuple[int, int]] = {}
        total = 1
        for name, samples in prompts.items():
            rows = -(-len(samples) // FRAME)
            self._spans[name] = (total, total + rows)
            total += rows
        self.rows: NDArray[np.uint8] = np.empty((len(CODECS), total, FRAME), np.uint8)
        """``(codec, row, 160)`` bytes; row 0 is silence."""
        self.rows[:] = SILENCE[:, None, None]
        for name, samples in prompts.items():
            start, end = self._spans[name]
            for index, codec in enumerate(CODECS):
                self.rows[index, start:end].reshape(-1)[: len(samples)] = encode(samples, codec)

    def __len__(self) -> int:
        return len(self._spans)

    def span(self, name: str) -> tuple[int, int] | None:
        """Give the first row of a prompt and the row after its last; None when there is no such prompt."""
        return self._spans.get(name)
