"""Place names in spoken text: which street, community, road or landmark was meant.

Each name is compared by its sound (see pinyin.py). A quick search folds the usual mergers away and
asks rapidfuzz which names may stand in a clause; each of these is then aligned syllable by
syllable, with graded costs, wherever it fits. The rules that keep ordinary words from becoming places:

* a name of two syllables counts only as written, or with a word that marks it (草园社区, 东单附近);
* the longer a name is, the more it may differ (limits in alignment.py);
* of names that overlap the one that explains more syllables better wins;
* what was not said in exactly these characters, or has a rival, asks to be read back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from rapidfuzz import fuzz, process

from hotline.routing.alignment import Hit, align
from hotline.routing.district import COMMUNITY, STREET, PlaceRow, RegionRow
from hotline.routing.names import PLACE, forms_of
from hotline.routing.pinyin import NEAR, Sound, clauses_of, fuzzy_key

CORRECTION_COST: Final = 0.24
"""Highest mean cost per syllable at which the characters in a transcript are replaced."""
CORRECTION_COST_SHORT: Final = 0.07
"""The same for names of ``CORRECTION_SYLLABLES``: one merger of ``NEAR`` at most, or 金玉其 is a place."""
CORRECTION_SYLLABLES: Final = 3
"""Shortest name that replaces anything."""
READ_BACK_COST: Final = 0.1
"""Mean cost above which the caller should be asked whether this is the place."""
READ_BACK_MARGIN: Final = 0.5
"""Gain over the best rival in another street below which she should be asked."""
HOME_GAIN: Final = 0.45
"""What it counts that a place lies in the street the caller is known to live in: about one syllable."""

_SHARE_SURE: Final = 0.6
"""Share of all support that the best of two streets should have."""
_WINDOW: Final = 40
"""Sounds that are searched at a time: the more there are, the less the quick search can rule out."""
_OVERLAP: Final = 14
"""Sounds that two windows share: more than the longest name, so that none is cut."""
_SHORTLIST: Final = 90
_SHORTLIST_RATIO: Final = 58.0


@dataclass(frozen=True, slots=True)
class Found:
    """A place that a text speaks of."""

    name: str
    """As the gazetteer writes it."""
    level: str
    """``street``, ``community`` or ``place``."""
    region: str
    """Code of the smallest region known: a community's own code, else the street's."""
    street: str
    """Code of the street."""
    start: int
    """First position in the text."""
    end: int
    """One after the last position."""
    heard: str
    """The words of the text."""
    cost: float
    """Mean cost per syllable; 0 is the same sound."""
    score: float
    """0 to 1: how sure the place is, compared with its rivals."""
    needs_read_back: bool
    """True when a person should ask the caller whether this is the place."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A place name whose characters were replaced."""

    start: int
    """First position in the corrected text."""
    end: int
    """One after the last position in the corrected text."""
    before: str
    after: str
    cost: float


