"""The life cycle of a service request (诉求) as one table, with its timers and owners.

What is not in the table cannot happen. Besides the arrows, it says for each open state whose it is
and which timers start on entering it, so that no open request is without owner and live timer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from hotline.tickets.duties import Duty
from hotline.tickets.limits import TimerKind
from hotline.tickets.moves import Need, Rule, Way


class RequestState(StrEnum):
    """Where a service request stands."""

    DRAFT = "draft"
    REFUSAL_PROPOSED = "refusal_proposed"
    NOT_ACCEPTED = "not_accepted"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    MERGED = "merged"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    RETURN_REQUESTED = "return_requested"
    ARBITRATION = "arbitration"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    EXTENSION_REQUESTED = "extension_requested"
    SUSPENSION_REQUESTED = "suspension_requested"
    SUSPENDED = "suspended"
    REPLIED = "replied"
    VERIFYING = "verifying"
    FOLLOW_UP = "follow_up"
    UNSOLVED = "unsolved"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class RequestMove(StrEnum):
    """What can happen to a service request."""

    EDIT = "edit"
    """Kind, region, place or wording were put right; priority follows."""
    ACCEPT = "accept"
    PROPOSE_REFUSAL = "propose_refusal"
    CONFIRM_REFUSAL = "confirm_refusal"
    REJECT_REFUSAL = "reject_refusal"
    ANSWER = "answer"
    MERGE = "merge"
    SPLIT = "split"
    RELEASE = "release"
    FOLLOW_PARENT = "follow_parent"
    LOOK_AT_PARENT = "look_at_parent"
    DISPATCH = "dispatch"
    SIGN = "sign"
    AUTO_SIGN = "auto_sign"
    REQUEST_RETURN = "request_return"
    APPEAL_RETURN = "appeal_return"
    GRANT_RETURN = "grant_return"
    REJECT_RETURN = "reject_return"
    RULE_OTHER_UNIT = "rule_other_unit"
    RULE_SAME_UNIT = "rule_same_unit"
    CONTACT = "contact"
    WAIT_FOR_CALLER = "wait_for_caller"
    RESUME = "resume"
    REQUEST_EXTENSION = "request_extension"
    GRANT_EXTENSION = "grant_extension"
    REJECT_EXTENSION = "reject_extension"
    REQUEST_SUSPENSION = "request_suspension"
    GRANT_SUSPENSION = "grant_suspension"
    REJECT_SUSPENSION = "reject_suspension"
    REPLY = "reply"
    SEND_TO_VERIFY = "send_to_verify"
    APPROVE = "approve"
    REWORK = "rework"
    MISS_CALLER = "miss_caller"
    REFER_UNSOLVED = "refer_unsolved"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    URGE = "urge"
    SUPPLEMENT = "supplement"
    ORDER_SUPERVISION = "order_supervision"
    ESCALATE = "escalate"
    TRANSCRIBE = "transcribe"


_R, _M, _D, _N, _T = RequestState, RequestMove, Duty, Need, TimerKind


def _way(duties: tuple[Duty, ...] | Duty, *needs: Need) -> Way:
    return Way(frozenset(duties if isinstance(duties, tuple) else (duties,)), needs)


def _to(target: RequestState, *ways: Way) -> Rule[RequestState]:
    return Rule(target, ways)


_UNIT: Final = (_D.UNIT, _D.UNIT_LEADER)
_OWN_UNIT: Final = _way(_UNIT, _N.OWN_ORDER)
_DISPATCHING: Final = (_D.DISPATCHER, _D.SHIFT_LEADER)

FINAL_STATES: Final = frozenset({_R.NOT_ACCEPTED, _R.ANSWERED, _R.CLOSED, _R.WITHDRAWN})
"""Nobody owes anything any more; only ``closed`` may be left again."""
OPEN_STATES: Final = frozenset(set(_R) - FINAL_STATES)
HANDLING_STATES: Final = frozenset(
    {
        _R.DISPATCHED, _R.SIGNED, _R.RETURN_REQUESTED, _R.ARBITRATION, _R.IN_PROGRESS, _R.WAITING,
        _R.EXTENSION_REQUESTED, _R.SUSPENSION_REQUESTED, _R.SUSPENDED,
    }
)  # fmt: skip
"""The handling limit counts, or is paused."""
PAUSED_STATES: Final = frozenset({_R.WAITING, _R.SUSPENDED})
"""The handling limit is paused."""

_SELDOM: Final[dict[tuple[RequestState, RequestMove], Rule[RequestState]]] = {
    **{(s, _M.TRANSCRIBE): _to(s, _way(_D.SYSTEM)) for s in _R},
    **{(s, _M.WITHDRAW): _to(_R.WITHDRAWN, _way(_D.CALLER, _N.PASSCODE)) for s in _R if s in OPEN_STATES},
    **{(s, _M.SUPPLEMENT): _to(s, _way((_D.CALLER, _D.AGENT))) for s in _R if s in OPEN_STATES},
    **{
        (s, _M.URGE): _to(s, _way((_D.CALLER, _D.AGENT, _D.SUPERVISOR)))
        for s in _R
        if s in OPEN_STATES - {_R.DRAFT}
    },
    **{(s, _M.ORDER_SUPERVISION): _to(s, _way(_D.SUPERVISOR, _N.REASON)) for s in _R if s in HANDLING_STATES},
    **{(s, _M.ESCALATE): _to(s, _way(_D.SYSTEM)) for s in _R if s in OPEN_STATES},
}

REQUEST_TABLE: Final[Mapping[tuple[RequestState, RequestMove], Rule[RequestState]]] = {
    # Until a unit has signed, the agent's own words may still be put right.
    **{(s, _M.EDIT): _to(s, _way(_D.AGENT)) for s in (_R.DRAFT, _R.ACCEPTED, _R.DISPATCHED)},
    (_R.DRAFT, _M.ACCEPT): _to(_R.ACCEPTED, _way((_D.AGENT, _D.SYSTEM), _N.COMPLETE)),
    (_R.DRAFT, _M.PROPOSE_REFUSAL): _to(_R.REFUSAL_PROPOSED, _way(_D.AGENT, _N.REASON)),
    (_R.DRAFT, _M.ANSWER): _to(_R.ANSWERED, _way(_D.AGENT, _N.SOURCE)),
    (_R.ACCEPTED, _M.ANSWER): _to(_R.ANSWERED, _way(_D.AGENT, _N.SOURCE)),
    (_R.REFUSAL_PROPOSED, _M.CONFIRM_REFUSAL): _to(
        _R.NOT_ACCEPTED, _way((_D.AGENT, _D.SHIFT_LEADER), _N.SECOND_PERSON, _N.REASON)
    ),
    (_R.REFUSAL_PROPOSED, _M.REJECT_REFUSAL): _to(
        _R.DRAFT, _way((_D.AGENT, _D.SHIFT_LEADER), _N.SECOND_PERSON)
    ),
    (_R.ACCEPTED, _M.MERGE): _to(_R.MERGED, _way((_D.AGENT, *_DISPATCHING), _N.PARENT)),
    (_R.MERGED, _M.SPLIT): _to(_R.ACCEPTED, _way(_DISPATCHING, _N.REASON)),
    # The caller of a merged request gets the result and the questions like the first one.
    (_R.MERGED, _M.FOLLOW_PARENT): _to(_R.FOLLOW_UP, _way(_D.SYSTEM, _N.PARENT_DONE)),
    (_R.MERGED, _M.RELEASE): _to(_R.ACCEPTED, _way(_D.SYSTEM, _N.PARENT_GONE)),
    (_R.MERGED, _M.LOOK_AT_PARENT): _to(_R.MERGED, _way(_D.SYSTEM, _N.DUE)),
    (_R.ACCEPTED, _M.DISPATCH): _to(_R.DISPATCHED, _way((*_DISPATCHING, _D.SYSTEM), _N.UNIT)),
    (_R.DISPATCHED, _M.SIGN): _to(_R.SIGNED, _OWN_UNIT),
    (_R.DISPATCHED, _M.AUTO_SIGN): _to(_R.SIGNED, _way(_D.SYSTEM, _N.DUE)),
    (_R.SIGNED, _M.CONTACT): _to(_R.IN_PROGRESS, _OWN_UNIT),
    # Returning: bounded, and its clock runs on.
    (_R.RETURN_REQUESTED, _M.GRANT_RETURN): _to(_R.ACCEPTED, _way(_D.SHIFT_LEADER)),
    (_R.RETURN_REQUESTED, _M.REJECT_RETURN): _to(_R.SIGNED, _way(_D.SHIFT_LEADER, _N.REASON)),
    (_R.ARBITRATION, _M.RULE_OTHER_UNIT): _to(_R.ACCEPTED, _way(_D.SUPERVISOR, _N.REASON, _N.RULED)),
    (_R.ARBITRATION, _M.RULE_SAME_UNIT): _to(_R.SIGNED, _way(_D.SUPERVISOR, _N.REASON)),
    **{
        (s, _M.REQUEST_RETURN): _to(
            _R.RETURN_REQUESTED,
            _way(_UNIT, _N.OWN_ORDER, _N.REASON, _N.RETURN_OPEN, _N.NOT_LAST_BOUNCE),
        )
        for s in (_R.DISPATCHED, _R.SIGNED)
    },
    **{
        (s, _M.APPEAL_RETURN): _to(
            _R.ARBITRATION, _way(_UNIT, _N.OWN_ORDER, _N.REASON, _N.RETURN_OPEN, _N.LAST_BOUNCE)
        )
        for s in (_R.DISPATCHED, _R.SIGNED)
    },
    (_R.IN_PROGRESS, _M.WAIT_FOR_CALLER): _to(_R.WAITING, _way(_UNIT, _N.OWN_ORDER, _N.REASON)),
    (_R.WAITING, _M.RESUME): _to(
        _R.IN_PROGRESS, _OWN_UNIT, _way((_D.CALLER, _D.AGENT)), _way(_D.SYSTEM, _N.DUE)
    ),
    (_R.IN_PROGRESS, _M.REQUEST_EXTENSION): _to(
        _R.EXTENSION_REQUESTED, _way(_UNIT, _N.OWN_ORDER, _N.REASON, _N.EXTENSION_OPEN)
    ),
    (_R.EXTENSION_REQUESTED, _M.GRANT_EXTENSION): _to(
        _R.IN_PROGRESS, _way(_D.REVIEWER, _N.FIRST_EXTENSION), _way(_D.SUPERVISOR)
    ),
    (_R.EXTENSION_REQUESTED, _M.REJECT_EXTENSION): _to(
        _R.IN_PROGRESS, _way((_D.REVIEWER, _D.SUPERVISOR), _N.REASON)
    ),
    (_R.IN_PROGRESS, _M.REQUEST_SUSPENSION): _to(
        _R.SUSPENSION_REQUESTED, _way(_D.UNIT_LEADER, _N.OWN_ORDER, _N.REASON, _N.REVIEW_DAY)
    ),
    (_R.SUSPENSION_REQUESTED, _M.GRANT_SUSPENSION): _to(_R.SUSPENDED, _way(_D.SUPERVISOR, _N.REVIEW_DAY)),
    (_R.SUSPENSION_REQUESTED, _M.REJECT_SUSPENSION): _to(_R.IN_PROGRESS, _way(_D.SUPERVISOR, _N.REASON)),
    (_R.SUSPENDED, _M.RESUME): _to(_R.IN_PROGRESS, _OWN_UNIT, _way(_D.SUPERVISOR), _way(_D.SYSTEM, _N.DUE)),
    (_R.IN_PROGRESS, _M.REPLY): _to(_R.REPLIED, _way(_UNIT, _N.OWN_ORDER, _N.OUTCOME, _N.ORDERS_DONE)),
    # From here on only supervision moves it.
    (_R.REPLIED, _M.SEND_TO_VERIFY): _to(_R.VERIFYING, _way(_D.REVIEWER, _N.SITE_CHECK)),
    (_R.REPLIED, _M.APPROVE): _to(_R.FOLLOW_UP, _way(_D.REVIEWER, _N.NO_SITE_CHECK)),
    (_R.REPLIED, _M.REWORK): _to(_R.IN_PROGRESS, _way(_D.REVIEWER, _N.REASON)),
    (_R.VERIFYING, _M.APPROVE): _to(_R.FOLLOW_UP, _way(_D.VERIFIER)),
    (_R.VERIFYING, _M.REWORK): _to(_R.IN_PROGRESS, _way((_D.VERIFIER, _D.REVIEWER), _N.REASON)),
    (_R.FOLLOW_UP, _M.MISS_CALLER): _to(_R.FOLLOW_UP, _way((_D.FOLLOW_UP, _D.SYSTEM), _N.TRY_LEFT)),
    (_R.FOLLOW_UP, _M.CLOSE): _to(
        _R.CLOSED,
        _way((_D.FOLLOW_UP, _D.SYSTEM), _N.SOLVED),
        _way((_D.FOLLOW_UP, _D.SYSTEM), _N.NOT_REACHED),
    ),
    (_R.FOLLOW_UP, _M.REWORK): _to(
        _R.IN_PROGRESS, _way((_D.FOLLOW_UP, _D.SYSTEM), _N.UNSOLVED, _N.REWORK_LEFT)
    ),
    (_R.FOLLOW_UP, _M.REFER_UNSOLVED): _to(
        _R.UNSOLVED, _way((_D.FOLLOW_UP, _D.SYSTEM), _N.UNSOLVED, _N.NO_REWORK_LEFT)
    ),
    (_R.UNSOLVED, _M.REWORK): _to(_R.IN_PROGRESS, _way(_D.SUPERVISOR, _N.REASON)),
    (_R.UNSOLVED, _M.CLOSE): _to(_R.CLOSED, _way(_D.SUPERVISOR, _N.REASON)),
    (_R.CLOSED, _M.REOPEN): _to(
        _R.IN_PROGRESS,
        _way(_D.CALLER, _N.PASSCODE, _N.REOPEN_OPEN),
        _way(_D.SUPERVISOR, _N.REASON),
    ),
    **_SELDOM,
}

STATE_TIMERS: Final[Mapping[RequestState, tuple[TimerKind, ...]]] = {
    _R.DRAFT: (_T.WORK_DRAFT,),
    _R.REFUSAL_PROPOSED: (_T.CONFIRM_REFUSAL,),
    _R.ACCEPTED: (_T.DISPATCH,),
    _R.MERGED: (_T.PARENT,),
    _R.DISPATCHED: (_T.SIGN,),
    _R.SIGNED: (_T.CONTACT,),
    _R.RETURN_REQUESTED: (_T.DECIDE_RETURN,),
    _R.ARBITRATION: (_T.DECIDE_RETURN,),
    _R.IN_PROGRESS: (),  # the handling limit itself
    _R.WAITING: (_T.WAIT,),
    _R.EXTENSION_REQUESTED: (_T.DECIDE_EXTENSION,),
    _R.SUSPENSION_REQUESTED: (_T.DECIDE_SUSPENSION,),
    _R.SUSPENDED: (_T.REVIEW_SUSPENSION,),
    _R.REPLIED: (_T.REVIEW,),
    _R.VERIFYING: (_T.VERIFY,),
    _R.FOLLOW_UP: (_T.FOLLOW_UP,),
    _R.UNSOLVED: (_T.DECIDE_UNSOLVED,),
    _R.CLOSED: (_T.REOPEN,),
}
"""What is waited for in each state; started on entering it, gone on leaving it."""

OWNERS: Final[Mapping[RequestState, Duty]] = {
    _R.DRAFT: _D.AGENT,
    _R.REFUSAL_PROPOSED: _D.SHIFT_LEADER,
    _R.ACCEPTED: _D.DISPATCHER,
    _R.MERGED: _D.SYSTEM,
    _R.DISPATCHED: _D.UNIT,
    _R.SIGNED: _D.UNIT,
    _R.RETURN_REQUESTED: _D.SHIFT_LEADER,
    _R.ARBITRATION: _D.SUPERVISOR,
    _R.IN_PROGRESS: _D.UNIT,
    _R.WAITING: _D.UNIT,
    _R.EXTENSION_REQUESTED: _D.REVIEWER,
    _R.SUSPENSION_REQUESTED: _D.SUPERVISOR,
    _R.SUSPENDED: _D.UNIT,
    _R.REPLIED: _D.REVIEWER,
    _R.VERIFYING: _D.VERIFIER,
    _R.FOLLOW_UP: _D.FOLLOW_UP,
    _R.UNSOLVED: _D.SUPERVISOR,
}
"""Whose turn it is in each open state; of units, the lead's. A second extension is the supervisor's."""
