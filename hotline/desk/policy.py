"""Who may do what at a console: one table, role by action.

A unit's user reaches only what her own unit was given; that is the store's filter, not a row here.
Supervisors look and listen but do not dispatch; administrators set up people and see no more of a
request than its line and text; nobody of a unit hears a resident's voice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.tickets.lifecycle import OPEN_ORDER_STATES, OrderState, RequestState
from hotline.tickets.masking import mask
from hotline.tickets.roles import Role


class Action(StrEnum):
    """What a person can ask the desk for."""

    SEE = "see"
    """Queue, request pages, units, kinds, events."""
    EDIT = "edit"
    ROUTE = "route"
    PLAY = "play"
    INBOX = "inbox"
    SIGN = "sign"
    REPLY = "reply"
    USERS = "users"
    """See and add people who may log in."""


POLICY: Final[Mapping[Role, frozenset[Action]]] = {
    Role.SYSTEM: frozenset(),
    Role.AGENT: frozenset({Action.SEE, Action.EDIT, Action.ROUTE, Action.PLAY, Action.INBOX}),
    Role.SUPERVISOR: frozenset({Action.SEE, Action.PLAY, Action.INBOX}),
    Role.UNIT: frozenset({Action.SEE, Action.INBOX, Action.SIGN, Action.REPLY}),
    Role.ADMIN: frozenset({Action.SEE, Action.USERS}),
}


def role_of(actor: Actor) -> Role:
    """Read an actor's role; a role that this version does not know may do nothing."""
    try:
        return Role(actor.role)
    except ValueError:
        return Role.SYSTEM


def may(actor: Actor, action: Action) -> bool:
    """Tell whether the table grants an action."""
    if role_of(actor) is Role.UNIT and not actor.unit_code:
        return False
    return action in POLICY[role_of(actor)]


def demand(actor: Actor, action: Action) -> None:
    """Let through whom the table grants an action.

    :raises Refused: ``role``.
    """
    if not may(actor, action):
        raise Refused(f"{actor.role} may not {action}", code="role")


def scope(actor: Actor) -> str | None:
    """Tell the only unit whose requests an actor may see; None for all of them."""
    return actor.unit_code if role_of(actor) is Role.UNIT else None


def shown_caller(actor: Actor, number: str, state: str, own_orders: Collection[OrderState]) -> str:
    """Decide how much of a caller's number an actor reads on the request's own page.

    In full only for those who have to call back now: the agent until the request is dispatched,
    the unit while an order of its own is open. Masked for all others, and in every list.
    """
    role = role_of(actor)
    calls_back = (role is Role.AGENT and state == RequestState.ACCEPTED) or (
        role is Role.UNIT and not OPEN_ORDER_STATES.isdisjoint(own_orders)
    )
    return number if calls_back else mask(number)
