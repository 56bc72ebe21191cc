"""From a transcript to suggestions: what, where, whose, how urgent. A person decides.

Nothing here is silent: each suggestion tells in Chinese which words led to it and whether they stood
in the text or only sounded so. What cannot be told is not suggested at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hotline.routing.district import COMMUNITY, STREET, District
from hotline.routing.ear import HeardWord
from hotline.routing.gazetteer import Correction, Found, Gazetteer
from hotline.routing.joint import JointRanker, Ranker
from hotline.routing.kind_model import KindModel
from hotline.routing.kinds import RankedKind
from hotline.routing.suggestion import KIND, PLACE, PRIORITY, REGION, UNIT, Suggestion
from hotline.routing.units import OwnerWords, UnitChooser
from hotline.routing.urgent import UrgentWords, score_of

TEXT_LONGEST: Final = 1000
"""Characters that are looked at: more than two minutes of quick speech, the longest message there is."""
PLACES_MOST: Final = 3
KINDS_MOST: Final = 3
UNITS_MOST: Final = 4
_CO_SHARE: Final = 0.5
"""What a helping unit scores of the lead's."""
_NEXT_KIND_SHARE: Final = 0.9
_UNKNOWN_PLACE_SHARE: Final = 0.4
_HOME_SCORE: Final = 0.3


class Suggester:
    """Makes suggestions for one district; safe to share between threads.

    :param ranker: of kinds; without one, keywords and a classifier that knows only the catalogue.
    """

    def __init__(self, district: District, ranker: Ranker | None = None) -> None:
        self._gazetteer = Gazetteer(district.regions, district.places)
        self._ranker = ranker or JointRanker(district.kinds, KindModel(district.kinds))
        self._urgent = UrgentWords(district.urgent)
        self._units = UnitChooser(district)
        self._owners = OwnerWords(district.owners)
        self._regions = {row.code: row for row in district.regions}

    def correct(self, text: str) -> tuple[str, tuple[Correction, ...]]:
        """Put misheard place names right; see ``Gazetteer.correct``."""
        return self._gazetteer.correct(text)

    def suggest(
        self, text: str, *, raw_text: str = "", home_region: str | None = None
    ) -> Sequence[Suggestion]:
        """Suggest values for the fields of a request.

        :param text: transcript, corrected or not.
        :param raw_text: the transcript before place names were put right; when given, places are looked
            for there, so that their reasons tell what was really heard and how sure it is.
        :param home_region: region code of where the caller is known to live.
        :returns: for each field the best first; a field without a reason is missing.
        """
        text = text[:TEXT_LONGEST]
        heard = raw_text[:TEXT_LONGEST] or text
        found = self._gazetteer.find(heard, home_region=home_region)[:PLACES_MOST]
        kinds = self._ranker.rank(text, limit=KINDS_MOST)
        alarms = self._urgent.hear(text)
        return (
            *_priority(kinds, alarms),
            *_places(found),
            *self._region_suggestions(found, home_region),
            *_kinds(kinds),
            *self._unit_suggestions(kinds, found, home_region, self._owners.hear(text)),
        )

    def _region_suggestions(self, found: Sequence[Found], home_region: str | None) -> Iterator[Suggestion]:
        seen: set[str] = set()
        for one in found:
            for code in dict.fromkeys((one.region, one.street)):
                if code in seen or code not in self._regions:
                    continue
                seen.add(code)
                row = self._regions[code]
                reason = _place_reason(one)
                if row.level == STREET and one.name != row.name:
                    reason = f"{one.name}在{row.name}；{reason}"
                # A community is the finer answer, its street the surer one; the finer stands first.
                yield Suggestion(REGION, code, row.name, one.score, reason, one.heard)
        if not found and home_region in self._regions:
            row = self._regions[home_region]
            yield Suggestion(REGION, row.code, row.name, _HOME_SCORE, "没有听到地点；来电人住在这里")

    def _unit_suggestions(
        self,
        kinds: Sequence[RankedKind],
        found: Sequence[Found],
        home_region: str | None,
        owned: tuple[str, HeardWord] | None,
    ) -> Iterator[Suggestion]:
        region = found[0].region if found else home_region
        owner = owned[0] if owned else None
        best: dict[str, Suggestion] = {}
        for n, ranked in enumerate(kinds):
            for proposal in self._units.propose(ranked.kind, region, owner):
                score = ranked.score * (1.0 if proposal.is_lead else _CO_SHARE) * _NEXT_KIND_SHARE**n
                label = proposal.unit.name if proposal.is_lead else f"{proposal.unit.name}（协办）"
                reason = proposal.reason
                if owned and proposal.unit.code == owner:
                    reason += f"；{_word_reason((owned[1],))}"
                if proposal.unit.region_code and found:
                    reason += f"；{_place_reason(found[0])}"
                one = Suggestion(UNIT, proposal.unit.code, label, round(score, 3), reason, _words_of(ranked))
                if one.value not in best or best[one.value].score < one.score:
                    best[one.value] = one
        if not kinds and found and (office := self._units.office(found[0].region)):
            score = round(found[0].score * _UNKNOWN_PLACE_SHARE, 3)
            reason = f"诉求类别不明，先由属地街道接办；{_place_reason(found[0])}"
            yield Suggestion(UNIT, office.code, office.name, score, reason, found[0].heard)
        yield from sorted(best.values(), key=lambda one: -one.score)[:UNITS_MOST]


