"""What codes are called on a page: states, roles, reasons and events, as messages to translate.

``N_`` only marks a message for extraction; the page translates it in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hotline.desk.views import ClockView
from hotline.events import record


def N_(message: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a message for extraction."""
    return message


@dataclass(frozen=True, slots=True)
class Sign:
    """A state as a person sees it: shape, word and colour together, never colour alone."""

    word: str
    icon: str
    """Symbol of static/icons.svg."""
    tone: str
    """Colour family of the style sheet: ``quiet``, ``info``, ``wait``, ``good``, ``bad``."""


REQUEST_STATES: Final[Mapping[str, Sign]] = {
    "draft": Sign(N_("To decide"), "ring-dashed", "wait"),
    "refusal_proposed": Sign(N_("Refusal proposed"), "triangle", "wait"),
    "accepted": Sign(N_("To route"), "ring", "wait"),
    "dispatched": Sign(N_("Routed"), "half", "info"),
    "signed": Sign(N_("Signed for"), "three-quarters", "info"),
    "in_progress": Sign(N_("In progress"), "three-quarters", "info"),
    "replied": Sign(N_("Replied"), "disc", "good"),
    "arbitration": Sign(N_("In arbitration"), "triangle", "wait"),
    "waiting": Sign(N_("Waiting for the caller"), "triangle", "wait"),
    "extension_requested": Sign(N_("Extension asked for"), "triangle", "wait"),
    "suspension_requested": Sign(N_("Suspension asked for"), "triangle", "wait"),
    "unsolved": Sign(N_("Not solved, says the caller"), "triangle", "bad"),
    "verifying": Sign(N_("Being verified"), "disc", "info"),
    "follow_up": Sign(N_("Follow-up call"), "disc", "info"),
    "closed": Sign(N_("Closed"), "check", "quiet"),
    "answered": Sign(N_("Answered directly"), "check", "quiet"),
    "merged": Sign(N_("Merged"), "check", "quiet"),
    "not_accepted": Sign(N_("Not accepted"), "cross", "quiet"),
    "withdrawn": Sign(N_("Withdrawn"), "cross", "quiet"),
    "return_requested": Sign(N_("Return asked for"), "triangle", "wait"),
    "suspended": Sign(N_("Suspended"), "triangle", "wait"),
}
FILTERS: Final = ("draft", "accepted", "dispatched", "signed", "replied", "closed")
"""States that the queue can be narrowed to, in the order of a request's life."""

