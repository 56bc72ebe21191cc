"""The console as an ASGI application: built here, served by whoever starts it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Scope

from agent_console.clocks import SiteClock, wall_now
from agent_console.console import Console, NotSignedIn, ReadAudio, ReadPeaks, is_fragment, reason_of
from agent_console.listening import Listenings
from agent_console.live import HEARTBEAT_S, Streams
from agent_console.routes import (
    account,
    events,
    inbox,
    live_talks,
    merging,
    moves,
    recordings,
    requests,
    search,
    talk,
    users,
)
from agent_console.routes import desk as queue
from agent_console.security import Guard
from agent_console.static_files import YEAR_S
from hotline.desk.desk import Desk
from hotline.errors import OutsideError, Refused
from hotline.events.bus import Bus

_log = structlog.get_logger("agent_console")


def create_app(
    desk: Desk,
    bus: Bus,
    *,
    site_name: str,
    time_zone: str,
    secure_cookies: bool,
    read_audio: ReadAudio,
    read_peaks: ReadPeaks,
    at: Callable[[], datetime] = wall_now,
    heartbeat_s: float = HEARTBEAT_S,
) -> FastAPI:
    """Build the console.

    :param desk: the only door to the product; every action is checked there.
    :param bus: wakes the event streams; its listeners run on the event loop.
    :param time_zone: zone of displayed times, as in the IANA database.
    :param secure_cookies: True behind HTTPS; then the session cookie is bound to the host.
    :param read_audio: ``read_audio(file, first_sample, last_sample)`` blocks and returns 16-bit PCM
        of the samples from the first up to, not including, the last, interleaved where there are both
        sides; it is run in a thread.
    :param read_peaks: ``read_peaks(file)`` blocks and returns a peaks file (``hotline.media.peaks``); it is
        run in a thread.
    :param at: the wall clock.
    :param heartbeat_s: seconds between checks of a stream's session.
    """
    console = Console(
        desk=desk,
        streams=Streams(desk, bus, heartbeat_s=heartbeat_s),
        listenings=Listenings(desk),
        clock=SiteClock(ZoneInfo(time_zone)),
        at=at,
        site_name=site_name,
        secure_cookies=secure_cookies,
        read_audio=read_audio,
        read_peaks=read_peaks,
    )
    app = FastAPI(title=site_name, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.console = console
    for module in (account, queue, events, inbox, live_talks, recordings, requests, search, talk, users):
        app.include_router(module.router)
    app.include_router(merging.router)
    app.include_router(requests.lists_router)
    app.include_router(moves.router)
    _add_static(app, console)
    _add_errors(app, console)

    async def error_page(scope: Scope, status: int, error_id: str) -> ASGIApp:
        return _error(console, Request(scope), status, error_id=error_id)

    app.add_middleware(Guard, error_page=error_page)
    return app


def _add_static(app: FastAPI, console: Console) -> None:
    @app.get("/static/{digest}/{name:path}")
    async def static(request: Request, digest: str, name: str) -> Response:
        file = console.static.find(name)
        if file is None:
            raise HTTPException(404)
        # A page from before an update asks with the old digest: it gets the file, but must not keep it.
        keep = f"public, max-age={YEAR_S}, immutable" if digest == console.static.digest else "no-store"
        headers = {"Cache-Control": keep, "Vary": "Accept-Encoding"}
        if file.zipped and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.zipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.kind)
        return Response(file.body, headers=headers, media_type=file.kind)

    @app.get("/healthz")
    async def health() -> Response:
        await console.desk.newest_position()
        return Response("ok\n", media_type="text/plain")


def _add_errors(app: FastAPI, console: Console) -> None:
    @app.exception_handler(NotSignedIn)
    async def not_signed_in(request: Request, _error: Exception) -> Response:
        return account.ask_to_log_in(request)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        status, words, detail = reason_of(error)
        return _error(console, request, status, words=words, detail=detail)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return _error(console, request, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, _fault: RequestValidationError) -> Response:
        return _error(console, request, 422)

    @app.exception_handler(OutsideError)
    async def outside(request: Request, error: OutsideError) -> Response:
        error_id = secrets.token_hex(4)
        _log.error("console.outside", error_id=error_id, path=request.url.path, error=str(error))
        return _error(console, request, 503, error_id=error_id)


def _error(
    console: Console, request: Request, status: int, *, words: str = "", detail: str = "", error_id: str = ""
) -> Response:
    template = "parts/error.html" if is_fragment(request) else "error.html"
    return console.page(request, template, status, code=status, words=words, detail=detail, error_id=error_id)
