"""What the desk reads: lines, pages, choices, orders, events. Every query is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from hotline.desk.views import (
    HistoryLine,
    KindChoice,
    NoticeView,
    OrderView,
    RecordingView,
    RequestLine,
    RequestPage,
    SegmentView,
    UnitChoice,
    VoiceView,
)
from hotline.desk.voices import voice_view, worst_first
from hotline.events.record import (
    CALL_VOICE_MISSING,
    USER_ADDED,
    USER_DISABLED,
    USER_LOGGED_IN,
    USER_LOGIN_REFUSED,
    USER_PASSWORD_CHANGED,
    Event,
)
from hotline.intake.path import excerpt
from hotline.routing.suggestion import KIND, PLACE, Suggestion
from hotline.store.chain import as_row
from hotline.store.lives import around, is_complete, peek
from hotline.store.phones import OF_PHONES
from hotline.store.qualities import qualities_of
from hotline.store.retention import expired_of
from hotline.store.tables import (
    CallRow,
    EventRow,
    KindRow,
    LedgerRow,
    NoticeRow,
    OrderRow,
    OrganisationRow,
    RecordingRow,
    RequestRow,
    SegmentRow,
    SuggestionRow,
    UserRow,
)
from hotline.store.work import Work
from hotline.tickets.conditions import Site
from hotline.tickets.ledger import STEP, read_step
from hotline.tickets.order_moves import OPEN_ORDER_STATES, OrderState

RATE_HZ: Final = 8000
HISTORY_LIMIT: Final = 500
EARLIER_LIMIT: Final = 20
ORDERS_LIMIT: Final = 500
OF_PEOPLE: Final = (USER_LOGGED_IN, USER_LOGIN_REFUSED, USER_ADDED, USER_PASSWORD_CHANGED, USER_DISABLED)
UNIT_KINDS: Final = ("street", "department", "community")
"""In this order units are offered: most requests go to a street."""


class SqlDeskReads(Work):
    """The reading half of the DeskStore port."""

    async def lines(self, unit: str | None, *, state: str, before: str, limit: int) -> Sequence[RequestLine]:
        """List requests, newest first."""
        return await self.read(lambda session: _lines(session, unit, state, before, limit))

    async def request_line(self, unit: str | None, number: str) -> RequestLine | None:
        """Get one line."""
        return await self.read(lambda session: _line(session, unit, number))

    async def request_page(self, unit: str | None, number: str) -> RequestPage | None:
        """Get a whole request; ``may`` is empty."""
        return await self.read(lambda session: _page(session, unit, number, self._at(), self.rules))

    async def unit_choices(self) -> Sequence[UnitChoice]:
        """List active units: streets, departments, communities."""
        return await self.read(_unit_choices)

    async def kind_choices(self) -> Sequence[KindChoice]:
        """List active kinds."""
        return await self.read(_kind_choices)

    async def orders(self, unit: str | None) -> Sequence[OrderView]:
        """List work orders, open ones first, newest first within each."""
        return await self.read(lambda session: _inbox(session, unit))

    async def events(self, unit: str | None, *, after: int, limit: int, with_logins: bool) -> Sequence[Event]:
        """Read events after a position; a unit's user gets those of her unit only."""
        return await self.read(lambda session: _events(session, unit, after, limit, with_logins))

    async def events_after(self, position: int, *, limit: int = 500) -> Sequence[Event]:
        """Read all events after a position, for whoever works on the machine itself."""
        return await self.events(None, after=position, limit=limit, with_logins=True)

    async def newest_position(self) -> int:
        """Tell the position of the newest event; 0 when there is none."""
        newest = await self.read(lambda session: session.scalar(select(func.max(EventRow.position))))
        return newest or 0


# -- lines --------------------------------------------------------------------------------------------
_Lines = Select[*tuple[Any, ...]]
"""Columns of a line, by name."""


