"""A password is changed, a user leaves: from that commit on, nobody is in with what was taken away."""

from __future__ import annotations

import itertools

import pytest
from store_world import World

from hotline.desk.desk import Desk
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.events.record import USER_DISABLED, USER_PASSWORD_CHANGED
from hotline.store import Store

OLD, NEW = "correct horse 7 battery", "another horse 8 staple"


class PlainPasswords:
    async def hash(self, password: str) -> str:
        return f"plain:{password}"

    async def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == f"plain:{password}"


async def a_desk(world: World, store: Store) -> Desk:
    tokens = itertools.count(1)
    desk = Desk(store, PlainPasswords(), lambda: f"token-{next(tokens)}", world.clock)
    for name, role in (("boss", "admin"), ("li", "agent"), ("wang", "agent")):
        await desk.add_user(name, name, OLD, role)
    return desk


def test_a_new_password_ends_the_sessions_of_that_user_only(world: World) -> None:
    async def story(store: Store) -> None:
        desk = await a_desk(world, store)
        hers, other = await desk.log_in("li", OLD, "x"), await desk.log_in("wang", OLD, "x")
        await desk.set_password(" Li ", NEW)
        assert await desk.who(hers) is None
        assert await desk.who(other) is not None
        with pytest.raises(Refused, match="wrong"):
            await desk.log_in("li", OLD, "x")
        assert await desk.who(await desk.log_in("li", NEW, "x")) is not None
        event = next(e for e in await store.events_after(0) if e.kind == USER_PASSWORD_CHANGED)
        assert event.payload == {"user_name": "li"}

    world.run(story)


def test_a_weak_new_password_changes_nothing(world: World) -> None:
    async def story(store: Store) -> None:
        desk = await a_desk(world, store)
        token = await desk.log_in("li", OLD, "x")
        with pytest.raises(Refused, match="10 characters"):
            await desk.set_password("li", "short")
        assert await desk.who(token) is not None

    world.run(story)


def test_a_disabled_user_is_out_and_not_listed(world: World) -> None:
    async def story(store: Store) -> None:
        desk = await a_desk(world, store)
        token = await desk.log_in("li", OLD, "x")
        await desk.disable_user("li")
        assert await desk.who(token) is None
        assert [user.user_name for user in await desk.all_users()] == ["boss", "wang"]
        with pytest.raises(Refused, match="wrong"):
            await desk.log_in("li", OLD, "x")
        for again in (desk.disable_user("li"), desk.set_password("li", NEW)):
            with pytest.raises(Refused, match="there is no user li"):
                await again
        with pytest.raises(Refused, match="taken"):
            await desk.add_user("li", "li", NEW, "agent")

    world.run(story)


def test_the_last_administrator_cannot_be_disabled(world: World) -> None:
    async def story(store: Store) -> None:
        desk = await a_desk(world, store)
        token = await desk.log_in("boss", OLD, "x")
        with pytest.raises(Refused, match="last administrator"):
            await desk.disable_user("boss")
        assert await desk.who(token) is not None
        assert not await desk.needs_set_up()
        await desk.add_user("second", "second", NEW, "admin")
        await desk.disable_user("boss")
        assert not await desk.needs_set_up()

    world.run(story)


def test_events_about_people_reach_administrators_only(world: World) -> None:
    async def story(store: Store) -> None:
        desk = await a_desk(world, store)
        await desk.set_password("li", NEW)
        await desk.disable_user("li")
        agent, admin = (Actor("x", "x", role, None, "zh") for role in ("agent", "admin"))
        assert {e.kind for e in await desk.events_after(admin, 0)} >= {USER_PASSWORD_CHANGED, USER_DISABLED}
        assert not [e for e in await desk.events_after(agent, 0) if e.kind.startswith("user.")]

    world.run(story)
