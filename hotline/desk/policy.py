"""Who may do what at a console: one table, role by action.

A unit's user reaches only what her own unit was given; that is the store's filter, not a row here.
Supervisors look and listen but do not dispatch; administrators set up people, may come to talks as
supervisors do, and see no more of a request than its line and text; nobody of a
unit hears a resident's voice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.tickets import duties
from hotline.tickets.masking import mask
from hotline.tickets.order_moves import OPEN_ORDER_STATES
from hotline.tickets.request_moves import RequestState
from hotline.tickets.roles import DUTIES, UNIT_ROLES, Role


class Action(StrEnum):
    """What a person can ask the desk for."""

    SEE = "see"
    """Queue, request pages, units, kinds, events."""
    EDIT = "edit"
    ROUTE = "route"
    MOVE = "move"
    """Move a request or an order; which moves, is for the tables and her duties to say."""
    PLAY = "play"
    INBOX = "inbox"
    SIGN = "sign"
    REPLY = "reply"
    CONFER = "confer"
    """Call a third into her own talk."""
    SUPERVISE = "supervise"
    """See the talks of now, listen to them, whisper, barge in."""
    USERS = "users"
    """See and add people who may log in."""


_AGENT: Final = frozenset({Action.SEE, Action.EDIT, Action.ROUTE, Action.MOVE, Action.PLAY, Action.INBOX})
_SUPERVISION: Final = frozenset({Action.SEE, Action.MOVE, Action.PLAY, Action.INBOX})
_UNIT: Final = frozenset({Action.SEE, Action.MOVE, Action.INBOX, Action.SIGN, Action.REPLY})
POLICY: Final[Mapping[Role, frozenset[Action]]] = {
    Role.SYSTEM: frozenset(),
    Role.AGENT: _AGENT | {Action.CONFER},
    Role.SHIFT_LEADER: _AGENT | {Action.CONFER},
    Role.REVIEWER: _SUPERVISION,
    Role.SUPERVISOR: _SUPERVISION | {Action.CONFER, Action.SUPERVISE},
    Role.UNIT: _UNIT,
    Role.UNIT_LEADER: _UNIT,
    Role.ADMIN: frozenset({Action.SEE, Action.USERS, Action.SUPERVISE}),
}


def role_of(actor: Actor) -> Role:
    """Read an actor's role; a role that this version does not know may do nothing."""
    try:
        return Role(actor.role)
    except ValueError:
        return Role.SYSTEM


def may(actor: Actor, action: Action) -> bool:
    """Tell whether the table grants an action."""
    if role_of(actor) in UNIT_ROLES and not actor.unit_code:
        return False
    return action in POLICY[role_of(actor)]


def demand(actor: Actor, action: Action) -> None:
    """Let through whom the table grants an action.

    :raises Refused: ``role``.
    """
    if not may(actor, action):
        raise Refused(f"{actor.role} may not {action}", code="role")


def duties_of(actor: Actor) -> tuple[duties.Actor, ...]:
    """Write down a person once under each duty of her role, as the tables of ``hotline.tickets`` know her."""
    unit = actor.unit_code or ""
    return tuple(duties.Actor(actor.user_name, duty, unit) for duty in DUTIES[role_of(actor)])


def scope(actor: Actor) -> str | None:
    """Tell the only unit whose requests an actor may see; None for all of them."""
    return actor.unit_code if role_of(actor) in UNIT_ROLES else None


def shown_caller(actor: Actor, number: str, state: str, own_orders: Collection[str]) -> str:
    """Decide how much of a caller's number an actor reads on the request's own page.

    In full only for those who have to call back now: the agent until the request is dispatched,
    the unit while an order of its own is open, supervision while the caller is asked. Masked for
    all others, and in every list.
    """
    role = role_of(actor)
    if role in {Role.AGENT, Role.SHIFT_LEADER}:
        calls_back = state in {RequestState.DRAFT, RequestState.ACCEPTED}
    elif role in {Role.REVIEWER, Role.SUPERVISOR}:
        calls_back = state == RequestState.FOLLOW_UP
    else:
        calls_back = role in UNIT_ROLES and not OPEN_ORDER_STATES.isdisjoint(own_orders)
    return number if calls_back else mask(number)
