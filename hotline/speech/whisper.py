"""Whisper base on CTranslate2: from a window of speech to candidate texts.

One encoder pass serves all decodes of a window. The model is given the window and five seconds of
silence in place of the thirty it was trained with: a third of the time, the same error rate.
Only this module knows the model; what to make of its answers is listening.py's work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from hotline.errors import ConfigError, OutsideError
from hotline.speech.band import RECOGNISER_RATE_HZ, Samples

BEAM: Final = 5
"""Candidates kept while decoding; with 1 the error rate rises from 15 to 20 %."""
TAIL_S: Final = 5.0
"""Silence after the window; 2 s were unstable with a long prompt."""
CONTEXT_S: Final = 30.0
"""The longest the model can take."""
FRAMES_PER_S: Final = 100
TOKENS_PER_S: Final = 12
"""Nobody speaks faster; what is longer is the model going round in circles."""
TOKENS_AT_LEAST: Final = 12
LONGEST_OUTPUT_TOKENS: Final = 448  # the decoder's context (Radford et al. 2022, section 2.2)
LONGEST_PROMPT_TOKENS: Final = 223  # half of it, less the start of the prompt
COMPUTE: Final = "int8"


@dataclass(frozen=True, slots=True)
class Decode:
    """What the model reads from a window."""

    text: str
    score: float
    """Mean log-probability of its tokens."""
    no_speech: float
    """Probability that nobody spoke."""


class Model(Protocol):
    """What reads a window of speech."""

    name: str
    """Name and version, stored with each transcript."""

    def decode(self, samples: Samples, language: str, prompts: Sequence[str]) -> list[Decode]:
        """Read a window once for each prompt."""
        ...


class Whisper:
    """A Whisper model in the form of faster-whisper.

    :param folder: from hotline.speech.model_files.
    :raises ConfigError: when the libraries or the files do not load.
    """

    def __init__(self, folder: Path, *, threads: int = 1, beam: int = BEAM, tail_s: float = TAIL_S) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        try:
            import ctranslate2
            import opencc
            from faster_whisper import WhisperModel
            from faster_whisper.tokenizer import Tokenizer
        except ImportError as error:
            raise ConfigError(f"the recogniser is not installed ({error}); pip install hotline") from error
        try:
            self._model: Any = WhisperModel(
                str(folder), device="cpu", compute_type=COMPUTE, cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ConfigError(f"the model does not load: {error}", file=str(folder)) from error
        self._view = ctranslate2.StorageView.from_array
        self._simplify = opencc.OpenCC("t2s").convert
        self._beam, self._tail_s = beam, tail_s
        self._tokenizers: dict[str, Any] = {
            language: Tokenizer(self._model.hf_tokenizer, True, task="transcribe", language=language)
            for language in ("zh", "en")
        }
        self.name = f"{folder.name}-{COMPUTE} (ctranslate2 {ctranslate2.__version__})"

    def decode(self, samples: Samples, language: str, prompts: Sequence[str]) -> list[Decode]:
        """Read a window once for each prompt.

        :param samples: 16 kHz, at most 30 s.
        :param language: ``zh`` or ``en``.
        :param prompts: text that might have been said before; empty for none. Traditional
            characters are turned into simplified ones.
        :raises OutsideError: when the model fails.
        """
        tokenizer = self._tokenizers[language]
        length_s = samples.size / RECOGNISER_RATE_HZ
        try:
            encoded = self._encode(samples, length_s)
            return [self._read(encoded, tokenizer, prompt, length_s, language) for prompt in prompts]
        except RuntimeError as error:
            raise OutsideError(f"the model failed: {error}") from error

    def _encode(self, samples: Samples, length_s: float) -> Any:  # noqa: ANN401 - the library's own type
        features = self._model.feature_extractor(samples)
        frames = int(min(CONTEXT_S, length_s + self._tail_s) * FRAMES_PER_S) // 2 * 2
        features = features[:, :frames]
        features = np.pad(features, ((0, 0), (0, frames - features.shape[1])))
        return self._model.model.encode(
            self._view(np.ascontiguousarray(features[np.newaxis], dtype=np.float32))
        )

    def _read(
        self,
        encoded: Any,  # noqa: ANN401 - the library's own type
        tokenizer: Any,  # noqa: ANN401 - the same
        prompt: str,
        length_s: float,
        language: str,
    ) -> Decode:
        before: list[int] = []
        if prompt:
            before = [tokenizer.sot_prev, *tokenizer.encode(f" {prompt}")[-LONGEST_PROMPT_TOKENS:]]
        start = [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]
        result = self._model.model.generate(
            encoded,
            [start],
            beam_size=self._beam,
            max_length=min(
                LONGEST_OUTPUT_TOKENS, len(start) + int(length_s * TOKENS_PER_S) + TOKENS_AT_LEAST
            ),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1],
        )[0]
        text = tokenizer.decode([token for token in result.sequences_ids[0] if token < tokenizer.eot])
        if language == "zh":
            text = self._simplify(text)
        return Decode(text.strip(), float(result.scores[0]), float(result.no_speech_prob))
