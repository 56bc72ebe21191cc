"""The same store on a PostgreSQL server of our own, on a socket in a temporary folder."""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shutil
import string
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from store_world import STREET, World, a_district, a_transcript
from test_desk_store import AGENT, PASSWORD, STREET_USER, a_desk, some_suggestions

from hotline.errors import OutsideError, Refused
from hotline.events.outbox import MAIL, TRANSCRIBE
from hotline.sip.digest import Secret
from hotline.sip.phones import Phone, PhoneBook
from hotline.store import Store
from hotline.store.phone_watch import PhoneWatch
from hotline.store.schema import config_for

pytestmark = pytest.mark.interop


def find_server() -> Path | None:
    """Find the folder of initdb and pg_ctl; Debian keeps it off the path."""
    on_path = shutil.which("pg_ctl")
    folders = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="PostgreSQL needs its driver")
    binaries = find_server()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("root needs an account 'postgres' to start the server as")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str) -> None:
        # Output goes to a file: a server that inherits a pipe would keep it open for ever.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [*as_user, str(binaries / program), *arguments],
                cwd=folder,
                stdout=said,
                stderr=said,
                check=False,
            )
            said.seek(0)
            assert done.returncode == 0, said.read().decode()

    data = str(folder / "data")
    try:
        run(
            "initdb",
            "-D",
            data,
            "-U",
            "hotline",
            "--auth=trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        # No TCP port at all: the socket's folder is ours alone.
        run("pg_ctl", "-D", data, "-w", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start")
        try:
            yield f"postgresql+psycopg://hotline@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def world(tmp_path: Path, server_url: str) -> World:
    world = World(tmp_path, server_url)
    store = world.new_store()
    with store._write_engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    store.migrate_blocking()
    store.seed_blocking(a_district())
    store.close_blocking()
    return world


def test_migrations_and_tables_say_the_same_on_postgresql(world: World) -> None:
    store = world.new_store()
    with store._write_engine.begin() as connection:
        command.check(config_for(connection))
        command.downgrade(config_for(connection), "base")
        command.upgrade(config_for(connection), "head")
        command.check(config_for(connection))
    store.close_blocking()


def test_request_goes_its_whole_way_on_postgresql(world: World) -> None:
    async def story(store: Store) -> None:
        desk = a_desk(world, store)
        for person in (AGENT, STREET_USER):
            await desk.add_user(
                person.user_name, person.display_name, PASSWORD, person.role, person.unit_code
            )
        token = await desk.log_in("li", PASSWORD, "127.0.0.1")
        assert await desk.who(token) == AGENT
        number = await world.a_request(store)
        (job,) = await store.claim(TRANSCRIBE, limit=5, lease_s=60)
        await store.save_transcript(job.id, number, a_transcript(), some_suggestions())
        await desk.edit(AGENT, number, 2, kind_code="0201", region_code=STREET, place="和平里", text="")
        with pytest.raises(Refused):
            await desk.route(AGENT, number, 2, STREET, "")  # somebody was faster
        await desk.route(AGENT, number, 3, STREET, "请处理")
        (letter_job,) = await store.claim(MAIL, limit=5, lease_s=60)
        (order,) = await desk.inbox(STREET_USER)
        letter = await store.letter(order.notices[0].notice_id)
        assert letter.called_at == world.clock()
        await store.notice_delayed(letter_job, letter.notice_id, "relay is away", 5)
        assert await store.next_due_s(MAIL) == 5
        await desk.sign(STREET_USER, order.order_id)
        await desk.begin(STREET_USER, order.order_id)
        await desk.reply(STREET_USER, order.order_id, "已清运")
        page = await desk.request(AGENT, number)
        assert page.line.state == "replied"
        assert [line.number for line in await desk.queue(AGENT, state="replied")] == [number]
        positions = [event.position for event in await store.events_after(0)]
        assert positions == list(range(1, len(positions) + 1))

    world.run(story)


def test_two_processes_share_numbers_on_postgresql(world: World) -> None:
    async def story(store: Store) -> None:
        other = world.new_store()
        await other.start()
        try:
            numbers = await asyncio.gather(
                *(world.a_request(each) for _ in range(5) for each in (store, other))
            )
        finally:
            await other.stop()
        assert sorted(int(number[6:11]) for number in numbers) == list(range(1, 11))
        assert [e.position for e in await store.events_after(0)] == list(range(1, 51))

    world.run(story)


def test_a_call_id_too_long_for_an_index_harms_no_other_call(world: World) -> None:
    """PostgreSQL indexes no text of more than some 2,700 octets."""
    rng = random.Random(7)  # text that cannot be compressed
    longest = "".join(rng.choices(string.ascii_letters + string.digits, k=6000))

    async def story(store: Store) -> None:
        good, bad = [world.a_call() for _ in range(2)], replace(world.a_call(), sip_call_id=longest)
        calls = (store.open_call(call) for call in (good[0], bad, good[1]))
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(one, OutsideError) for one in done] == [False, True, False]

    world.run(story)


@pytest.mark.parametrize(
    "statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events", "TRUNCATE events"]
)
def test_events_cannot_be_changed_on_postgresql(world: World, statement: str) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)
        with pytest.raises(OutsideError, match="append-only"):
            await store.write(lambda writing: writing.session.execute(text(statement)))

    world.run(story)


def test_accounts_of_telephones_are_followed_on_postgresql(world: World) -> None:
    async def story(store: Store) -> None:
        other = world.new_store()
        await other.start()
        phone = Phone("1001", Secret.of("1001", "hotline", "secret"), "前台")
        await other.add_phone(phone, "hotline", by="boss")
        book = PhoneBook()
        watch = PhoneWatch(store, book, "hotline", lambda _users: None)
        await watch.start()
        await watch.stop()
        assert list(book) == [phone]
        await other.remove_phone("1001", by="boss")
        assert await watch.look()
        assert list(book) == []
        await other.stop()

    world.run(story)


def test_connections_that_the_server_dropped_are_made_anew(world: World) -> None:
    async def story(store: Store) -> None:
        first = await world.a_request(store)
        axe = world.new_store()
        with axe._write_engine.begin() as connection:
            dropped = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            ).all()
        axe.close_blocking()
        assert dropped
        assert await store.request_status(first) is not None
        assert int((await world.a_request(store))[6:11]) == 2

    world.run(story)


def test_server_that_is_away_is_an_outside_error(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="PostgreSQL needs its driver")
    store = World(tmp_path, f"postgresql+psycopg://hotline@/postgres?host={tmp_path}").new_store()
    with pytest.raises(OutsideError, match="the store failed"):
        store.migrate_blocking()
