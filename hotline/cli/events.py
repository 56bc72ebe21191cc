"""What happened, as it is on record: ``hotline events``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Annotated

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings


def events(
    call: Annotated[str, typer.Option(help="Only this call.")] = "",
    request: Annotated[str, typer.Option(help="Only this request number.")] = "",
    follow: Annotated[bool, typer.Option(help="Go on as things happen.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print what happened, one JSON object a line, oldest first."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> None:
        position = 0
        async with open_store(settings) as (store, _desk):
            while True:
                found = await store.events_after(position, limit=500)
                for event in found:
                    position = event.position
                    if (call and event.call_id != call) or (request and event.request_number != request):
                        continue
                    line = {
                        "position": event.position,
                        "at": event.at.isoformat(),
                        "kind": event.kind,
                        "call_id": event.call_id,
                        "request": event.request_number,
                        "unit": event.unit_code,
                        "actor": event.actor,
                        **event.payload,
                    }
                    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                sys.stdout.flush()
                if not found:
                    if not follow:
                        return
                    await asyncio.sleep(0.2)

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        return
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
