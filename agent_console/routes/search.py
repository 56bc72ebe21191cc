"""Searching requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from agent_console import choices
from agent_console.console import SharedConsole, SignedIn, reason_of
from hotline.desk.search import Form, Found
from hotline.errors import Refused

router = APIRouter()
Short = Annotated[str, Query(max_length=300)]


@router.get("/search")
async def search(
    *,
    request: Request,
    console: SharedConsole,
    actor: SignedIn,
    q: Short = "",
    state: Short = "",
    unit: Short = "",
    kind: Short = "",
    region: Short = "",
    first_day: Annotated[str, Query(alias="from", max_length=300)] = "",
    last_day: Annotated[str, Query(alias="to", max_length=300)] = "",
    before: Short = "",
) -> Response:
    """Show what is found; a whole request number opens the request."""
    position = await console.desk.newest_position()
    form = Form(
        box=q,
        state=state,
        unit=unit,
        kind=kind,
        region=region,
        first_day=first_day,
        last_day=last_day,
        before=before,
    )
    found, status, words, detail = Found((), ""), 200, "", ""
    try:
        asked = console.desk.searches.read(actor, form)
        if asked.number and Form(box=q) == form:
            return RedirectResponse(f"/requests/{asked.number}", status_code=303)
        if not asked.is_empty:
            found = await console.desk.searches.find(actor, form)
    except Refused as error:
        if error.code not in {"input", "role"}:
            raise
        status, words, detail = reason_of(error)
    units = await console.desk.units(actor)
    return console.page(
        request,
        "search.html",
        status,
        position=position,
        form=form,
        is_asked=Form(before=before) != form,
        lines=found.lines,
        more=_link(form, found.more) if found.more else "",
        first=_link(form, "") if before else "",
        problem=words,
        detail=detail,
        unit_choices=choices.unit_choices(units),
        region_choices=choices.region_choices(units),
        kind_choices=choices.kind_choices(await console.desk.kinds(actor)),
    )


def _link(form: Form, before: str) -> dict[str, str]:
    """Give the fields of the page that goes on before a number."""
    fields = {
        "q": form.box,
        "state": form.state,
        "unit": form.unit,
        "kind": form.kind,
        "region": form.region,
        "from": form.first_day,
        "to": form.last_day,
        "before": before,
    }
    return {name: value for name, value in fields.items() if value}
