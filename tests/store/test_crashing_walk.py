"""The product dies within moves, after them, and before it kept the ledger's head; people try again.

Whatever was going on: a unit of work is there wholly or not at all, the chain is whole, and every
request recomputed from its rows is the one that is stored.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from sqlalchemy import event, select
from store_walk import Walk
from store_world import World

from hotline.store.tables import RequestRow

ROUNDS = 4
ACTS = 25


class NoPowerError(Exception):
    """None that the product knows."""


class CrashingWalk(Walk):
    """An office whose machine loses its power now and then."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world)
        self.deaths: Counter[str] = Counter()
        self._fate = Random(seed)
        self._is_safe = True

    def restart(self, *, is_first: bool = False) -> None:
        super().restart(is_first=is_first)
        engine, tell = self.store._write_engine, self.store._tell

        def tell_or_die(writing: Any) -> None:
            self._perhaps("committed, and nobody was told", 1 / 12)
            tell(writing)

        def statement(*_: object) -> None:
            self._perhaps("within a unit of work", 1 / 150)

        def commit(*_: object) -> None:
            self._perhaps("at the commit", 1 / 15)

        event.listen(engine, "before_cursor_execute", statement)
        event.listen(engine, "commit", commit)
        self.store._tell = tell_or_die  # type: ignore[method-assign]

    def _perhaps(self, where: str, chance: float) -> None:
        if not self._is_safe and self._fate.random() < chance:
            self._is_safe = True  # what is cleared away after a death dies no second time
            self.deaths[where] += 1
            raise NoPowerError(where)

    def at_risk(self, story: Any, rng: Random) -> None:
        """Live through a story; when the machine dies in it, start again and try the same once more."""
        before = rng.getstate()
        self._is_safe = False
        try:
            story(rng)
        except NoPowerError:
            self.restart()
            self.numbers = self.store.read_blocking(
                lambda session: list(session.scalars(select(RequestRow.number).order_by(RequestRow.number)))
            )
            self.check_all()
            rng.setstate(before)
            story(rng)
        finally:
            self._is_safe = True


def test_no_death_leaves_half_a_step(world: World) -> None:
    walk, rng = CrashingWalk(world, 7), Random(96156)
    walk.open_office()
    for _ in range(ROUNDS):
        walk.at_risk(walk.call, rng)
        for _ in range(ACTS):
            walk.at_risk(walk.act, rng)
        walk.at_risk(lambda chance: walk.wait(chance.randrange(1, 2 * 86400)), rng)
        walk.check_open()
    walk.restart()
    walk.check_all()
    walk.store.close_blocking()
    assert len(walk.deaths) == 3, walk.deaths
    assert sum(walk.made.values()) > ROUNDS * 5, walk.made
