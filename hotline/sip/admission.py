"""Who may speak to us: where a request comes from decides what may become of it.

The user agent asks an ``Admission`` before it computes anything. ``OpenAdmission`` takes everybody: a
test bench. The product's own knows trunks and telephones (``hotline.sip.gate``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from hotline.sip.flow import Flow
from hotline.sip.inspection import Refusal
from hotline.sip.message import Request
from hotline.sip.session_timer import USUAL_TIMER, TimerWish
from hotline.sip.voice_terms import ANY_VOICE, VoicePolicy


class OriginKind(Enum):
    """What a peer is to us."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    TRUNK = "trunk"
    """A carrier's line: reaches the called numbers of its table, and nothing else."""
    PHONE = "phone"
    """A telephone of the house that proved who it is: may also call its colleagues and out."""
    OPEN = "open"
    """Nobody asked who it is: a test bench."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from."""

    kind: OriginKind = OriginKind.OPEN
    name: str = ""
    """Name of the trunk, or user of the telephone."""
    trusts_identity: bool = True
    """Its P-Asserted-Identity counts (RFC 3325)."""
    area_code: str = ""
    """Completes the local numbers that it tells, without the trunk zero; empty: as the house is set."""
    voice: VoicePolicy = ANY_VOICE
    early_media: bool = False
    """Free announcements go out as early media (183) instead of an answer."""
    reliable: str = "supported"
    """100rel, for what we send: ``never``, ``supported`` or ``required`` (RFC 3262). Who calls without
    knowing what is required is refused with 421."""
    timer: TimerWish | None = USUAL_TIMER
    """Session timer of its calls to us (RFC 4028), where it asks for none or a longer one; None: only
    what it asks for."""


ANYBODY: Final = Origin()

Standing = Callable[[OriginKind, str], int]
"""Tells how many calls stand, both ways, for an origin of that kind and name. A trunk and a telephone may
bear one name."""


class Silence(Enum):
    """The answer to whom nothing is said."""

    SILENCE = "silence"


class Admission(Protocol):
    """Decides about sources; every method is pure and cheap."""

    def knows(self, ip: str, now: float) -> bool:
        """Tell, before a message is even parsed, whether an address is a trunk's or a registered phone's."""
        ...

    def hears(self, request: Request, flow: Flow, now: float) -> bool:
        """Tell whether ``admit`` would answer at all: False is silence. Nothing is counted or changed.

        Asked before a request is refused for want of room: that refusal, too, would tell a scanner
        that somebody is here.
        """
        ...

    def admit(
        self, request: Request, flow: Flow, now: float, standing: Standing
    ) -> Origin | Refusal | Silence:
        """Place a request outside any dialog.

        :param standing: tells how many calls each origin has.
        :returns: its origin, a refusal (a challenge; 503 past a trunk's caps), or silence.
        """
        ...


class OpenAdmission:
    """Everybody may speak to us."""

    def knows(self, ip: str, now: float) -> bool:  # noqa: ARG002 - one form
        """Take everybody."""
        return True

    def hears(self, *_: object) -> bool:
        """Answer everybody."""
        return True

    def admit(self, *_: object) -> Origin:
        """Take everybody."""
        return ANYBODY