ORDER_STATES: Final[Mapping[str, Sign]] = {
    "dispatched": Sign(N_("To sign for"), "ring", "wait"),
    "signed": Sign(N_("Being handled"), "three-quarters", "info"),
    "in_progress": Sign(N_("Being handled"), "three-quarters", "info"),
    "done": Sign(N_("Replied"), "check", "good"),
    "replied": Sign(N_("Replied"), "check", "good"),
    "excused": Sign(N_("Excused"), "check", "quiet"),
    "returned": Sign(N_("Taken back"), "cross", "quiet"),
}
NOTICE_STATES: Final[Mapping[str, Sign]] = {
    "queued": Sign(N_("E-mail waiting"), "ring", "quiet"),
    "delayed": Sign(N_("E-mail delayed, trying again"), "triangle", "wait"),
    "sent": Sign(N_("E-mail sent"), "check", "good"),
    "failed": Sign(N_("E-mail failed"), "cross", "bad"),
}
CONFIDENCES: Final[Mapping[str, Sign]] = {
    "high": Sign(N_("clear"), "check", "good"),
    "mid": Sign(N_("fairly clear"), "half", "info"),
    "low": Sign(N_("doubtful"), "triangle", "wait"),
    "none": Sign(N_("unclear, listen"), "ear", "bad"),
}
TRANSCRIPT_STATES: Final[Mapping[str, Sign]] = {
    "waiting": Sign(N_("Being transcribed"), "half", "quiet"),
    "done": Sign(N_("Transcribed"), "check", "good"),
    "failed": Sign(N_("No transcript, please listen"), "ear", "bad"),
}
VOICE_GRADES: Final[Mapping[str, Sign]] = {
    "unknown": Sign(N_("Line not measured yet"), "ring", "quiet"),
    "very_good": Sign(N_("Line very good"), "check", "good"),
    "good": Sign(N_("Line good"), "check", "good"),
    "fair": Sign(N_("Line fair"), "half", "info"),
    "poor": Sign(N_("Line poor"), "triangle", "wait"),
    "bad": Sign(N_("Line bad"), "cross", "bad"),
    "unheard": Sign(N_("Not heard"), "cross", "bad"),
}
PRIORITIES: Final[Mapping[str, Sign]] = {
    "P1": Sign(N_("P1 emergency"), "bars-4", "bad"),
    "P2": Sign(N_("P2 urgent"), "bars-3", "wait"),
    "P3": Sign(N_("P3 normal"), "bars-2", "quiet"),
    "P4": Sign(N_("P4 low"), "bars-1", "quiet"),
}
ROLES: Final[Mapping[str, str]] = {
    "agent": N_("Agent"),
    "shift_leader": N_("Shift leader"),
    "reviewer": N_("Reviewer"),
    "supervisor": N_("Supervisor"),
    "unit": N_("Handling unit"),
    "unit_leader": N_("Leader of a handling unit"),
    "admin": N_("Administrator"),
}
PARTS: Final[Mapping[str, str]] = {"lead": N_("lead"), "co": N_("supporting")}
UNIT_KINDS: Final[Mapping[str, str]] = {
    "street": N_("Street"),
    "community": N_("Community"),
    "department": N_("Department"),
}
FIELDS: Final[Mapping[str, str]] = {
    "kind_code": N_("Kind of demand"),
    "region_code": N_("Street or community"),
    "place": N_("Place"),
    "text": N_("Wording"),
    "unit_code": N_("Street or department"),
    "state": N_("State"),
}
EVENTS: Final[Mapping[str, str]] = {
    record.CALL_OFFERED: N_("The call came in"),
    record.CALL_ANSWERED: N_("The call was answered"),
    record.CALL_ENDED: N_("The call ended"),
    record.CALL_GUEST_CAME: N_("Somebody came to the talk"),
    record.CALL_GUEST_LEFT: N_("Somebody left the talk"),
    record.CALL_VOICE_MISSING: N_("Nothing could be heard on the line"),
    record.CALL_VOICE_FOUND: N_("The voice could be heard again"),
    record.RECORDING_CLOSED: N_("The message was recorded"),
    record.RECORDING_EMPTY: N_("The recording held no sound"),
    record.RECORDING_PLAYED: N_("The recording was listened to"),
    record.RECORDING_PAUSED: N_("The recording was paused"),
    record.RECORDING_RESUMED: N_("The recording went on"),
    record.RECORDING_EXPORTED: N_("The recording was exported"),
    record.RECORDING_EXPIRED: N_("The recording's time was over, and its sound was deleted"),
    record.HOTSPOT_RAISED: N_("A hotspot was raised"),
    record.HOTSPOT_GREW: N_("A hotspot grew"),
    record.HOTSPOT_COOLED: N_("A hotspot cooled"),
    record.REQUEST_OPENED: N_("The request was opened"),
    record.REQUEST_TRANSCRIBED: N_("The transcript is ready"),
    record.REQUEST_NOT_TRANSCRIBED: N_("The recording could not be transcribed"),
    record.REQUEST_EDITED: N_("Kind, place or wording were decided"),
    record.REQUEST_ROUTED: N_("Routed"),
    record.REQUEST_MOVED: N_("Moved"),
    record.REQUEST_ESCALATED: N_("It is late"),
    record.ORDER_MOVED: N_("A work order moved"),
    record.CLOCK_STEPPED_BACK: N_("The machine's clock stepped back"),
    record.ORDER_SIGNED: N_("The unit signed for it"),
    record.ORDER_RETURNED: N_("Taken back from the unit"),
    record.ORDER_REPLIED: N_("The unit replied"),
    record.NOTICE_QUEUED: N_("An e-mail to the unit is waiting"),
    record.NOTICE_SENT: N_("The e-mail was sent"),
    record.NOTICE_DELAYED: N_("The e-mail is delayed"),
    record.NOTICE_FAILED: N_("The e-mail failed"),
}
TALK_PARTS: Final[Mapping[str, str]] = {
    "monitor": N_("Listen"),
    "whisper": N_("Whisper to the agent"),
    "barge": N_("Barge in"),
    "member": N_("Takes part"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "solved": N_("Solved"),
    "partly": N_("Solved in part"),
    "explained": N_("Explained"),
    "planned": N_("Planned for later"),
    "not_possible": N_("Cannot be solved"),
}
MOVES: Final[Mapping[str, str]] = {
    "accept": N_("Accept"),
    "propose_refusal": N_("Propose not to accept it"),
    "confirm_refusal": N_("Confirm: not accepted"),
    "reject_refusal": N_("Do accept it"),
    "answer": N_("Answered directly"),
    "merge": N_("Merge into another request"),
    "split": N_("Take out of the other request"),
    "release": N_("Released from the other request"),
    "follow_parent": N_("Ended with the other request"),
    "request_return": N_("Send back"),
    "appeal_return": N_("Send back, to arbitration"),
    "grant_return": N_("Take back from the unit"),
    "reject_return": N_("Refuse the return"),
    "rule_other_unit": N_("Rule: another unit"),
    "rule_same_unit": N_("Rule: this unit"),
    "contact": N_("The caller was contacted"),
    "wait_for_caller": N_("Wait for the caller"),
    "resume": N_("Go on"),
    "request_extension": N_("Ask for more time"),
    "grant_extension": N_("Grant more time"),
    "reject_extension": N_("Refuse more time"),
    "request_suspension": N_("Ask to suspend it"),
    "grant_suspension": N_("Suspend it"),
    "reject_suspension": N_("Refuse to suspend it"),
    "send_to_verify": N_("Have it checked on site"),
    "approve": N_("Approve"),
    "rework": N_("Have it done again"),
    "miss_caller": N_("The caller was not reached"),
    "refer_unsolved": N_("Not solved: to supervision"),
    "close": N_("Close"),
    "reopen": N_("Open again"),
    "withdraw": N_("Withdrawn by the caller"),
    "urge": N_("Urge"),
    "supplement": N_("Add what the caller says"),
    "order_supervision": N_("Order of supervision"),
    "begin": N_("The caller was contacted"),
    "finish": N_("Reply"),
    "sign": N_("Sign for it"),
    "excuse": N_("Let it out"),
    "return": N_("Taken back"),
}
TIMERS: Final[Mapping[str, str]] = {
    "work_draft": N_("Decide"),
    "confirm_refusal": N_("Decide on the refusal"),
    "dispatch": N_("Route"),
    "sign": N_("Sign for it"),
    "decide_return": N_("Decide on the return"),
    "contact": N_("Speak with the caller"),
    "handle": N_("Handle it"),
    "decide_extension": N_("Decide on more time"),
    "decide_suspension": N_("Decide on the suspension"),
    "wait": N_("Wait for the caller"),
    "review_suspension": N_("Look at the suspension"),
    "review": N_("Look at the reply"),
    "verify": N_("Check on site"),
    "follow_up": N_("Ask the caller"),
    "decide_unsolved": N_("Decide what is next"),
}
ANSWERS: Final[Mapping[str, str]] = {"rework": "no", "refer_unsolved": "no", "close": "yes"}
"""What the caller said, where a move says it."""
REFUSALS: Final[Mapping[str, str]] = {
    "login": N_(
        "User name or password is wrong, or there were too many attempts. "
        "Try again; after many attempts wait a quarter of an hour."
    ),
    "role": N_("Your role does not allow this."),
    "state": N_("This is not possible in the present state."),
    "stale": N_("It was changed meanwhile."),
    "duty": N_("You acted on the other side of this request: supervision stands apart."),
    "missing": N_("There is no such page, or it is not for you."),
    "input": N_("Something is missing or not valid."),
    "phone": N_("You have no telephone of your own yet; an administrator gives you one."),
}
REFUSAL_STATUS: Final[Mapping[str, int]] = {
    "duty": 409,
    "login": 422,
    "role": 403,
    "state": 409,
    "stale": 409,
    "missing": 404,
    "input": 422,
    "phone": 409,
}
BROWSER_WORDS: Final[Mapping[str, str]] = {
    "live": N_("Live"),
    "connecting": N_("Connecting"),
    "cut": N_("Connection lost, retrying"),
    "minutes": N_("%(n)s min"),
    "hours": N_("%(h)s h %(m)s min"),
    "nothing": N_("Nothing matches"),
    "failed": N_("The server could not be reached. Nothing was lost; try again."),
    "incomplete": N_("Choose a kind and write down what is wanted first."),
    "choose": N_("Choose a street or department first."),
    "unsaved": N_("Not saved yet"),
    "play": N_("Play"),
    "pause": N_("Pause"),
    "silent": N_("The recording could not be played."),
}
"""Words that scripts need; they are handed over with the page."""


def differs(heard: str, written: str) -> bool:
    """Tell whether two texts differ in more than punctuation and spaces."""
    plain = ["".join(character for character in text if character.isalnum()) for text in (heard, written)]
    return plain[0] != plain[1]


def sign_of(table: Mapping[str, Sign], code: str) -> Sign:
    """Look up a sign; an unknown code is shown as it is, so that nothing is hidden."""
    return table.get(code) or Sign(code, "ring", "quiet")


def clock_tone(clock: ClockView) -> str:
    """Choose the colour of a deadline: quiet, four fifths gone, late."""
    if clock.left_s < 0:
        return "bad"
    return "wait" if clock.due_at is not None and clock.share_pct >= 80 else "quiet"


def lasting(seconds: int) -> tuple[str, dict[str, int]]:
    """Choose the message that tells how long something lasts, and its values; the sign is left out."""
    hours = abs(seconds) // 3600
    if hours < 48:
        return waited(abs(seconds) // 60)
    return DAYS, {"d": hours // 24, "h": hours % 24}


DAYS: Final = N_("%(d)s d %(h)s h")


def waited(minutes: int) -> tuple[str, dict[str, int]]:
    """Choose the message that tells a time of waiting, and its values."""
    if minutes < 60:
        return BROWSER_WORDS["minutes"], {"n": minutes}
    return BROWSER_WORDS["hours"], {"h": minutes // 60, "m": minutes % 60}