def _places(found: Sequence[Found]) -> Iterator[Suggestion]:
    for one in found:
        yield Suggestion(PLACE, one.name, one.name, one.score, _place_reason(one), one.heard)


def _place_reason(found: Found) -> str:
    what = {STREET: "街道", COMMUNITY: "社区"}.get(found.level, "地名")
    reason = f"提到{what}“{found.heard}”"
    if found.heard not in found.name:
        reason = f"听到“{found.heard}”，可能是{what}“{found.name}”"
        if found.cost == 0:
            reason += "（同音或别名）"
    if found.needs_read_back:
        reason += "；把握不大，请向来电人核对"
    return reason


def _kinds(kinds: Sequence[RankedKind]) -> Iterator[Suggestion]:
    for ranked in kinds:
        row = ranked.kind
        reason = _likeness_reason(ranked.words) if ranked.by_likeness else _word_reason(ranked.words)
        yield Suggestion(KIND, row.code, row.label, ranked.score, reason, _words_of(ranked))


def _word_reason(words: Sequence[HeardWord]) -> str:
    written = [f"“{one.text}”" for one in words if not one.by_sound]
    sounded = [f"“{one.text}”（音近“{one.word}”）" for one in words if one.by_sound]
    return f"提到{''.join(written + sounded)}"


def _likeness_reason(words: Sequence[HeardWord]) -> str:
    if not words:
        return "读音与服务目录或以往的诉求相近"
    return f"{''.join(f'“{one.text}”' for one in words)}与服务目录或以往的诉求相近"


def _words_of(ranked: RankedKind) -> str:
    return "、".join(one.text for one in ranked.words)


def _priority(kinds: Sequence[RankedKind], alarms: Sequence[HeardWord]) -> Iterator[Suggestion]:
    if alarms:
        reason = f"{_word_reason(alarms)}，可能有危险，请立即核实"
        heard = "、".join(one.text for one in alarms)
        yield Suggestion(PRIORITY, "P1", "P1 紧急", score_of(alarms), reason, heard)
    for ranked in kinds[:1]:
        value = ranked.kind.priority
        if not alarms or value != "P1":
            reason = f"服务目录规定“{ranked.kind.label}”为{value}"
            score = ranked.score * (_CO_SHARE if alarms else 1.0)
            yield Suggestion(PRIORITY, value, value, round(score, 3), reason, _words_of(ranked))
