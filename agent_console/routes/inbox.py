"""The side of a street, community or department: its work orders."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from agent_console.console import Console, SharedConsole, SignedIn, is_fragment, local_path, reason_of
from hotline.desk.views import Actor, RequestLine
from hotline.errors import Refused

router = APIRouter()
OPEN_STATES: Final = ("dispatched", "signed", "in_progress")


async def _values(console: Console, actor: Actor, unit: str) -> dict[str, object]:
    unit_code = actor.unit_code or unit
    units = [] if actor.unit_code else sorted(await console.desk.units(actor), key=lambda choice: choice.code)
    orders = await console.desk.inbox(actor, unit_code) if unit_code else []
    lines: dict[str, RequestLine | None] = {}
    for order in orders:
        if order.state in OPEN_STATES and order.number not in lines:
            lines[order.number] = await console.desk.line(actor, order.number)
    return {
        "unit": unit_code,
        "units": units,
        "open_orders": sorted(
            (order for order in orders if order.state in OPEN_STATES),
            key=lambda order: OPEN_STATES.index(order.state),
        ),
        "past_orders": [order for order in orders if order.state not in OPEN_STATES],
        "lines": lines,
    }


@router.get("/inbox")
async def inbox(request: Request, console: SharedConsole, actor: SignedIn, unit: str = "") -> Response:
    """Show a unit's work orders."""
    position = await console.desk.newest_position()
    values = await _values(console, actor, unit)
    return console.page(request, "inbox.html", position=position, problem="", typed={}, **values)


@router.get("/inbox/orders")
async def orders(request: Request, console: SharedConsole, actor: SignedIn, unit: str = "") -> Response:
    """Get the list anew."""
    values = await _values(console, actor, unit)
    return console.page(request, "parts/orders.html", problem="", typed={}, **values)


@router.post("/orders/{order_id}/sign")
async def sign(
    *,
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    order_id: int,
    unit: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/inbox",
) -> Response:
    """Take a work order over (签收)."""
    try:
        await console.desk.sign(actor, order_id)
    except Refused as error:
        return await _refused(request, console, actor, unit, error=error, typed={})
    return await _done(request, console, actor, unit, next)


@router.post("/orders/{order_id}/begin")
async def begin(
    *,
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    order_id: int,
    unit: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/inbox",
) -> Response:
    """Note that the unit has spoken with the caller (联系来电人)."""
    try:
        await console.desk.begin(actor, order_id)
    except Refused as error:
        return await _refused(request, console, actor, unit, error=error, typed={})
    return await _done(request, console, actor, unit, next)


@router.post("/orders/{order_id}/reply")
async def reply(
    *,
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    order_id: int,
    text: Annotated[str, Form(max_length=5000)] = "",
    outcome: Annotated[str, Form(max_length=40)] = "solved",
    unit: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/inbox",
) -> Response:
    """Report back what was done (反馈)."""
    words = text.replace("\r\n", "\n").strip()
    try:
        if not words:
            raise Refused("the reply is empty", code="input")
        await console.desk.reply(actor, order_id, words, outcome)
    except Refused as error:
        return await _refused(request, console, actor, unit, error=error, typed={order_id: text})
    return await _done(request, console, actor, unit, next)


async def _done(request: Request, console: Console, actor: Actor, unit: str, back: str) -> Response:
    if not is_fragment(request):
        return RedirectResponse(local_path(back), status_code=303)
    return console.page(
        request, "parts/orders.html", problem="", typed={}, **await _values(console, actor, unit)
    )


async def _refused(
    request: Request, console: Console, actor: Actor, unit: str, *, error: Refused, typed: dict[int, str]
) -> Response:
    if error.code not in {"stale", "state", "input"}:
        raise error
    status, words, _ = reason_of(error)
    values = await _values(console, actor, unit)
    template = "parts/orders.html" if is_fragment(request) else "inbox.html"
    position = await console.desk.newest_position()
    return console.page(request, template, status, position=position, problem=words, typed=typed, **values)
