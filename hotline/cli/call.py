"""What became of a call: ``hotline call``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, complain, load_settings, run
from hotline.cli.shown import colours_of_terminal, put, table
from hotline.errors import ConfigError, OutsideError
from hotline.settings import Settings
from hotline.sip.flow import host_text
from hotline.sip.glimpse import SeenMessage, glimpse
from hotline.sip.grammar import printable
from hotline.sip.ladder import build_ladder, duration, ladder_text
from hotline.sip.ladder_svg import ladder_svg
from hotline.sip.pcap import pcap
from hotline.tickets.masking import mask

if TYPE_CHECKING:
    from hotline.media.plan import LegQuality
    from hotline.store.call_reads import CallOnRecord, CallStory
    from hotline.store.legs import LegStory

app = typer.Typer(no_args_is_help=True, help="What became of calls.")

LARGEST_MOS: Final = 4.5
RATE_HZ: Final = 8000
"""Of recordings."""


@app.command("list")
def call_list(
    limit: Annotated[int, typer.Option(help="At most so many calls.")] = 20,
    number: Annotated[str, typer.Option(help="Only from or to a number with these digits in it.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Write numbers of callers in full.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the last calls, newest first."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> Sequence[CallOnRecord]:
        async with open_store(settings) as (store, _desk):
            return await store.recent_calls(limit, number=number)

    zone = ZoneInfo(settings.site.time_zone)
    rows = [
        (
            f"{call.offered_at.astimezone(zone):%m-%d %H:%M:%S}",
            call.call_id,
            _caller(call, full=full),
            call.called,
            _lasted(call),
            call.cause or ("talking" if call.answered_at else "ringing"),
        )
        for call in run(work())
    ]
    put(table(("offered", "call", "caller", "called", "lasted", "end"), rows) if rows else "no calls yet")


@app.command("show")
def call_show(
    name: Annotated[str, typer.Argument(help="Our call id, a SIP Call-ID, or the number of a request.")],
    sdp: Annotated[bool, typer.Option("--sdp", help="Print the session descriptions.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print whole messages, without secrets.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Write numbers of callers in full.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write the ladder as a drawing into this file.")] = None,
    capture: Annotated[
        Path | None,
        typer.Option("--pcap", help="Write the messages as a capture file, for Wireshark or sngrep."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell all about a call: its record, its ladder, what was said in SIP, its events."""
    settings = load_settings(config)
    story, messages = _look_up(settings, name)
    if story is None and not messages:
        raise ConfigError(
            f"nothing is on record about {name!r}: neither a call id, nor a SIP Call-ID of the last "
            f"{settings.sip.keep_messages_days} days, nor a request; `hotline call list` names the last calls"
        )
    zone = ZoneInfo(settings.site.time_zone)
    title = f"Call {story.call.call_id if story else name}"
    ladder = build_ladder(messages, _names(story, messages) if story else {})
    if svg is not None:
        _write(svg, ladder_svg(ladder, title=title, zone=zone).encode())
    if capture is not None:
        _write(capture, pcap(messages))
    parts = [
        title
        + "\n"
        + (
            _record(story, zone, full=full)
            if story
            else "there is no record of it: it was refused, or the store cannot be read\n"
        )
    ]
    if messages:
        width = shutil.get_terminal_size((80, 24)).columns
        parts.append(ladder_text(ladder, width=width, zone=zone, colours=colours_of_terminal()))
    else:
        parts.append(_why_no_messages(settings))
    if sdp or raw:
        parts += [_message(seen, zone, only_sdp=not raw) for seen in messages if raw or b"v=0" in seen.data]
    if story:
        parts.append(_events(story, zone))
    put("\n".join(parts))


def _look_up(settings: Settings, name: str) -> tuple[CallStory | None, list[SeenMessage]]:
    from hotline.app import open_store
    from hotline.wire.signalling_files import FOLDER, find_blocking

    folder = settings.site.data_dir / FOLDER

    async def story_of(one: str) -> CallStory | None:
        async with open_store(settings) as (store, _desk):
            return await store.call_story(one)

    story = None
    try:
        story = run(story_of(name))
        if story is None:  # a telephone that rang beside others: what we sent it bears its leg's id
            legs = {seen.call for seen in find_blocking(folder, {name}) if seen.call}
            story = run(story_of(min(legs))) if legs else None
    except OutsideError as error:  # what passed is kept elsewhere, and a broken store is when it is needed
        complain(error)
    names = {name}
    if story:
        names = {story.call.call_id, story.call.sip_call_id, *(leg.sip_call_id for leg in story.legs)} - {""}
    return story, find_blocking(folder, names)


def _names(story: CallStory, messages: Sequence[SeenMessage]) -> dict[str, str]:
    """Name the other sides: trunk, or telephone."""
    of_leg = {leg.leg_id: leg.trunk or leg.peer for leg in story.legs}
    of_call_id = {leg.sip_call_id: leg.trunk or leg.peer for leg in story.legs}
    of_call_id |= {glimpse(seen.data).call_id: of_leg[seen.call] for seen in messages if seen.call in of_leg}
    of_call_id[story.call.sip_call_id] = story.call.origin
    names: dict[str, str] = {}
    for seen in messages:
        name = of_call_id.get(glimpse(seen.data).call_id, "")
        names.setdefault(f"{host_text(seen.remote[0])}:{seen.remote[1]}", printable(name))
    return names


