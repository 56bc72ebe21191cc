"""A call that comes to us, from its INVITE to its ACK: the rows of the server side (RFC 3261, 13.3).

It answers, repeats its 200 until the ACK comes (13.3.1.4), and hangs up only when it may (section 15:
a callee sends no BYE before the ACK). From the ACK on the rows of ``standing_call`` hold.
"""

from __future__ import annotations

from typing import Final

from hotline.sip.call_moves import Action, CallTimer, Cause, Given, State, Table, TimerTable

A, G, S = Action, Given, State
INCOMING: Final[Table] = {
    (S.OFFERED, G.ACCEPT): ((A.SEND_OK,), S.ANSWERED, None),
    (S.OFFERED, G.REFUSE): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.OFFERED, G.HANG_UP): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.OFFERED, G.CANCEL): ((A.SEND_TERMINATED,), S.ENDED, Cause.CANCEL),  # 9.2
    (S.OFFERED, G.DECISION_OVERDUE): ((A.SEND_FAILED,), S.ENDED, Cause.REFUSED),
    (S.OFFERED, G.PROGRESS): ((A.SEND_PROGRESS,), S.PROGRESSED, None),
    (S.PROGRESSED, G.PROGRESS): ((A.SEND_PROGRESS,), S.PROGRESSED, None),
    (S.PROGRESSED, G.RENEWAL_DUE): ((A.REPEAT_PROGRESS,), S.PROGRESSED, None),
    (S.PROGRESSED, G.PRACK): ((), S.PROGRESSED, None),
    (S.PROGRESSED, G.PRACK_OVERDUE): ((A.SEND_FAILED,), S.ENDED, Cause.REFUSED),  # RFC 3262, 3
    (S.PROGRESSED, G.ACCEPT): ((A.SEND_OK,), S.ANSWERED, None),
    (S.PROGRESSED, G.ACCEPT_LATER): ((), S.ACCEPTING, None),
    (S.PROGRESSED, G.REFUSE): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.PROGRESSED, G.HANG_UP): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.PROGRESSED, G.CANCEL): ((A.SEND_TERMINATED,), S.ENDED, Cause.CANCEL),
    (S.PROGRESSED, G.BYE): ((A.ANSWER_BYE, A.SEND_TERMINATED), S.ENDED, Cause.CANCEL),  # 15.1.2
    (S.PROGRESSED, G.REINVITE): ((A.SEND_TOO_EARLY,), S.PROGRESSED, None),  # 14.2
    (S.PROGRESSED, G.DECISION_OVERDUE): ((A.SEND_FAILED,), S.ENDED, Cause.REFUSED),
    (S.ACCEPTING, G.PRACK): ((A.SEND_OK,), S.ANSWERED, None),
    (S.ACCEPTING, G.PRACK_OVERDUE): ((A.SEND_FAILED,), S.ENDED, Cause.REFUSED),
    (S.ACCEPTING, G.HANG_UP): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.ACCEPTING, G.CANCEL): ((A.SEND_TERMINATED,), S.ENDED, Cause.CANCEL),
    (S.ACCEPTING, G.BYE): ((A.ANSWER_BYE, A.SEND_TERMINATED), S.ENDED, Cause.CANCEL),
    (S.ACCEPTING, G.REINVITE): ((A.SEND_TOO_EARLY,), S.ACCEPTING, None),
    (S.ANSWERED, G.REPEAT_DUE): ((A.REPEAT_OK,), S.ANSWERED, None),
    (S.ANSWERED, G.ACK): ((A.TELL_CONFIRMED,), S.CONFIRMED, None),
    (S.ANSWERED, G.ACK_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),  # 13.2.2.4
    (S.ANSWERED, G.ACK_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.NO_ACK),  # 13.3.1.4
    (S.ANSWERED, G.HANG_UP): ((), S.LEAVING, None),
    (S.ANSWERED, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.ANSWERED, G.CANCEL): ((), S.ANSWERED, None),  # 9.2: too late, has no effect
    (S.ANSWERED, G.REINVITE): ((A.SEND_PENDING,), S.ANSWERED, None),
    (S.LEAVING, G.REPEAT_DUE): ((A.REPEAT_OK,), S.LEAVING, None),
    (S.LEAVING, G.ACK): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.LEAVING, G.ACK_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.LEAVING, G.ACK_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.NO_ACK),
    (S.LEAVING, G.HANG_UP): ((), S.LEAVING, None),
    (S.LEAVING, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.LEAVING, G.CANCEL): ((), S.LEAVING, None),
    (S.LEAVING, G.REINVITE): ((A.SEND_PENDING,), S.LEAVING, None),
}

INCOMING_TIMERS: Final[TimerTable] = {
    S.OFFERED: (CallTimer.DECIDE,),
    S.PROGRESSED: (CallTimer.RENEW, CallTimer.RING),
    S.ANSWERED: (CallTimer.REPEAT, CallTimer.GIVE_UP),
    S.LEAVING: (CallTimer.REPEAT, CallTimer.GIVE_UP),
}
