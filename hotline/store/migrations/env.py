"""What Alembic runs: it works on the connection that ``hotline.store.schema`` hands it."""

from __future__ import annotations

from typing import Final, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from hotline.store.columns import Instant, LongWords, Words
from hotline.store.tables import Base

PLAIN: Final = (
    (Instant, "sa.DateTime(timezone=True)"),
    (LongWords, "sa.Text()"),
    (Words, "sa.String()"),
)


def _render(kind: str, obj: object, _autogen: AutogenContext) -> str | Literal[False]:
    # Scripts must not depend on our own types, which may change after them.
    if kind == "type":
        for ours, theirs in PLAIN:
            if isinstance(obj, ours):
                return theirs
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
