"""One service request: listen, read, decide, route."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from agent_console import choices, wording
from agent_console.console import Console, SharedConsole, SignedIn, is_fragment, reason_of
from agent_console.decision import (
    FIELDS,
    Change,
    Decision,
    changes_since,
    fresh,
    lead_order,
    plain,
    read_decision,
)
from hotline.desk.views import Actor, RequestPage
from hotline.errors import Refused

router = APIRouter(prefix="/requests")
lists_router = APIRouter()
LISTS_KEPT_S = 300
"""Seconds that a browser keeps the lists of kinds and units; they change with the catalogue."""
Decided = Annotated[Decision, Depends(read_decision)]


@lists_router.get("/choices/{name}")
async def choose_from(request: Request, console: SharedConsole, actor: SignedIn, name: str) -> Response:
    """Get the list that a field is chosen from: ``kind_code``, ``region_code`` or ``unit_code``."""
    lists = await _choices(console, actor)
    if name not in lists:
        raise Refused(f"no such list: {name}", code="missing")
    answer = console.page(request, "parts/choices.html", name=name, listed=lists[name])
    answer.headers["Cache-Control"] = f"private, max-age={LISTS_KEPT_S}"
    return answer


@router.get("")
async def find(_actor: SignedIn, number: str = "") -> Response:
    """Open a request by the number that a caller reads out, spaces and all."""
    digits = "".join(character for character in number if character.isdigit())
    if not digits:
        raise Refused("no number was given", code="input")
    return RedirectResponse(f"/requests/{digits}", status_code=303)


@router.get("/{number}")
async def request_page(request: Request, console: SharedConsole, actor: SignedIn, number: str) -> Response:
    """Show all of a request."""
    position = await console.desk.newest_position()
    page = await console.desk.request(actor, number)
    values = await _values(console, actor, page, fresh(page))
    return console.page(request, "request.html", position=position, **values)


@router.get("/{number}/live")
async def live_parts(request: Request, console: SharedConsole, actor: SignedIn, number: str) -> Response:
    """Get every part that others may have changed; the form is left alone."""
    page = await console.desk.request(actor, number)
    values = await _values(console, actor, page, fresh(page), has_form=False)
    return console.page(request, "parts/request_live.html", **values)


@router.get("/{number}/form")
async def form(request: Request, console: SharedConsole, actor: SignedIn, number: str) -> Response:
    """Get the form anew, for a browser in which nothing was typed yet."""
    page = await console.desk.request(actor, number)
    return console.page(request, "parts/decision.html", **await _values(console, actor, page, fresh(page)))


@router.post("/{number}/save")
async def save(
    request: Request, console: SharedConsole, actor: SignedIn, number: str, decision: Decided
) -> Response:
    """Decide kind, place and wording; the request stays where it is."""
    return await _decide(request, console, actor, number, decision, is_routing=False)


@router.post("/{number}/route")
async def route(
    request: Request, console: SharedConsole, actor: SignedIn, number: str, decision: Decided
) -> Response:
    """Decide what was changed in the form, then send the request to a unit."""
    return await _decide(request, console, actor, number, decision, is_routing=True)


async def _decide(
    request: Request, console: Console, actor: Actor, number: str, decision: Decision, *, is_routing: bool
) -> Response:
    try:
        if is_routing and not decision.unit_code:
            raise Refused("no unit was chosen", code="input")
        if decision.is_edited:
            decision = await _edit(console, actor, number, decision)
        if is_routing:
            await console.desk.route(actor, number, decision.version, decision.unit_code, decision.note)
    except Refused as error:
        if error.code not in {"stale", "input", "state"}:
            raise
        return await _refused(
            request, console, actor, number, decision=decision, error=error, is_routing=is_routing
        )
    if not is_fragment(request):
        return RedirectResponse(f"/requests/{number}", status_code=303)
    page = await console.desk.request(actor, number)
    values = await _values(console, actor, page, fresh(page), done="routed" if is_routing else "saved")
    return console.page(request, "parts/decided.html", **values)


async def _edit(console: Console, actor: Actor, number: str, decision: Decision) -> Decision:
    heard = await console.desk.request(actor, number)
    # The form starts from the transcript: leaving it as it is, or emptying the field, is no wording.
    transcript = plain(heard.text)
    decision = replace(decision, text=decision.text or transcript)
    await console.desk.edit(
        actor,
        number,
        decision.version,
        kind_code=decision.kind_code,
        region_code=decision.region_code,
        place=decision.place,
        text="" if decision.text == transcript else decision.text,
    )
    page = await console.desk.request(actor, number)
    now = fresh(page)
    if any(getattr(now, name) != getattr(decision, name) for name in FIELDS):
        # Somebody wrote between our edit and this read: what follows would be decided on his words.
        raise Refused("changed between saving and routing", code="stale")
    return replace(decision, version=now.version, base=now.base)


async def _refused(
    request: Request,
    console: Console,
    actor: Actor,
    number: str,
    *,
    decision: Decision,
    error: Refused,
    is_routing: bool,
) -> Response:
    page = await console.desk.request(actor, number)
    status, words, detail = reason_of(error)
    if error.code == "input" and is_routing and not decision.unit_code:
        words, detail = wording.BROWSER_WORDS["choose"], ""
    elif error.code == "input" and is_routing and not (page.kind_code and (page.text or page.edited_text)):
        words, detail = wording.BROWSER_WORDS["incomplete"], ""
    changes: list[Change] = []
    if error.code == "stale":
        label = _labels(await _choices(console, actor), page)
        changes = changes_since(decision, page, lambda name, value: label.get((name, value), value))
        decision = decision.rebased(page)
    values = await _values(
        console,
        actor,
        page,
        decision,
        problem=words,
        detail=detail,
        changes=changes,
        is_stale=error.code == "stale",
    )
    template = "parts/decided.html" if is_fragment(request) else "request.html"
    return console.page(request, template, status, position=await console.desk.newest_position(), **values)


Choices = Mapping[str, Sequence[choices.Choice]]


async def _choices(console: Console, actor: Actor) -> Choices:
    units, kinds = await console.desk.units(actor), await console.desk.kinds(actor)
    return {
        "kind_code": choices.kind_choices(kinds),
        "region_code": choices.region_choices(units),
        "unit_code": choices.unit_choices(units),
    }


def _labels(lists: Choices, page: RequestPage) -> dict[tuple[str, str], str]:
    labels = {(name, choice.code): choice.label for name, listed in lists.items() for choice in listed}
    # What a unit's user may not list is still shown by its name where the page knows it.
    labels.setdefault(("kind_code", page.kind_code), page.line.kind_label or page.kind_code)
    for order in page.orders:
        labels.setdefault(("unit_code", order.unit_code), order.unit_name)
    return labels


def _asks_unit(page: RequestPage) -> bool:
    return any({"unit", "any_unit"} & offer.asks for offer in page.moves)


async def values_of(console: Console, actor: Actor, page: RequestPage) -> dict[str, object]:
    """Gather what the page of a request shows, with its form as it is now."""
    return await _values(console, actor, page, fresh(page))


async def _values(
    console: Console,
    actor: Actor,
    page: RequestPage,
    decision: Decision,
    *,
    problem: str = "",
    detail: str = "",
    changes: Sequence[Change] = (),
    is_stale: bool = False,
    done: str = "",
    has_form: bool = True,
) -> dict[str, object]:
    lists: Choices = await _choices(console, actor) if has_form else {}
    suggestions = defaultdict(list)
    for suggestion in page.suggestions:
        suggestions[suggestion.field].append(suggestion)
    return {
        "similar": await console.desk.neighbours.similar(actor, page.line.number),
        "page": page,
        "line": page.line,
        "lead": lead_order(page),
        "decision": decision,
        "current": fresh(page),
        "labels": _labels(lists, page),
        "suggestions": {name: listed[:3] for name, listed in suggestions.items()},
        "problem": problem,
        "detail": detail,
        "changes": changes,
        "is_stale": is_stale,
        "done": done,
        "units": await console.desk.units(actor) if _asks_unit(page) else [],
    }
