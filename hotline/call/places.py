"""Who may take whose place in a bridge, and who may be given away to another call.

A caller in a flow stays in her call whatever happens (``keeps_near``): she is never given away and never
replaced. Everybody else may be, where the table of the bridge has such a move.
"""

from __future__ import annotations

from hotline.call.bridge_states import TRANSITIONS, B, I
from hotline.call.legs import L
from hotline.call.parties import Parties
from hotline.events.ids import CallId


def may_give(state: B, parties: Parties, leg_id: CallId, *, keeps_near: bool) -> bool:
    """Tell whether a leg's partner may go over to another call."""
    partner = parties.partner(leg_id)
    if partner is None or (keeps_near and parties.near.leg_id in (leg_id, partner.leg_id)):
        return False
    if partner is parties.near and parties.far is None:
        return False  # it waits for an answer itself
    return (state, I.GIVEN) in TRANSITIONS and partner.state in (L.STANDING, L.RINGING, L.DIALLED)


def may_take(state: B, parties: Parties, place: CallId, *, keeps_near: bool) -> bool:
    """Tell whether a leg of another call may take a leg's place."""
    if place == parties.near.leg_id and keeps_near:
        return False
    return (state, I.TAKEN) in TRANSITIONS and parties.partner(place) is not None


def may_be_replaced(state: B, parties: Parties, place: CallId, *, keeps_near: bool) -> bool:
    """Tell whether a call that came in may take a leg's place (RFC 3891)."""
    if (state, I.REPLACED) not in TRANSITIONS:
        return False
    if place == parties.near.leg_id:
        return not keeps_near and parties.far is not None
    return parties.partner(place) is not None or place in parties.dialled
