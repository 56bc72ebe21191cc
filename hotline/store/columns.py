"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """A moment: goes in with any zone, is kept in UTC, comes out in UTC.

    SQLite forgets zones; so a moment without one is refused on the way in and read as UTC on the
    way out.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; on SQLite without the zone, which it would not keep."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """A text from anywhere: what no database can keep (NUL, lone surrogates) becomes ``?``.

    A phone may put any byte into its display name; that must never be the reason that a call
    record is not written.
    """

    impl = String
    cache_ok = True

    def process_bind_param(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> str | None:
        """Replace what cannot be kept."""
        return None if value is None else storable(value)


class LongWords(Words):
    """As Words, of any length."""

    impl = Text
    cache_ok = True


def storable(text: str) -> str:
    """Replace NUL and lone surrogates by ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "?")
