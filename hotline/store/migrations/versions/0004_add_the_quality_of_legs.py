"""Add how good the voice of each leg was.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "leg_quality",
        sa.Column("leg_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("codec", sa.String(), nullable=False),
        sa.Column("mos", sa.Double(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("reordered", sa.Integer(), nullable=False),
        sa.Column("jitter_ms", sa.Double(), nullable=False),
        sa.Column("jitter_max_ms", sa.Double(), nullable=False),
        sa.Column("longest_gap_ms", sa.Integer(), nullable=False),
        sa.Column("burst_ratio", sa.Double(), nullable=False),
        sa.Column("round_trip_ms", sa.Double(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("far_mos", sa.Double(), nullable=True),
        sa.Column("far_loss", sa.Double(), nullable=True),
        sa.Column("far_jitter_ms", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("fk_leg_quality_call_id")),
        sa.PrimaryKeyConstraint("leg_id", name=op.f("pk_leg_quality")),
    )
    with op.batch_alter_table("leg_quality", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_leg_quality_call_id"), ["call_id"], unique=False)


def downgrade() -> None:
    """Go one step back."""
    with op.batch_alter_table("leg_quality", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_leg_quality_call_id"))

    op.drop_table("leg_quality")
