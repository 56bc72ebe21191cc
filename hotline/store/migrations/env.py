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

WORDS: Final = "request_words"


def _render(kind: str, obj: object, _autogen: AutogenContext) -> str | Literal[False]:
    # Scripts must not depend on our own types, which may change after them.
    if kind == "type":
        for ours, theirs in PLAIN:
            if isinstance(obj, ours):
                return theirs
    return False


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    # The words of search have no model: a table of FTS5's with its shadows, or a column of a type that
    # only PostgreSQL knows. Whoever writes them is hotline.store.search_index.
    return kind != "table" or not (name or "").startswith(WORDS)


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render,
        include_name=_is_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
