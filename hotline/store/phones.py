"""Accounts that the house's own telephones register with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.errors import Refused
from hotline.events.record import (
    PHONE_ADDED,
    PHONE_DISABLED,
    PHONE_ENABLED,
    PHONE_PASSWORD_CHANGED,
    PHONE_REMOVED,
)
from hotline.sip.digest import Secret
from hotline.sip.phones import Phone
from hotline.sip.voice_terms import CODECS, Security, VoicePolicy
from hotline.store.tables import EventRow, PhoneRow, UserRow
from hotline.store.work import Work, Writing

OF_PHONES: Final = (PHONE_ADDED, PHONE_PASSWORD_CHANGED, PHONE_DISABLED, PHONE_ENABLED, PHONE_REMOVED)
"""Kinds of events after which a telephone may do other things than before."""


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """A telephone's account as it stands in the store."""

    phone: Phone
    realm: str
    """The realm that its password is good for."""
    active: bool
    created_at: datetime


class SqlPhones(Work):
    """The part of the store that is about telephones."""

    async def add_phone(self, phone: Phone, realm: str, *, by: str) -> None:
        """Add an account.

        :raises Refused: when the extension is taken, or the person named does not exist.
        """
        await self.write(lambda writing: _add(writing, phone, realm, by))

    async def set_phone_secret(self, user: str, realm: str, secret: Secret, *, by: str) -> None:
        """Give an account another password; refuses an unknown one."""

        def change(writing: Writing) -> None:
            row = _row(writing, user)
            row.realm, row.ha1_md5, row.ha1_sha256 = realm, secret.md5, secret.sha256
            writing.event(PHONE_PASSWORD_CHANGED, actor=by, payload={"phone": user})

        await self.write(change)

    async def set_phone_active(self, user: str, active: bool, *, by: str) -> None:
        """Let an account be used or not; refuses an unknown one."""

        def change(writing: Writing) -> None:
            row = _row(writing, user)
            if row.active != active:
                row.active = active
                if active:
                    writing.event(PHONE_ENABLED, actor=by, payload={"phone": user})
                else:
                    writing.event(PHONE_DISABLED, actor=by, payload={"phone": user})

        await self.write(change)

    async def remove_phone(self, user: str, *, by: str) -> None:
        """Take an account away; refuses an unknown one. Call records keep the extension as it was."""

        def remove(writing: Writing) -> None:
            writing.session.delete(_row(writing, user))
            writing.event(PHONE_REMOVED, actor=by, payload={"phone": user})

        await self.write(remove)

    async def phones(self) -> tuple[Sequence[PhoneAccount], int]:
        """Read all accounts by extension, and the position up to which events are in them."""
        return await self.read(_read_all)

    async def phones_changed_after(self, position: int) -> tuple[bool, int]:
        """Tell whether an account changed after a position, and the position up to which that is known."""
        return await self.read(lambda session: _changed_after(session, position))


def _add(writing: Writing, phone: Phone, realm: str, by: str) -> None:
    if writing.session.get(PhoneRow, phone.user) is not None:
        raise Refused(f"there is a phone {phone.user} already", code="input")
    if phone.user_name:
        person = writing.session.get(UserRow, phone.user_name)
        if person is None or not person.active:
            raise Refused(f"there is no user {phone.user_name}; see `hotline user list`", code="missing")
    writing.session.add(
        PhoneRow(
            phone=phone.user,
            display_name=phone.display_name,
            realm=realm,
            ha1_md5=phone.secret.md5,
            ha1_sha256=phone.secret.sha256,
            user_name=phone.user_name or None,
            codecs=[] if phone.voice.codecs == CODECS else list(phone.voice.codecs),
            srtp=phone.voice.security,
            caller_number=phone.caller_number,
            active=True,
            created_at=writing.at,
        )
    )
    writing.event(PHONE_ADDED, actor=by, payload={"phone": phone.user})


def _row(writing: Writing, user: str) -> PhoneRow:
    row = writing.session.get(PhoneRow, user)
    if row is None:
        raise Refused(f"there is no phone {user}; see `hotline phone list`", code="missing")
    return row


def _read_all(session: Session) -> tuple[Sequence[PhoneAccount], int]:
    position = session.scalar(select(func.max(EventRow.position))) or 0
    rows = session.scalars(select(PhoneRow).order_by(PhoneRow.phone))
    return [_account(row) for row in rows], position


def _changed_after(session: Session, position: int) -> tuple[bool, int]:
    newest = session.scalar(select(func.max(EventRow.position))) or 0
    if newest <= position:
        return False, position
    new = select(EventRow.position).where(EventRow.position > position, EventRow.kind.in_(OF_PHONES)).limit(1)
    return session.scalar(new) is not None, newest


def _account(row: PhoneRow) -> PhoneAccount:
    phone = Phone(
        row.phone,
        Secret(row.ha1_md5, row.ha1_sha256),
        row.display_name,
        row.user_name or "",
        VoicePolicy(tuple(row.codecs) or CODECS, cast("Security", row.srtp)),
        row.caller_number,
    )
    created_at: datetime = row.created_at
    return PhoneAccount(phone, row.realm, row.active, created_at)
