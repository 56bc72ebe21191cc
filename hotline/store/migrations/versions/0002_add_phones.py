"""Add the accounts of the house's own telephones.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "phones",
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("realm", sa.String(), nullable=False),
        sa.Column("ha1_md5", sa.String(), nullable=False),
        sa.Column("ha1_sha256", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=True),
        sa.Column("codecs", sa.JSON(), nullable=False),
        sa.Column("srtp", sa.String(), nullable=False),
        sa.Column("caller_number", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(ha1_md5) = 32", name=op.f("ck_phones_ha1_md5")),
        sa.CheckConstraint("length(ha1_sha256) = 64", name=op.f("ck_phones_ha1_sha256")),
        sa.CheckConstraint("srtp IN ('never', 'optional', 'required')", name=op.f("ck_phones_srtp")),
        sa.ForeignKeyConstraint(["user_name"], ["users.user_name"], name=op.f("fk_phones_user_name")),
        sa.PrimaryKeyConstraint("phone", name=op.f("pk_phones")),
    )
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_phones_user_name"), ["user_name"], unique=False)


def downgrade() -> None:
    """Go one step back."""
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_phones_user_name"))

    op.drop_table("phones")
