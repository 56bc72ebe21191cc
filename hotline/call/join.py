"""An attended transfer: the agent has a caller on one leg and a colleague on another, and lets them talk.

His telephone says so by a REFER on one of the two whose Refer-To names the other by Replaces (RFC 5589,
7). Two calls become one: the partners of both legs hear each other, both of his legs end, and the call
that gives its side away is over. A caller in a flow stays in her call, so the other side comes to her.
"""

from __future__ import annotations

from hotline.call.bridge import Bridge
from hotline.call.machine import Call
from hotline.call.phone_call import PhoneCall
from hotline.events.ids import CallId

AnyCall = Call | PhoneCall


def join(
    asked: AnyCall, leg: CallId, other: AnyCall, replaces: CallId, now: float
) -> tuple[AnyCall, AnyCall] | None:
    """Let the partner of ``leg`` and the partner of ``replaces`` talk.

    :param asked: the call of the leg that sent REFER, which is told that it worked.
    :returns: the call that gives its side away and the one that takes it, in the order in which their
        commands are to be carried out; None when neither can come to the other: nothing was changed.
    """
    ours, theirs = asked.bridge, other.bridge
    if asked is other or ours is None or theirs is None:
        return None
    if _may_go(theirs, replaces, ours, leg):
        guest = theirs.give(replaces, now, report=False)
        ours.take(leg, guest, now, report=True)
        giver, taker = other, asked
    elif _may_go(ours, leg, theirs, replaces):
        guest = ours.give(leg, now, report=True)
        theirs.take(replaces, guest, now, report=False)
        giver, taker = asked, other
    else:
        return None
    giver.follow_up(now)
    taker.follow_up(now)
    return giver, taker


def _may_go(giver: Bridge, of: CallId, taker: Bridge, place: CallId) -> bool:
    return giver.may_give(of) and taker.may_take(place)
