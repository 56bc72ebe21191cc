"""Where a call of ours may go: what is found for the users and numbers that a call asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hotline.sip.admission import Origin, OriginKind
from hotline.sip.dialling import ClientSecret, DialTarget
from hotline.sip.headers import NameAddr
from hotline.sip.inspection import HeaderFields
from hotline.sip.session_timer import USUAL_TIMER, TimerWish
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoicePolicy


@dataclass(frozen=True, slots=True)
class Shown:
    """Who a call seems to come from."""

    number: str
    """Dial-back number or user; empty when unknown."""
    withheld: bool = False
    """She asked for privacy: a telephone of the house shows no number (RFC 3323)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One telephone user with all the telephones registered for him, or one number on a trunk."""

    peer: str
    """User of the house, or the number dialled."""
    branches: tuple[tuple[DialTarget, ...], ...]
    from_: NameAddr
    to: NameAddr
    local_ip: str
    """Where his voice shall be received: our address towards him."""
    origin: Origin
    """The trunk or telephone, and what its voice may be."""
    headers: HeaderFields = ()
    secret: ClientSecret | None = None
    timer: TimerWish | None = USUAL_TIMER
    allows_redirect: Callable[[Uri], DialTarget | None] | None = None
    forwards_to: Callable[[Uri], str] | None = None
    """Tells which user of the house a 3xx of this telephone means; empty: none of them. None: it may not."""

    @property
    def line(self) -> str:
        """The trunk that carries it; empty for a telephone of the house."""
        return self.origin.name if self.origin.kind is OriginKind.TRUNK else ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found."""

    destinations: tuple[Destination, ...]
    status: int = 0
    """Why there are none, as a SIP status; 0 when there are some."""
    reason: str = ""
    """The same in a sentence, for the log."""


class Directory(Protocol):
    """Knows the telephones and the lines of the house."""

    def is_user(self, name: str) -> bool:
        """Tell whether a name is a telephone of the house, or a group of them."""
        ...

    def find(
        self,
        to: Sequence[str],
        shown: Shown,
        now: float,
        *,
        acting: str = "",
        answers_itself: bool = False,
        but: Sequence[str] = (),
    ) -> Found:
        """Find users and groups of the house and, for a telephone user who acts, numbers outside.

        No number outside is ever found without ``acting``: a call that came in reaches no line out.

        :param answers_itself: ask the telephones to answer without a hand on them.
        :param but: trunks that were tried already.
        """
        ...


class NoDirectory:
    """A house without telephones."""

    def is_user(self, name: str) -> bool:  # noqa: ARG002 - one form
        """Know nobody."""
        return False

    def find(self, *_: object, **__: object) -> Found:
        """Find nobody."""
        return Found((), 480)


def only_idle(found: Found, is_talking: Callable[[str], bool]) -> Found:
    """Leave out users who are talking; 486 when that leaves nobody."""
    idle = tuple(one for one in found.destinations if not is_talking(one.peer))
    if idle == found.destinations:
        return found
    return Found(idle, 0 if idle else 486)


def preferring(voice: VoicePolicy, codec: str) -> VoicePolicy:
    """Put a codec first, where the policy has it: what both sides speak passes through untouched."""
    if codec not in voice.codecs:
        return voice
    return replace(voice, codecs=(codec, *(one for one in voice.codecs if one != codec)))
