"""Looking for requests: ``hotline search``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, run
from hotline.cli.shown import put, table

MOST: Final = 1000


def search(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words, a request number or a telephone number.")
    ] = None,
    state: Annotated[str, typer.Option(help="Only in this state.")] = "",
    unit: Annotated[str, typer.Option(help="Only what this unit has part in.")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind of the catalogue.")] = "",
    region: Annotated[str, typer.Option(help="Only this street, or community.")] = "",
    first_day: Annotated[str, typer.Option("--from", help="First day, as 2026-11-24.")] = "",
    last_day: Annotated[str, typer.Option("--to", help="Last day.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, one request a line.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Find requests by what was said, by number, telephone, unit, kind, place and day; newest first.

    Callers are masked, as in every list.
    """
    settings = load_settings(config)
    from hotline.app import open_store
    from hotline.desk.search import Form
    from hotline.desk.views import Actor, RequestLine

    typed = " ".join(words or ())
    form = Form(typed, state, unit, kind, region, first_day, last_day)

    async def work() -> list[RequestLine]:
        on_site = Actor("command line", "command line", "supervisor", None, "zh")
        lines: list[RequestLine] = []
        async with open_store(settings) as (_store, desk):
            before = ""
            while len(lines) < limit:
                page = replace(form, before=before)
                found = await desk.searches.find(on_site, page, limit=limit - len(lines))
                lines += found.lines
                before = found.more
                if not before:
                    break
        return lines

    lines = run(work())
    if as_json:
        for line in lines:
            shown = {
                "number": line.number,
                "state": line.state,
                "priority": line.priority,
                "opened_at": line.opened_at.isoformat(),
                "kind": line.kind_label,
                "place": line.place,
                "unit": line.unit_name,
                "caller": line.caller,
                "excerpt": line.excerpt,
            }
            put(json.dumps(shown, ensure_ascii=False) + "\n")
        return
    zone = ZoneInfo(settings.site.time_zone)
    heads = ("number", "state", "", "received", "kind", "unit", "caller", "said")
    rows = [
        (
            line.number,
            line.state,
            line.priority,
            line.opened_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            line.kind_label,
            line.unit_name,
            line.caller,
            line.excerpt,
        )
        for line in lines
    ]
    put(table(heads, rows) if rows else "nothing matches")
