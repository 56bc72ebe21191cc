"""The flows that telephones meet in these tests, and what both end with."""

from __future__ import annotations

ENDING = """
[steps.open]
do = "ask"
question = "open_request"
opened = "thanks"
failed = "goodbye"
[steps.thanks]
do = "say"
prompt = "thanks"
next = "end"
[steps.goodbye]
do = "say"
prompt = "goodbye"
next = "end"
[steps.end]
do = "hang_up"
"""
CONNECTS = (
    """
start = "ring"
languages = ["zh"]
person = "message"
person_keys = "0*"
fault = "sorry"
too_long = "goodbye"
[steps.ring]
do = "connect"
to = ["1001"]
ring = "20s"
tries = 2
ended = "thanks"
busy = "message"
no_answer = "message"
failed = "message"
spent = "goodbye"
[steps.message]
do = "record"
prompt = "leave_for_agent"
for_agent = true
tries = 3
recorded = "open"
silent = "goodbye"
spent = "goodbye"
[steps.sorry]
do = "say"
prompt = "fault"
next = "end"
"""
    + ENDING
)
"""Rings 1001; who is not answered leaves a message."""
RECORDS = (
    """
start = "greeting"
languages = ["zh"]
person = "leave"
person_keys = "0*"
fault = "sorry"
too_long = "goodbye"
[steps.greeting]
do = "menu"
prompt = "greeting"
wait = "5s"
1 = "once"
nothing = "leave"
unknown = "leave"
[steps.once]
do = "menu"
prompt = "one_moment"
wait = "0.5s"
1 = "twice"
nothing = "leave"
unknown = "twice"
[steps.twice]
do = "say"
prompt = "goodbye"
next = "leave"
[steps.leave]
do = "record"
prompt = "leave_for_agent"
for_agent = true
silence = "4s"
longest = "20s"
finish = "#"
tries = 2
recorded = "open"
silent = "goodbye"
spent = "goodbye"
[steps.sorry]
do = "say"
prompt = "fault"
next = "leave"
"""
    + ENDING
)
"""Greets, takes one key in a menu that a second copy of it would lead elsewhere, and records."""
