"""From text to the phonemes that the Kokoro voices were trained on (prompt rendering only).

Mandarin: jieba words, pypinyin with tone sandhi, misaki's table from pinyin to IPA. English:
espeak-ng as a program of its own, its IPA rewritten to the voices' alphabet. Nothing here is needed
to run the product: the rendered audio is part of it.
"""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, Final

from hotline.errors import ConfigError

READINGS: Final = {
    "幺": "yao1",
    "为您": "wei4 nin2",
    "地方": "di4 fang5",
    "称呼": "cheng1 hu5",
    "事情": "shi4 qing5",
    "很长": "hen3 chang2",
    "没关系": "mei2 guan1 xi5",
    "井号键": "jing3 hao4 jian4",
    "星号键": "xing1 hao4 jian4",
}
"""Words that jieba cuts or pypinyin reads otherwise than a speaker of this line does; tones 1 to 5."""
ENGLISH_READINGS: Final = {"Dongcheng": "[[dUNtS'VN]]"}
"""Names, in espeak-ng's own letters."""

_TONES: Final = (("˧˩˧", "↓"), ("˧˥", "↗"), ("˥˩", "↘"), ("˥", "→"))
"""Tone letters of the table, and the arrows of the voices: third, second, fourth, first tone."""
_SYLLABIC: Final = (("\u027b\u0329", "ɨ"), ("\u0279\u0329", "ɨ"))
"""The vowels of zi and zhi."""
_PAUSES: Final = str.maketrans(
    {"、": ", ", "，": ", ", "。": ". ", "！": "! ", "？": "? ", "；": "; ", "：": ": ", "—": " ", "…": ". "}
)
_QUOTES: Final = str.maketrans("", "", '“”「」《》（）()‘’"')
_FROM_ESPEAK: Final = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("e^ɪ", "A"), ("o^ʊ", "O"), ("ɔ^ɪ", "Y"), ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ"),
    ("ə^l", "ᵊl"), ("oː^ɹ", "ɔɹ"), ("ʔn\u0329", "tᵊn"), ("n\u0329", "ᵊn"), ("ɜː", "ɜɹ"), ("ɚ", "əɹ"),
    ("ɐ", "ə"), ("ɬ", "l"), ("ɾ", "T"), ("ʔ", "t"), ("r", "ɹ"), ("e", "A"), ("o", "ɔ"), ("ː", ""), ("^", ""),
    ("\u0329", ""), ("\u0303", ""), ("əɹɹ", "əɹ"),
)  # fmt: skip
"""espeak-ng's American IPA (with ``--tie=^``), and the voices' letters for it, in order."""
_HAN: Final = re.compile(r"[\u4e00-\u9fff]+")
_CLAUSE: Final = re.compile(r"([^,.;:!?]+)([,.;:!?]*)")


def mandarin(text: str) -> str:
    """Give the phonemes of a Mandarin sentence.

    :param text: characters and punctuation; numerals are written as they are spoken.
    :raises ConfigError: for what cannot be read: digits, Latin letters.
    """
    if unreadable := re.search(r"[0-9A-Za-z]+", text):
        raise ConfigError(f"{unreadable[0]!r} in {text!r}: write it in characters, as it is to be spoken")
    jieba = load_extra("jieba")
    jieba.setLogLevel(40)
    for word in READINGS:
        jieba.add_word(word, 10**7)
    spoken = text.translate(_PAUSES).translate(_QUOTES)

    def read(run: re.Match[str]) -> str:
        return " ".join("".join(map(_syllable, pinyin(word))) for word in jieba.lcut(run[0]))

    return re.sub(r"\s+", " ", _HAN.sub(read, spoken)).strip()


def load_extra(name: str) -> Any:  # noqa: ANN401 - a module that is here only for rendering
    """Load a module of the extra ``prompts``.

    :raises ConfigError: when it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"rendering needs {name} ({error}): pip install 'hotline[prompts]'") from error


def pinyin(word: str) -> list[str]:
    """Read one word: pinyin with a tone number each, the tones as they change in speech.

    A third tone before a third becomes a second; yi and bu take their tone from what follows.
    """
    from pypinyin import Style, lazy_pinyin

    if word in READINGS:
        syllables = READINGS[word].split()
    else:
        syllables = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
    for place in range(len(syllables) - 1):
        before, after = syllables[place], syllables[place + 1]
        if before[-1] == after[-1] == "3":
            syllables[place] = before[:-1] + "2"
        elif word[place] == "不" and after[-1] == "4":
            syllables[place] = "bu2"
        elif word[place] == "一" and after[-1] in "1234":
            syllables[place] = "yi2" if after[-1] == "4" else "yi4"
    return syllables


def _syllable(pinyin: str) -> str:
    table = load_extra("misaki.transcription")

    ipa = "".join(table.pinyin_to_ipa(pinyin)[0])
    for old, new in (*_TONES, *_SYLLABIC):
        ipa = ipa.replace(old, new)
    return ipa.replace("\u032f", "")


def english(text: str) -> str:
    """Give the phonemes of an English sentence.

    :raises ConfigError: when espeak-ng is not installed.
    """
    return " ".join(_clauses(text)).strip()


def _clauses(text: str) -> Iterator[str]:
    program = shutil.which("espeak-ng")
    if program is None:
        raise ConfigError("espeak-ng is not installed; English prompts need it: apt-get install espeak-ng")
    for clause, pause in _CLAUSE.findall(text.translate(_PAUSES).translate(_QUOTES)):
        if not clause.strip():
            continue
        words = " ".join(ENGLISH_READINGS.get(word, word) for word in clause.split())
        command = [program, "-q", "--ipa", "--tie=^", "-v", "en-us", words]
        ipa = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
        for old, new in _FROM_ESPEAK:
            ipa = ipa.replace(old, new)
        yield " ".join(ipa.split()) + pause
