"""What passes on the telephone side now: ``hotline sip``."""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings
from hotline.cli.shown import colours_of_terminal, put, table
from hotline.sip.flow import host_text
from hotline.sip.glimpse import SeenMessage, glimpse
from hotline.sip.grammar import printable
from hotline.sip.ladder import Arrow, wrap
from hotline.sip.text_width import fit, pad, width_of

app = typer.Typer(no_args_is_help=True, help="What passes on the telephone side now.")

PEER_WIDTH: Final = 21
"""``192.0.2.107:50602``, and short forms of IPv6."""
LEAST_WIDTH: Final = 70


@app.command("trace")
def sip_trace(
    call: Annotated[str, typer.Option(help="Only this call: our id or a SIP Call-ID.")] = "",
    number: Annotated[str, typer.Option(help="Only from or to a number with these digits in it.")] = "",
    from_: Annotated[str, typer.Option("--from", help="Only from a number with these digits in it.")] = "",
    to: Annotated[str, typer.Option("--to", help="Only to a number with these digits in it.")] = "",
    ip: Annotated[str, typer.Option(help="Only to and from this address.")] = "",
    method: Annotated[
        str, typer.Option(help="Only these methods and their answers, for example INVITE,BYE.")
    ] = "",
    raw: Annotated[bool, typer.Option(help="Print whole messages, without secrets.")] = False,
    count: Annotated[int, typer.Option(help="End after so many messages; 0: when you press Ctrl-C.")] = 0,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show what passes the running hotline, message by message, as it happens."""
    settings = load_settings(config)
    from hotline.wire.control_client import ControlClient, from_json

    page = LivePage(ZoneInfo(settings.site.time_zone), is_raw=raw)
    methods = [word.strip().upper() for word in method.split(",") if word.strip()]
    with ControlClient(settings.site.data_dir) as client, contextlib.suppress(KeyboardInterrupt):
        wanted = {"call": call, "number": number, "from": from_, "to": to, "ip": ip, "methods": methods}
        put(page.head())
        for line in client.watch("trace", **wanted):
            if "lost" in line:
                put(f"({line['lost']} messages were not shown: this terminal is slower than the calls)")
                continue
            put(page.lines(from_json(line["item"])))
            count -= 1
            if count == 0:
                return
        put("hotline stopped")


@app.command("legs")
def sip_legs(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the SIP dialogs that stand or are being set up, one a line."""
    settings = load_settings(config)
    from hotline.wire.control_client import ControlClient

    with ControlClient(settings.site.data_dir) as client:
        legs = client.ask("legs")
    heads = ("call", "way", "state", "whose", "remote", "peer", "voice")
    rows = [
        (
            leg["call_id"],
            leg["direction"],
            leg["state"],
            f"{leg['origin']} {leg['origin_name']}".strip(),
            leg["remote"],
            leg["peer"],
            leg["codec"] + (" srtp" if leg["is_protected"] else "") + (" held" if leg["is_held"] else ""),
        )
        for leg in legs
    ]
    put(table(heads, rows) if rows else "no calls")


class LivePage:
    """Lines of a trace: the peer on the left, we on the right, an arrow a message.

    :param zone: of the times.
    :param is_raw: print whole messages.
    """

    def __init__(self, zone: ZoneInfo, *, is_raw: bool) -> None:
        self._zone, self._is_raw = zone, is_raw
        self._colours = colours_of_terminal()
        self._width = max(LEAST_WIDTH, shutil.get_terminal_size((80, 24)).columns)
        self._legs: dict[str, int] = {}

    def head(self) -> str:
        """Write the heads of the columns."""
        return f"{'':12} {pad('peer', PEER_WIDTH)} {pad('', self._span() - 8)} hotline call"

    def lines(self, seen: SeenMessage) -> str:
        """Write one message."""
        at = datetime.fromtimestamp(seen.at, self._zone)
        view = glimpse(seen.data)
        leg = self._legs.setdefault(view.call_id, len(self._legs) + 1)
        arrow = Arrow(seen.at, 0, 1, view, seen, leg)
        paint, end = self._colours.get(arrow.kind, ""), self._colours.get("end", "")
        time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
        peer = fit(f"{host_text(seen.remote[0])}:{seen.remote[1]}", PEER_WIDTH)
        if self._is_raw:
            way = "to" if seen.is_sent else "from"
            text = "\n".join(
                printable(line) for line in seen.data.decode("utf-8", "surrogateescape").splitlines()
            )
            return f"{paint}── {at:%Y-%m-%d} {time} {way} {seen.transport}:{peer} ──{end}\n{text}\n"
        span = self._span()
        label = fit(self._label(arrow), span - 6)
        dashes = span - width_of(label) - 5
        drawn = f"◀{'─' * dashes} {label} ──" if seen.is_sent else f"── {label} {'─' * dashes}▶"
        rows = [f"{time} {pad(peer, PEER_WIDTH)} {paint}{drawn}{end} {leg % 1000:>4}"]
        quiet = self._colours.get("note", "")
        indent = " " * (12 + 1 + PEER_WIDTH + 1 + 3)
        rows += [f"{indent}{quiet}{note}{end}" for note in wrap(arrow.notes, span - 4)]
        return "\n".join(rows)

    def _label(self, arrow: Arrow) -> str:
        view = arrow.view
        if view.method == "INVITE" and view.is_request and view.from_user:
            return f"{view.title} from {view.from_user}"
        return view.title

    def _span(self) -> int:
        return self._width - 12 - PEER_WIDTH - 8
