"""Keep the other side of a talk beside the caller's.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Go one step forward."""
    with op.batch_alter_table("recordings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("far_path", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("far_codec", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("far_length_samples", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("far_sha256", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Go one step back."""
    with op.batch_alter_table("recordings", schema=None) as batch_op:
        for name in ("far_sha256", "far_length_samples", "far_codec", "far_path"):
            batch_op.drop_column(name)
