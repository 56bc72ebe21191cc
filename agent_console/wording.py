"""What codes are called on a page: states, roles, reasons and events, as messages to translate.

``N_`` only marks a message for extraction; the page translates it in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
    "draft": Sign(N_("Draft"), "ring-dashed", "quiet"),
    "accepted": Sign(N_("To route"), "ring", "wait"),
    "dispatched": Sign(N_("Routed"), "half", "info"),
    "signed": Sign(N_("Signed for"), "three-quarters", "info"),
    "in_progress": Sign(N_("In progress"), "three-quarters", "info"),
    "replied": Sign(N_("Replied"), "disc", "good"),
    "verifying": Sign(N_("Being verified"), "disc", "info"),
    "callback": Sign(N_("Follow-up call"), "disc", "info"),
    "closed": Sign(N_("Closed"), "check", "quiet"),
    "answered": Sign(N_("Answered directly"), "check", "quiet"),
    "merged": Sign(N_("Merged"), "check", "quiet"),
    "not_accepted": Sign(N_("Not accepted"), "cross", "quiet"),
    "withdrawn": Sign(N_("Withdrawn"), "cross", "quiet"),
    "return_requested": Sign(N_("Return asked for"), "triangle", "wait"),
    "suspended": Sign(N_("Suspended"), "triangle", "wait"),
    "reopened": Sign(N_("Reopened"), "triangle", "wait"),
}
FILTERS: Final = ("accepted", "dispatched", "signed", "replied", "closed")
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
PRIORITIES: Final[Mapping[str, Sign]] = {
    "P1": Sign(N_("P1 emergency"), "bars-4", "bad"),
    "P2": Sign(N_("P2 urgent"), "bars-3", "wait"),
    "P3": Sign(N_("P3 normal"), "bars-2", "quiet"),
    "P4": Sign(N_("P4 low"), "bars-1", "quiet"),
}
ROLES: Final[Mapping[str, str]] = {
    "agent": N_("Agent"),
    "supervisor": N_("Supervisor"),
    "unit": N_("Handling unit"),
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
REFUSALS: Final[Mapping[str, str]] = {
    "login": N_(
        "User name or password is wrong, or there were too many attempts. "
        "Try again; after many attempts wait a quarter of an hour."
    ),
    "role": N_("Your role does not allow this."),
    "state": N_("This is not possible in the present state."),
    "stale": N_("It was changed meanwhile."),
    "missing": N_("There is no such page, or it is not for you."),
    "input": N_("Something is missing or not valid."),
    "phone": N_("You have no telephone of your own yet; an administrator gives you one."),
}
REFUSAL_STATUS: Final[Mapping[str, int]] = {
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


def waited(minutes: int) -> tuple[str, dict[str, int]]:
    """Choose the message that tells a time of waiting, and its values."""
    if minutes < 60:
        return BROWSER_WORDS["minutes"], {"n": minutes}
    return BROWSER_WORDS["hours"], {"h": minutes // 60, "m": minutes % 60}
