"""What the user agent tells the layer above about a call."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.events.ids import CallId


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A new call that we can carry: its INVITE is well-formed, for a number of ours, and its offer fits.

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
    """The number dialled, reduced to the form of the list of our numbers."""
    source: str
    """``udp:192.0.2.7:5060``."""
    remote_ip: str
    """Where the caller wants her voice; empty in a delayed offer (RFC 3264: INVITE without SDP)."""
    remote_port: int
    payload_type: int
    """0 (PCMU) or 8 (PCMA), chosen from the offer."""
    event_payload_type: int | None
    """Payload type of telephone-event/8000 as offered; None when not offered."""


@dataclass(frozen=True, slots=True)
class CallConfirmed:
    """The caller's ACK to our 200 arrived: the dialog stands."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class MediaMoved:
    """The caller's voice goes to or comes from another address (answer in ACK, re-INVITE)."""

    call_id: CallId
    remote_ip: str
    remote_port: int
    payload_type: int
    event_payload_type: int | None
    sends: bool
    """False while the caller has us on hold."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over on the SIP side; nothing more will be said about it."""

    call_id: CallId
    cause: str
    """``bye`` (the caller hung up), ``cancel`` (before we answered), ``no_ack`` (our 200 was never
    acknowledged: 64*T1), ``hung_up`` (we sent BYE), ``refused`` (we sent a final error)."""


@dataclass(frozen=True, slots=True)
class DigitArrived:
    """The caller pressed a key, and her exchange told it by INFO instead of in the voice stream."""

    call_id: CallId
    digit: str
    """One of ``0123456789*#ABCD``."""
    duration_ms: int


SipEvent = CallArrived | CallConfirmed | MediaMoved | CallEnded | DigitArrived