def _select_lines(unit: str | None) -> _Lines:
    # Only what a line shows: reading whole rows, with the life of each in JSON, takes twice the time.
    # The two names may be None: both tables are joined loosely.
    query: _Lines = (
        select(
            RequestRow.number,
            RequestRow.state,
            RequestRow.priority,
            RequestRow.opened_at,
            RequestRow.place,
            RequestRow.edited_text,
            RequestRow.text,
            RequestRow.transcript_state,
            RequestRow.for_agent,
            RequestRow.version,
            RequestRow.due_at,
            RequestRow.level,
            CallRow.caller,
            CallRow.withheld,
            OrganisationRow.name.label("unit_name"),
            KindRow.label.label("kind_label"),
        )
        .select_from(RequestRow)
        .join(CallRow, CallRow.call_id == RequestRow.call_id)
        .outerjoin(OrganisationRow, OrganisationRow.code == RequestRow.lead_unit)
        .outerjoin(KindRow, KindRow.code == RequestRow.kind_code)
    )
    return query.where(has_order(unit)) if unit is not None else query


def has_order(unit: str) -> ColumnElement[bool]:
    """Say in SQL that a unit was given a request and still has it, or has done it."""
    return exists().where(
        OrderRow.number == RequestRow.number,
        OrderRow.unit_code == unit,
        OrderRow.state != OrderState.RETURNED,
    )


def _lines(session: Session, unit: str | None, state: str, before: str, limit: int) -> list[RequestLine]:
    # Numbers grow with time, so they order the list and mark its pages.
    query = _select_lines(unit).order_by(RequestRow.number.desc()).limit(limit)
    if state:
        query = query.where(RequestRow.state == state)
    if before:
        query = query.where(RequestRow.number < before)
    return _to_lines(session, query)


def _line(session: Session, unit: str | None, number: str) -> RequestLine | None:
    lines = _to_lines(session, _select_lines(unit).where(RequestRow.number == number))
    return lines[0] if lines else None


def lines_of(session: Session, unit: str | None, numbers: Sequence[str]) -> list[RequestLine]:
    """Get lines by their numbers, newest first; those that a unit has no part in are left out."""
    query = _select_lines(unit).where(RequestRow.number.in_(numbers)).order_by(RequestRow.number.desc())
    return _to_lines(session, query) if numbers else []


def _to_lines(session: Session, query: _Lines) -> list[RequestLine]:
    found = session.execute(query).all()
    best = _best_labels(session, [row.number for row in found])
    return [
        RequestLine(
            number=row.number,
            state=row.state,
            priority=row.priority,
            opened_at=row.opened_at,
            caller="" if row.withheld else row.caller,
            kind_label=row.kind_label or best.get((row.number, KIND), ""),
            place=row.place or best.get((row.number, PLACE), ""),
            unit_name=row.unit_name or "",
            excerpt=excerpt(row.edited_text or row.text),
            transcript_state=row.transcript_state,
            for_agent=row.for_agent,
            version=row.version,
            due_at=row.due_at,
            level=row.level,
        )
        for row in found
    ]


def _best_labels(session: Session, numbers: Sequence[str]) -> Mapping[tuple[str, str], str]:
    found = session.execute(
        select(SuggestionRow.number, SuggestionRow.field, SuggestionRow.label).where(
            SuggestionRow.number.in_(numbers),
            SuggestionRow.ordinal == 0,
            SuggestionRow.field.in_((KIND, PLACE)),
        )
    )
    return {(number, field): label for number, field, label in found}


# -- one request --------------------------------------------------------------------------------------
def _page(session: Session, unit: str | None, number: str, at: datetime, site: Site) -> RequestPage | None:
    line = _line(session, unit, number)
    request = session.get(RequestRow, number)
    if line is None or request is None:
        return None
    call = session.get_one(CallRow, request.call_id)
    return RequestPage(
        line=line,
        text=request.text,
        edited_text=request.edited_text,
        kind_code=request.kind_code or "",
        region_code=request.region_code or "",
        segments=_segments(session, request.recording_id),
        suggestions=_suggestions(session, number),
        recordings=_recordings(session, request.recording_id),
        orders=_orders_of(session, number, unit),
        history=_history(session, request, unit),
        earlier=_earlier(session, call, number, unit),
        called=call.called,
        language=request.language,
        may=frozenset(),
        life=peek(session, request, at, site),
        around=around(session, request, site),
        is_complete=is_complete(request),
        voices=_voices(session, request.call_id),
    )


