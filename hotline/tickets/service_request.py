"""A service request (诉求) with its work orders, timers and counts: a value, and its form in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from hotline.tickets.calendar import ClockKind
from hotline.tickets.duties import Axis
from hotline.tickets.limits import Level, Limit, TimerKind
from hotline.tickets.order_moves import OPEN_ORDER_STATES, OrderState, Part
from hotline.tickets.priority import DEFAULT_PRIORITY
from hotline.tickets.request_moves import OPEN_STATES, RequestState
from hotline.tickets.timers import Timer

_US: Final = timedelta(microseconds=1)

Json = dict[str, Any]
"""What canonical JSON can hold; Any because its values are checked by who reads them."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One unit's part in a request."""

    unit: str
    part: Part
    state: OrderState = OrderState.DISPATCHED
    timers: tuple[Timer, ...] = ()
    """A co-handler's own; the lead's clocks are the request's."""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """Where one request stands; changed only by ``decide`` and ``replay``."""

    number: str
    priority: str = DEFAULT_PRIORITY
    needs_site_check: bool = False
    state: RequestState = RequestState.DRAFT
    orders: tuple[WorkOrder, ...] = ()
    """In the order of their dispatch, returned ones included."""
    timers: tuple[Timer, ...] = ()
    """One of a kind at most."""
    told: tuple[TimerKind, ...] = ()
    """Timers whose end was told, besides the ladder."""
    level: Level = Level.HANDLER
    """How far lateness was told."""
    bounces: int = 0
    """Returns that were asked for."""
    is_ruled: bool = False
    """Supervision ruled whose it is: it cannot be returned any more."""
    ruled_unit: str = ""
    """Only this unit may get it, by that ruling."""
    extensions: int = 0
    asked_extension: timedelta = timedelta(0)
    """On the clock of the handling limit."""
    reworks: int = 0
    tries: int = 0
    """Follow-up calls that did not reach the caller, since the last reply."""
    urges: int = 0
    parent: str = ""
    """Number of the request that this one was merged into."""
    proposed_by: str = ""
    """Who proposed not to accept it."""
    acted: tuple[tuple[str, Axis], ...] = ()
    """Who acted on which axis, each pair once."""
    last_at: datetime | None = None
    """Of the last row; later rows are never dated earlier."""
    version: int = 0
    """Rows so far."""
    kind: str = ""
    """Code of the catalogue, as a person decided; empty before."""
    region: str = ""
    """Code of the region that it was filed under; empty for none."""

    @property
    def is_open(self) -> bool:
        """Tell whether somebody still owes something."""
        return self.state in OPEN_STATES

    @property
    def lead(self) -> WorkOrder | None:
        """The order of the unit that has the lead, if any has."""
        leads = [order for order in self.orders if order.part is Part.LEAD]
        return leads[-1] if leads and leads[-1].state is not OrderState.RETURNED else None

    def timer(self, kind: TimerKind) -> Timer | None:
        """Find the timer of a kind."""
        return next((timer for timer in self.timers if timer.kind is kind), None)

    def open_order(self, unit: str) -> WorkOrder | None:
        """Find the order that a unit still works on."""
        return next((o for o in self.orders if o.unit == unit and o.state in OPEN_ORDER_STATES), None)

    def axes_of(self, person: str) -> tuple[Axis, ...]:
        """Tell on which sides somebody acted."""
        return tuple(axis for who, axis in self.acted if who == person)


_NAMES: Final = tuple(f.name for f in fields(ServiceRequest))
_VALUES: Final = attrgetter(*_NAMES)
_PARTS: Final[Mapping[type, tuple[str, ...]]] = {
    part: tuple(f.name for f in fields(part)) for part in (Timer, WorkOrder, Limit)
}
_FILLS: Final = tuple(getattr(ServiceRequest, name).__set__ for name in _NAMES)
_PLAIN: Final = frozenset({str, int, bool, type(None)})
_WORDS: Final = frozenset({RequestState, OrderState, TimerKind, ClockKind, Part, Axis, Level})


def as_json(request: ServiceRequest) -> Json:
    """Write a request as canonical JSON can hold it; ``from_json`` reads it."""
    return {name: _write(value) for name, value in zip(_NAMES, _VALUES(request), strict=True)}


def from_json(tree: Mapping[str, Any]) -> ServiceRequest:
    """Read what ``as_json`` wrote.

    :raises ValueError: when a word is none of ours.
    :raises KeyError: when a field is missing.
    """
    return ServiceRequest(**{name: _READ.get(name, _same)(tree[name]) for name in _NAMES})


