"""The queue of requests."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent_console import wording
from agent_console.console import Console, SharedConsole, SignedIn
from hotline.desk.views import Actor, RequestLine
from hotline.errors import Refused

router = APIRouter()
PAGE = 50
"""Lines that one page of the queue holds."""


async def _lines(console: Console, actor: Actor, state: str, before: str) -> dict[str, object]:
    if state and state not in wording.REQUEST_STATES:
        raise Refused(f"no such state: {state}", code="input")
    lines = await console.desk.queue(actor, state=state, before=before, limit=PAGE + 1)
    shown: list[RequestLine] = list(lines[:PAGE])
    return {"lines": shown, "state": state, "more": shown[-1].number if len(lines) > PAGE else ""}


@router.get("/desk")
async def queue(
    request: Request, console: SharedConsole, actor: SignedIn, state: str = "", before: str = ""
) -> Response:
    """Show the queue, or the part of it that follows a number."""
    position = await console.desk.newest_position()  # read first, so that nothing falls between
    values = await _lines(console, actor, state, before)
    hotspots = await console.desk.neighbours.hotspots(actor)
    return console.page(request, "desk.html", position=position, before=before, hotspots=hotspots, **values)


@router.get("/desk/hotspots")
async def hotspots(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Get the strip of hotspots anew."""
    found = await console.desk.neighbours.hotspots(actor)
    return console.page(request, "parts/hotspots.html", hotspots=found)


@router.get("/desk/lines")
async def more_lines(
    request: Request, console: SharedConsole, actor: SignedIn, state: str = "", before: str = ""
) -> Response:
    """Get the lines that follow a number, to be put below the list."""
    values = await _lines(console, actor, state, before)
    return console.page(request, "parts/lines.html", fresh=False, **values)


@router.get("/desk/lines/{number}")
async def one_line(
    request: Request, console: SharedConsole, actor: SignedIn, number: str, state: str = ""
) -> Response:
    """Get a line that has changed; nothing when it is not in this person's list any more."""
    line = await console.desk.line(actor, number)
    if line is None or (state and line.state != state):
        return Response(status_code=204)
    return console.page(request, "parts/lines.html", lines=[line], state=state, more="", fresh=True)
