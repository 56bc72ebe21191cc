"""Log in, log out, language."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from agent_console.console import SharedConsole, SignedIn, go_to, local_path, reason_of
from hotline.errors import Refused

router = APIRouter()
Short = Annotated[str, Form(max_length=200)]


@router.get("/")
async def home(actor: SignedIn) -> Response:
    """Lead a person to her own page."""
    return RedirectResponse("/inbox" if actor.unit_code else "/desk", status_code=303)


@router.get("/login")
async def login_page(request: Request, console: SharedConsole, next: str = "/") -> Response:
    """Ask who is there."""
    return console.page(request, "login.html", problem="", user_name="", next=local_path(next))


@router.post("/login")
async def login(
    request: Request,
    console: SharedConsole,
    user_name: Short = "",
    password: Short = "",
    next: Short = "/",
) -> Response:
    """Open a session."""
    remote = request.client.host if request.client else ""
    try:
        token = await console.desk.log_in(user_name.strip(), password, remote)
    except Refused as error:
        status, words, _ = reason_of(error)
        return console.page(
            request, "login.html", status, problem=words, user_name=user_name.strip(), next=local_path(next)
        )
    response = RedirectResponse(local_path(next), status_code=303)
    console.set_cookie(response, console.cookie_name, token)
    return response


@router.post("/logout")
async def logout(request: Request, console: SharedConsole) -> Response:
    """End the session and its event stream."""
    token = console.token(request)
    if token:
        await console.desk.log_out(token)
        console.streams.end_session(token)
    response = RedirectResponse("/login", status_code=303)
    console.drop_cookie(response, console.cookie_name)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.post("/language")
async def choose_language(
    request: Request,
    console: SharedConsole,
    language: Short,
    next: Short = "/",
) -> Response:
    """Change the language, for this browser and for the person when she is logged in."""
    if language not in console.languages:
        raise Refused(f"no such language: {language}", code="input")
    token = console.token(request)
    actor = await console.desk.who(token) if token else None
    if actor:
        await console.desk.set_language(actor, language)
    response = RedirectResponse(local_path(next), status_code=303)
    console.set_cookie(response, "language", language)
    return response


@router.get("/session")
async def session(_actor: SignedIn) -> Response:
    """Tell a script that the session still stands."""
    return Response(status_code=204)


def login_path(request: Request) -> str:
    """Tell where to log in, and where to come back to."""
    back = request.headers.get("referer", "") if request.headers.get("hx-request") else ""
    path = request.url.path if not back and request.method == "GET" else ""
    query = f"?{request.url.query}" if path and request.url.query else ""
    return f"/login?next={quote(path + query)}" if path and path != "/" else "/login"


def ask_to_log_in(request: Request) -> Response:
    """Answer somebody who is not logged in."""
    if request.url.path in {"/session", "/events"} or request.url.path.startswith("/recordings/"):
        return Response(status_code=401)
    return go_to(request, login_path(request))
