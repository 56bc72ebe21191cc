"""The tables. What must never be wrong is a key or a CHECK here, not only a rule in code.

Ours are the names of models.md section 5. ``events`` is append-only: triggers of the first
migration refuse UPDATE and DELETE.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    MetaData,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hotline.store.columns import Instant, LongWords, Words
from hotline.tickets.order_moves import OrderState
from hotline.tickets.request_moves import RequestState
from hotline.tickets.roles import UNIT_ROLES, Role

NAMES: Final[Mapping[str, str]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def _one_of(column: str, *words: str) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


class Base(DeclarativeBase):
    """Root of all tables; constraints have predictable names, so that migrations can name them."""

    metadata = MetaData(naming_convention=dict(NAMES))
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant, str: Words}


class CallRow(Base):
    """A call record: written before the call is answered."""

    __tablename__ = "calls"
    call_id: Mapped[str] = mapped_column(primary_key=True)
    sip_call_id: Mapped[str] = mapped_column(index=True)
    caller: Mapped[str] = mapped_column(index=True)
    caller_raw: Mapped[str]
    called: Mapped[str]
    source: Mapped[str]
    withheld: Mapped[bool]
    offered_at: Mapped[datetime] = mapped_column(index=True)
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cause: Mapped[str | None]
    path: Mapped[list[str]] = mapped_column(JSON)
    direction: Mapped[str]
    """``in`` to a flow; of a telephone of the house ``inside`` or ``out``."""
    origin: Mapped[str]
    """Trunk that it came over, or user of the telephone that made it."""


class LegRow(Base):
    """A leg of a call beside the one that it began with: a telephone that was rung, a line out."""

    __tablename__ = "call_legs"
    __table_args__ = (CheckConstraint(_one_of("direction", "in", "out"), name="direction"),)
    leg_id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), index=True)
    direction: Mapped[str]
    """``out``: we called; ``in``: it came in to take another leg's place."""
    peer: Mapped[str]
    trunk: Mapped[str]
    sip_call_id: Mapped[str] = mapped_column(index=True)
    began_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cause: Mapped[str | None]
    status: Mapped[int]


class LegQualityRow(Base):
    """How good the voice of a leg was, the one that a call began with included."""

    __tablename__ = "leg_quality"
    leg_id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), index=True)
    at: Mapped[datetime]
    codec: Mapped[str]
    mos: Mapped[float | None]
    """Of what we heard, 1 to 4.5; NULL when nothing came."""
    expected: Mapped[int]
    lost: Mapped[int]
    late: Mapped[int]
    duplicates: Mapped[int]
    reordered: Mapped[int]
    jitter_ms: Mapped[float]
    jitter_max_ms: Mapped[float]
    longest_gap_ms: Mapped[int]
    burst_ratio: Mapped[float]
    round_trip_ms: Mapped[float | None]
    sent: Mapped[int]
    far_mos: Mapped[float | None]
    """Of what the other side heard, as its reports say; NULL without any."""
    far_loss: Mapped[float | None]
    far_jitter_ms: Mapped[float | None]


class RecordingRow(Base):
    """A recording on disk, under its final name."""

    __tablename__ = "recordings"
    __table_args__ = (
        CheckConstraint(_one_of("codec", "PCMA", "PCMU"), name="codec"),
        CheckConstraint("length_samples >= 0", name="length"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
    )
    recording_id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), index=True)
    path: Mapped[str] = mapped_column(unique=True)
    codec: Mapped[str]
    length_samples: Mapped[int]
    speech_ms: Mapped[int | None]
    sha256: Mapped[str]
    started_at: Mapped[datetime]
    cut_short: Mapped[bool]
    far_path: Mapped[str] = mapped_column(default="")
    """File of what was said to her; empty where she alone was recorded."""
    far_codec: Mapped[str] = mapped_column(default="")
    far_length_samples: Mapped[int] = mapped_column(default=0)
    far_sha256: Mapped[str] = mapped_column(default="")


