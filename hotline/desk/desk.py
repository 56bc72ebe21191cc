"""The desk: the only door between a browser and the product.

Each method is one action of a person. It checks the role policy, asks the store, and returns
views or raises Refused. It does no I/O of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from hotline.desk.views import Actor, KindChoice, OrderView, RecordingFile, RequestLine, RequestPage, UnitChoice
from hotline.events.record import Event


class Desk:
    """What a person may do at a console."""

    # -- who is there ---------------------------------------------------------------------------
    async def needs_set_up(self) -> bool:
        """Tell whether no administrator exists yet."""
        raise NotImplementedError

    async def set_up(self, user_name: str, display_name: str, password: str) -> None:
        """Create the first administrator; refuses weak passwords, and when one exists already."""
        raise NotImplementedError

    async def log_in(self, user_name: str, password: str, remote: str) -> str:
        """Check a password and open a session; returns its token. Raises Refused(code="login")."""
        raise NotImplementedError

    async def who(self, token: str) -> Actor | None:
        """Tell whose session a token is; None when unknown, ended or idle for too long."""
        raise NotImplementedError

    async def log_out(self, token: str) -> None:
        """End a session; harmless when it is over already."""
        raise NotImplementedError

    async def set_language(self, actor: Actor, language: str) -> None:
        """Remember the console language of a user."""
        raise NotImplementedError

    # -- requests -------------------------------------------------------------------------------
    async def queue(self, actor: Actor, *, state: str = "", before: str = "", limit: int = 50) -> Sequence[RequestLine]:
        """List requests, newest first; ``before`` is the number that the last page ended with."""
        raise NotImplementedError

    async def line(self, actor: Actor, number: str) -> RequestLine | None:
        """Get one line of the queue; None when it is not for this person."""
        raise NotImplementedError

    async def request(self, actor: Actor, number: str) -> RequestPage:
        """Get all that this person may see of a request. Raises Refused(code="missing")."""
        raise NotImplementedError

    async def edit(
        self, actor: Actor, number: str, version: int, *, kind_code: str, region_code: str, place: str, text: str
    ) -> None:
        """Decide kind, region, place and wording. Raises Refused(code="stale") when it changed meanwhile."""
        raise NotImplementedError

    async def route(self, actor: Actor, number: str, version: int, unit_code: str, note: str) -> None:
        """Dispatch the request to a unit: work order, events and letter in one transaction."""
        raise NotImplementedError

    async def units(self, actor: Actor) -> Sequence[UnitChoice]:
        """List the units that a request can be routed to."""
        raise NotImplementedError

    async def kinds(self, actor: Actor) -> Sequence[KindChoice]:
        """List the kinds of demand of the catalogue."""
        raise NotImplementedError

    async def recording(self, actor: Actor, recording_id: str) -> RecordingFile:
        """Find a recording that this person may hear, and note that she heard it."""
        raise NotImplementedError

    # -- a unit's side --------------------------------------------------------------------------
    async def inbox(self, actor: Actor, unit_code: str = "") -> Sequence[OrderView]:
        """List a unit's work orders, open ones first; a unit's user sees her own unit only."""
        raise NotImplementedError

    async def sign(self, actor: Actor, order_id: int) -> None:
        """Take a work order over for the unit (签收)."""
        raise NotImplementedError

    async def reply(self, actor: Actor, order_id: int, text: str) -> None:
        """Report back what was done (反馈)."""
        raise NotImplementedError

    # -- what changed ---------------------------------------------------------------------------
    async def events_after(self, actor: Actor, position: int, limit: int = 200) -> Sequence[Event]:
        """Read the events after a position that this person may know of."""
        raise NotImplementedError

    async def newest_position(self) -> int:
        """Tell the position that a browser starting now resumes from."""
        raise NotImplementedError
