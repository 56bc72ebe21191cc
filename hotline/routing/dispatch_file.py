"""Reading dispatch.csv and owners.csv: each cell checked, each refused line told with its remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.dispatch import (
    ANY,
    COMMUNITY_OFFICE,
    OWNER,
    STREET_OFFICE,
    DispatchRule,
    OwnerWord,
    shadows,
)
from hotline.routing.lines import Rejected, csv_rows, words_of

COLUMNS: Final = ("rule", "kind", "region", "owner", "lead", "co_handlers", "reason")
OWNER_COLUMNS: Final = ("phrase", "owner")


@dataclass(frozen=True, slots=True)
class Known:
    """The names that rules may use."""

    kinds: Collection[str]
    """Codes of the catalogue."""
    regions: Mapping[str, str]
    """Code by code and by name, of streets and communities."""
    units: Mapping[str, str]
    """Code by code and by name."""


def known_of(
    kinds: Iterable[str], regions: Iterable[tuple[str, str]], units: Iterable[tuple[str, str]]
) -> Known:
    """Put together what rules may name, from codes and names."""
    return Known(frozenset(kinds), _by_both(regions), _by_both(units))


def _by_both(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    listed = list(rows)
    return {name: code for code, name in listed} | {code: code for code, _ in listed}


def read_rules(text: str, file: str, known: Known) -> tuple[tuple[DispatchRule, ...], tuple[Rejected, ...]]:
    """Read the table of rules.

    A rule that no demand can reach is told as rejected and left out: it would do nothing but mislead.

    :raises ConfigError: when a column is missing or the text is no CSV.
    """
    rules: list[DispatchRule] = []
    bad: list[Rejected] = []
    for line, row, fault in csv_rows(text, file, COLUMNS):
        rule, why = (None, fault) if fault else _rule(line, row, known, {one.name for one in rules})
        if rule is None:
            bad.append(Rejected(file, line, why))
        else:
            rules.append(rule)
    hidden = shadows(rules, known.kinds, frozenset(known.regions.values()))
    for one in hidden:
        before = ", ".join(rule.name for rule in one.by) or "no kind"
        why = f"rule {one.rule.name} never decides: {before} before it takes all; move it up or take it away"
        bad.append(Rejected(file, one.rule.line, why))
    lost = {one.rule.name for one in hidden}
    return tuple(rule for rule in rules if rule.name not in lost), tuple(bad)


def _rule(
    line: int, row: Mapping[str, str], known: Known, seen: Collection[str]
) -> tuple[DispatchRule | None, str]:
    name = row["rule"]
    if not name:
        return None, "rule is empty; give the rule a name, like R110"
    if name in seen:
        return None, f"rule {name} stands twice; give the second one a name of its own"
    kinds, regions, owners = words_of(row["kind"]), words_of(row["region"]), words_of(row["owner"])
    for column, words in (("kind", kinds), ("region", regions), ("owner", owners)):
        if not words:
            return None, f"rule {name}: {column} is empty; write * for every one"
        if ANY in words and len(words) > 1:
            return None, f"rule {name}: {column} has * beside others; write * alone or take it away"
    items = {code[:2] for code in known.kinds}
    for code in kinds:
        if code != ANY and code not in known.kinds and code not in items:
            return None, f"rule {name}: the catalogue has no kind or item {code!r}; write 0502, 05 or *"
    for what, words, have in (("region", regions, known.regions), ("owner", owners, known.units)):
        for word in words:
            if word != ANY and word not in have:
                return None, f"rule {name}: there is no {what} {word!r}; write a code, a name or *"
    lead, helpers = row["lead"], words_of(row["co_handlers"])
    if why := _units_fault(lead, helpers, owners, known):
        return None, f"rule {name}: {why}"
    return (
        DispatchRule(
            name=name,
            line=line,
            kinds=kinds,
            regions=tuple(known.regions.get(word, word) for word in regions),
            owners=tuple(known.units.get(word, word) for word in owners),
            lead=known.units.get(lead, lead),
            co_handlers=tuple(known.units.get(word, word) for word in helpers),
            reason=row["reason"],
        ),
        "",
    )


def _units_fault(lead: str, helpers: Sequence[str], owners: Sequence[str], known: Known) -> str:
    if not lead:
        return "lead is empty; name the unit that answers for it"
    if lead == COMMUNITY_OFFICE:
        return f"a community cannot lead; write {STREET_OFFICE}, which may give it to the community"
    for word in (lead, *helpers):
        if word == OWNER:
            if ANY in owners:
                return f"{OWNER} needs an owner; name the owners that the rule is for"
        elif word not in known.units and word not in {STREET_OFFICE, COMMUNITY_OFFICE}:
            return f"there is no unit {word!r}; write a code or name of departments.csv"
    if lead in helpers or known.units.get(lead, lead) in {known.units.get(word, word) for word in helpers}:
        return f"{lead} both leads and helps; take it out of co_handlers"
    return ""


def read_owners(text: str, file: str, known: Known) -> tuple[tuple[OwnerWord, ...], tuple[Rejected, ...]]:
    """Read the words that tell whose a component is.

    :raises ConfigError: when a column is missing or the text is no CSV.
    """
    words: dict[str, OwnerWord] = {}
    bad: list[Rejected] = []
    for line, row, fault in csv_rows(text, file, OWNER_COLUMNS):
        phrase, unit = row.get("phrase", ""), row.get("owner", "")
        why = fault
        if not why and len(phrase) < 2:
            why = f"phrase {phrase!r} needs at least two characters, or every other call names an owner"
        if not why and phrase in words:
            why = f"phrase {phrase!r} stands twice; take one away"
        if not why and unit not in known.units:
            why = f"phrase {phrase!r}: there is no unit {unit!r}; write a code or name of departments.csv"
        if why:
            bad.append(Rejected(file, line, why))
        else:
            words[phrase] = OwnerWord(phrase, known.units[unit])
    return tuple(words.values()), tuple(bad)
