"""Merging a request into another one (并案): a person's move, never a machine's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from agent_console.console import SharedConsole, SignedIn
from hotline.tickets.service_request import Given

router = APIRouter(prefix="/requests")
MERGE = "merge"


@router.post("/{number}/merge")
async def merge(
    console: SharedConsole,
    actor: SignedIn,
    number: str,
    version: Annotated[int, Form(ge=0)],
    parent: Annotated[str, Form(max_length=40)],
) -> Response:
    """Merge a request into another; its own caller is still called back with the result."""
    await console.desk.move(actor, number, version, MERGE, Given(parent=parent))
    return RedirectResponse(f"/requests/{number}", status_code=303)