def changes_of(before: ServiceRequest | None, after: ServiceRequest) -> Json:
    """Write the fields that differ from before, as ``as_json`` would; all of them when there is no before."""
    if before is None:
        return as_json(after)
    pairs = zip(_NAMES, _VALUES(before), _VALUES(after), strict=True)
    return {name: _write(new) for name, old, new in pairs if old is not new and old != new}


def with_changes(request: ServiceRequest, changed: Mapping[str, Any]) -> ServiceRequest:
    """Make the next request of the fields that ``changes_of`` wrote.

    :raises ValueError: when a word is none of ours.
    """
    return altered(request, **{name: _READ.get(name, _same)(value) for name, value in changed.items()})


def altered(request: ServiceRequest, **changes: object) -> ServiceRequest:
    """Make a request with other values in some fields: ``dataclasses.replace`` in half of its time.

    A step makes several of them, and a frozen class of this many fields is slow to fill by its own
    ``__init__``, which has nothing to check.

    :raises TypeError: for a name that is no field.
    """
    made = object.__new__(ServiceRequest)
    for name, fill, value in zip(_NAMES, _FILLS, _VALUES(request), strict=True):
        fill(made, changes.pop(name) if name in changes else value)
    if changes:
        raise TypeError(f"a service request has no {', '.join(changes)}")
    return made


def _write(value: object) -> object:
    if type(value) in _PLAIN:
        return value
    if type(value) in _WORDS:
        return value.value  # type: ignore[attr-defined]
    if isinstance(value, timedelta):
        return value // _US
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (tuple, list)):
        return [_write(item) for item in value]
    if isinstance(value, (Timer, WorkOrder, Limit)):
        return {name: _write(getattr(value, name)) for name in _PARTS[type(value)]}
    if isinstance(value, bool) or value is None:
        return value
    return int(value) if isinstance(value, int) else str(value)


def _same(value: Any) -> Any:  # noqa: ANN401 - passes JSON's own values on
    return value


def _read_at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _read_timer(tree: Mapping[str, Any]) -> Timer:
    return Timer(
        kind=TimerKind(tree["kind"]),
        limit=Limit(tree["limit"]["length"] * _US, ClockKind(tree["limit"]["clock"])),
        started_at=datetime.fromisoformat(tree["started_at"]),
        running_since=_read_at(tree["running_since"]),
        spent=tree["spent"] * _US,
        extended=tree["extended"] * _US,
        pause_reason=tree["pause_reason"],
    )


def _read_order(tree: Mapping[str, Any]) -> WorkOrder:
    timers = tuple(_read_timer(timer) for timer in tree["timers"])
    return WorkOrder(tree["unit"], Part(tree["part"]), OrderState(tree["state"]), timers)


_READ: Final[Mapping[str, Any]] = {
    "state": RequestState,
    "orders": lambda rows: tuple(_read_order(row) for row in rows),
    "timers": lambda rows: tuple(_read_timer(row) for row in rows),
    "told": lambda rows: tuple(TimerKind(row) for row in rows),
    "level": Level,
    "asked_extension": lambda us: us * _US,
    "acted": lambda rows: tuple((who, Axis(axis)) for who, axis in rows),
    "last_at": _read_at,
}


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody says with a move; which of it a move needs stands in the tables."""

    reason: str = ""
    unit: str = ""
    co_units: tuple[str, ...] = ()
    outcome: str = ""
    """A code, never free text: outcomes are counted."""
    text: str = ""
    source: str = ""
    """Article, or the record of the three-party call."""
    is_complete: bool = False
    """The draft has kind, text, place or none, contact or anonymous."""
    passcode_shown: bool = False
    """Whoever took the passcode checked it."""
    parent: str = ""
    review_at: datetime | None = None
    extension: timedelta = timedelta(0)
    kind: str = ""
    region: str = ""
    priority: str = ""
    """That follows from the kind and from urgent words; empty: as it is."""
    needs_site_check: bool | None = None
    """As the kind says; None: as it is."""
    solved: bool | None = None
    """The caller's answer; None: did not say."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a move has to know of other requests and of the site's data."""

    parent: RequestState | None = None
    """State of the request that this one is or shall be merged into."""
    parent_lead: str = ""
    has_children: bool = False
    backstop: str = ""
    """Unit that takes what no other one must."""


NOTHING_GIVEN: Final = Given()
ALONE: Final = Around()


@dataclass(frozen=True, slots=True)
class Step:
    """One move that was made: a row of the ledger."""

    number: str
    at: datetime
    """UTC."""
    person: str
    duty: str
    move: str
    origin: str
    target: str
    unit: str = ""
    """Whose work order moved; empty when the request itself did."""
    said: Json = field(default_factory=dict)
    """What was given with it."""
    changed: Json = field(default_factory=dict)
    """Fields of the request after it, as ``as_json`` writes them, that differ from before."""
