"""Give requests the whole of their life, and people the duties that it needs.

Rows keep their state; the product writes the first row of each into the ledger (0007) when it looks at
it first, for only it knows the site's limits.

Revision ID: 0006
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

REQUEST_STATES: Final = (
    "draft", "refusal_proposed", "not_accepted", "answered", "accepted", "merged", "dispatched", "signed",
    "return_requested", "arbitration", "in_progress", "waiting", "extension_requested",
    "suspension_requested", "suspended", "replied", "verifying", "follow_up", "unsolved", "closed",
    "withdrawn",
)  # fmt: skip
OLD_REQUEST_STATES: Final = ("accepted", "dispatched", "signed", "replied", "closed")
ORDER_STATES: Final = ("dispatched", "signed", "in_progress", "done", "excused", "returned")
OLD_ORDER_STATES: Final = ("dispatched", "signed", "done", "returned")
ROLES: Final = ("agent", "shift_leader", "reviewer", "supervisor", "unit", "unit_leader", "admin")
OLD_ROLES: Final = ("agent", "supervisor", "unit", "admin")
OPEN_LEAD: Final = "part = 'lead' AND state IN ('dispatched', 'signed', 'in_progress')"
OLD_OPEN_LEAD: Final = "part = 'lead' AND state IN ('dispatched', 'signed')"

BACK: Final = {
    "accepted": ("draft", "refusal_proposed", "merged"),
    "signed": (
        "return_requested", "arbitration", "in_progress", "waiting", "extension_requested",
        "suspension_requested", "suspended",
    ),
    "replied": ("verifying", "follow_up", "unsolved"),
    "closed": ("not_accepted", "answered", "withdrawn"),
}  # fmt: skip


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def _ask(table: str, name: str, condition: str) -> None:
    """Put another CHECK in the place of one."""
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
        batch_op.create_check_constraint(op.f(f"ck_{table}_{name}"), condition)


def _index_open_lead(condition: str) -> None:
    op.drop_index("uq_work_orders_open_lead", table_name="work_orders")
    op.create_index(
        "uq_work_orders_open_lead",
        "work_orders",
        ["number"],
        unique=True,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )


def _move(table: str, column: str, now: str, before: tuple[str, ...]) -> None:
    op.execute(f"UPDATE {table} SET {column} = '{now}' WHERE {_one_of(column, before)}")  # noqa: S608 - our own words


def upgrade() -> None:
    """Go one step forward."""
    _ask("service_requests", "state", _one_of("state", REQUEST_STATES))
    with op.batch_alter_table("service_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("life", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("look_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("level", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("parent", sa.String(), nullable=True))
        batch_op.create_index(op.f("ix_service_requests_look_at"), ["look_at"], unique=False)
        batch_op.create_index(op.f("ix_service_requests_parent"), ["parent"], unique=False)
    _ask("work_orders", "state", _one_of("state", ORDER_STATES))
    _index_open_lead(OPEN_LEAD)
    with op.batch_alter_table("work_orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outcome", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    _ask("users", "role", _one_of("role", ROLES))
    _ask("users", "unit", "(role IN ('unit', 'unit_leader')) = (unit_code IS NOT NULL)")


def downgrade() -> None:
    """Go one step back: states and roles that are not known there become the nearest that are."""
    for now, before in (("agent", "shift_leader"), ("supervisor", "reviewer"), ("unit", "unit_leader")):
        _move("users", "role", now, (before,))
    _ask("users", "unit", "(role = 'unit') = (unit_code IS NOT NULL)")
    _ask("users", "role", _one_of("role", OLD_ROLES))
    op.drop_index("uq_work_orders_open_lead", table_name="work_orders")
    _move("work_orders", "state", "signed", ("in_progress",))
    _move("work_orders", "state", "returned", ("excused",))
    with op.batch_alter_table("work_orders", schema=None) as batch_op:
        for name in ("due_at", "outcome"):
            batch_op.drop_column(name)
    _ask("work_orders", "state", _one_of("state", OLD_ORDER_STATES))
    op.create_index(
        "uq_work_orders_open_lead",
        "work_orders",
        ["number"],
        unique=True,
        sqlite_where=sa.text(OLD_OPEN_LEAD),
        postgresql_where=sa.text(OLD_OPEN_LEAD),
    )
    for now, states in BACK.items():
        _move("service_requests", "state", now, states)
    with op.batch_alter_table("service_requests", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_service_requests_parent"))
        batch_op.drop_index(op.f("ix_service_requests_look_at"))
        for name in ("parent", "level", "look_at", "due_at", "life"):
            batch_op.drop_column(name)
    _ask("service_requests", "state", _one_of("state", OLD_REQUEST_STATES))
