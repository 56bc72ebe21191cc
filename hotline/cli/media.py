"""How the voices go: ``hotline media``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings
from hotline.cli.shown import colours_of_terminal, put
from hotline.sip.grammar import printable

app = typer.Typer(no_args_is_help=True, help="The processes that carry voice: how they stand.")

PUNCTUAL_MS: Final = 5.0
"""What 99 of 100 packets should keep (docs/media.md)."""
MIB: Final = 1 << 20
_REASONS: Final = {
    "stranger": "from strangers",
    "late": "too late",
    "overlapping": "of a second stream",
    "overrun": "too far ahead",
    "ignored": "of no agreed kind",
    "malformed": "no RTP",
    "flood": "too many at once",
    "forged": "forged",
}


@app.command("status")
def media_status(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show each media plane: its legs and ports, how punctual it is, and what it did not hear."""
    settings = load_settings(config)
    from hotline.wire.control_client import ControlClient

    with ControlClient(settings.site.data_dir) as client:
        planes = client.ask("media")
    put(json.dumps(planes, ensure_ascii=False, indent=2) if as_json else shown(planes, colours_of_terminal()))


def shown(planes: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> str:
    """Write how the planes are, in a few lines each.

    :param colours: as of ``colours_of_terminal``.
    """
    return "\n\n".join("\n".join(_plane(plane, colours)) for plane in planes)


def _plane(plane: Mapping[str, Any], colours: Mapping[str, str]) -> Iterator[str]:
    end = colours.get("end", "")
    paint = colours.get("success" if plane["state"] == "ready" else "failure", "")
    state = printable(str(plane["state"]))
    yield (
        f"plane {plane['plane']}  {paint}{state}{end}  process {plane['pid'] or '-'}, "
        f"{printable(str(plane['scheduling'])) or 'not begun'}"
    )
    yield f"  {plane['legs']} legs; {plane['ports_free']} of {plane['ports']} places at ports free"
    p99 = plane["late_p99_ms"]
    if p99 is None:
        yield "  nothing was sent in the last minute"
    else:
        paint = colours.get("success" if p99 <= PUNCTUAL_MS else "failure", "")
        yield (
            f"  packets of the last minute left {plane['late_p50_ms']:.1f} ms late (p50), "
            f"{paint}{p99:.1f} ms (p99){end}, {plane['late_most_ms']:.1f} ms at most"
        )
    dropped = {reason: count for reason, count in plane["dropped"].items() if count}
    if dropped:
        told = (f"{count} {_REASONS.get(reason, printable(reason))}" for reason, count in dropped.items())
        yield f"  packets not heard: {', '.join(told)}"
    if plane["unwritten_bytes"] > MIB:
        yield f"  {plane['unwritten_bytes'] / MIB:.0f} MiB of recordings wait for the disk"
    if plane["held_up_s"]:
        yield f"  held up by the system for {plane['held_up_s']:.1f} s in all"
    if plane["deaths"]:
        yield f"  died {plane['deaths']} time{'' if plane['deaths'] == 1 else 's'} since hotline began"
    for refused in plane["refused"]:
        yield f"  ! not allowed: {printable(str(refused))}"
