"""Keeps the book of telephones as the store has it.

An account is changed by a command in another process, so nobody wakes us: a short look at the newest
events, every few seconds, finds it. The look costs a fraction of a millisecond in a reader thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from hotline.errors import OutsideError
from hotline.sip.phones import PhoneBook
from hotline.store.background import Background
from hotline.store.phones import PhoneAccount

EVERY_S: Final = 2.0
"""How long a new telephone may have to wait, and a disabled one may go on."""

log = structlog.get_logger()


class PhoneStore(Protocol):
    """What the watch asks of the store."""

    async def phones(self) -> tuple[Sequence[PhoneAccount], int]:
        """Read all accounts, and the position up to which events are in them."""
        ...

    async def phones_changed_after(self, position: int) -> tuple[bool, int]:
        """Tell whether an account changed after a position, and the position up to which that is known."""
        ...


class PhoneWatch:
    """Fills a book and keeps it so.

    :param realm: of this site; accounts whose password is of another realm cannot be used.
    :param on_changed: told, on the event loop, the users who are gone or have another password.
    """

    def __init__(
        self,
        store: PhoneStore,
        book: PhoneBook,
        realm: str,
        on_changed: Callable[[frozenset[str]], None],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._store, self._book, self._realm = store, book, realm
        self._on_changed, self._every_s = on_changed, every_s
        self._position = 0
        self._told: frozenset[str] = frozenset()
        self._background = Background(self._run, "phone-watch")

    async def start(self) -> None:
        """Fill the book, then begin to watch; needs a running event loop.

        :raises OutsideError: when the store cannot be read.
        """
        await self._read()
        self._background.start()

    async def stop(self) -> None:
        """Watch no more; harmless when never started."""
        await self._background.stop()

    async def look(self) -> bool:
        """Look once; tells whether the book was filled anew."""
        has_changed, self._position = await self._store.phones_changed_after(self._position)
        if has_changed:
            await self._read()
        return has_changed

    async def _read(self) -> None:
        accounts, self._position = await self._store.phones()
        self._take(accounts)

    def _take(self, accounts: Sequence[PhoneAccount]) -> None:
        active = [account for account in accounts if account.active]
        changed = self._book.replace(one.phone for one in active if one.realm == self._realm)
        foreign = frozenset(one.phone.user for one in active if one.realm != self._realm)
        if foreign - self._told:
            log.warning(
                "phone.other_realm",
                phones=sorted(foreign),
                realm=self._realm,
                remedy="[phones] realm was changed: give them new passwords with `hotline phone password`",
            )
        self._told = foreign
        if changed:
            self._on_changed(changed)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                if await self.look():
                    log.info("phone.book_changed", phones=len(self._book))
            except OutsideError as error:
                log.warning("phone.look_failed", error=str(error), again_in_s=self._every_s)
            except Exception:  # the worker loop: the next look may go well
                log.exception("phone.fault")
