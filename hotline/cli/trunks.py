"""The carriers' lines: ``hotline trunk``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, run
from hotline.cli.shown import COLOURS, colours_of_terminal, put
from hotline.sip.grammar import printable
from hotline.sip.text_width import pad, width_of

if TYPE_CHECKING:
    from hotline.sip.trunk import Trunk

app = typer.Typer(no_args_is_help=True, help="The carriers' lines: how they stand, and their file.")

FAULTS: Final = 1
"""Exit code of a check that found faults."""
_PAINT: Final = {
    **dict.fromkeys(("up", "open", "registered"), "success"),
    **dict.fromkeys(("degraded", "starting", "suspect", "busy", "asking", "untried", "idle"), "redirection"),
    **dict.fromkeys(("down", "silent", "refused", "waiting"), "failure"),
}
assert set(_PAINT.values()) <= set(COLOURS)
_FATES: Final = {
    "in": (("abandoned_in", "given up by the caller"), ("failed_in", "failed")),
    "out": (
        ("busy_out", "busy"),
        ("no_answer_out", "without an answer"),
        ("abandoned_out", "given up by us"),
        ("unknown_out", "to unknown numbers"),
        ("rejected_out", "rejected"),
        ("server_failed_out", "failed at the carrier"),
    ),
}
"""Words for what became of calls that were not answered."""


@app.command("status")
def trunk_status(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show how each trunk stands: its proxies, its registrations, its calls, and what is wrong."""
    settings = load_settings(config)
    from hotline.wire.control_client import ControlClient

    with ControlClient(settings.site.data_dir) as client:
        trunks = client.ask("trunks")
    put(json.dumps(trunks, ensure_ascii=False, indent=2) if as_json else shown(trunks, colours_of_terminal()))


