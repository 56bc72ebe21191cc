"""Make the first tables.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def _forbid_changing_events() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()"
    )


def _allow_changing_events() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(f"DROP TRIGGER events_no_{verb.lower()}")
        return
    op.execute("DROP TRIGGER events_append_only ON events")
    op.execute("DROP FUNCTION events_append_only()")


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("sip_call_id", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("caller_raw", sa.String(), nullable=False),
        sa.Column("called", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_calls")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calls_caller"), ["caller"], unique=False)
        batch_op.create_index(batch_op.f("ix_calls_offered_at"), ["offered_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_calls_sip_call_id"), ["sip_call_id"], unique=False)

    op.create_table(
        "catalogue_kinds",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("level1", sa.String(), nullable=False),
        sa.Column("level2", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("default_department", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("first_contact_hours", sa.Double(), nullable=False),
        sa.Column("sla_hours", sa.Double(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("priority IN ('P1', 'P2', 'P3', 'P4')", name=op.f("ck_catalogue_kinds_priority")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_catalogue_kinds")),
    )
    op.create_table(
        "day_counters",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("last_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("last_count > 0", name=op.f("ck_day_counters_count")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_day_counters")),
    )
    op.create_table(
        "events",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=True),
        sa.Column("request_number", sa.String(), nullable=True),
        sa.Column("unit_code", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_events_request_number"), ["request_number"], unique=False)
        batch_op.create_index(batch_op.f("ix_events_unit_code"), ["unit_code"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('due', 'leased', 'done', 'dead')", name=op.f("ck_outbox_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("topic", "key", name=op.f("uq_outbox_topic_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_open",
            ["topic", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('due', 'leased')"),
            postgresql_where=sa.text("state IN ('due', 'leased')"),
        )

    op.create_table(
        "regions",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("in_2009", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("level IN ('street', 'community')", name=op.f("ck_regions_level")),
        sa.ForeignKeyConstraint(["parent"], ["regions.code"], name=op.f("fk_regions_parent")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_regions")),
    )
    op.create_table(
        "organisations",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("region_code", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('street', 'community', 'department')", name=op.f("ck_organisations_kind")
        ),
        sa.ForeignKeyConstraint(["region_code"], ["regions.code"], name=op.f("fk_organisations_region_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_organisations")),
    )
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("codec", sa.String(), nullable=False),
        sa.Column("length_samples", sa.Integer(), nullable=False),
        sa.Column("speech_ms", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cut_short", sa.Boolean(), nullable=False),
        sa.CheckConstraint("codec IN ('PCMA', 'PCMU')", name=op.f("ck_recordings_codec")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_recordings_sha256")),
        sa.CheckConstraint("length_samples >= 0", name=op.f("ck_recordings_length")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("fk_recordings_call_id")),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_recordings")),
        sa.UniqueConstraint("path", name=op.f("uq_recordings_path")),
    )
    with op.batch_alter_table("recordings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recordings_call_id"), ["call_id"], unique=False)

    op.create_table(
        "service_requests",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("for_agent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind_code", sa.String(), nullable=True),
        sa.Column("region_code", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("edited_text", sa.Text(), nullable=False),
        sa.Column("lead_unit", sa.String(), nullable=True),
        sa.Column("transcript_state", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("confidence", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.CheckConstraint(
            "confidence IN ('high', 'mid', 'low', 'none')", name=op.f("ck_service_requests_confidence")
        ),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_service_requests_language")),
        sa.CheckConstraint("priority IN ('P1', 'P2', 'P3', 'P4')", name=op.f("ck_service_requests_priority")),
        sa.CheckConstraint(
            "state IN ('accepted', 'dispatched', 'signed', 'replied', 'closed')",
            name=op.f("ck_service_requests_state"),
        ),
        sa.CheckConstraint(
            "transcript_state IN ('waiting', 'done', 'failed')",
            name=op.f("ck_service_requests_transcript_state"),
        ),
        sa.CheckConstraint("length(number) = 12", name=op.f("ck_service_requests_number")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("fk_service_requests_call_id")),
        sa.ForeignKeyConstraint(
            ["kind_code"], ["catalogue_kinds.code"], name=op.f("fk_service_requests_kind_code")
        ),
        sa.ForeignKeyConstraint(
            ["lead_unit"], ["organisations.code"], name=op.f("fk_service_requests_lead_unit")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_service_requests_recording_id")
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name=op.f("fk_service_requests_region_code")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_service_requests")),
        sa.UniqueConstraint("recording_id", name=op.f("uq_service_requests_recording_id")),
    )
    with op.batch_alter_table("service_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_service_requests_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_requests_lead_unit"), ["lead_unit"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_service_requests_state_number"), ["state", "number"], unique=False
        )

    op.create_table(
        "transcript_segments",
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("confidence", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_transcript_segments_recording_id")
        ),
        sa.PrimaryKeyConstraint("recording_id", "ordinal", name=op.f("pk_transcript_segments")),
    )
    op.create_table(
        "users",
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit_code", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(role = 'unit') = (unit_code IS NOT NULL)", name=op.f("ck_users_unit")),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_users_language")),
        sa.CheckConstraint("role IN ('agent', 'supervisor', 'unit', 'admin')", name=op.f("ck_users_role")),
        sa.ForeignKeyConstraint(["unit_code"], ["organisations.code"], name=op.f("fk_users_unit_code")),
        sa.PrimaryKeyConstraint("user_name", name=op.f("pk_users")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("remote", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["users.user_name"], name=op.f("fk_sessions_user_name")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_name"), ["user_name"], unique=False)

    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source_text", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["number"], ["service_requests.number"], name=op.f("fk_suggestions_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestions")),
        sa.UniqueConstraint("number", "field", "ordinal", name=op.f("uq_suggestions_number_field_ordinal")),
    )
    op.create_table(
        "work_orders",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("unit_code", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("routed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("routed_by", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", sa.String(), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replied_by", sa.String(), nullable=True),
        sa.CheckConstraint("part IN ('lead', 'co')", name=op.f("ck_work_orders_part")),
        sa.CheckConstraint(
            "state IN ('dispatched', 'signed', 'done', 'returned')", name=op.f("ck_work_orders_state")
        ),
        sa.ForeignKeyConstraint(["number"], ["service_requests.number"], name=op.f("fk_work_orders_number")),
        sa.ForeignKeyConstraint(["routed_by"], ["users.user_name"], name=op.f("fk_work_orders_routed_by")),
        sa.ForeignKeyConstraint(["unit_code"], ["organisations.code"], name=op.f("fk_work_orders_unit_code")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_work_orders")),
    )
    with op.batch_alter_table("work_orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_orders_number"), ["number"], unique=False)
        batch_op.create_index("ix_work_orders_unit_code_state", ["unit_code", "state"], unique=False)
        batch_op.create_index(
            "uq_work_orders_open_lead",
            ["number"],
            unique=True,
            sqlite_where=sa.text("part = 'lead' AND state IN ('dispatched', 'signed')"),
            postgresql_where=sa.text("part = 'lead' AND state IN ('dispatched', 'signed')"),
        )

    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('queued', 'delayed', 'sent', 'failed')", name=op.f("ck_notices_state")),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.order_id"], name=op.f("fk_notices_order_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("order_id", "channel", name=op.f("uq_notices_order_id_channel")),
    )
    _forbid_changing_events()


def downgrade() -> None:
    """Go one step back."""
    _allow_changing_events()
    op.drop_table("notices")
    with op.batch_alter_table("work_orders", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_work_orders_open_lead",
            sqlite_where=sa.text("part = 'lead' AND state IN ('dispatched', 'signed')"),
            postgresql_where=sa.text("part = 'lead' AND state IN ('dispatched', 'signed')"),
        )
        batch_op.drop_index("ix_work_orders_unit_code_state")
        batch_op.drop_index(batch_op.f("ix_work_orders_number"))

    op.drop_table("work_orders")
    op.drop_table("suggestions")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_name"))

    op.drop_table("sessions")
    op.drop_table("users")
    op.drop_table("transcript_segments")
    with op.batch_alter_table("service_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_service_requests_state_number"))
        batch_op.drop_index(batch_op.f("ix_service_requests_lead_unit"))
        batch_op.drop_index(batch_op.f("ix_service_requests_call_id"))

    op.drop_table("service_requests")
    with op.batch_alter_table("recordings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recordings_call_id"))

    op.drop_table("recordings")
    op.drop_table("organisations")
    op.drop_table("regions")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_open",
            sqlite_where=sa.text("state IN ('due', 'leased')"),
            postgresql_where=sa.text("state IN ('due', 'leased')"),
        )

    op.drop_table("outbox")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_unit_code"))
        batch_op.drop_index(batch_op.f("ix_events_request_number"))
        batch_op.drop_index(batch_op.f("ix_events_call_id"))

    op.drop_table("events")
    op.drop_table("day_counters")
    op.drop_table("catalogue_kinds")
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calls_sip_call_id"))
        batch_op.drop_index(batch_op.f("ix_calls_offered_at"))
        batch_op.drop_index(batch_op.f("ix_calls_caller"))

    op.drop_table("calls")
