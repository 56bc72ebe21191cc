"""File requests under keys of place and kind, and keep the hotspots that were told.

The keys of older requests are written at the next start, for only the product knows how they are made.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "request_traits",
        sa.Column("trait", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["service_requests.number"], name=op.f("fk_request_traits_number")
        ),
        sa.PrimaryKeyConstraint("trait", "number", name=op.f("pk_request_traits")),
    )
    op.create_index(op.f("ix_request_traits_number"), "request_traits", ["number"])
    op.create_table(
        "request_heat",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["service_requests.number"], name=op.f("fk_request_heat_number")),
        sa.PrimaryKeyConstraint("key", "number", name=op.f("pk_request_heat")),
    )
    op.create_index(op.f("ix_request_heat_number"), "request_heat", ["number"])
    op.create_index(op.f("ix_request_heat_opened_at_key"), "request_heat", ["opened_at", "key"])
    op.create_table(
        "hotspots",
        sa.Column("hotspot_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("callers", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("hours", sa.Double(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("hotspot_id", name=op.f("pk_hotspots")),
    )
    op.create_index(
        "uq_hotspots_open_key",
        "hotspots",
        ["key"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    """Go one step back."""
    for table in ("hotspots", "request_heat", "request_traits"):
        op.drop_table(table)
