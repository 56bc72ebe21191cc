"""From a recording to its transcript: the path that every recording takes, whatever the model.

    speech found ► windows ► two decodes of one encoding ► agreement ► repeats out ► complete?
    ► place names ► numerals ► how sure we are

The second decode is shown the words of this service. It hears them better, but in unclear speech it
gives them back as an echo; so it counts only where it sounds like the first, which saw nothing.
What the silence gate let through is never dropped: what cannot be read is there as unclear, with its
place in the audio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hotline.intake.ports import Segment, Transcript
from hotline.speech import judging
from hotline.speech.band import RECOGNISER_RATE_HZ, Samples
from hotline.speech.numerals import write_numerals
from hotline.speech.whisper import Decode, Model
from hotline.speech.windows import (
    Stretch,
    Window,
    cut_out,
    find_speech,
    make_windows,
    split,
    voiced_s,
)

LANGUAGES: Final = ("zh", "en")
NEUTRAL: Final = {"zh": "以下是普通话的句子。", "en": ""}
"""Sets the script and the punctuation, and suggests no word."""
SERVICE: Final = {
    "zh": "垃圾清运、乱停车、噪音、违章建筑、下水道堵塞、路灯、暖气、漏水、停电、物业、居委会、胡同、小区、"
    "单元、号楼、院门口。以下是市民拨打热线反映问题的录音。",
    "en": "Dongcheng service line. Garbage, parking, noise, street light, blocked drain, heating, hutong.",
}
"""Words of this service; a site's own streets come before them (local_words.py). Mandarin words are
listed with the enumeration comma and end in a sentence: a list with ordinary commas makes the model
write a comma after every word, and cost 4 points of error rate."""
SHORTEST_TO_SPLIT_S: Final = 3.0
"""With less speech than this, few characters are no sign that some were left out."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Turns recordings into transcripts."""

    model: Model
    find: Callable[[Samples], Sequence[Stretch]] = find_speech
    """Finds where somebody speaks."""
    fix: Callable[[str], str] = str
    """Corrects the place names of a Mandarin text."""
    service: Mapping[str, str] = field(default_factory=lambda: SERVICE)
    """What the second decode of each language is shown."""

    def transcribe(self, samples: Samples, language: str) -> Transcript | None:
        """Write down what was said.

        :param samples: 16 kHz.
        :param language: ``zh`` or ``en``; anything else is taken as ``zh``.
        :returns: None when nobody spoke.
        :raises OutsideError: when the model fails.
        """
        language = language if language in LANGUAGES else LANGUAGES[0]
        heard: list[tuple[Segment, float]] = []
        for window in make_windows(self.find(samples)):
            heard += self._read(samples, window, language)
        if not heard:
            return None
        segments = [segment for segment, _ in heard]
        joint = "" if language == "zh" else " "
        return Transcript(
            text=joint.join(segment.text for segment in segments if segment.text),
            segments=segments,
            confidence=judging.overall([(segment.confidence, length) for segment, length in heard]),
            language=language,
            model=self.model.name,
        )

    def _read(self, samples: Samples, window: Window, language: str) -> list[tuple[Segment, float]]:
        """Read a window, and where sentences seem to be lost its halves as well.

        :returns: segments, each with the length of its speech.
        """
        whole = self._read_once(samples, window, language)
        raw, spoken_s = whole[0].raw_text, whole[1]
        if spoken_s <= SHORTEST_TO_SPLIT_S or not judging.is_incomplete(raw, spoken_s, language):
            return [whole]
        halves = split(samples, window)
        if halves is None:
            return [whole]
        parts = [segment for half in halves for segment in self._read(samples, half, language)]
        found = sum(judging.count_characters(segment.raw_text) for segment, _ in parts)
        return parts if found >= judging.MORE_IN_HALVES * judging.count_characters(raw) + 1 else [whole]

    def _read_once(self, samples: Samples, window: Window, language: str) -> tuple[Segment, float]:
        start, end = window[0].start, window[-1].end
        prompts = (NEUTRAL[language], self.service[language])
        neutral, shown = self.model.decode(cut_out(samples, window), language, prompts)
        raw, agreed = choose(neutral, shown)
        level = judging.confidence(neutral.score, agreed, neutral.no_speech)
        if not raw or judging.is_stock_phrase(raw):
            level = judging.NONE
        if level == judging.NONE:
            raw = ""
        if language == "zh":
            raw = judging.with_chinese_stops(raw)
        text = write_numerals(self.fix(raw)) if language == "zh" else raw
        segment = Segment(
            start_ms=start * 1000 // RECOGNISER_RATE_HZ,
            end_ms=end * 1000 // RECOGNISER_RATE_HZ,
            text=text,
            raw_text=raw,
            confidence=level,
            score=round(neutral.score, 4),
        )
        return segment, voiced_s(window)


def choose(neutral: Decode, shown: Decode) -> tuple[str, float]:
    """Choose between the decode that saw nothing and the one that was shown our words.

    :returns: the text without repeats, and how far the two agree.
    """
    plain, helped = judging.without_repeats(neutral.text), judging.without_repeats(shown.text)
    agreed = judging.agreement(plain, helped)
    return (helped if agreed >= judging.AGREEMENT_TO_ACCEPT else plain), agreed
