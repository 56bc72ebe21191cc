"""How parts of the telephone side look to an engineer: plain values that JSON can carry."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hotline.sip.bindings import Binding
from hotline.sip.call_leg import CallLeg
from hotline.sip.grammar import printable
from hotline.sip.trunk_events import TrunkView


def as_leg(leg: CallLeg) -> dict[str, Any]:
    """Write a leg."""
    terms = leg.voice.terms
    return {
        "call_id": leg.call_id,
        "sip_call_id": printable(leg.dialog.call_id),
        "direction": "out" if leg.invite is None else "in",
        "state": leg.machine.state.value,
        "origin": leg.origin.kind.value,
        "origin_name": leg.origin.name,
        "remote": printable(leg.dialog.remote.uri.user or leg.dialog.remote.uri.address),
        "peer": str(leg.flow),
        "codec": terms.codec if terms else "",
        "is_held": terms is not None and not terms.sends,
        "is_protected": terms is not None and terms.srtp is not None,
    }


def as_binding(user: str, binding: Binding, now: float) -> dict[str, Any]:
    """Write one place where a telephone can be reached."""
    return {
        "user": user,
        "contact": printable(str(binding.contact.uri)),
        "source": str(binding.flow),
        "expires_s": max(0, round(binding.expires - now)),
        "by_source": binding.uses_source,
        "path": [printable(str(hop.uri)) for hop in binding.path],
        "instance": printable(binding.instance),
        "user_agent": printable(binding.user_agent),
    }


def as_trunk(view: TrunkView) -> dict[str, Any]:
    """Write how a trunk stands: the fields of ``TrunkView``, its proxies and its registrations."""
    return asdict(view)
