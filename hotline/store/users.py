"""People who may log in, and their sessions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from hotline.desk.desk import IDLE, SHIFT
from hotline.desk.ports import NewUser, SessionRecord, UserRecord
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.events.record import (
    USER_ADDED,
    USER_DISABLED,
    USER_LOGGED_IN,
    USER_LOGIN_REFUSED,
    USER_PASSWORD_CHANGED,
)
from hotline.store.tables import OrganisationRow, SessionRow, UserRow
from hotline.store.work import Work, Writing
from hotline.tickets.roles import Role


class SqlUsers(Work):
    """The part of the DeskStore port that is about people."""

    async def has_admin(self) -> bool:
        """Tell whether an administrator exists."""
        return await self.read(_has_admin)

    async def add_user(self, user: NewUser, *, by: str = "system", only_first_admin: bool = False) -> None:
        """Add a person; with ``only_first_admin``, refuse when an administrator exists already."""
        await self.write(lambda writing: _add(writing, user, by, only_first_admin))

    async def set_password(self, user_name: str, password_hash: str, *, by: str) -> None:
        """Give an active user a new password and end her sessions; refuses an unknown one."""

        def change(writing: Writing) -> None:
            _active_user(writing, user_name).password_hash = password_hash
            _end_sessions(writing, user_name)
            writing.event(USER_PASSWORD_CHANGED, actor=by, payload={"user_name": user_name})

        await self.write(change)

    async def disable_user(self, user_name: str, *, by: str) -> None:
        """Take a user's access and end her sessions; refuses the last administrator, and an unknown one.

        The row stays: work orders name who routed them, and a name is never given out twice.
        """

        def disable(writing: Writing) -> None:
            user = _active_user(writing, user_name)
            user.active = False
            writing.session.flush()
            if user.role == Role.ADMIN and not _has_admin(writing.session):
                raise Refused(f"{user_name} is the last administrator; add another one first", code="state")
            _end_sessions(writing, user_name)
            writing.event(USER_DISABLED, actor=by, payload={"user_name": user_name})

        await self.write(disable)

    async def find_user(self, user_name: str) -> UserRecord | None:
        """Find an active user."""
        return await self.read(lambda session: _find_user(session, user_name))

    async def list_users(self) -> Sequence[Actor]:
        """List active users by name."""
        query = select(UserRow).where(UserRow.active).order_by(UserRow.user_name)
        return await self.read(lambda session: [_actor(row) for row in session.scalars(query)])

    async def set_language(self, user_name: str, language: str) -> None:
        """Remember a console language."""

        def change(writing: Writing) -> None:
            user = writing.session.get(UserRow, user_name)
            if user is not None:
                user.language = language

        await self.write(change)

    async def note_refused_login(self, user_name: str, remote: str) -> None:
        """Append the event."""
        await self.write(
            lambda writing: writing.event(
                USER_LOGIN_REFUSED, actor=_printable(user_name), payload={"remote": remote}
            )
        )

    async def open_session(self, token_hash: str, user_name: str, remote: str) -> None:
        """Write a session, with its event; sessions that are over are swept away."""

        def write(writing: Writing) -> None:
            over = or_(SessionRow.opened_at < writing.at - SHIFT, SessionRow.seen_at < writing.at - IDLE)
            writing.session.execute(delete(SessionRow).where(over))
            writing.session.add(
                SessionRow(
                    token_hash=token_hash,
                    user_name=user_name,
                    remote=remote,
                    opened_at=writing.at,
                    seen_at=writing.at,
                )
            )
            writing.event(USER_LOGGED_IN, actor=user_name, payload={"remote": remote})

        await self.write(write)

    async def find_session(self, token_hash: str) -> SessionRecord | None:
        """Find a session of an active user."""
        return await self.read(lambda session: _find_session(session, token_hash))

    async def touch_session(self, token_hash: str) -> None:
        """Note that it was used now."""

        def touch(writing: Writing) -> None:
            row = writing.session.get(SessionRow, token_hash)
            if row is not None:
                row.seen_at = writing.at

        await self.write(touch)

    async def close_session(self, token_hash: str) -> None:
        """Forget a session."""
        gone = delete(SessionRow).where(SessionRow.token_hash == token_hash)

        def forget(writing: Writing) -> None:
            writing.session.execute(gone)

        await self.write(forget)


def _has_admin(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(UserRow.role == "admin", UserRow.active))))


def _add(writing: Writing, user: NewUser, by: str, only_first_admin: bool) -> None:
    if only_first_admin and _has_admin(writing.session):
        raise Refused("an administrator exists already; log in", code="state")
    if writing.session.get(UserRow, user.user_name) is not None:
        raise Refused(f"the user name {user.user_name} is taken", code="input")
    if user.unit_code and writing.session.get(OrganisationRow, user.unit_code) is None:
        raise Refused(f"there is no unit {user.unit_code}", code="input")
    writing.session.add(
        UserRow(
            user_name=user.user_name,
            display_name=user.display_name,
            role=user.role,
            unit_code=user.unit_code,
            language=user.language,
            password_hash=user.password_hash,
            active=True,
            created_at=writing.at,
        )
    )
    writing.event(USER_ADDED, actor=by, payload={"user_name": user.user_name, "role": user.role})


def _active_user(writing: Writing, user_name: str) -> UserRow:
    user = writing.session.get(UserRow, user_name)
    if user is None or not user.active:
        raise Refused(f"there is no user {user_name}", code="missing")
    return user


def _end_sessions(writing: Writing, user_name: str) -> None:
    writing.session.execute(delete(SessionRow).where(SessionRow.user_name == user_name))


def _actor(row: UserRow) -> Actor:
    return Actor(row.user_name, row.display_name, row.role, row.unit_code, row.language)


def _find_user(session: Session, user_name: str) -> UserRecord | None:
    row = session.get(UserRow, user_name)
    return UserRecord(_actor(row), row.password_hash) if row and row.active else None


def _find_session(session: Session, token_hash: str) -> SessionRecord | None:
    row = session.get(SessionRow, token_hash)
    user = session.get(UserRow, row.user_name) if row else None
    if row is None or user is None or not user.active:
        return None
    return SessionRecord(_actor(user), row.opened_at, row.seen_at)


def _printable(text: str) -> str:
    return re.sub(r"[^\w.@-]", "?", text)[:32]
