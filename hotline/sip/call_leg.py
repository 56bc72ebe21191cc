"""All that the user agent keeps about one leg: its machine, its dialog, and what was agreed about voice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.sip.admission import ANYBODY, Origin
from hotline.sip.agenda import earliest
from hotline.sip.call_machine import CallMachine
from hotline.sip.call_moves import State
from hotline.sip.dialog import Dialog
from hotline.sip.digest_client import DigestClient
from hotline.sip.events import MediaMoved
from hotline.sip.flow import Flow
from hotline.sip.headers import parse_tokens
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Request, Response
from hotline.sip.reliable import ReliableReceiver, ReliableSender
from hotline.sip.sdp import SessionDescription
from hotline.sip.session_timer import Agreed, SessionTimer, takes_update
from hotline.sip.transaction_layer import Client, Server
from hotline.sip.voice_session import VoiceSession
from hotline.sip.voice_terms import VoicePolicy, VoiceTerms


@dataclass(frozen=True, slots=True)
class ReofferWish:
    """What a re-INVITE of ours shall change, and what to go back to when it is refused (14.1)."""

    sends: bool
    receives: bool
    local_ip: str
    local_port: int
    policy: VoicePolicy
    is_refresh: bool = False
    """For the session timer only: nobody waits for its outcome."""


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
    replaces: CallId | None = None
    """The call that this one takes the place of when it is accepted (RFC 3891)."""
    reliable: ReliableSender | None = None
    """Our reliable provisional responses to its INVITE; None before the first."""
    received: ReliableReceiver = field(default_factory=ReliableReceiver)
    """Theirs to ours."""
    progress: Response | None = None
    """Our last provisional response, said again each minute."""
    answered_early: bool = False
    """A reliable provisional response carried our session description: the 200 carries none."""
    pending_ok: Response | None = None
    """The 200 that waits for a PRACK."""
    takes_update: bool = False
    """The other side knows UPDATE (RFC 3311)."""
    allow_events: frozenset[str] = frozenset()
    """Event packages that it takes NOTIFY for (RFC 6665, 8.2.2)."""
    session_timer: SessionTimer = field(default_factory=SessionTimer)
    session_expires: Agreed | None = None
    """Agreed for the 200 that is still to be sent."""
    has_been_referred: bool = False
    """A REFER came in this dialog before."""
    is_told: bool = True
    """The layer above knows this leg by its ``call_id``; a fork that lost is not told."""
    told_end: bool = False
    """CallEnded was given."""
    ends_as: str = ""
    """Cause to tell in place of the table's: ``replaced``."""
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
    digest: DigestClient | None = None
    """What answers challenges to further requests of ours."""
    wish: ReofferWish | None = None
    """A change of ours that is still to be offered, or is being offered."""
    wish_due: float = 0.0
    """When it may go out: later after a glare (14.1)."""
    offered: ReofferWish | None = None
    """The change that our re-INVITE offers, or offered last."""
    terms_before: VoiceTerms | None = None
    """What was agreed when it went out."""
    refused_status: int = 0
    """Why it was refused; 0 when it is tried again."""
    reinvite: Client | None = None
    """Our re-INVITE that waits for its answer."""

    @property
    def awaits_answer(self) -> bool:
        """Tell whether an offer of ours is open."""
        return self.voice.our_offer is not None

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether a 2xx to our INVITE was acknowledged."""
        return self.ack_flow is not None

    @property
    def is_ours(self) -> bool:
        """Tell whether we made the call: then its Call-ID is ours as well."""
        return self.invite is None

    def next_timer(self) -> float | None:
        """Tell when the call wants to be looked after; None: never."""
        due = earliest(self.machine.next_timer(), self.session_timer.next_timer())
        if self.reliable is not None:
            due = earliest(due, self.reliable.next_timer())
        if self.wish is not None and self.machine.state is State.CONFIRMED:
            due = earliest(due, self.wish_due)
        return due

    def hear(self, message: Request | Response) -> None:
        """Note what the other side says it can."""
        values = message.headers.get_all("Allow")
        if values:
            self.takes_update = takes_update(message)
        events = message.headers.get_all("Allow-Events")
        if events:
            with suppress(RemoteProtocolError):
                names = parse_tokens(events, "Allow-Events")
                self.allow_events = frozenset(name.lower() for name in names)

    def media_moved(self) -> MediaMoved:
        """Tell where the other side's voice is now."""
        terms = self.voice.terms
        assert terms is not None
        return MediaMoved(self.call_id, terms)
