"""A leg of a call beside the caller's own in a flow: a telephone that we call, or one that calls in.

::

    dialled:   OPENING ─ port ─► DIALLED ─ rings ─► RINGING ─ answers ─► STANDING ─ ends ─► GONE
    came in:   ARRIVING ─ port ─► OFFERED ─ we answer ─► STANDING ─ ends ─► GONE

A small machine of its own: it opens and aims its media port, dials or answers, and writes its row. What
its state means for the others is decided by the bridge (``bridge.py``) and the telephone's call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

from hotline.call.destinations import Destination, preferring
from hotline.call.failures import OF_THE_LINE
from hotline.call.messages import Answer, CallCommand, Dial, HangUp, NoteLeg, Refuse, Reoffer
from hotline.call.statuses import NO_ANSWER, UNAVAILABLE
from hotline.events.ids import CallId
from hotline.media.plan import Aim, ClosePort, Codec, OpenPort, PortMoved, PortOpened, Srtp
from hotline.sip.admission import OriginKind
from hotline.sip.dialling import DialOrder
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import SrtpKeys, VoiceTerms

PHONE: Final = OriginKind.PHONE
REACHED: Final = frozenset({180, 181, 182})
"""Provisional responses that tell of a person's telephone; 183 may be the network's own words."""


class L(Enum):
    """States of a leg."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    OPENING = "opening"
    DIALLED = "dialled"
    RINGING = "ringing"
    ARRIVING = "arriving"
    OFFERED = "offered"
    STANDING = "standing"
    GONE = "gone"


class I(Enum):  # noqa: E742 - states, inputs I, actions A: the letters of all our tables
    """Inputs of a leg."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    PORT = "port opened"
    NO_MEDIA = "media failed"
    PORT_MOVED = "voice is expected at a new plane"
    PORT_REFUSED = "the other side does not follow there"
    RINGS = "provisional response"
    ANSWERS = "answered"
    ACCEPT = "we answer"
    DROP = "we end it"
    LEFT = "it ended"


class A(Enum):
    """Actions of a leg."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    DIAL = "Dial"
    KEEP = "-"
    AIM = "Aim, NoteLeg answered"
    REOFFER = "Reoffer"
    ANSWER = "Answer, NoteLeg answered"
    CLOSE = "ClosePort"
    CLOSE_NOTED = "ClosePort, NoteLeg ended"
    HANG_UP = "HangUp, ClosePort, NoteLeg ended"
    REFUSE = "Refuse, ClosePort, NoteLeg ended"


LEG_TRANSITIONS: Final[Mapping[tuple[L, I], tuple[A, L]]] = {
    (L.OPENING, I.PORT): (A.DIAL, L.DIALLED),
    (L.OPENING, I.NO_MEDIA): (A.CLOSE, L.GONE),
    (L.OPENING, I.DROP): (A.CLOSE, L.GONE),
    (L.DIALLED, I.RINGS): (A.KEEP, L.RINGING),
    (L.DIALLED, I.ANSWERS): (A.AIM, L.STANDING),
    (L.DIALLED, I.LEFT): (A.CLOSE_NOTED, L.GONE),
    (L.DIALLED, I.DROP): (A.HANG_UP, L.GONE),
    (L.DIALLED, I.NO_MEDIA): (A.HANG_UP, L.GONE),
    (L.RINGING, I.RINGS): (A.KEEP, L.RINGING),
    (L.RINGING, I.ANSWERS): (A.AIM, L.STANDING),
    (L.RINGING, I.LEFT): (A.CLOSE_NOTED, L.GONE),
    (L.RINGING, I.DROP): (A.HANG_UP, L.GONE),
    (L.RINGING, I.NO_MEDIA): (A.HANG_UP, L.GONE),
    (L.ARRIVING, I.PORT): (A.KEEP, L.OFFERED),
    (L.ARRIVING, I.LEFT): (A.CLOSE_NOTED, L.GONE),
    (L.ARRIVING, I.DROP): (A.REFUSE, L.GONE),
    (L.ARRIVING, I.NO_MEDIA): (A.REFUSE, L.GONE),
    (L.OFFERED, I.ACCEPT): (A.ANSWER, L.STANDING),
    (L.OFFERED, I.LEFT): (A.CLOSE_NOTED, L.GONE),
    (L.OFFERED, I.DROP): (A.REFUSE, L.GONE),
    (L.OFFERED, I.NO_MEDIA): (A.REFUSE, L.GONE),
    (L.STANDING, I.PORT_MOVED): (A.REOFFER, L.STANDING),
    (L.STANDING, I.PORT_REFUSED): (A.HANG_UP, L.GONE),
    (L.STANDING, I.LEFT): (A.CLOSE_NOTED, L.GONE),
    (L.STANDING, I.DROP): (A.HANG_UP, L.GONE),
    (L.STANDING, I.NO_MEDIA): (A.HANG_UP, L.GONE),
}


