"""Talks of now, and who comes to them: ``hotline call talks``, ``monitor`` and so on."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hotline.cli.call import app as app
from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, out
from hotline.cli.shown import put, table
from hotline.desk.live_talks import shown_name
from hotline.errors import OutsideError, Refused
from hotline.media.plan import Codec

if TYPE_CHECKING:
    from hotline.wire.tap_sockets import TapReceiver

RATE_HZ: Final = 8000
SILENT: Final = 64.0
"""Power of A-law's silence, whose samples are 8."""

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


@app.command("listen")
def call_listen(
    call: str,
    seconds: Annotated[float, typer.Option(help="Listen for so long.", min=0.5)] = 10.0,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder to write the voices into, one file a leg, G.711 without a head."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take the voices of a call as they are said, each leg apart, as a recogniser would; events say so.

    Prints for each leg how much came, how much was lost on the way, and how loud it was.
    """
    from hotline.wire.control_client import ControlClient
    from hotline.wire.tap_sockets import TapReceiver

    with ControlClient(load_settings(config).site.data_dir) as client:

        async def listen() -> tuple[list[tuple[str, str]], dict[str, Heard]]:
            heard: dict[str, Heard] = {}
            async with TapReceiver() as blocks:
                legs = client.ask("tap", call=call, path=blocks.path)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await _collect(blocks, heard, len(legs))
                with contextlib.suppress(OutsideError, Refused):  # the call may be over
                    client.ask("tap", call=call, path=blocks.path, on=False)
            return legs, heard

        legs, heard = asyncio.run(listen())
    rows = []
    for number, (leg, name) in enumerate(legs):
        one = heard.get(leg) or Heard()
        file = ""
        if output is not None and one.data:
            output.mkdir(parents=True, exist_ok=True)
            path = output / f"{call}-{number}{one.codec.suffix}"
            path.write_bytes(one.data)
            file = str(path)
        rows.append(
            (leg, shown_name(name), f"{len(one.data) / RATE_HZ:.1f} s", f"{one.lost}", one.level, file)
        )
    put(table(("leg", "who", "voice", "blocks lost", "level", "file"), rows))


@dataclass(slots=True)
class Heard:
    """What came of one leg."""

    codec: Codec = Codec.PCMA
    data: bytearray = field(default_factory=bytearray)
    lost: int = 0

    @property
    def level(self) -> str:
        """How loud it was, in decibels below overload."""
        import numpy as np

        from hotline.media.g711 import decode

        samples = decode(np.frombuffer(bytes(self.data), np.uint8), self.codec).astype(np.float64)
        power = float(np.mean(samples**2)) if len(samples) else 0.0
        return f"{10 * math.log10(power / 32768**2):.0f} dBov" if power > SILENT else "silent"


async def _collect(blocks: TapReceiver, heard: dict[str, Heard], legs: int) -> None:
    """Take blocks until all legs have ended."""
    async for block in blocks:
        one = heard.setdefault(block.call_id, Heard(block.codec))
        one.data += block.data
        one.lost += block.lost
        legs -= block.is_last
        if legs == 0:
            return


def _supervise(config: Path, call: str, phone: str, part: str) -> None:
    _ask(config, "supervise", call=call, phone=phone, part=part)
    out.print(f"{phone} {DONE[part]} {call}", markup=False)


def _ask(config: Path, word: str, **question: str) -> Any:  # noqa: ANN401 - JSON carries anything
    from hotline.wire.control_client import ControlClient

    with ControlClient(load_settings(config).site.data_dir) as client:
        return client.ask(word, **question)


def _guest(guest: dict[str, Any]) -> str:
    return f"{guest['name']} ({guest['part']}{'' if guest['is_there'] else ', ringing'})"
