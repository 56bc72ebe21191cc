"""What a site decides about its SIP side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hotline.sip.flow import Flow


def _always(_: Flow) -> bool:
    return True


def _never(_: Flow) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RegistrarConfig:
    """The registrar of the house's own telephones (RFC 3261, 10.3)."""

    realm: str
    """Shown by telephones that ask for a password; part of every digest."""
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Password of each user, who is the user part of his address of record."""
    trusts: Callable[[Flow], bool] = _never
    """Sources that may register anybody without a password; they are challenged only when they come
    with credentials of a scheme that we do not know."""
    longest_s: int = 3600
    """Longest binding that is granted."""
    shortest_s: int = 60
    """Shorter wishes are answered 423 (10.2.8 allows it below an hour)."""
    most_contacts: int = 10
    """Bindings of one address of record; more are answered 403."""
    most_users: int = 10_000
    """Addresses of record that a trusted source may make us remember."""


@dataclass(frozen=True, slots=True)
class UserAgentConfig:
    """The user agent server."""

    numbers: tuple[str, ...]
    """Called numbers that are ours; calls to others are answered 404."""
    area_code: str = "10"
    """Completes local numbers; without the trunk zero."""
    public_ip: str = ""
    """Address for Contact, Via and SDP, when we stand behind a NAT; empty: the one the peer reaches."""
    answers_any: bool = False
    """True: every number is ours (a catch-all line, a test bench)."""
    allow: tuple[str, ...] = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK")
    """Methods served; REGISTER comes with the registrar."""
    supported: tuple[str, ...] = ("100rel", "timer")
    """Option tags, in lower case. ``100rel``: we answer at once and send no provisional response but
    100, which is never reliable, so that nobody owes us a PRACK (RFC 3262, 3). ``timer``: RFC 4028."""
    server: str = "hotline"
    """Server and User-Agent header."""
    max_calls: int = 500
    """Calls at a time; more are answered 503."""
    max_transactions: int = 20_000
    """Transactions remembered; beyond, new requests outside calls are answered 503 without memory, and
    those that are no INVITE from half of it on, so that a flood of them keeps no caller out.
    A finished one is kept for 32 s and takes some 7 KB: 600 requests a second, 140 MB."""
    retry_after_s: int = 10
    """Seconds in the Retry-After of our 503."""
    trusts: Callable[[Flow], bool] = _always
    """Peers whose P-Asserted-Identity counts (RFC 3325); a telephone on the open network is none."""
    registrar: RegistrarConfig | None = None
    """None: REGISTER is answered 405."""
