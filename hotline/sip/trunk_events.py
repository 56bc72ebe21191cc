"""What the trunks tell: events for the log and the metrics, and how each stands, for who asks."""

from __future__ import annotations

from dataclasses import dataclass, field

from hotline.sip.trunk_calls import TrunkCounts


@dataclass(frozen=True, slots=True)
class TrunkUp:
    """A trunk can carry calls out: a proxy answers, and an account is registered where that is needed."""

    trunk: str
    through: str
    """The proxy that calls go to."""


@dataclass(frozen=True, slots=True)
class TrunkDown:
    """A trunk can carry no calls out, and perhaps in."""

    trunk: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrunkSilent:
    """A proxy answers nothing at all: it is gone, or the carrier moved it."""

    trunk: str
    proxy: str
    silent_s: float
    """Seconds since its last answer, or since we began to ask."""


@dataclass(frozen=True, slots=True)
class TrunkHeard:
    """A proxy answers, for the first time or again."""

    trunk: str
    proxy: str


@dataclass(frozen=True, slots=True)
class TrunkRegistered:
    """An account is registered, or was renewed through another proxy."""

    trunk: str
    account: str
    through: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class TrunkRefused:
    """The registrar refuses an account: a person must look at it."""

    trunk: str
    account: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrunkLost:
    """The registration of an account ran out: calls to it do not reach us."""

    trunk: str
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrunkUnknownName:
    """A proxy's name leads nowhere: no name server knows it, or none answers."""

    trunk: str
    proxy: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrunkUnacknowledged:
    """Several calls of a trunk were answered and never acknowledged."""

    trunk: str
    lost: int
    of: int
    """Answered calls that were looked back at."""
    remedy: str


@dataclass(frozen=True, slots=True)
class TrunkAcknowledged:
    """The ACKs of a trunk's calls come again."""

    trunk: str


TrunkEvent = (
    TrunkUp
    | TrunkDown
    | TrunkSilent
    | TrunkHeard
    | TrunkRegistered
    | TrunkRefused
    | TrunkLost
    | TrunkUnknownName
    | TrunkUnacknowledged
    | TrunkAcknowledged
)


@dataclass(frozen=True, slots=True)
class ProxyView:
    """How one address of a proxy stands."""

    proxy: str
    """As the site wrote it."""
    address: str
    state: str
    """``untried``, ``up``, ``suspect``, ``busy`` or ``silent``; see ``proxy_watch.State``."""
    for_s: float
    """How long it has been so."""
    answered_s: float | None
    """Seconds since its last answer; None when there was none."""
    rtt_ms: float | None
    """Round trip of its last answer."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """How one registration stands."""

    account: str
    state: str
    """``idle``, ``asking``, ``registered``, ``waiting``, ``refused``, ``leaving`` or ``gone``."""
    for_s: float
    expires_s: float | None
    """Seconds that the registration still holds; None when there is none."""
    last: str
    """The registrar's last answer, as ``200 OK``; empty when there was none."""


@dataclass(frozen=True, slots=True)
class TrunkView:
    """How one trunk stands."""

    name: str
    mode: str
    state: str
    """``starting``, ``up``, ``degraded`` (it carries calls, but something is wrong), ``down``, or ``open``
    (it only brings calls in, and has nobody to ask)."""
    for_s: float
    proxies: tuple[ProxyView, ...]
    accounts: tuple[AccountView, ...]
    calls: int
    """Calls that stand, both ways."""
    max_calls: int
    calls_in: int
    """Calls since the start; refused ones apart."""
    calls_out: int
    refused: int
    """Calls refused for the trunk's caps, both ways."""
    alarms: tuple[str, ...]
    """What a person must look at, in sentences."""
    counts: TrunkCounts = field(default_factory=TrunkCounts)
    """What became of its calls since the start."""