def _why_no_messages(settings: Settings) -> str:
    sip = settings.sip
    if not sip.keep_messages_days:
        return "no messages: [sip] keep_messages_days is 0\n"
    return (
        f"no messages: they are kept for {sip.keep_messages_days} days and up to {sip.keep_messages_mb} MiB "
        "([sip] keep_messages_days and keep_messages_mb)\n"
    )


def _write(file: Path, octets: bytes) -> None:
    try:
        file.write_bytes(octets)
    except OSError as error:
        raise ConfigError(f"the file cannot be written: {error.strerror}", file=str(file)) from error


def _caller(call: CallOnRecord, *, full: bool) -> str:
    number = call.caller or "unknown"
    shown = number if full or not call.caller else mask(number)
    return shown + (" (withheld)" if call.withheld else "")


def _lasted(call: CallOnRecord) -> str:
    if call.ended_at is None:
        return ""
    return duration((call.ended_at - (call.answered_at or call.offered_at)).total_seconds())


def _record(story: CallStory, zone: ZoneInfo, *, full: bool) -> str:
    call = story.call
    rows = [
        ("caller", _caller(call, full=full)),
        ("called", call.called),
        ("from", f"{call.source} {call.origin}".strip()),
        ("SIP Call-ID", printable(call.sip_call_id)),
        ("offered", f"{call.offered_at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"),
        ("answered", _after(call.answered_at, call.offered_at) or "never"),
        ("ended", _end(call)),
        ("way", " → ".join(call.path)),
        *(("leg", _leg(leg, call.offered_at)) for leg in story.legs),
        *(("voice", _voice(quality, story)) for quality in story.qualities),
        *(("request", f"{request.number} {request.state}") for request in story.requests),
        *(
            ("recording", f"{one.recording_id} {duration(one.length_samples / RATE_HZ)}")
            for one in story.recordings
        ),
    ]
    return "".join(f"{name:<12} {value}\n" for name, value in rows if value)


def _end(call: CallOnRecord) -> str:
    if call.ended_at is None:
        return "not yet, or the product was killed"
    return f"{_after(call.ended_at, call.offered_at)}: {call.cause}"


def _leg(leg: LegStory, offered: datetime) -> str:
    way = "←" if leg.direction == "in" else "→"
    answered = f"answered {_after(leg.answered_at, offered)}" if leg.answered_at else "not answered"
    status = f" {leg.status}" if leg.status else ""
    ended = f"ended {_after(leg.ended_at, offered)}: {leg.cause}{status}" if leg.ended_at else "still there"
    return f"{way} {printable(leg.peer)}{f' over {leg.trunk}' if leg.trunk else ''}, {answered}, {ended}"


def _voice(quality: LegQuality, story: CallStory) -> str:
    peers = {leg.leg_id: leg.peer for leg in story.legs}
    who = "caller" if quality.call_id == story.call.call_id else peers.get(quality.call_id, quality.call_id)
    said = [f"{printable(who)} {quality.codec.name}"]
    if quality.mos is None:
        said.append("was never heard")
    else:
        said.append(f"heard {quality.mos:.2f} of {LARGEST_MOS} (MOS)")
        said.append(f"lost {quality.loss:.1%}")
        said.append(f"jitter {quality.jitter_ms:.0f} ms (at most {quality.jitter_max_ms:.0f})")
    if quality.longest_gap_ms:
        said.append(f"longest gap {quality.longest_gap_ms} ms")
    if quality.round_trip_ms is not None:
        said.append(f"round trip {quality.round_trip_ms:.0f} ms")
    if quality.far_mos is not None:
        said.append(f"heard us {quality.far_mos:.2f}, lost {quality.far_loss or 0.0:.1%}")
    return ", ".join(said)


def _after(at: datetime | None, offered: datetime) -> str:
    return f"after {duration((at - offered).total_seconds())}" if at is not None else ""


def _message(seen: SeenMessage, zone: ZoneInfo, *, only_sdp: bool) -> str:
    at = datetime.fromtimestamp(seen.at, zone)
    text = seen.data.decode("utf-8", "surrogateescape")
    if only_sdp:
        text = text[max(0, text.find("v=0")) :]
    way = "to" if seen.is_sent else "from"
    peer = f"{seen.transport}:{host_text(seen.remote[0])}:{seen.remote[1]}"
    head = f"── {at:%H:%M:%S}.{at.microsecond // 1000:03d} {way} {peer}: {glimpse(seen.data).title}"
    return head + "\n" + "\n".join(printable(line) for line in text.splitlines()) + "\n"


def _events(story: CallStory, zone: ZoneInfo) -> str:
    rows = [
        (
            f"{event.at.astimezone(zone):%H:%M:%S}",
            event.kind,
            event.actor,
            _payload(event.payload),
        )
        for event in story.events
    ]
    return table(("at", "event", "by", ""), rows, widest=60) if rows else "no events\n"


def _payload(payload: Mapping[str, object]) -> str:
    words = []
    for name, value in payload.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words.append(f"{name}={text}")
    return printable(" ".join(words))
