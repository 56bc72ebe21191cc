"""What the routes share: the desk, the pages' environment, the session cookie, the person."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup
from starlette.exceptions import HTTPException

from agent_console import wording
from agent_console.clocks import SiteClock, minutes_since
from agent_console.languages import Language, load_languages, preferred
from agent_console.listening import Listenings
from agent_console.live import Streams
from agent_console.static_files import StaticFiles, static_files
from hotline.desk.desk import Desk
from hotline.desk.views import Actor, RecordingFile
from hotline.errors import Refused

TEMPLATE_DIR: Final = Path(__file__).parent / "templates"


class _Compiled(BytecodeCache):
    """Templates are compiled once for all languages: texts are looked up when a page is written."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket with what is known."""
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()
ReadAudio = Callable[[RecordingFile, int, int], bytes]
ReadPeaks = Callable[[RecordingFile], bytes]


class NotSignedIn(Exception):  # noqa: N818 - a turn of the way, not a mistake
    """Nobody is logged in; the root sends the browser to the log-in page."""


@dataclass(frozen=True)
class Console:
    """Everything a route may use."""

    desk: Desk
    streams: Streams
    listenings: Listenings
    clock: SiteClock
    at: Callable[[], datetime]
    site_name: str
    secure_cookies: bool
    read_audio: ReadAudio
    read_peaks: ReadPeaks
    static: StaticFiles = field(default_factory=static_files)
    languages: Mapping[str, Language] = field(default_factory=load_languages)
    _environments: dict[str, Environment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for language in self.languages.values():
            self._environments[language.code] = self._environment(language)

    # -- the session cookie ---------------------------------------------------------------------
    @property
    def cookie_name(self) -> str:
        """``__Host-`` binds the cookie to this host and to HTTPS (RFC 6265bis, 4.1.3.2)."""
        return "__Host-hotline" if self.secure_cookies else "hotline"

    def token(self, request: Request) -> str:
        """Get the session token that a browser sent; empty when none."""
        return request.cookies.get(self.cookie_name, "")[:200]

    def set_cookie(self, response: Response, name: str, value: str) -> None:
        """Set a cookie that scripts and other sites cannot use, until the browser closes."""
        response.set_cookie(name, value, httponly=True, samesite="lax", secure=self.secure_cookies, path="/")

    def drop_cookie(self, response: Response, name: str) -> None:
        """Take a cookie back."""
        response.delete_cookie(name, httponly=True, samesite="lax", secure=self.secure_cookies, path="/")

    # -- pages ----------------------------------------------------------------------------------
    def language(self, request: Request) -> Language:
        """Choose the language of an answer: the person's, else the last chosen here, else the browser's."""
        actor: Actor | None = getattr(request.state, "actor", None)
        code = actor.language if actor else request.cookies.get("language", "")
        if code not in self.languages:
            code = preferred(request.headers.get("accept-language", ""))
        return self.languages[code]

    def page(self, request: Request, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
        """Write a page or a fragment of one in the reader's language."""
        language = self.language(request)
        text = (
            self._environments[language.code]
            .get_template(template)
            .render(
                actor=getattr(request.state, "actor", None),
                language=language,
                path=request.url.path,
                now=self.at(),
                **values,
            )
        )
        return HTMLResponse(text, status_code=status, headers={"Vary": "Cookie, Accept-Language, HX-Request"})

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATE_DIR),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            bytecode_cache=_COMPILED,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        environment.install_gettext_translations(language.texts, newstyle=True)  # type: ignore[attr-defined]

        def waited(since: datetime, now: datetime) -> str:
            message, values = wording.waited(minutes_since(since, now))
            return language.say(message, **values)

        def lasting(seconds: int) -> str:
            message, values = wording.lasting(seconds)
            return language.say(message, **values)

        def icon(name: str) -> Markup:
            return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
                self.static.url("icons.svg"), name
            )

        environment.filters.update(
            short=self.clock.short, full=self.clock.full, waited=waited, lasting=lasting, say=language.say
        )
        environment.globals.update(
            site_name=self.site_name,
            static=self.static.url,
            icon=icon,
            sign_of=wording.sign_of,
            wording=wording,
            languages=tuple(self.languages.values()),
            browser_words={key: language.say(word) for key, word in wording.BROWSER_WORDS.items()},
            new_id=lambda: secrets.token_hex(4),
        )
        # Compiled before the first page is asked for: it takes a tenth of a second, in which the loop
        # that we share with the telephone would stand still.
        for name in environment.list_templates():
            environment.get_template(name)
        return environment


def is_fragment(request: Request) -> bool:
    """Tell whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def go_to(request: Request, path: str) -> Response:
    """Send the browser to another page, also when htmx asked (it would swap a redirect's page in)."""
    if is_fragment(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, status_code=303)


def local_path(value: str) -> str:
    """Let only a path of this console through, so that ``next`` never leads to another site."""
    if not value.startswith("/") or value.startswith("//") or "\\" in value or not value.isprintable():
        return "/"
    return value[:500]


def console_of(request: Request) -> Console:
    """Get the console that serves a request."""
    return cast(Console, request.app.state.console)


async def signed_in(request: Request) -> Actor:
    """Get the person of a request. Raises NotSignedIn when there is none."""
    console = console_of(request)
    token = console.token(request)
    actor = await console.desk.who(token) if token else None
    if actor is None:
        raise NotSignedIn
    request.state.actor = actor
    return actor


SharedConsole = Annotated[Console, Depends(console_of)]
SignedIn = Annotated[Actor, Depends(signed_in)]


def reason_of(error: Exception) -> tuple[int, str, str]:
    """Tell status, heading and words for an error that a person may see."""
    if isinstance(error, Refused):
        status = wording.REFUSAL_STATUS.get(error.code, 409)
        return status, wording.REFUSALS.get(error.code, wording.REFUSALS["state"]), str(error)
    if isinstance(error, HTTPException):
        return error.status_code, "", ""
    return 500, "", ""