def _segments(session: Session, recording_id: str) -> list[SegmentView]:
    rows = session.scalars(
        select(SegmentRow).where(SegmentRow.recording_id == recording_id).order_by(SegmentRow.ordinal)
    )
    return [SegmentView(row.start_ms, row.end_ms, row.text, row.raw_text, row.confidence) for row in rows]


def _suggestions(session: Session, number: str) -> list[Suggestion]:
    rows = session.scalars(
        select(SuggestionRow)
        .where(SuggestionRow.number == number)
        .order_by(SuggestionRow.field, SuggestionRow.ordinal)
    )
    return [
        Suggestion(row.field, row.value, row.label, row.score, row.reason, row.source_text) for row in rows
    ]


def _recordings(session: Session, recording_id: str) -> list[RecordingView]:
    row = session.get_one(RecordingRow, recording_id)
    samples = max(row.length_samples, row.far_length_samples)
    both = bool(row.far_path)
    expired = expired_of(session, {row.call_id}).get(recording_id)
    return [RecordingView(row.recording_id, row.started_at, samples / RATE_HZ, row.cut_short, both, expired)]


def _voices(session: Session, call_id: str) -> tuple[VoiceView, ...]:
    noted = session.scalars(
        select(EventRow.payload).where(EventRow.call_id == call_id, EventRow.kind == CALL_VOICE_MISSING)
    )
    missing = {payload["leg_id"] for payload in noted}
    views = [
        voice_view(
            quality,
            "caller" if quality.call_id == call_id else "other",
            is_missing=quality.call_id in missing,
            is_over=True,
        )
        for quality in qualities_of(session, call_id)
    ]
    return tuple(worst_first(views))


def _history(session: Session, request: RequestRow, unit: str | None) -> list[HistoryLine]:
    about = or_(
        EventRow.request_number == request.number,
        and_(EventRow.call_id == request.call_id, EventRow.request_number.is_(None)),
    )
    query = select(EventRow).where(about).order_by(EventRow.position).limit(HISTORY_LIMIT)
    if unit is not None:  # what other units were told or did is not for this one
        query = query.where(or_(EventRow.unit_code == unit, EventRow.unit_code.is_(None)))
    rows = list(session.scalars(query))
    users = select(UserRow.user_name, UserRow.display_name).where(
        UserRow.user_name.in_({row.actor for row in rows})
    )
    names = {user_name: display_name for user_name, display_name in session.execute(users)}
    said = _reasons(session, request.number)
    return [
        HistoryLine(
            row.at,
            row.kind,
            names.get(row.actor, row.actor),
            row.payload,
            said.get(row.payload.get("row"), ""),
        )
        for row in rows
    ]


def _reasons(session: Session, number: str) -> Mapping[object, str]:
    """Read the reasons that were given with steps, by their place in the ledger."""
    rows = session.scalars(
        select(LedgerRow).where(LedgerRow.number == number).order_by(LedgerRow.seq).limit(HISTORY_LIMIT)
    )
    steps = {row.seq: read_step(as_row(row)) for row in rows if row.kind == STEP}
    return {seq: str(step.said.get("reason", "")) for seq, step in steps.items()}


def _earlier(session: Session, call: CallRow, number: str, unit: str | None) -> list[RequestLine]:
    if not call.caller or call.withheld:
        return []
    query = (
        _select_lines(unit)
        .where(CallRow.caller == call.caller, CallRow.withheld.is_(False), RequestRow.number != number)
        .order_by(RequestRow.number.desc())
        .limit(EARLIER_LIMIT)
    )
    return _to_lines(session, query)


