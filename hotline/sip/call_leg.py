"""All that the user agent keeps about one leg: its machine, its dialog, and what was agreed about voice."""

from __future__ import annotations

from dataclasses import dataclass, field

from hotline.events.ids import CallId
from hotline.sip.admission import ANYBODY, Origin
from hotline.sip.call_machine import CallMachine
from hotline.sip.dialog import Dialog
from hotline.sip.events import MediaMoved
from hotline.sip.flow import Flow
from hotline.sip.headers import SessionExpires
from hotline.sip.inspection import HeaderFields
from hotline.sip.sdp import SessionDescription
from hotline.sip.session_timer import SessionTimer
from hotline.sip.transaction_layer import Client, Server
from hotline.sip.voice_session import VoiceSession


@dataclass(eq=False, slots=True)
class CallLeg:
    """One dialog that an INVITE made: theirs, or ours."""

    call_id: CallId
    machine: CallMachine
    dialog: Dialog
    contact_user: str
    """User part of our Contact."""
    flow: Flow
    """How the other side's requests reach us, and ours them."""
    is_behind_nat: bool
    """The other side believes in another address than the one we see."""
    voice: VoiceSession
    origin: Origin = ANYBODY
    invite: Server | None = None
    """The INVITE that made it; None when we sent it."""
    invite_cseq: int = -1
    """CSeq number of that INVITE."""
    offer: SessionDescription | None = None
    """The offer of the INVITE that is to be answered; None in a delayed offer."""
    session_timer: SessionTimer = field(default_factory=SessionTimer)
    session_expires: SessionExpires | None = None
    """Agreed for the 200 that is still to be sent."""
    is_told: bool = True
    """The layer above knows this leg by its ``call_id``; a fork that lost is not told."""
    told_end: bool = False
    """CallEnded was given."""
    end_status: int = 0
    end_reason: str = ""
    ok: bytes = b""
    """Our last 200 to INVITE, for repetition."""
    ok_flow: Flow | None = None
    ok_cseq: int = -1
    ack: bytes = b""
    """Our last ACK to a 2xx, for repetition."""
    ack_flow: Flow | None = None
    ack_cseq: int = -1
    credentials: HeaderFields = ()
    """What our INVITE proved itself with; its ACK repeats it (22.1)."""
    reinvite: Client | None = None
    """Our re-INVITE that waits for its answer."""

    @property
    def awaits_answer(self) -> bool:
        """Tell whether an offer of ours is open."""
        return self.voice.our_offer is not None

    def next_timer(self) -> float | None:
        """Tell when the call wants to be looked after; None: never."""
        due = (self.machine.next_timer(), self.session_timer.next_timer())
        return min((time for time in due if time is not None), default=None)

    def media_moved(self) -> MediaMoved:
        """Tell where the other side's voice is now."""
        terms = self.voice.terms
        assert terms is not None
        return MediaMoved(self.call_id, terms)
