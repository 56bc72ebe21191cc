"""The talks of now: who may listen in, whisper or barge in, and who may call a third in.

Supervisors act with a telephone of their own, which is rung and answers by itself. What they do is written
down as events, with who, when and which call. Whether an agent sees who listens is the site's choice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hotline.desk.policy import Action, demand, may
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.tickets.masking import mask

PARTS: Final = ("monitor", "whisper", "barge")
"""What a supervisor may do in a talk."""
LONGEST_NUMBER: Final = 32
LONGEST_EXTENSION: Final = 4
_NUMBER: Final = re.compile(r"\+?[0-9A-Za-z._*#-]{1,32}")


@dataclass(frozen=True, slots=True)
class TalkGuest:
    """Somebody who came to a talk, or who is called."""

    name: str
    """Telephone, or number."""
    part: str
    """``monitor``, ``whisper``, ``barge``, or ``member``: one who takes part."""
    by: str
    """Who wanted it."""
    is_there: bool


@dataclass(frozen=True, slots=True)
class LiveTalk:
    """Two who are connected now, and their guests."""

    call_id: str
    direction: str
    """``in``, ``inside`` or ``out``."""
    called: str
    near: str
    """Number of the caller, or telephone; masked for whoever looks on."""
    far: str
    """Telephone, or number, that she talks with."""
    guests: tuple[TalkGuest, ...] = ()


class LiveCalls(Protocol):
    """The telephone side; every refusal is Refused (``state``, ``missing``)."""

    def talks(self) -> Sequence[LiveTalk]:
        """List the talks of now, oldest first; numbers in full."""
        ...

    def supervise(self, user_name: str, call_id: str, part: str) -> None:
        """Ring a person's telephone into a talk, or let her do something else in it."""
        ...

    def leave(self, user_name: str, call_id: str) -> None:
        """Let a person who supervises a talk leave it."""
        ...

    def talk_of(self, user_name: str) -> LiveTalk | None:
        """Tell in which talk a person's telephone is one of the two; None when in none."""
        ...

    def invite(self, user_name: str, number: str) -> None:
        """Call a third into a person's own talk."""
        ...

    def dismiss(self, user_name: str, number: str) -> None:
        """Let the third leave a person's own talk, or stop ringing."""
        ...


class LiveTalks:
    """What a person may do about talks, checked against the role policy.

    :param shows_supervision: an agent sees who supervises her talk.
    """

    def __init__(self, *, shows_supervision: bool = True) -> None:
        self.calls: LiveCalls | None = None
        """The telephone side, once it runs."""
        self.shows_supervision = shows_supervision

    def talks(self, actor: Actor) -> Sequence[LiveTalk]:
        """List the talks of now; numbers of the outside masked."""
        demand(actor, Action.SUPERVISE)
        return [_masked(talk) for talk in self.calls.talks()] if self.calls is not None else []

    def supervise(self, actor: Actor, call_id: str, part: str) -> None:
        """Listen to a talk, whisper or barge in; again with another part to change it."""
        demand(actor, Action.SUPERVISE)
        if part not in PARTS:
            raise Refused(f"no such part in a talk: {part}", code="input")
        self._calls().supervise(actor.user_name, call_id, part)

    def leave(self, actor: Actor, call_id: str) -> None:
        """Leave a talk that this person supervises."""
        demand(actor, Action.SUPERVISE)
        self._calls().leave(actor.user_name, call_id)

    def own(self, actor: Actor) -> LiveTalk | None:
        """Tell in which talk this person is, with the guests that she may know of; None when in none."""
        if not may(actor, Action.CONFER) or self.calls is None:
            return None
        talk = self.calls.talk_of(actor.user_name)
        if talk is None or self.shows_supervision:
            return talk
        return replace(talk, guests=tuple(guest for guest in talk.guests if guest.part not in PARTS))

    def invite(self, actor: Actor, number: str) -> None:
        """Call a third into this person's talk: a colleague, a department, an interpreter."""
        demand(actor, Action.CONFER)
        self._calls().invite(actor.user_name, _number(number))

    def dismiss(self, actor: Actor, number: str) -> None:
        """Let the third leave this person's talk."""
        demand(actor, Action.CONFER)
        self._calls().dismiss(actor.user_name, _number(number))

    def _calls(self) -> LiveCalls:
        if self.calls is None:
            raise Refused("the telephone side does not run", code="state")
        return self.calls


def _number(text: str) -> str:
    number = re.sub(r"[\s()-]", "", text)
    if not _NUMBER.fullmatch(number):
        raise Refused(f"{text[:LONGEST_NUMBER]!r} is neither a number nor a telephone", code="input")
    return number


def shown_name(name: str) -> str:
    """Hide the middle of a number of the outside; telephones of the house have four digits, or letters."""
    is_outside = name.removeprefix("+").isdigit() and len(name) > LONGEST_EXTENSION
    return mask(name) if is_outside else name


def _masked(talk: LiveTalk) -> LiveTalk:
    return replace(talk, near=shown_name(talk.near), far=shown_name(talk.far))