# -- work orders --------------------------------------------------------------------------------------
def _select_orders() -> Select[OrderRow, str, str]:
    return (
        select(OrderRow, OrganisationRow.name, UserRow.display_name)
        .join(OrganisationRow, OrganisationRow.code == OrderRow.unit_code)
        .join(UserRow, UserRow.user_name == OrderRow.routed_by)
    )


def _orders_of(session: Session, number: str, unit: str | None) -> list[OrderView]:
    query = _select_orders().where(OrderRow.number == number).order_by(OrderRow.order_id.desc())
    if unit is not None:
        query = query.where(OrderRow.unit_code == unit)
    return _to_orders(session, query)


def _inbox(session: Session, unit: str | None) -> list[OrderView]:
    query = _select_orders().order_by(OrderRow.order_id.desc())
    if unit is not None:
        query = query.where(OrderRow.unit_code == unit)
    # Two walks down an index, instead of sorting all that was ever done.
    is_open = _to_orders(session, query.where(OrderRow.state.in_(OPEN_ORDER_STATES)).limit(ORDERS_LIMIT))
    room = ORDERS_LIMIT - len(is_open)
    return is_open + _to_orders(session, query.where(OrderRow.state == OrderState.DONE).limit(room))


def _to_orders(session: Session, query: Select[OrderRow, str, str]) -> list[OrderView]:
    found = session.execute(query).all()
    notices = _notices(session, [order.order_id for order, *_ in found])
    return [
        OrderView(
            order_id=order.order_id,
            number=order.number,
            unit_code=order.unit_code,
            unit_name=unit_name,
            part=order.part,
            state=order.state,
            note=order.note,
            reply=order.reply,
            routed_at=order.routed_at,
            routed_by=routed_by,
            notices=notices.get(order.order_id, []),
            outcome=order.outcome,
            due_at=order.due_at,
        )
        for order, unit_name, routed_by in found
    ]


def _notices(session: Session, order_ids: Iterable[int]) -> Mapping[int, list[NoticeView]]:
    rows = session.scalars(
        select(NoticeRow).where(NoticeRow.order_id.in_(list(order_ids))).order_by(NoticeRow.notice_id)
    )
    notices: dict[int, list[NoticeView]] = {}
    for row in rows:
        view = NoticeView(
            notice_id=row.notice_id,
            channel=row.channel,
            address=row.address,
            state=row.state,
            attempts=row.attempts,
            last_error=row.last_error,
            at=row.at,
        )
        notices.setdefault(row.order_id, []).append(view)
    return notices


# -- choices and events -------------------------------------------------------------------------------
def _unit_choices(session: Session) -> list[UnitChoice]:
    rows = session.scalars(select(OrganisationRow).where(OrganisationRow.active)).all()
    ordered = sorted(rows, key=lambda row: (UNIT_KINDS.index(row.kind), row.code))
    return [UnitChoice(row.code, row.name, row.kind, row.email) for row in ordered]


def _kind_choices(session: Session) -> list[KindChoice]:
    rows = session.scalars(select(KindRow).where(KindRow.active).order_by(KindRow.code))
    return [KindChoice(row.code, row.label, f"{row.level1} › {row.level2}") for row in rows]


def _events(session: Session, unit: str | None, after: int, limit: int, with_logins: bool) -> list[Event]:
    query = select(EventRow).where(EventRow.position > after).order_by(EventRow.position).limit(limit)
    if unit is not None:
        query = query.where(EventRow.unit_code == unit)
    if not with_logins:
        query = query.where(EventRow.kind.not_in((*OF_PEOPLE, *OF_PHONES)))
    return [read_event(row) for row in session.scalars(query)]


def read_event(row: EventRow) -> Event:
    """Read an event back."""
    at: datetime = row.at
    return Event(
        position=row.position,
        at=at,
        kind=row.kind,
        call_id=row.call_id,
        request_number=row.request_number,
        unit_code=row.unit_code,
        actor=row.actor,
        payload=row.payload,
    )
