"""A dialog that stands, whoever began it: re-INVITEs from both sides, and the end (RFC 3261, 14 and 15).

A dialog of ours begins EARLY with a provisional response to our INVITE, or at once with its 2xx; one of
theirs enters with its ACK (``incoming_call``).
"""

from __future__ import annotations

from typing import Final

from hotline.sip.call_moves import Action, CallTimer, Cause, Given, State, Table, TimerTable

A, G, S = Action, Given, State
STANDING: Final[Table] = {
    (S.EARLY, G.ESTABLISHED): ((A.TELL_ANSWERED,), S.CONFIRMED, None),
    (S.EARLY, G.ESTABLISHED_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.FAILED),  # 13.2.2.4
    (S.EARLY, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),  # overtook its own 2xx
    (S.CONFIRMED, G.ACK): ((), S.CONFIRMED, None),
    (S.CONFIRMED, G.ACK_UNUSABLE): ((), S.CONFIRMED, None),  # a repeated ACK without its body
    (S.CONFIRMED, G.HANG_UP): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.CONFIRMED, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.CONFIRMED, G.CANCEL): ((), S.CONFIRMED, None),
    (S.CONFIRMED, G.REINVITE): ((A.SEND_OK,), S.REANSWERED, None),
    (S.CONFIRMED, G.REOFFER): ((A.SEND_REINVITE,), S.REOFFERING, None),
    (S.CONFIRMED, G.SESSION_EXPIRED): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.SESSION_EXPIRED): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.REPEAT_DUE): ((A.REPEAT_OK,), S.REANSWERED, None),
    (S.REANSWERED, G.ACK): ((), S.CONFIRMED, None),
    (S.REANSWERED, G.ACK_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.ACK_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.NO_ACK),  # 14.2
    (S.REANSWERED, G.HANG_UP): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.REANSWERED, G.CANCEL): ((), S.REANSWERED, None),
    (S.REANSWERED, G.REINVITE): ((A.SEND_PENDING,), S.REANSWERED, None),
    (S.REOFFERING, G.ACK): ((), S.REOFFERING, None),
    (S.REOFFERING, G.ACK_UNUSABLE): ((), S.REOFFERING, None),
    (S.REOFFERING, G.REOFFER_TAKEN): ((A.TELL_MOVED,), S.CONFIRMED, None),
    (S.REOFFERING, G.REOFFER_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.FAILED),
    (S.REOFFERING, G.REOFFER_REFUSED): ((A.TELL_REFUSED,), S.CONFIRMED, None),  # 14.1: all stays as it was
    (S.REOFFERING, G.GLARE): ((A.WAIT_FOR_GLARE,), S.CONFIRMED, None),  # 14.1
    (S.REOFFERING, G.REOFFER_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REOFFERING, G.SESSION_EXPIRED): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REOFFERING, G.HANG_UP): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REOFFERING, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.REOFFERING, G.CANCEL): ((), S.REOFFERING, None),
    (S.REOFFERING, G.REINVITE): ((A.SEND_PENDING,), S.REOFFERING, None),  # 14.2
    (S.ENDING, G.ACK): ((), S.ENDING, None),
    (S.ENDING, G.ACK_UNUSABLE): ((), S.ENDING, None),
    (S.ENDING, G.HANG_UP): ((), S.ENDING, None),
    (S.ENDING, G.BYE): ((A.ANSWER_BYE,), S.ENDING, None),  # both hung up at once
    (S.ENDING, G.CANCEL): ((), S.ENDING, None),
    (S.ENDING, G.BYE_DONE): ((), S.ENDED, None),
}

STANDING_TIMERS: Final[TimerTable] = {
    S.REANSWERED: (CallTimer.REPEAT, CallTimer.GIVE_UP),
    S.REOFFERING: (CallTimer.REOFFER,),
}
