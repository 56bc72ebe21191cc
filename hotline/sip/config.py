"""What a site decides about its SIP side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hotline.sip.admission import Admission, OpenAdmission
from hotline.sip.flow import Flow
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request
from hotline.sip.voice_terms import CODECS


class RegisterService(Protocol):
    """Whoever serves REGISTER (``hotline.sip.registrar``)."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Option tags that a REGISTER may require, in lower case."""
        ...

    def register(self, request: Request, flow: Flow, now: float) -> Refusal | HeaderFields:
        """Carry out a REGISTER that passed the general checks.

        :param flow: where it came from.
        :returns: the refusal, or the headers of the 200.
        """
        ...

    def lose_connection(self, connection: int, now: float) -> None:
        """Forget what can be reached over a connection only that is gone."""
        ...


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
    allow: tuple[str, ...] = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER")
    """Methods served; REGISTER comes with the registrar."""
    supported: tuple[str, ...] = ("100rel", "timer", "replaces", "norefersub")
    """Option tags, in lower case (RFC 3262, 4028, 3891, 4488)."""
    admission: Admission = OpenAdmission()  # noqa: RUF009 - it keeps nothing
    """Decides who may speak to us."""
    server: str = "hotline"
    """Server and User-Agent header."""
    codecs: tuple[str, ...] = CODECS
    """Codecs that the media plane of this machine has; what a leg's policy names beside them is left out."""
    max_calls: int = 500
    """Calls at a time; more are answered 503."""
    max_transactions: int = 20_000
    """Transactions remembered; beyond, new requests outside calls are answered 503 without memory, and
    those that are no INVITE from half of it on, so that a flood of them keeps no caller out.
    A finished one is kept for 32 s and takes some 7 KB: 600 requests a second, 140 MB."""
    retry_after_s: int = 10
    """Seconds in the Retry-After of our 503."""
    registrar: RegisterService | None = None
    """None: REGISTER is answered 405."""
