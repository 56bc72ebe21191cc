"""Accounts of telephones in the store, and the book that follows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text
from store_world import World

from hotline.desk.ports import NewUser
from hotline.errors import OutsideError, Refused
from hotline.events.record import Event
from hotline.sip.digest import Secret
from hotline.sip.phones import Phone, PhoneBook
from hotline.sip.voice_terms import CODECS, VoicePolicy
from hotline.store import Store
from hotline.store.phone_watch import PhoneWatch

REALM = "house.example"


def a_phone(user: str = "1001", password: str = "secret", **given: object) -> Phone:
    return Phone(user, Secret.of(user, REALM, password), **given)  # type: ignore[arg-type]


async def kinds(store: Store, *, everybody: bool = True) -> list[str]:
    events: list[Event] = list(await store.events(None, after=0, limit=200, with_logins=everybody))
    return [event.kind for event in events]


def test_an_account_comes_back_as_it_was_written(world: World) -> None:
    async def story(store: Store) -> None:
        await store.add_user(NewUser("li", "李", "agent", None, "zh", "hash"))
        phone = a_phone(
            display_name="前台",
            user_name="li",
            voice=VoicePolicy(("G722", "PCMA"), "required"),
            caller_number="+861065240000",
        )
        await store.add_phone(phone, REALM, by="admin")
        await store.add_phone(a_phone("1000"), REALM, by="admin")
        accounts, position = await store.phones()
        assert [account.phone for account in accounts] == [a_phone("1000"), phone]
        assert accounts[0].phone.voice == VoicePolicy(CODECS, "optional")
        assert all(account.active and account.realm == REALM for account in accounts)
        assert position == await store.newest_position()

    world.run(story)


def test_the_password_is_nowhere_in_the_file(world: World) -> None:
    async def story(store: Store) -> None:
        await store.add_phone(a_phone(password="a password that stands out"), REALM, by="admin")

    world.run(story)
    assert all(b"stands out" not in file.read_bytes() for file in world.folder.glob("hotline.sqlite3*"))


def test_an_extension_is_given_out_once(world: World) -> None:
    async def story(store: Store) -> None:
        await store.add_phone(a_phone(), REALM, by="admin")
        with pytest.raises(Refused, match="there is a phone 1001 already"):
            await store.add_phone(a_phone(password="other"), REALM, by="admin")

    world.run(story)


def test_nobodys_telephone_cannot_be_a_strangers(world: World) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(Refused, match="there is no user li"):
            await store.add_phone(a_phone(user_name="li"), REALM, by="admin")

    world.run(story)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.set_phone_secret("9", REALM, Secret.of("9", REALM, "x"), by="admin"),
        lambda store: store.set_phone_active("9", False, by="admin"),
        lambda store: store.remove_phone("9", by="admin"),
    ],
)
def test_an_unknown_extension_is_refused(world: World, act: Callable[[Store], object]) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(Refused, match="there is no phone 9"):
            await act(store)  # type: ignore[misc]

    world.run(story)


def test_each_change_is_an_event_for_administrators_alone(world: World) -> None:
    async def story(store: Store) -> None:
        await store.add_phone(a_phone(), REALM, by="admin")
        await store.set_phone_secret("1001", REALM, Secret.of("1001", REALM, "new"), by="admin")
        await store.set_phone_active("1001", False, by="admin")
        await store.set_phone_active("1001", False, by="admin")
        await store.set_phone_active("1001", True, by="admin")
        await store.remove_phone("1001", by="admin")
        assert await kinds(store) == [
            "phone.added",
            "phone.password_changed",
            "phone.disabled",
            "phone.enabled",
            "phone.removed",
        ]
        assert await kinds(store, everybody=False) == []

    world.run(story)


@pytest.mark.parametrize("column", ["ha1_md5 = 'pw'", "ha1_sha256 = 'pw'", "srtp = 'maybe'"])
def test_what_cannot_be_an_account_is_no_row(world: World, column: str) -> None:
    async def story(store: Store) -> None:
        await store.add_phone(a_phone(), REALM, by="admin")
        with pytest.raises(OutsideError):
            await store.write(lambda writing: writing.session.execute(text(f"UPDATE phones SET {column}")))

    world.run(story)


class Watched:
    """A book that follows a store, and what it told."""

    def __init__(self, store: Store, realm: str = REALM) -> None:
        self.book = PhoneBook()
        self.changed: list[frozenset[str]] = []
        self.watch = PhoneWatch(store, self.book, realm, self.changed.append, every_s=0.01)

    @property
    def users(self) -> list[str]:
        return [phone.user for phone in self.book]


def test_the_book_follows_what_another_process_does(world: World) -> None:
    async def story(store: Store) -> None:
        other = world.new_store()
        await other.start()
        await other.add_phone(a_phone("1001"), REALM, by="admin")
        watched = Watched(store)
        await watched.watch.start()
        await watched.watch.stop()
        assert watched.users == ["1001"]
        assert not await watched.watch.look()
        await other.add_phone(a_phone("1002"), REALM, by="admin")
        assert await watched.watch.look()
        assert watched.users == ["1001", "1002"]
        assert watched.changed == []
        await other.set_phone_secret("1001", REALM, Secret.of("1001", REALM, "new"), by="admin")
        await other.set_phone_active("1002", False, by="admin")
        assert await watched.watch.look()
        assert watched.users == ["1001"]
        assert watched.changed == [frozenset({"1001", "1002"})]
        await other.remove_phone("1001", by="admin")
        await other.set_phone_active("1002", True, by="admin")
        await watched.watch.look()
        assert watched.users == ["1002"]
        await other.stop()

    world.run(story)


def test_calls_do_not_make_the_book_be_read_again(world: World) -> None:
    async def story(store: Store) -> None:
        watched = Watched(store)
        await watched.watch.start()
        await watched.watch.stop()
        await world.a_request(store)
        assert not await watched.watch.look()

    world.run(story)


def test_a_password_of_another_realm_is_of_no_use(world: World) -> None:
    async def story(store: Store) -> None:
        await store.add_phone(a_phone(), "former.example", by="admin")
        watched = Watched(store)
        await watched.watch.start()
        await watched.watch.stop()
        assert watched.users == []

    world.run(story)


def test_the_watch_goes_on_after_the_store_failed(world: World) -> None:
    async def story(store: Store) -> None:
        watched = Watched(store)
        await watched.watch.start()
        ask, fails = store.phones_changed_after, iter([True, True])

        async def sometimes(position: int) -> tuple[bool, int]:
            if next(fails, False):
                raise OutsideError("the disk is full")
            return await ask(position)

        store.phones_changed_after = sometimes  # type: ignore[method-assign]
        await store.add_phone(a_phone(), REALM, by="admin")
        async with asyncio.timeout(5):
            while not watched.users:
                await asyncio.sleep(0.01)
        await watched.watch.stop()
        await watched.watch.stop()

    world.run(story)
