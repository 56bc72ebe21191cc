"""What to make of what the model says it heard: repeats, echoes, stock phrases, how sure we are.

Pure functions of text and scores. The limits were measured on 74 clips in five conditions
(docs/speech.md) and are to be set anew when real calls are there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pypinyin import lazy_pinyin
from rapidfuzz.distance import Levenshtein

HIGH, MID, LOW, NONE = "high", "mid", "low", "none"
LEVELS: Final = (HIGH, MID, LOW, NONE)
"""From sure to unclear."""

AGREEMENT_TO_ACCEPT: Final = 0.5
"""A decode that was shown our words counts only where it agrees with the one that was not."""
SCORE_HIGH: Final = -0.3
AGREEMENT_HIGH: Final = 0.8
SCORE_LOW: Final = -0.6
SCORE_NONE: Final = -1.3
NO_SPEECH_NONE: Final = 0.6
SCORE_NO_SPEECH: Final = -0.8
CHARACTERS_PER_S: Final = {"zh": 3.5, "en": 8.0}
"""Fewer characters in a voiced second, and a sentence may have been left out; or she speaks slowly."""
MORE_IN_HALVES: Final = 1.25
"""The halves of a window are believed when they hold so many times its characters."""
SHARE_THAT_MATTERS: Final = 0.1
"""A segment shorter than this share of all speech does not decide about the whole."""

_STOCK: Final = re.compile(
    "|".join(
        (
            r"字幕(?:由|by|志愿者|提供|製作|制作|组)",
            r"(?:请|請)?不吝(?:点赞|點讚)",
            r"(?:点赞|點讚)[，,、 ]*(?:订阅|訂閱)",
            r"订阅[，,、 ]*(?:转发|打赏)",
            r"(?:明镜|明鏡)(?:与|與)?(?:点点|點點)?栏目",
            r"(?:李宗盛|优优独播剧场|Amara\.org)",
            r"(?:感谢|谢谢)(?:您的)?(?:观看|收看)",
            r"(?i:thanks? (?:you )?for watching|subtitles by|please subscribe|like and subscribe)",
        )
    )
)
"""Credits of the subtitles that the model learned from; nobody says them to a hotline."""
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_REPEATED_THRICE: Final = re.compile(r"(.{2,20}?)(?:[，,。、\s]*\1){2,}")
_SAME_CHARACTER: Final = re.compile(r"(.)\1{4,}")
_FULL_WIDTH: Final = {",": "，", ".": "。", "?": "？", "!": "！", ";": "；", ":": "："}
_HALF_WIDTH_STOP: Final = re.compile(r"[,.?!;:](?![A-Za-z0-9])(?<![A-Za-z].)")
_SAID_TWICE: Final = re.compile(r"^(.{4,}?)[。，,、\s]*\1([。，,、？?！!\s]*)$")


def without_repeats(text: str) -> str:
    """Take out what the model says again and again, and a sentence that came out twice.

    A caller who says something twice loses nothing: it stands there once.
    """
    text = text.replace("\ufffd", "").strip()
    text = _SAME_CHARACTER.sub(r"\1", text)
    text = _REPEATED_THRICE.sub(r"\1", text)
    return _SAID_TWICE.sub(r"\1\2", text)


def with_chinese_stops(text: str) -> str:
    """Write the stops of a Chinese text full-width: the model mixes both kinds.

    A point or comma between digits or letters (3.5, No.8) is left alone.
    """
    return _HALF_WIDTH_STOP.sub(lambda stop: _FULL_WIDTH[stop[0]], text)


def is_stock_phrase(text: str) -> bool:
    """Tell whether this is one of the credits that the model invents in noise."""
    return bool(_STOCK.search(text))


def agreement(one: str, other: str) -> float:
    """Tell how alike two texts sound, 0 to 1: Mandarin by toneless syllables, the rest by words.

    Two empty texts agree.
    """
    left, right = _sounds(one), _sounds(other)
    longest = max(len(left), len(right))
    return 1.0 - Levenshtein.distance(left, right) / longest if longest else 1.0


def _sounds(text: str) -> list[str]:
    plain = re.sub(r"[^\w\s]|_", "", text).lower()
    sounds: list[str] = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff\s]+", plain):
        sounds += lazy_pinyin(run) if _HAN.match(run) else list(run) if run.isdigit() else [run]
    return sounds


def count_characters(text: str) -> int:
    """Count letters, digits and characters, without punctuation and spaces."""
    return len(re.sub(r"[\W_]", "", text))


def is_incomplete(text: str, voiced_s: float, language: str) -> bool:
    """Tell whether the text is too short for so much speech."""
    return count_characters(text) < CHARACTERS_PER_S[language] * voiced_s


def confidence(score: float, agreed: float, no_speech: float) -> str:
    """Say how sure we are of a segment.

    :param score: mean log-probability of the neutral decode.
    :param agreed: agreement of the two decodes.
    :param no_speech: the model's own probability that nobody spoke.
    """
    if score < SCORE_NONE or (no_speech > NO_SPEECH_NONE and score < SCORE_NO_SPEECH):
        return NONE
    if score < SCORE_LOW or agreed < AGREEMENT_TO_ACCEPT:
        return LOW
    return HIGH if score > SCORE_HIGH and agreed > AGREEMENT_HIGH else MID


def overall(levels: Sequence[tuple[str, float]]) -> str:
    """Say how sure we are of a whole recording: the lowest level that matters.

    :param levels: level and length of each segment. Short ones do not decide, and an unclear one
        beside clear ones makes the whole low, not unclear.
    """
    if not levels or all(level == NONE for level, _ in levels):
        return NONE
    total = sum(length for _, length in levels)
    weighty = [level for level, length in levels if length >= total * SHARE_THAT_MATTERS] or [
        level for level, _ in levels
    ]
    lowest = max(weighty, key=LEVELS.index)
    return LOW if lowest == NONE else lowest
