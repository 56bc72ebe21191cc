"""The talks of now: supervisors listen, whisper and barge in; whoever talks calls a third into her own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from agent_console.console import Console, SharedConsole, SignedIn, is_fragment
from hotline.desk.views import Actor

router = APIRouter()
CallName = Annotated[str, Form(max_length=64)]
Number = Annotated[str, Form(max_length=40)]


@router.get("/talks")
async def talks(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Show who talks with whom."""
    shown = console.desk.live_talks.talks(actor)
    position = await console.desk.newest_position()
    return console.page(request, "talks.html", talks=shown, position=position)


@router.get("/talks/rows")
async def rows(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Give the same as rows alone, for the page to look again."""
    return console.page(request, "parts/talks.html", talks=console.desk.live_talks.talks(actor))


@router.post("/talks/come")
async def come(
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    call: CallName,
    part: Annotated[str, Form(max_length=10)],
) -> Response:
    """Ring this person's telephone into a talk, or let her do something else there."""
    console.desk.live_talks.supervise(actor, call, part)
    return await _again(request, console, actor)


@router.post("/talks/leave")
async def leave(request: Request, console: SharedConsole, actor: SignedIn, call: CallName) -> Response:
    """Let this person leave a talk that she supervises."""
    console.desk.live_talks.leave(actor, call)
    return await _again(request, console, actor)


async def _again(request: Request, console: Console, actor: Actor) -> Response:
    if is_fragment(request):
        return await rows(request, console, actor)
    return RedirectResponse("/talks", status_code=303)


@router.get("/talk/guests")
async def guests(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Show who came to the talk that this person is in; nothing when she is in none."""
    talk = console.desk.live_talks.own(actor)
    if talk is None:
        return Response(status_code=204)
    return console.page(request, "parts/talk_guests.html", live=talk)


@router.post("/talk/invite")
async def invite(request: Request, console: SharedConsole, actor: SignedIn, number: Number) -> Response:
    """Call a third into this person's talk."""
    console.desk.live_talks.invite(actor, number)
    return await guests(request, console, actor)


@router.post("/talk/dismiss")
async def dismiss(request: Request, console: SharedConsole, actor: SignedIn, number: Number) -> Response:
    """Let the third leave this person's talk."""
    console.desk.live_talks.dismiss(actor, number)
    return await guests(request, console, actor)
