"""The event stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from agent_console.console import SharedConsole, SignedIn
from agent_console.live import EventStream

router = APIRouter()


def _position(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@router.get("/events")
async def events(
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    after: str = "",
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Stream events after ``Last-Event-ID``, else after the position that the page was made at."""
    if console.streams.is_full() or console.streams.closing:
        return Response(status_code=503, headers={"Retry-After": "5"})
    return EventStream(console.streams, actor, console.token(request), _position(last_event_id or after))
