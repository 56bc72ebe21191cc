"""Who may log in: for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from agent_console.console import Console, SharedConsole, SignedIn
from hotline.desk.views import Actor
from hotline.errors import Refused

router = APIRouter()
Short = Annotated[str, Form(max_length=200)]


async def _page(
    request: Request,
    console: Console,
    actor: Actor,
    *,
    typed: dict[str, str],
    problem: str = "",
    detail: str = "",
) -> Response:
    position = await console.desk.newest_position()
    units = sorted(await console.desk.units(actor), key=lambda unit: unit.code)
    return console.page(
        request,
        "users.html",
        422 if problem else 200,
        position=position,
        people=await console.desk.users(actor),
        units=units,
        unit_names={unit.code: unit.name for unit in units},
        typed=typed,
        problem=problem,
        detail=detail,
    )


@router.get("/users")
async def users(request: Request, console: SharedConsole, actor: SignedIn) -> Response:
    """Show who may log in."""
    return await _page(request, console, actor, typed={})


@router.post("/users")
async def add_user(
    *,
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    user_name: Short = "",
    display_name: Short = "",
    password: Short = "",
    role: Short = "",
    unit_code: Short = "",
    language: Short = "zh",
) -> Response:
    """Add a person."""
    typed = {
        "user_name": user_name.strip(),
        "display_name": display_name.strip(),
        "role": role,
        "unit_code": unit_code,
        "language": language,
    }
    try:
        await console.desk.create_user(
            actor,
            typed["user_name"],
            typed["display_name"],
            password,
            role,
            unit_code=unit_code if role in {"unit", "unit_leader"} else None,
            language=language,
        )
    except Refused as error:
        if error.code not in {"input", "state"}:
            raise
        return await _page(request, console, actor, typed=typed, problem=error.code, detail=str(error))
    return RedirectResponse("/users", status_code=303)
