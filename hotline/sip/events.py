"""What the user agent tells the layer above about its legs: calls that come in, and calls that we make."""

from __future__ import annotations

from dataclasses import dataclass, field

from hotline.events.ids import CallId
from hotline.sip.admission import ANYBODY, Origin
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoiceTerms


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A new call that we can carry: its INVITE is well-formed, it may reach what it calls, its offer fits.

    100 Trying was sent. The layer above answers with ``accept`` or ``refuse``.
    """

    call_id: CallId
    """Ours, made when the INVITE arrived; names the call in every later event and action."""
    sip_call_id: str
    caller: str
    """Dial-back number in E.164 (``+861065241234``) or as dialled inside (``1001``); empty when unknown."""
    caller_raw: str
    """The identity that it was taken from, as it came, without control characters."""
    withheld: bool
    """True when the caller asked for privacy (RFC 3323)."""
    called: str
    """The number dialled, reduced to the form of the list of our numbers; of a telephone's call, the
    user part or number that it dialled."""
    source: str
    """``udp:192.0.2.7:5060``."""
    terms: VoiceTerms | None
    """What fits of the offer; None in a delayed offer (RFC 3264: INVITE without SDP)."""
    origin: Origin = ANYBODY
    replaces: CallId | None = None
    """The leg of ours that this call takes the place of (RFC 3891); it was checked."""
    local_ip: str = ""
    """Our address that the call came to, where its voice is wanted as well; empty: any."""


@dataclass(frozen=True, slots=True)
class CallConfirmed:
    """The caller's ACK to our 200 arrived: the dialog stands."""

    call_id: CallId
    origin: Origin = field(default=ANYBODY, compare=False, repr=False)
    """Whose call it is: the trunk or telephone that it came from or went to."""


@dataclass(frozen=True, slots=True)
class CallRinging:
    """A call of ours got a provisional response above 100."""

    call_id: CallId
    status: int
    terms: VoiceTerms | None = None
    """Early media (a session description in it); None without."""


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call of ours was answered; the ACK is sent, and all other branches are gone."""

    call_id: CallId
    terms: VoiceTerms
    origin: Origin = field(default=ANYBODY, compare=False, repr=False)
    """Whose call it is: the trunk or telephone that it came from or went to."""


@dataclass(frozen=True, slots=True)
class MediaMoved:
    """The other side's voice changed: address, codec, direction or keys (re-INVITE, UPDATE, ACK)."""

    call_id: CallId
    terms: VoiceTerms


@dataclass(frozen=True, slots=True)
class ReofferFailed:
    """The other side refused our re-INVITE; everything stays as it was (RFC 3261, 14.1)."""

    call_id: CallId
    status: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over on the SIP side; nothing more will be said about it."""

    call_id: CallId
    cause: str
    """``bye`` (the other side hung up), ``cancel`` (before we answered), ``no_ack`` (our 200 was never
    acknowledged: 64*T1), ``hung_up`` (we sent BYE or CANCEL), ``refused`` (we sent a final error),
    ``failed`` (our call got a final error, or none at all), ``replaced`` (RFC 3891)."""
    status: int = 0
    """The final error that ended it, 408 when nothing came; 0 without one."""
    reason: str = ""
    """Its reason phrase, or the text of a Reason header (RFC 3326); as it came, printable."""
    origin: Origin = field(default=ANYBODY, compare=False, repr=False)
    """Whose call it is: the trunk or telephone that it came from or went to."""
    redirects: tuple[Uri, ...] = ()
    """Where a 3xx sends us that was not followed, best first."""


@dataclass(frozen=True, slots=True)
class DigitArrived:
    """A key was pressed, and the exchange told it by INFO instead of in the voice stream."""

    call_id: CallId
    digit: str
    """One of ``0123456789*#ABCD``."""
    duration_ms: int


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The other side asked us to call somebody in its place (REFER, RFC 3515); 202 was sent.

    The layer above reports how that goes with ``transfer_progress``; a final status ends it.
    """

    call_id: CallId
    target: Uri
    """Refer-To, without its header part."""
    replaces: CallId | None
    """The leg of ours that the target shall take over (an attended transfer); None in a blind one."""
    referred_by: str
    """Referred-By (RFC 3892) as it came; empty without."""


SipEvent = (
    CallArrived
    | CallConfirmed
    | CallRinging
    | CallAnswered
    | MediaMoved
    | ReofferFailed
    | CallEnded
    | DigitArrived
    | TransferAsked
)