class Gazetteer:
    """Finds and corrects the place names of one district. Immutable; safe to share between threads."""

    def __init__(self, regions: Sequence[RegionRow], places: Sequence[PlaceRow]) -> None:
        self._forms = forms_of(regions, places)
        self._street_of = {row.code: row.parent or row.code for row in regions}
        self._letters: dict[str, str] = {}
        self._keys = [self._key(form.syllables, grow=True) for form in self._forms]
        self._holders: dict[str, list[int]] = {}
        self._needed: list[int] = []
        for index, (form, key) in enumerate(zip(self._forms, self._keys, strict=True)):
            stem = set(key[form.stem[0] : form.stem[1]])
            self._needed.append((len(stem) + 1) // 2)
            for letter in stem:
                self._holders.setdefault(letter, []).append(index)

    def _key(self, syllables: Iterable[str], *, grow: bool = False) -> str:
        """Write each syllable as one character, mergers folded, so that rapidfuzz compares sounds."""
        if grow:
            for syllable in syllables:
                self._letters.setdefault(fuzzy_key(syllable), chr(0x4E00 + len(self._letters)))
        return "".join(self._letters.get(fuzzy_key(syllable), " ") for syllable in syllables)

    def find(self, text: str, *, home_region: str | None = None) -> tuple[Found, ...]:
        """Find the places of a text, the surest first.

        :param home_region: region code of where the caller is known to live; settles close races.
        """
        slots: list[tuple[list[Sound], list[Hit]]] = []
        for clause in clauses_of(text):
            slots += [(clause, rivals) for rivals in _slots(self._hits(clause))]
        home = self._street_of.get(home_region or "", "")
        support = _support(home, (rivals[0] for _, rivals in slots))
        chosen = [(clause, rivals, _decide(rivals, support)) for clause, rivals in slots]
        support = _support(home, (best for _, _, best in chosen))
        found = [_found(text, clause, best, rivals, support) for clause, rivals, best in chosen]
        # Several names of one street support each other; the finest of the best street comes first.
        found.sort(key=lambda one: (-support[one.street], -_FINENESS[one.level], -one.score, one.start))
        return _unlike(found)

    def correct(self, text: str) -> tuple[str, tuple[Correction, ...]]:
        """Replace the characters of misheard place names by the right ones.

        Careful by intention: three syllables at least, a mean cost of at most ``CORRECTION_COST``,
        no syllable added or lost, no rival of nearly the same sound. Never changes what is a known
        name already, and correcting twice changes nothing more.

        :returns: the corrected text, and what was replaced, in order of the text.
        """
        wanted: list[tuple[int, int, str, float]] = []
        for clause in clauses_of(text):
            for rivals in _slots(self._hits(clause)):
                hit = rivals[0]
                start, end = clause[hit.first].start, clause[hit.last - 1].end
                if _may_replace(hit, rivals, text[start:end]):
                    wanted.append((start, end, hit.form.text, hit.mean))
        wanted.sort()
        parts: list[str] = []
        corrections: list[Correction] = []
        done = length = 0
        for start, end, name, cost in wanted:
            if start < done:
                continue
            parts += (text[done:start], name)
            length += start - done
            corrections.append(Correction(length, length + len(name), text[start:end], name, round(cost, 3)))
            length += len(name)
            done = end
        parts.append(text[done:])
        return "".join(parts), tuple(corrections)

    def _hits(self, clause: Sequence[Sound]) -> list[Hit]:
        """Find every name that may stand in a clause; long ones are searched window by window."""
        hits: dict[tuple[str, int, int], Hit] = {}
        for start in range(0, max(1, len(clause) - _OVERLAP), _WINDOW - _OVERLAP):
            window = clause[start : start + _WINDOW]
            key = self._key(sound.syllable for sound in window)
            shortlist = process.extract(
                key,
                self._candidates(key),
                scorer=fuzz.partial_ratio,
                score_cutoff=_SHORTLIST_RATIO,
                limit=_SHORTLIST,
            )
            for _, _, index in shortlist:
                for hit in align(self._forms[index], window):
                    moved = replace(hit, first=hit.first + start, last=hit.last + start) if start else hit
                    hits.setdefault((moved.form.text, moved.first, moved.last), moved)
        return list(hits.values())

    def _candidates(self, key: str) -> dict[int, str]:
        """Names of whose distinguishing sounds at least half are there, in whatever order."""
        shared = Counter(chain.from_iterable(self._holders.get(letter, ()) for letter in set(key)))
        return {index: self._keys[index] for index, count in shared.items() if count >= self._needed[index]}


_FINENESS: Final = {STREET: 0, PLACE: 1, COMMUNITY: 2}


def _support(home: str, hits: Iterable[Hit]) -> dict[str, float]:
    """Sum up by street what speaks for it."""
    support = {home: HOME_GAIN} if home else {}
    for hit in hits:
        support[hit.form.entity.street] = support.get(hit.form.entity.street, 0.0) + hit.gain
    return support


def _decide(rivals: Sequence[Hit], support: dict[str, float]) -> Hit:
    """Choose between names for one stretch; the other names of the text and the caller's home have a say."""
    top = rivals[0]

    def strength(hit: Hit) -> float:
        own = top.gain if hit.form.entity.street == top.form.entity.street else 0.0
        return hit.gain + 0.5 * (support.get(hit.form.entity.street, 0.0) - own)

    return max(rivals, key=strength)


def _found(
    text: str, clause: Sequence[Sound], best: Hit, rivals: Sequence[Hit], support: dict[str, float]
) -> Found:
    entity = best.form.entity
    start, end = clause[best.first].start, clause[best.last - 1].end
    heard = text[start:end]
    is_verbatim = heard == best.form.text
    others = [hit.gain for hit in rivals if hit.form.entity.street != entity.street]
    is_close = bool(others) and best.gain - max(others) < READ_BACK_MARGIN and not is_verbatim
    likeness = 1.0 - 2.0 * best.mean - (0.25 if best.form.is_weak else 0.0) - (0.0 if is_verbatim else 0.05)
    elsewhere = max((value for street, value in support.items() if street != entity.street), default=0.0)
    share = support[entity.street] / (support[entity.street] + elsewhere)
    doubtful = (
        best.form.is_weak or best.gaps > 0 or best.mean > READ_BACK_COST or is_close or share < _SHARE_SURE
    )
    return Found(
        name=entity.name,
        level=entity.level,
        region=entity.region,
        street=entity.street,
        start=start,
        end=end,
        heard=heard,
        cost=round(best.mean, 3),
        score=round(max(0.05, likeness) * (0.4 + 0.6 * share) * (0.8 if is_close else 1.0), 3),
        needs_read_back=doubtful or (not is_verbatim and len(best.costs) <= 3),
    )


def _unlike(found: Iterable[Found]) -> tuple[Found, ...]:
    kept: dict[tuple[str, str], Found] = {}
    for one in found:
        kept.setdefault((one.name, one.street), one)
    return tuple(kept.values())


def _may_replace(hit: Hit, rivals: Sequence[Hit], written: str) -> bool:
    if written == hit.form.text or len(hit.costs) < CORRECTION_SYLLABLES or hit.gaps:
        return False
    allowed = CORRECTION_COST if len(hit.costs) > CORRECTION_SYLLABLES else CORRECTION_COST_SHORT
    if hit.form.is_weak or hit.mean > allowed or _is_spoken_number(hit.form.text, written):
        return False
    return all(rival.gain < hit.gain - NEAR for rival in rivals[1:] if rival.form.text != hit.form.text)


def _is_spoken_number(name: str, written: str) -> bool:
    """Tell whether they differ only in how a number is written: 7区 and 七区."""
    return (
        any(character.isdecimal() for character in written)
        and "".join(sound.character for clause in clauses_of(written) for sound in clause) == name
    )


def _slots(hits: Iterable[Hit]) -> list[list[Hit]]:
    """Choose the names that together explain a clause best; each comes with its rivals for the place.

    Weighted interval scheduling: 北新桥 and 草园社区 together gain more than 北新桥草园 alone.
    """
    ordered = sorted((hit for hit in hits if hit.gain > 0), key=lambda hit: (hit.last, -hit.gain))
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for n, hit in enumerate(ordered):
        before = next((m for m in range(n, 0, -1) if ordered[m - 1].last <= hit.first), 0)
        with_it = best[before][0] + hit.gain
        best.append((with_it, (*best[before][1], n)) if with_it > best[n][0] + 1e-9 else best[n])
    slots = []
    for n in best[-1][1]:
        top = ordered[n]
        # A rival that explains far less than the best name is none.
        rivals = [
            hit
            for hit in ordered
            if hit.form.entity.street != top.form.entity.street
            and abs(hit.first - top.first) + abs(hit.last - top.last) <= 1
            and hit.gain >= top.gain - 2 * READ_BACK_MARGIN
        ]
        slots.append([top, *sorted(rivals, key=lambda hit: -hit.gain)])
    return slots
