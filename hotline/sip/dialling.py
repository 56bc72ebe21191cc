"""A call that we make: what the layer above says to the user agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hotline.events.ids import CallId
from hotline.sip.admission import ANYBODY, Origin
from hotline.sip.flow import Flow
from hotline.sip.headers import NameAddr
from hotline.sip.inspection import HeaderFields
from hotline.sip.session_timer import USUAL_TIMER, TimerWish
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import ANY_VOICE, VoicePolicy


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What answers a challenge (RFC 7616)."""

    user: str
    """Authentication user, which need not be the one in From."""
    password: str


@dataclass(frozen=True, slots=True)
class DialTarget:
    """One place to try."""

    uri: Uri
    """Request-URI."""
    flow: Flow
    """The way to it, as the edge gives it."""
    route: tuple[NameAddr, ...] = ()
    """Pre-loaded Route (an outbound proxy, a Path)."""


@dataclass(frozen=True, slots=True)
class DialOrder:
    """A call to make."""

    call_id: CallId
    branches: tuple[tuple[DialTarget, ...], ...]
    """Branches ring at once (every telephone of one user); within a branch, targets are tried one after
    another, the next when one gives 503, 408, 430 or nothing at all (RFC 3263, 4.3; RFC 5626)."""
    from_: NameAddr
    """Without tag."""
    to: NameAddr
    local_ip: str
    local_port: int
    """Where we want the other side's voice: the media port is opened before."""
    voice: VoicePolicy = ANY_VOICE
    headers: HeaderFields = ()
    """Further headers of the INVITE: P-Asserted-Identity, Alert-Info, Referred-By."""
    secret: ClientSecret | None = None
    origin: Origin = ANYBODY
    """The trunk or telephone that the call goes to: counted among its calls (``UserAgent.calls_of``)."""
    timer: TimerWish | None = USUAL_TIMER
    """What session timer to ask for (RFC 4028); None: none."""
    ring_s: float = 180.0
    """How long it may ring before it is cancelled and fails with 408."""
    allows_redirect: Callable[[Uri], DialTarget | None] | None = None
    """Turns a Contact of a 3xx into a target, or refuses it; None refuses all (the call fails with 3xx)."""