def srtp_of(keys: SrtpKeys | None) -> Srtp | None:
    """Turn agreed keys into those of the media plane."""
    return None if keys is None else Srtp(keys.suite, keys.send_key, keys.receive_key)


def port_for(leg_id: CallId, terms: VoiceTerms | None, *, local_ip: str = "", may_latch: bool) -> OpenPort:
    """Ask for a port for a voice that was agreed on, or that is still to be.

    :param terms: None: nothing is known yet (a delayed offer, a call of ours); Aim follows.
    """
    if terms is None:
        return OpenPort(leg_id, "", 0, Codec.PCMA, None, may_latch, local_ip=local_ip)
    return OpenPort(
        leg_id,
        terms.remote_ip,
        terms.remote_port,
        Codec[terms.codec.upper()],
        terms.event_payload_type,
        may_latch,
        terms.payload_type,
        terms.sends,
        srtp_of(terms.srtp),
        local_ip,
        terms.event_clock_hz,
        receives=terms.receives,
        rtcp_ip=terms.rtcp_ip,
        rtcp_port=terms.rtcp_port,
        rtcp_mux=terms.rtcp_mux,
    )


def aim_at(leg_id: CallId, terms: VoiceTerms, before: VoiceTerms | None = None) -> Aim:
    """Send a leg's voice where it was agreed.

    :param before: what held until now: a hold by address (0.0.0.0) names no new one.
    """
    ip, port = terms.remote_ip, terms.remote_port
    if not port and before is not None:
        ip, port = before.remote_ip, before.remote_port
    return Aim(
        leg_id,
        ip,
        port,
        Codec[terms.codec.upper()],
        terms.event_payload_type,
        terms.payload_type,
        terms.sends and bool(terms.remote_port),
        srtp_of(terms.srtp),
        terms.event_clock_hz,
        terms.receives,
        terms.rtcp_ip,
        terms.rtcp_port,
        terms.rtcp_mux,
    )


