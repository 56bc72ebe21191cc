"""The talk that a person is in now: its recording may pause while a number is told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from agent_console.console import SharedConsole, SignedIn

router = APIRouter()


@router.get("/talk")
async def talk(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Show the talk that this person is in; nothing when she is in none."""
    view = console.desk.talk(actor)
    if view is None:
        return Response(status_code=204)
    return console.page(request, "parts/talk.html", talk=view)


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
