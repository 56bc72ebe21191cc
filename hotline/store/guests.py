"""Who came to talks, as events: supervision leaves a trace that nobody can turn off."""

from __future__ import annotations

from hotline.events.ids import CallId
from hotline.events.record import CALL_GUEST_CAME, CALL_GUEST_LEFT
from hotline.store.work import Work


class SqlGuests(Work):
    """Guests of talks in SQL."""

    async def note_guest(
        self, call_id: CallId, leg: CallId, name: str, part: str, by: str, *, has_left: bool
    ) -> None:
        """Note that somebody came to a talk, does something else there, or left it."""
        await self.write(
            lambda writing: writing.event(
                CALL_GUEST_LEFT if has_left else CALL_GUEST_CAME,
                call_id=call_id,
                actor=by,
                payload={"leg": leg, "name": name, "part": part},
            )
        )
