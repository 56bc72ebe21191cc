"""Talks of now, and who comes to them: ``hotline call talks``, ``monitor`` and so on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from hotline.cli.call import app as app
from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, out
from hotline.cli.shown import put, table
from hotline.desk.live_talks import shown_name

PhoneOption = Annotated[
    str, typer.Option("--phone", help="The supervisor's telephone; it answers by itself.")
]
DONE: Final = {
    "monitor": "is called to listen to",
    "whisper": "is called to whisper in",
    "barge": "is called to barge into",
}


@app.command("talks")
def call_talks(
    full: Annotated[bool, typer.Option("--full", help="Write numbers of callers in full.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the talks of now: who talks with whom, and who came to them."""
    talks = _ask(config, "talks")
    rows = [
        (
            talk["call_id"],
            talk["near"] if full else shown_name(talk["near"]),
            talk["far"] if full else shown_name(talk["far"]),
            talk["called"],
            ", ".join(_guest(guest) for guest in talk["guests"]),
        )
        for talk in talks
    ]
    put(table(("call", "caller", "talks with", "called", "guests"), rows) if rows else "nobody talks now")


@app.command("monitor")
def call_monitor(call: str, phone: PhoneOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a telephone listen to a talk: it hears both, and nobody hears it."""
    _supervise(config, call, phone, "monitor")


@app.command("whisper")
def call_whisper(call: str, phone: PhoneOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a telephone whisper in a talk: it hears both, and the agent alone hears it."""
    _supervise(config, call, phone, "whisper")


@app.command("barge")
def call_barge(call: str, phone: PhoneOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a telephone barge into a talk: all hear each other."""
    _supervise(config, call, phone, "barge")


@app.command("invite")
def call_invite(call: str, number: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Call a third into a talk: a telephone of the house, or a number outside on the agent's behalf."""
    _ask(config, "invite", call=call, number=number)
    out.print(f"{number} is called into {call}", markup=False)


@app.command("dismiss")
def call_dismiss(call: str, name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a guest leave a talk: the telephone or number as `hotline call talks` shows it."""
    _ask(config, "send_away", call=call, name=name)
    out.print(f"{name} leaves {call}", markup=False)


def _supervise(config: Path, call: str, phone: str, part: str) -> None:
    _ask(config, "supervise", call=call, phone=phone, part=part)
    out.print(f"{phone} {DONE[part]} {call}", markup=False)


def _ask(config: Path, word: str, **question: str) -> Any:  # noqa: ANN401 - JSON carries anything
    from hotline.wire.control_client import ControlClient

    with ControlClient(load_settings(config).site.data_dir) as client:
        return client.ask(word, **question)


def _guest(guest: dict[str, Any]) -> str:
    return f"{guest['name']} ({guest['part']}{'' if guest['is_there'] else ', ringing'})"
