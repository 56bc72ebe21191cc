"""The moves of a request that the tables offer to whoever looks at it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from agent_console import wording
from agent_console.console import Console, SharedConsole, SignedIn, reason_of
from agent_console.decision import Change
from agent_console.routes.requests import values_of
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.tickets.service_request import Given

router = APIRouter(prefix="/requests")
Short = Annotated[str, Form(max_length=200)]
ANSWERS = {"yes": True, "no": False}


@router.post("/{number}/move")
async def move(
    *,
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    number: str,
    version: Annotated[int, Form(ge=0)],
    move: Short,
    base_state: Short = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
    unit_code: Short = "",
    parent: Short = "",
    source: Short = "",
    hours: Annotated[int, Form(ge=0, le=5000)] = 0,
    review_day: Short = "",
    solved: Short = "",
) -> Response:
    """Make a move; what it needs to be told, the page has asked for."""
    try:
        given = Given(
            reason=reason.replace("\r\n", "\n").strip(),
            unit=unit_code,
            parent=parent,
            source=source,
            extension=timedelta(hours=hours),
            review_at=_day(console, review_day),
            solved=ANSWERS.get(solved),
        )
        await console.desk.move(actor, number, version, move, given)
    except Refused as error:
        if error.code not in {"stale", "input", "state", "duty"}:
            raise
        return await _refused(
            request, console, actor, number, error=error, typed=(move, reason), was=base_state
        )
    return RedirectResponse(f"/requests/{number}", status_code=303)


def _day(console: Console, text: str) -> datetime | None:
    """Read a day as its noon at the site."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(12), console.clock.zone).astimezone(UTC)
    except ValueError:
        raise Refused(f"{text[:20]!r} is no day", code="input") from None


async def _refused(
    request: Request,
    console: Console,
    actor: Actor,
    number: str,
    *,
    error: Refused,
    typed: tuple[str, str],
    was: str,
) -> Response:
    """Show what is true now, what she meant to do, and, when somebody was faster, both versions."""
    page = await console.desk.request(actor, number)
    status, words, detail = reason_of(error)
    changes = [Change(wording.FIELDS["state"], was, page.line.state)] if error.code == "stale" else []
    values = await values_of(console, actor, page)
    values |= {
        "move_problem": words,
        "move_detail": detail,
        "move_changes": changes,
        "move_typed": typed,
        "position": await console.desk.newest_position(),
    }
    return console.page(request, "request.html", status, **values)
