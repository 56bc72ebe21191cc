"""What the desk needs from the store and from a password hasher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hotline.desk.neighbours import NeighbourStore
from hotline.desk.search import SearchStore
from hotline.desk.views import (
    Actor,
    KindChoice,
    OrderView,
    RecordingFile,
    RequestLine,
    RequestPage,
    TalkLevels,
    TalkView,
    UnitChoice,
)
from hotline.events.record import Event
from hotline.tickets.conditions import Site
from hotline.tickets.service_request import Given


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A person who may log in, with what her password is checked against."""

    actor: Actor
    password_hash: str


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to be added."""

    user_name: str
    display_name: str
    role: str
    unit_code: str | None
    language: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as the store keeps it."""

    actor: Actor
    opened_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What an agent decided about a request; empty strings decide "none"."""

    kind_code: str
    region_code: str
    place: str
    text: str


class PasswordHasher(Protocol):
    """Turns passwords into hashes that cannot be turned back; slow on purpose, away from the loop."""

    async def hash(self, password: str) -> str:
        """Hash a password."""
        ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """Tell whether a password fits; an empty hash costs the same time and never fits."""
        ...


class TalkMeter(Protocol):
    """A look at how loud the sides of a talk are."""

    async def levels(self) -> TalkLevels | None:
        """Wait for the next reading, five a second at most; None when the talk is over."""
        ...

    def close(self) -> None:
        """Look no more."""
        ...


class Talks(Protocol):
    """The recorded talks of now."""

    def talk_of(self, user_name: str) -> TalkView | None:
        """Tell in which one a person is; None when in none."""
        ...

    def follow(self, user_name: str) -> TalkMeter | None:
        """Begin to look at how loud a person's talk is; None when she is in none."""
        ...

    def pause(self, user_name: str, reason: str) -> bool:
        """Pause the recording of a person's talk; False when she is in none."""
        ...

    def resume(self, user_name: str) -> bool:
        """Let the recording of a person's talk go on; False when she is in none."""
        ...


class DeskStore(SearchStore, NeighbourStore, Protocol):
    """The store, as the desk sees it.

    Views come with callers' numbers in full (empty when withheld); the desk masks them. ``unit``
    is the only unit whose requests may be seen, None for all. Every method that changes something
    commits before it returns, checks states by the tables of ``hotline.tickets`` within its
    transaction, and raises Refused (``missing``, ``state``, ``stale``, ``input``, ``role``).
    """

    @property
    def rules(self) -> Site:
        """Limits and clocks of the site."""
        ...

    # -- people ---------------------------------------------------------------------------------
    async def has_admin(self) -> bool:
        """Tell whether an administrator exists."""
        ...

    async def add_user(self, user: NewUser, *, by: str = "system", only_first_admin: bool = False) -> None:
        """Add a person; with ``only_first_admin``, refuse when an administrator exists already."""
        ...

    async def set_password(self, user_name: str, password_hash: str, *, by: str) -> None:
        """Give an active user a new password and end her sessions; refuses an unknown one."""
        ...

    async def disable_user(self, user_name: str, *, by: str) -> None:
        """Take a user's access and end her sessions; refuses the last administrator, and an unknown one."""
        ...

    async def find_user(self, user_name: str) -> UserRecord | None:
        """Find an active user."""
        ...

    async def list_users(self) -> Sequence[Actor]:
        """List active users by name."""
        ...

    async def set_language(self, user_name: str, language: str) -> None:
        """Remember a console language."""
        ...

    async def note_refused_login(self, user_name: str, remote: str) -> None:
        """Append the event."""
        ...

    async def open_session(self, token_hash: str, user_name: str, remote: str) -> None:
        """Write a session, with its event."""
        ...

    async def find_session(self, token_hash: str) -> SessionRecord | None:
        """Find a session of an active user."""
        ...

    async def touch_session(self, token_hash: str) -> None:
        """Note that it was used now."""
        ...

    async def close_session(self, token_hash: str) -> None:
        """Forget a session."""
        ...

    # -- requests -------------------------------------------------------------------------------
    async def lines(self, unit: str | None, *, state: str, before: str, limit: int) -> Sequence[RequestLine]:
        """List requests, newest first."""
        ...

    async def request_line(self, unit: str | None, number: str) -> RequestLine | None:
        """Get one line."""
        ...

    async def request_page(self, unit: str | None, number: str) -> RequestPage | None:
        """Get a whole request; ``may`` is empty."""
        ...

    async def edit_request(self, actor: Actor, number: str, version: int, decision: Decision) -> None:
        """Decide kind, region, place and wording."""
        ...

    async def route_request(
        self,
        actor: Actor,
        number: str,
        version: int,
        unit_code: str,
        note: str,
        co_units: Sequence[str] = (),
    ) -> None:
        """Dispatch to a unit, and to others that help; a draft that is complete is accepted first."""
        ...

    async def move_request(self, actor: Actor, number: str, version: int, move: str, given: Given) -> None:
        """Make any other move of a request."""
        ...

    async def unit_choices(self) -> Sequence[UnitChoice]:
        """List active units: streets, communities, departments."""
        ...

    async def kind_choices(self) -> Sequence[KindChoice]:
        """List active kinds."""
        ...

    async def recording_file(
        self, actor: Actor, unit: str | None, recording_id: str, *, is_heard: bool = True
    ) -> RecordingFile | None:
        """Find a recording and note that this person heard it, unless she only looks at it."""
        ...

    # -- work orders ----------------------------------------------------------------------------
    async def orders(self, unit: str | None) -> Sequence[OrderView]:
        """List work orders, open ones first, newest first within each."""
        ...

    async def move_order(self, actor: Actor, order_id: int, move: str, given: Given) -> None:
        """Move a work order; the lead's moves its request along."""
        ...

    # -- events ---------------------------------------------------------------------------------
    async def events(self, unit: str | None, *, after: int, limit: int, with_logins: bool) -> Sequence[Event]:
        """Read events after a position; a unit's user gets those of her unit only."""
        ...

    async def newest_position(self) -> int:
        """Tell the position of the newest event; 0 when there is none."""
        ...
