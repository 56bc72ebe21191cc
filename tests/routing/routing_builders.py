"""The shipped district, and a recogniser that mishears."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from hotline.routing.district import DISTRICT_FILES, OPTIONAL_FILES, District, read_district
from hotline.routing.gazetteer import Gazetteer
from hotline.routing.pinyin import confusion, syllables_of

ROOT = Path(__file__).parents[2]


@lru_cache
def the_files() -> dict[str, str]:
    return {
        name: (ROOT / "config" / name).read_text(encoding="utf-8")
        for name in (*DISTRICT_FILES, *OPTIONAL_FILES)
    }


@lru_cache
def the_district() -> District:
    return read_district(the_files())[0]


@lru_cache
def the_gazetteer() -> Gazetteer:
    return Gazetteer(the_district().regions, the_district().places)


def the_sentences(file: str) -> list[dict[str, str]]:
    with (ROOT / "tests" / "data" / file).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@lru_cache
def homophones() -> dict[str, list[str]]:
    """The 3,755 most common characters (GB 2312 level 1) by their syllable."""
    rows = [bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    characters = "".join(pair.decode("gb2312", "ignore") for pair in rows)
    by_sound = defaultdict(list)
    for character, syllable in zip(characters, syllables_of(characters), strict=True):
        by_sound[syllable].append(character)
    return dict(by_sound)


@lru_cache
def neighbours(syllable: str) -> tuple[str, ...]:
    return tuple(other for other in homophones() if 0 < confusion(syllable, other) <= 0.3)


def misheard(text: str, rate: float, seed: random.Random, *, near: float = 0.25, gaps: float = 0.0) -> str:
    """Write each character wrong with a probability: a homophone, or (share ``near``) a near-homophone,
    or (share ``gaps``) one character lost or one too many."""
    written = []
    for character, syllable in zip(text, syllables_of(text), strict=True):
        if seed.random() >= rate or syllable not in homophones():
            written.append(character)
            continue
        draw = seed.random()
        if draw < gaps:
            written.append("" if seed.random() < 0.5 else character + seed.choice(homophones()["shi"]))
        elif draw < gaps + near and neighbours(syllable):
            written.append(seed.choice(homophones()[seed.choice(neighbours(syllable))]))
        else:
            written.append(
                seed.choice([one for one in homophones()[syllable] if one != character] or [character])
            )
    return "".join(written)