class Leg:
    """One leg.

    :param call: the call that it belongs to.
    :param destination: where it is dialled; None for a leg that came in.
    :param is_noted: it has a row of its own; False for the leg that made the call, whose row is the call's.
    """

    def __init__(
        self,
        leg_id: CallId,
        call: CallId,
        peer: str,
        kind: OriginKind,
        *,
        terms: VoiceTerms | None = None,
        destination: Destination | None = None,
        codec: str = "PCMA",
        ring_s: float = 180.0,
        local_ip: str = "",
        may_latch: bool = False,
        state: L = L.OPENING,
        is_noted: bool = True,
    ) -> None:
        self.leg_id, self.call, self.peer, self.kind = leg_id, call, peer, kind
        self.terms = terms
        """As agreed last; None before."""
        self.destination = destination
        self.state = state
        self.status = 0
        """Final error that ended it; 0 without."""
        self.cause = ""
        self.port: PortOpened | None = None
        self._told_port: PortOpened | None = None
        """Where the other side sends its voice, as it was told last; None before it answered that."""
        self.forwarded: tuple[str, ...] = ()
        """Users of the house that its telephone sends its call to."""
        self._codec, self._ring_s = codec, ring_s
        self._local_ip, self._may_latch = local_ip, may_latch
        self._is_noted, self._is_heard, self._reached = is_noted, False, False
        self._is_own = state is L.STANDING
        """True for the caller's leg in a flow, whose media are the call's own business."""
        self._commands: list[CallCommand] = []
        if state in (L.OPENING, L.ARRIVING):
            self._commands.append(port_for(leg_id, terms, local_ip=local_ip, may_latch=may_latch))
        if state is L.ARRIVING:
            self._note("arrived")

    @property
    def is_there(self) -> bool:
        """True while it is answered."""
        return self.state is L.STANDING

    @property
    def is_gone(self) -> bool:
        """True when it ended."""
        return self.state is L.GONE

    @property
    def holds_us(self) -> bool:
        """True while its side wants to hear nothing: it holds the other one."""
        return self.terms is not None and (not self.terms.sends or not self.terms.remote_port)

    @property
    def failed_line(self) -> str:
        """The trunk that could not carry the call to anybody; empty when that was not the trunk's fault."""
        if self.destination is None or self._reached or self.status not in OF_THE_LINE:
            return ""
        if self.status == NO_ANSWER and self._is_heard:
            return ""  # the ringing tone of mobile networks comes as 183, and nobody came to the telephone
        return self.destination.line

    def take_commands(self) -> list[CallCommand]:
        """Give what is to be done, and forget it."""
        commands, self._commands = self._commands, []
        return commands

    def move(self, event: I) -> bool:
        """Make a move of the table; False when there is none for this state."""
        row = LEG_TRANSITIONS.get((self.state, event))
        if row is None:
            return False
        action, self.state = row
        _ACTIONS[action](self)
        return True

    def opened(self, port: PortOpened) -> bool:
        """Take the port."""
        self.port = port
        return self.move(I.PORT)

    def port_moved(self, event: PortMoved) -> None:
        """Take another place for its voice; the other side is told as soon as it may be."""
        self.port = PortOpened(event.call_id, event.local_ip, event.local_port)
        self.move(I.PORT_MOVED)

    def port_refused(self) -> bool:
        """Take note that it does not follow; True when it is lost for that, as its voice goes nowhere."""
        return self.port != self._told_port and self.move(I.PORT_REFUSED)

    def rings(self, status: int, terms: VoiceTerms | None) -> bool:
        """Take a provisional response, with early media or without."""
        if not self.move(I.RINGS):
            return False
        self._is_heard, self._reached = True, self._reached or status in REACHED
        if terms is not None:
            self.aim(terms)
        return True

    def answers(self, terms: VoiceTerms) -> bool:
        """Take the answer."""
        if (self.state, I.ANSWERS) not in LEG_TRANSITIONS:
            return False
        before, self.terms = self.terms, terms
        self._commands.append(aim_at(self.leg_id, terms, before))
        self.move(I.ANSWERS)
        if self.port != self._told_port:  # its plane was replaced while it rang
            self.move(I.PORT_MOVED)
        return True

    def left(self, cause: str, status: int, redirects: Iterable[Uri] = ()) -> bool:
        """Take its end.

        :param redirects: where it sends its call.
        """
        self.cause, self.status = cause, status
        forwards_to = self.destination.forwards_to if self.destination is not None else None
        if forwards_to is not None:
            self.forwarded = tuple(dict.fromkeys(user for uri in redirects if (user := forwards_to(uri))))
        return self.move(I.LEFT)

    def drop(self, cause: str = "hung_up") -> bool:
        """End it, whatever its state."""
        self.cause = self.cause or cause
        return self.move(I.DROP)

    def aim(self, terms: VoiceTerms) -> None:
        """Follow a change of its voice, its own or the answer to one of ours."""
        self._told_port = self.port
        before, self.terms = self.terms, terms
        self._commands.append(aim_at(self.leg_id, terms, before))

    def belongs_to(self, call: CallId) -> None:
        """Make it part of another call."""
        self.call, self._is_noted = call, True
        self._note("moved")

    # -- actions ------------------------------------------------------------------------------------

    def _dial(self) -> None:
        assert self.destination is not None
        assert self.port is not None
        to, self._told_port = self.destination, self.port
        order = DialOrder(
            call_id=self.leg_id,
            branches=to.branches,
            from_=to.from_,
            to=to.to,
            local_ip=self.port.local_ip,
            local_port=self.port.local_port,
            voice=preferring(to.origin.voice, self._codec),
            headers=to.headers,
            secret=to.secret,
            origin=to.origin,
            timer=to.timer,
            ring_s=self._ring_s,
            allows_redirect=to.allows_redirect,
        )
        self._commands.append(Dial(self.leg_id, order, self.call, self.peer))

    def _note(self, what: str) -> None:
        if self._is_noted and not self._is_own:
            note = NoteLeg(self.leg_id, self.call, self.peer, what)
            if what == "ended":
                note = NoteLeg(self.leg_id, self.call, self.peer, what, self.cause, self.status)
            self._commands.append(note)

    def _answered(self) -> None:
        self._note("answered")

    def _answer(self) -> None:
        assert self.port is not None
        self._told_port = self.port
        self._commands.append(Answer(self.leg_id, self.port.local_ip, self.port.local_port))
        self._note("answered")

    def _reoffer(self) -> None:
        if self.port is not None and not self._is_own:
            self._commands.append(Reoffer(self.leg_id, self.port.local_ip, self.port.local_port))

    def _close(self) -> None:
        self._commands.append(ClosePort(self.leg_id))

    def _close_noted(self) -> None:
        if not self._is_own:
            self._close()
        self._note("ended")

    def _hang_up(self) -> None:
        self._commands.append(HangUp(self.leg_id))
        self._close()
        self._note("ended")

    def _refuse(self) -> None:
        self._commands.append(Refuse(self.leg_id, self.status or UNAVAILABLE))
        self._close()
        self._note("ended")

    def _keep(self) -> None:
        return


_ACTIONS: Final[Mapping[A, Callable[[Leg], None]]] = {
    A.DIAL: Leg._dial,
    A.KEEP: Leg._keep,
    A.AIM: Leg._answered,
    A.ANSWER: Leg._answer,
    A.REOFFER: Leg._reoffer,
    A.CLOSE: Leg._close,
    A.CLOSE_NOTED: Leg._close_noted,
    A.HANG_UP: Leg._hang_up,
    A.REFUSE: Leg._refuse,
}
