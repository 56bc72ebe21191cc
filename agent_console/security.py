"""What every answer carries and every question must pass, whatever the route.

Headers: a strict Content Security Policy (no inline script or style, nothing from elsewhere).
Cross-site requests: a method that changes something is refused unless the browser itself says that
the page it came from is ours (Fetch Metadata ``Sec-Fetch-Site``; ``Origin``, RFC 6454).
Faults: whatever a route did not foresee is logged once, with an id that the page shows.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_BODY: Final = 256 * 1024
"""Bytes; the largest form is a wording of some thousand characters."""

ErrorPage = Callable[[Scope, int, str], Awaitable[ASGIApp]]
"""Makes the page for a status and an error id."""
_log = structlog.get_logger("agent_console")


def is_cross_site(headers: Headers) -> bool:
    """Tell whether a request that changes something may come from a page that is not ours.

    Both marks are checked when present; a browser sends at least one of them with every POST. The
    origin is compared with Host without its scheme: behind a TLS proxy we cannot know the scheme.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return True
    if site is not None and site not in {"same-origin", "none"}:
        return True
    if origin is None:
        return False
    parts = urlsplit(origin)
    return parts.scheme not in {"http", "https"} or parts.netloc.lower() != headers.get("host", "").lower()


class Guard:
    """The outermost layer of the console."""

    def __init__(self, app: ASGIApp, *, error_page: ErrorPage) -> None:
        self._app, self._error_page = app, error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, guarded."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        if scope["method"] not in SAFE_METHODS:
            refused = self._refusal(headers)
            if refused:
                answer = await self._error_page(scope, refused, "")
                await answer(scope, receive, guarded_send)
                return
        try:
            await self._app(scope, receive, guarded_send)
        except Exception:  # noqa: BLE001 - the HTTP root is one of the four places that may
            error_id = secrets.token_hex(4)
            _log.exception("console.fault", error_id=error_id, method=scope["method"], path=scope["path"])
            if started:
                return
            answer = await self._error_page(scope, 500, error_id)
            await answer(scope, receive, guarded_send)

    @staticmethod
    def _refusal(headers: Headers) -> int:
        if is_cross_site(headers):
            return 403
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            return 411
        return 413 if int(length) > LONGEST_BODY else 0