class RequestRow(Base):
    """A service request; exactly one for a recording."""

    __tablename__ = "service_requests"
    __table_args__ = (
        CheckConstraint("length(number) = 12", name="number"),
        CheckConstraint(_one_of("language", "zh", "en"), name="language"),
        CheckConstraint(_one_of("state", *RequestState), name="state"),
        CheckConstraint(_one_of("priority", "P1", "P2", "P3", "P4"), name="priority"),
        CheckConstraint(_one_of("transcript_state", "waiting", "done", "failed"), name="transcript_state"),
        CheckConstraint(_one_of("confidence", "high", "mid", "low", "none"), name="confidence"),
        Index(None, "state", "number"),  # the queue, filtered by state, newest first
    )
    number: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.recording_id"), unique=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), index=True)
    language: Mapped[str]
    for_agent: Mapped[bool]
    state: Mapped[str]
    priority: Mapped[str]
    opened_at: Mapped[datetime]
    version: Mapped[int]
    kind_code: Mapped[str | None] = mapped_column(ForeignKey("catalogue_kinds.code"))
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    place: Mapped[str]
    edited_text: Mapped[str] = mapped_column(LongWords)
    life: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The request as ``hotline.tickets`` writes it; NULL until the product has looked at an old row."""
    due_at: Mapped[datetime | None]
    """When the step that is waited for is late, or the whole; NULL when nothing is waited for."""
    look_at: Mapped[datetime | None] = mapped_column(index=True)
    """When time alone will move it, or tell somebody."""
    level: Mapped[int] = mapped_column(default=0)
    """How far its lateness was told, L0 to L4."""
    parent: Mapped[str | None] = mapped_column(index=True)
    """Number of the request that it was merged into."""
    lead_unit: Mapped[str | None] = mapped_column(ForeignKey("organisations.code"), index=True)
    transcript_state: Mapped[str]
    text: Mapped[str] = mapped_column(LongWords)
    confidence: Mapped[str]
    model: Mapped[str]


class SegmentRow(Base):
    """A stretch of a transcript."""

    __tablename__ = "transcript_segments"
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.recording_id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    start_ms: Mapped[int]
    end_ms: Mapped[int]
    text: Mapped[str] = mapped_column(LongWords)
    raw_text: Mapped[str] = mapped_column(LongWords)
    confidence: Mapped[str]
    score: Mapped[float]


class SuggestionRow(Base):
    """A proposed value, and whether a person took it."""

    __tablename__ = "suggestions"
    __table_args__ = (UniqueConstraint("number", "field", "ordinal"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("service_requests.number"))
    field: Mapped[str]
    ordinal: Mapped[int]
    """0 for the best of its field."""
    value: Mapped[str]
    label: Mapped[str]
    score: Mapped[float]
    reason: Mapped[str] = mapped_column(LongWords)
    source_text: Mapped[str] = mapped_column(LongWords)
    accepted: Mapped[bool | None]
    """None until a person decided the field."""
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class OrderRow(Base):
    """A work order: one unit's part in a request."""

    __tablename__ = "work_orders"
    __table_args__ = (
        CheckConstraint(_one_of("part", "lead", "co"), name="part"),
        CheckConstraint(_one_of("state", *OrderState), name="state"),
        # 首接负责: one unit at a time has the lead.
        Index(
            "uq_work_orders_open_lead",
            "number",
            unique=True,
            sqlite_where=text("part = 'lead' AND state IN ('dispatched', 'signed', 'in_progress')"),
            postgresql_where=text("part = 'lead' AND state IN ('dispatched', 'signed', 'in_progress')"),
        ),
        Index("ix_work_orders_unit_code_state", "unit_code", "state"),
    )
    order_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("service_requests.number"), index=True)
    unit_code: Mapped[str] = mapped_column(ForeignKey("organisations.code"))
    part: Mapped[str]
    state: Mapped[str]
    note: Mapped[str] = mapped_column(LongWords)
    reply: Mapped[str] = mapped_column(LongWords)
    routed_at: Mapped[datetime]
    routed_by: Mapped[str] = mapped_column(ForeignKey("users.user_name"))
    signed_at: Mapped[datetime | None]
    signed_by: Mapped[str | None]
    replied_at: Mapped[datetime | None]
    replied_by: Mapped[str | None]
    outcome: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime | None]
    """When a co-handler's part is late; the lead's clocks are the request's."""


class NoticeRow(Base):
    """A letter to a unit, and how far it got."""

    __tablename__ = "notices"
    __table_args__ = (
        CheckConstraint(_one_of("state", "queued", "delayed", "sent", "failed"), name="state"),
        UniqueConstraint("order_id", "channel"),
    )
    notice_id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.order_id"))
    channel: Mapped[str]
    address: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    last_error: Mapped[str] = mapped_column(LongWords)
    response: Mapped[str] = mapped_column(LongWords)
    at: Mapped[datetime]
    """Of the state."""


class EventRow(Base):
    """A fact; never changed, never taken away."""

    __tablename__ = "events"
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str]
    call_id: Mapped[str | None] = mapped_column(index=True)
    request_number: Mapped[str | None] = mapped_column(index=True)
    unit_code: Mapped[str | None] = mapped_column(index=True)
    actor: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)


