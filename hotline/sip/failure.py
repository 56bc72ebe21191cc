"""Why a call of ours failed: one final error, and the best of several (RFC 3261, 16.7, step 6)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.call_headers import parse_reasons
from hotline.sip.grammar import printable
from hotline.sip.headers import NameAddr, parse_retry_after
from hotline.sip.message import Request, Response
from hotline.sip.status import REASONS

TELLING: Final = (486, 401, 407, 415, 420, 484, 488)
"""Errors that tell the caller more than others of their class: busy, and those that 16.7 names."""
UNTELLING: Final = frozenset({408, 430, 480, 487})
"""Errors that only say that nobody answered."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A final error, or that there was none."""

    status: int
    reason: str
    contacts: tuple[NameAddr, ...] = ()
    """Where a 3xx sends us."""


def failure_of(response: Response | None) -> Failure:
    """Read a final error; None, no response at all, is 408 (8.1.3.1).

    Retry-After (20.33) stands behind the reason phrase, as ``Service Unavailable; retry after 10 s``.
    """
    if response is None:
        return Failure(408, "No response")
    reason = printable(response.reason) or REASONS.get(response.status, "")
    text = response.headers.get("Retry-After")
    if text is not None:
        with suppress(RemoteProtocolError):
            reason = f"{reason}; retry after {parse_retry_after(text)} s"
    return Failure(response.status, reason, tuple(response.contacts) if 300 <= response.status < 400 else ())


def reason_text(message: Request | Response) -> str:
    """Find the words of a Reason header (RFC 3326), for people; empty without."""
    with suppress(RemoteProtocolError):
        for reason in parse_reasons(message.headers.get_all("Reason")):
            if reason.text:
                return reason.text
    return ""


def best_of(failures: Iterable[Failure]) -> Failure:
    """Choose what to tell of several failures: a 6xx ends all; else the lowest class, most telling first."""
    return min(failures, key=_rank)


def _rank(failure: Failure) -> tuple[int, int, int]:
    status = failure.status
    kind = 0 if status >= 600 else status // 100
    weight = TELLING.index(status) if status in TELLING else len(TELLING) + (status in UNTELLING)
    return kind, weight, status
