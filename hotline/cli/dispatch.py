"""The table of dispatch rules: ``hotline routing check``, ``dry-run`` and ``precision``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, err, load_settings, run
from hotline.cli.shown import put, table

if TYPE_CHECKING:
    from hotline.routing.district import District
    from hotline.routing.dry_run import Past
    from hotline.routing.lines import Rejected
    from hotline.settings import Settings

FAULTY: Final = 1
"""Exit code of a check that found faults."""
MOST_PAST: Final = 100_000
SHOWN_DIFFERENCES: Final = 20

RulesOption = Annotated[
    Path | None, typer.Option("--rules", help="Another table of rules to try; the site's own when not given.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, max=MOST_PAST, help="How many, the newest first.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def routing_check(rules: RulesOption = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check the table of dispatch rules: unusable and shadowed rules, and kinds for which nobody leads."""
    from hotline.routing.dispatch import holes
    from hotline.routing.district import STREET, STREET_OFFICE

    settings = load_settings(config)
    district, rejected = _district(settings, rules)
    units = {unit.name: unit.code for unit in district.units}
    defaults = {
        kind.code: STREET_OFFICE
        if kind.default_department == STREET_OFFICE
        else units.get(kind.default_department, "")
        for kind in district.kinds
    }
    streets = [row.code for row in district.regions if row.level == STREET]
    found = holes(district.rules, defaults, streets, set(units.values()))
    for line in rejected:
        err.print(str(line), markup=False)
    for hole in found:
        where = f"in {hole.region}" if hole.region else "anywhere"
        err.print(f"kind {hole.kind}: nobody leads {where}: {hole.why}", markup=False)
    put(f"{len(district.rules)} rules are usable, {len(rejected)} lines are not, {len(found)} holes")
    if rejected or found:
        raise typer.Exit(FAULTY)


def routing_dry_run(
    rules: RulesOption = None,
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say what the dispatch rules would have done with past requests; nothing is changed."""
    from hotline.routing.dry_run import dry_run
    from hotline.routing.units import OwnerWords, UnitChooser

    settings = load_settings(config)
    district, rejected = _district(settings, rules)
    for line in rejected:
        err.print(f"left out: {line}", markup=False)
    past = _past(settings, limit)
    kinds = {row.code: row for row in district.kinds}
    found = dry_run(past, kinds, UnitChooser(district), OwnerWords(district.owners))
    if as_json:
        put(json.dumps(asdict(found), ensure_ascii=False, indent=2))
        return
    names = {unit.code: unit.name for unit in district.units}
    put(
        f"{found.count} requests: {found.same} to the same unit, {len(found.differences) - found.none} to "
        f"another, {found.none} to nobody\n"
    )
    put(table(("rule", "requests", "same unit"), [(n, str(c), str(s)) for n, (c, s) in found.rules.items()]))
    rows = [
        (one.number, one.rule, names.get(one.lead, one.lead), names.get(one.proposed, one.proposed) or "-")
        for one in found.differences[:SHOWN_DIFFERENCES]
    ]
    if rows:
        put("\n" + table(("request", "rule", "went to", "would go to"), rows))
    if len(found.differences) > len(rows):
        put(f"and {len(found.differences) - len(rows)} more; --json lists all")


def routing_precision(
    wanted: Annotated[
        float, typer.Option("--wanted", min=0.5, max=1.0, help="Share that must be right.")
    ] = 0.98,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say how often the unit that was suggested first was the one that had the lead in the end."""
    from hotline.routing.dry_run import LAST, precision_of

    settings = load_settings(config)
    found = precision_of(_past(settings, LAST), wanted=wanted)
    if as_json:
        put(json.dumps(asdict(found), indent=2))
        return
    put(f"last {found.count} dispatched requests: {found.suggested} had a suggestion; right: {found.right}")
    if found.count < LAST:
        put(f"{LAST} are needed before a machine may be trusted; nothing is dispatched by itself")
    elif found.threshold is None:
        put(f"no score reaches {100 * wanted:.0f} %: nothing could be dispatched by itself")
    else:
        put(
            f"from score {found.threshold:.3f} on {100 * wanted:.0f} % are right: "
            f"{100 * found.share:.1f} % of the requests"
        )


def _district(settings: Settings, rules: Path | None) -> tuple[District, Sequence[Rejected]]:
    from hotline.app import read_district, read_text
    from hotline.routing.district import DISPATCH_FILE, OWNERS_FILE, with_rules

    district, rejected = read_district(settings)
    about_rules = [line for line in rejected if Path(line.file).name in {DISPATCH_FILE, OWNERS_FILE}]
    if rules is None:
        return district, about_rules
    return with_rules(district, read_text(rules, "the table of rules"), str(rules))


def _past(settings: Settings, limit: int) -> Sequence[Past]:
    from hotline.app import open_store

    async def look() -> Sequence[Past]:
        async with open_store(settings) as (store, _desk):
            return await store.past_dispatches(limit=limit)

    return run(look())