class LedgerRow(Base):
    """A row of the chain (``hotline.tickets.ledger``); never changed, never taken away."""

    __tablename__ = "ledger"
    __table_args__ = (
        CheckConstraint("length(hash) = 64", name="hash"),
        Index(None, "number", "seq"),  # what was done with one request, in order
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    at: Mapped[str]
    number: Mapped[str | None]
    """Of the request that the row is about; copied from the body, to find it by."""
    body: Mapped[str] = mapped_column(LongWords)
    prev_hash: Mapped[str]
    hash: Mapped[str]


class OutboxRow(Base):
    """Work that leaves the process, written in the transaction of its cause."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(_one_of("state", "due", "leased", "done", "dead"), name="state"),
        UniqueConstraint("topic", "key"),
        Index(
            "ix_outbox_open",
            "topic",
            "id",
            sqlite_where=text("state IN ('due', 'leased')"),
            postgresql_where=text("state IN ('due', 'leased')"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str]
    due_at: Mapped[datetime]
    """When it may be claimed; of a leased job, when the lease runs out."""
    touched_at: Mapped[datetime]
    """When this row was written last."""
    attempts: Mapped[int]
    last_error: Mapped[str] = mapped_column(LongWords)


class OrganisationRow(Base):
    """A unit: street, community or department."""

    __tablename__ = "organisations"
    __table_args__ = (CheckConstraint(_one_of("kind", "street", "community", "department"), name="kind"),)
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    email: Mapped[str]
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    active: Mapped[bool]
    """False once the site's files do not name it any more; old requests still do."""


class RegionRow(Base):
    """A street or a community, as an area."""

    __tablename__ = "regions"
    __table_args__ = (CheckConstraint(_one_of("level", "street", "community"), name="level"),)
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[str]
    parent: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    in_2009: Mapped[bool]
    active: Mapped[bool]


class KindRow(Base):
    """A kind of demand of the catalogue."""

    __tablename__ = "catalogue_kinds"
    __table_args__ = (CheckConstraint(_one_of("priority", "P1", "P2", "P3", "P4"), name="priority"),)
    code: Mapped[str] = mapped_column(primary_key=True)
    level1: Mapped[str]
    level2: Mapped[str]
    label: Mapped[str]
    default_department: Mapped[str]
    priority: Mapped[str]
    first_contact_hours: Mapped[float]
    sla_hours: Mapped[float]
    tier: Mapped[str]
    active: Mapped[bool]


class UserRow(Base):
    """A person who may log in."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(_one_of("role", *(role for role in Role if role is not Role.SYSTEM)), name="role"),
        CheckConstraint(_one_of("language", "zh", "en"), name="language"),
        CheckConstraint(f"({_one_of('role', *sorted(UNIT_ROLES))}) = (unit_code IS NOT NULL)", name="unit"),
    )
    user_name: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    role: Mapped[str]
    unit_code: Mapped[str | None] = mapped_column(ForeignKey("organisations.code"))
    language: Mapped[str]
    password_hash: Mapped[str]
    active: Mapped[bool]
    created_at: Mapped[datetime]


class PhoneRow(Base):
    """An account that telephones register with; holds what proves its password, never the password."""

    __tablename__ = "phones"
    __table_args__ = (
        CheckConstraint("length(ha1_md5) = 32", name="ha1_md5"),
        CheckConstraint("length(ha1_sha256) = 64", name="ha1_sha256"),
        CheckConstraint(_one_of("srtp", "never", "optional", "required"), name="srtp"),
    )
    phone: Mapped[str] = mapped_column(primary_key=True)
    """Extension, and user part of its address of record."""
    display_name: Mapped[str]
    realm: Mapped[str]
    """The secrets are good in this realm only (RFC 7616, 3.4.2)."""
    ha1_md5: Mapped[str]
    ha1_sha256: Mapped[str]
    user_name: Mapped[str | None] = mapped_column(ForeignKey("users.user_name"), index=True)
    codecs: Mapped[list[str]] = mapped_column(JSON)
    """Best first; empty: all."""
    srtp: Mapped[str]
    caller_number: Mapped[str]
    active: Mapped[bool]
    created_at: Mapped[datetime]


class SessionRow(Base):
    """A browser that is logged in; holds the hash of its token, never the token."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.user_name"), index=True)
    remote: Mapped[str]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class DayCounterRow(Base):
    """How many request numbers a day has given out; only ever grows."""

    __tablename__ = "day_counters"
    __table_args__ = (CheckConstraint("last_count > 0", name="count"),)
    day: Mapped[date] = mapped_column(primary_key=True)
    last_count: Mapped[int]