@app.command("check")
def trunk_check(
    names: Annotated[bool, typer.Option(help="Look the proxies' names up as well.")] = True,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Check the file of the trunks without calling anybody; hotline need not run."""
    settings = load_settings(config)
    from hotline.trunks import TRUNKS_FILE, read_trunks
    from hotline.trunks.secrecy import open_keys_of
    from hotline.trunks.trust import doubts_of
    from hotline.wire.sip_sockets import interface_towards

    sip = settings.sip
    file = settings.site.config_dir / TRUNKS_FILE
    trunks = read_trunks(file, area_code=sip.area_code, numbers=sip.numbers)
    found, is_good = run(_look_up(trunks)) if names else ({}, True)
    put("\n".join(_checked(trunk, found.get(trunk.name, ())) for trunk in trunks))
    for trunk in trunks:
        for doubt in (*doubts_of(trunk, interface_towards), open_keys_of(trunk)):
            if doubt:
                put(f"! {doubt}")
    put(f"{file}: {len(trunks)} trunk{'' if len(trunks) == 1 else 's'}, no complaints about the file")
    if not is_good:
        raise typer.Exit(FAULTS)


def shown(trunks: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> str:
    """Write how the trunks stand, a paragraph each, in at most 80 columns where names allow."""
    if not trunks:
        return "there are no trunks: nobody outside the house may call (config/trunks.toml)"
    width = max(width_of(trunk["name"]) for trunk in trunks)
    return "\n".join("\n".join(_one(trunk, width, colours)) for trunk in trunks)


def duration(seconds: float) -> str:
    """Write a length of time for people: ``42 s``, ``12 min``, ``3 h 20 min``, ``5 d 2 h``."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if hours < 2:
        return f"{minutes} min"
    if days < 2:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def _one(trunk: Mapping[str, Any], width: int, colours: Mapping[str, str]) -> list[str]:
    calls = f"{trunk['calls']} of {trunk['max_calls']} calls"
    so_far = f"in {trunk['calls_in']}, out {trunk['calls_out']}, refused {trunk['refused']}"
    since = "" if trunk["state"] == "open" else f"for {duration(trunk['for_s'])}, "
    lines = [
        f"{pad(trunk['name'], width)}  {_painted(trunk['state'], colours)}  "
        f"{trunk['mode']}, {since}{calls} ({so_far})"
    ]
    lines += [f"    {line}" for line in _traffic(trunk["counts"])]
    for proxy in trunk["proxies"]:
        rtt = "" if proxy["rtt_ms"] is None else f", {proxy['rtt_ms']:.0f} ms"
        heard = proxy["answered_s"]
        answered = "never answered" if heard is None else f"answered {duration(heard)} ago{rtt}"
        lines.append(f"    {_painted(proxy['state'], colours)}  {proxy['address']} {answered}")
    for account in trunk["accounts"]:
        left = account["expires_s"]
        holds = f"for another {duration(left)}" if left is not None else f"last: {printable(account['last'])}"
        lines.append(f"    {_painted(account['state'], colours)}  {account['account']} {holds}")
    lines += [
        f"    {colours.get('failure', '')}! {printable(alarm)}{colours.get('end', '')}"
        for alarm in trunk["alarms"]
    ]
    return lines


def _traffic(counts: Mapping[str, Any]) -> list[str]:
    """Say what became of the calls, each way a line; none of what never happened."""
    lines = []
    for way, begun in (("in", counts["calls_in"]), ("out", counts["calls_out"])):
        if not begun:
            continue
        answered, talked_s = counts[f"answered_{way}"], counts[f"talked_{way}_seconds"]
        told = [f"{answered} of {begun} answered ({100 * answered / begun:.0f} %)"]
        if answered:
            told.append(f"{duration(talked_s / answered)} on average")
        told += [f"{counts[key]} {word}" for key, word in _FATES[way] if counts[key]]
        lines.append(f"{pad(way, 10)}  {', '.join(told)}")
    return lines


def _painted(state: str, colours: Mapping[str, str]) -> str:
    return f"{colours.get(_PAINT.get(state, ''), '')}{pad(state, 10)}{colours.get('end', '')}"


def _checked(trunk: Trunk, found: Sequence[str]) -> str:
    networks = ", ".join(map(str, trunk.networks))
    limits = f"{trunk.max_calls} calls, {trunk.calls_per_second:g} a second"
    lines = [f"{trunk.name}: {trunk.mode}, {limits}"]
    numbers = ", ".join(trunk.numbers) or "all our numbers"
    lines.append(f"    calls in from {networks or 'its proxies alone'}, to {numbers}")
    if trunk.proxies and trunk.caller_numbers:
        lines.append(f"    calls out show {', '.join(trunk.caller_numbers)}")
    else:
        lines.append("    no calls out: that takes proxies and caller_numbers")
    lines += [
        f"    registers {account.address_of_record} at {account.registrar}"
        for account in trunk.accounts
        if trunk.mode == "registered"
    ]
    return "\n".join([*lines, *(f"    {line}" for line in found)])


async def _look_up(trunks: Sequence[Trunk]) -> tuple[dict[str, list[str]], bool]:
    """Look every proxy up with its trunk's own name servers.

    :returns: lines for each trunk, and whether all were found.
    """
    import asyncio
    import secrets

    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

    from hotline.wire.dns import NameServers

    reactor: Any = AsyncioSelectorReactor(asyncio.get_running_loop())
    found: dict[str, list[str]] = {}
    is_good = True
    for trunk in trunks:
        servers = NameServers(reactor, trunk.dns_servers)
        for proxy in trunk.proxies:
            search = await servers.locate(proxy.uri, lambda: secrets.token_hex(12))
            places = ", ".join(map(str, search.destinations))
            trouble = "no name server answers" if search.is_silent else "no name server knows an address"
            is_good = is_good and bool(places)
            found.setdefault(trunk.name, []).append(f"proxy {proxy}: {places or trouble}")
    return found, is_good
