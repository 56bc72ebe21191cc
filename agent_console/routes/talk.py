"""The talk that a person is in now: its recording may pause while a number is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response, StreamingResponse

from agent_console.console import Console, SharedConsole, SignedIn
from hotline.desk.ports import TalkMeter

router = APIRouter()


@router.get("/talk")
async def talk(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Show the talk that this person is in; nothing when she is in none."""
    view = console.desk.talk(actor)
    if view is None:
        return Response(status_code=204)
    return console.page(request, "parts/talk.html", talk=view)


@router.get("/talk/levels")
async def levels(console: SharedConsole, actor: SignedIn) -> Response:
    """Stream how loud the two sides are, five times a second at most; ends with the talk."""
    meter = console.desk.follow_talk(actor)
    if meter is None:
        return Response(status_code=204)  # an EventSource does not come back after this
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_levels(console, meter), media_type="text/event-stream", headers=headers)


async def _levels(console: Console, meter: TalkMeter) -> AsyncIterator[bytes]:
    try:
        while not console.streams.closing and (heard := await meter.levels()) is not None:
            sides = {"caller": heard.caller, "other": heard.other}
            yield f"data: {json.dumps(sides)}\n\n".encode()
        yield b"event: ended\ndata: {}\n\n"
    finally:
        meter.close()


@router.post("/talk/pause")
async def pause(
    request: Request, console: SharedConsole, actor: SignedIn, reason: Annotated[str, Form(max_length=20)]
) -> Response:
    """Pause the recording."""
    console.desk.pause_recording(actor, reason)
    return await talk(request, console, actor)


@router.post("/talk/resume")
async def resume(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Let the recording go on."""
    console.desk.resume_recording(actor)
    return await talk(request, console, actor)
