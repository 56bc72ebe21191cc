"""Add the index of search: the words of each request, kept by the product itself.

SQLite holds them in an FTS5 table without content, PostgreSQL in a tsvector under GIN. Both are
filled anew at the next start, for only the product knows how text becomes words.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "search_indexes",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_search_indexes")),
    )
    if op.get_bind().dialect.name == "sqlite":
        # The tokenizer that parts words at spaces and takes all that is not ASCII as it is.
        op.execute(
            "CREATE VIRTUAL TABLE request_words USING fts5("
            "words, content='', contentless_delete=1, tokenize='ascii')"
        )
        return
    op.execute("CREATE TABLE request_words (number BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
    # Without its list of pending words, which every search would have to read through.
    op.execute("CREATE INDEX ix_request_words_words ON request_words USING gin (words) WITH (fastupdate = off)")


def downgrade() -> None:
    """Go one step back."""
    op.execute("DROP TABLE request_words")
    op.drop_table("search_indexes")
