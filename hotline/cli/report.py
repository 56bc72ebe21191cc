"""Figures of a period: ``hotline report``."""

from __future__ import annotations

import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, out, run
from hotline.cli.shown import put, table
from hotline.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotline.indicators.counting import Figure, Weights
    from hotline.indicators.facts import Facts, Window
    from hotline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Indicators, recomputed from the ledger.")

FromOption = Annotated[
    str, typer.Option("--from", help="First day, as 2026-11-01; the month's when not given.")
]
ToOption = Annotated[str, typer.Option("--to", help="Last day, included; today when not given.")]
ByOption = Annotated[str, typer.Option(help="all, street, community, unit or agent.")]
WeightsOption = Annotated[str, typer.Option(help="Of response, solved and satisfied.")]
LeaveOutOption = Annotated[
    list[str] | None, typer.Option("--leave-out", help="Outcome that the solved rate leaves out.")
]
WEIGHTS: Final = "30,35,35"


@app.command("figures")
def report_figures(
    first_day: FromOption = "",
    last_day: ToOption = "",
    by: ByOption = "all",
    form: Annotated[str, typer.Option(help="text, csv, json or xlsx.")] = "text",
    to_file: Annotated[Path | None, typer.Option("--out", help="Write into this file.")] = None,
    weights: WeightsOption = WEIGHTS,
    leave_out: LeaveOutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell every indicator of a period, with numerator and denominator."""
    figures, names, window = _count(load_settings(config), first_day, last_day, by, weights, leave_out or [])
    if form == "text":
        put(_text(figures, names))
        return
    from hotline.indicators.sheets import write

    written = write(form, figures, names, window)
    if to_file is not None:
        to_file.write_bytes(written)
        out.print(f"{to_file}: {len(figures)} figures", markup=False)
    elif form == "xlsx":
        raise Refused("name a file for it with --out", code="input")
    else:
        sys.stdout.buffer.write(written)


@app.command("league")
def report_league(
    code: Annotated[str, typer.Argument(help="Code of the indicator; `hotline report formulas` lists them.")],
    first_day: FromOption = "",
    last_day: ToOption = "",
    by: ByOption = "street",
    weights: WeightsOption = WEIGHTS,
    leave_out: LeaveOutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Rank streets, communities, units or agents by one indicator, best first."""
    from hotline.indicators.counting import THREE_RATES, league
    from hotline.indicators.formulas import BY_CODE, Better

    if code != THREE_RATES and code not in BY_CODE:
        raise Refused(f"there is no indicator {code!r}; see `hotline report formulas`", code="input")
    figures, names, _ = _count(load_settings(config), first_day, last_day, by, weights, leave_out or [])
    is_low = code in BY_CODE and BY_CODE[code].better is Better.LOW
    rows = [
        (
            str(rank.place or "-"),
            rank.group,
            names.get(rank.group, ""),
            _shown(code, rank.value),
            f"{rank.numerator}/{rank.denominator}",
        )
        for rank in league(figures, code, low_is_better=is_low)
    ]
    put(table(("place", "group", "name", code, "of"), rows) if rows else "nothing to rank")


@app.command("formulas")
def report_formulas() -> None:
    """List the indicators: code, version, and what is counted over what."""
    from hotline.indicators.formulas import FORMULAS

    rows = [(f.code, str(f.version), f.name, f.says, f.source) for f in FORMULAS]
    put(table(("code", "version", "indicator", "counted", "source"), rows, widest=90))


def _count(
    settings: Settings, first_day: str, last_day: str, by: str, weights: str, leave_out: Sequence[str]
) -> tuple[Sequence[Figure], Mapping[str, str], Window]:
    from hotline.app import open_store, read_rules
    from hotline.indicators.counting import count
    from hotline.indicators.facts import By, Window
    from hotline.wire.reactor import wall_now

    if by not in set(By):
        raise Refused(f"there are no figures by {by!r}; choose {', '.join(By)}", code="input")
    until = wall_now()
    start, end = _period(first_day, last_day, until, ZoneInfo(settings.site.time_zone))
    window = Window(start, end, until, read_rules(settings).clocks)

    async def work() -> tuple[Facts, Mapping[str, str]]:
        async with open_store(settings) as (store, _desk):
            return await store.facts(), await store.group_names()

    facts, names = run(work())
    return count(facts, window, By(by), weights=_weights(weights, leave_out)), names, window


def _period(first_day: str, last_day: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    from hotline.search.asked import Asked, narrowed, read_day

    today = now.astimezone(zone).date()
    last = read_day(last_day, "--to") or today
    first = read_day(first_day, "--from") or last.replace(day=1)
    narrowed(Asked(), first, last)
    return _midnight(first, zone), _midnight(last + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _weights(text: str, leave_out: Sequence[str]) -> Weights:
    from hotline.indicators.counting import Weights

    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise Refused(f"{text!r} are no weights: write them as {WEIGHTS}", code="input")
    try:
        response, solved, satisfied = map(int, parts)
        return Weights(response, solved, satisfied, frozenset(leave_out))
    except ValueError as error:
        raise Refused(str(error), code="input") from None


def _text(figures: Sequence[Figure], names: Mapping[str, str]) -> str:
    from hotline.indicators.sheets import name_of

    rows = [
        (
            f.group,
            names.get(f.group, ""),
            name_of(f.code),
            _shown(f.code, f.value),
            f"{f.numerator}/{f.denominator}",
        )
        for f in figures
    ]
    return table(("group", "name", "indicator", "value", "of"), rows)


def _shown(code: str, value: float | None) -> str:
    from hotline.indicators.sheets import unit_of

    if value is None:
        return "-"
    unit = unit_of(code)
    if unit == "share":
        return f"{value:.2%}"
    if unit == "seconds":
        return f"{value / 3600:.2f} h" if value >= 3600 else f"{value:.0f} s"
    return f"{value:.2f}" if unit == "points" else f"{value:.0f}"
