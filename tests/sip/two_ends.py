"""Two of our user agents, a bad network between them, and a script of what people and lines do.

Everything comes from one seed: the network (loss, copies, delay, overtaking), the calls, who does what
and when. Time is virtual. ``run`` plays a script to its end and complains when the two ends do not agree,
or when anything is left behind.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.admission import Origin, Standing
from hotline.sip.call_leg import CallLeg
from hotline.sip.config import UserAgentConfig
from hotline.sip.dialling import DialOrder, DialTarget
from hotline.sip.events import (
    CallAnswered,
    CallArrived,
    CallConfirmed,
    CallEnded,
    MediaMoved,
    ReofferFailed,
    SipEvent,
    TransferAsked,
)
from hotline.sip.flow import Flow
from hotline.sip.headers import NameAddr
from hotline.sip.message import Request, parse_message
from hotline.sip.session_timer import USUAL_TIMER, TimerWish
from hotline.sip.uri import parse_uri
from hotline.sip.user_agent import UserAgent
from hotline.sip.voice_terms import CODECS, SrtpKeys, VoicePolicy, VoiceTerms

QUIET_S = 150.0
"""From the last move of the script to the look at both ends: every retransmission has ended by then."""
CLEARED_S = 90.0
"""From the first BYE to the moment when nothing may be left: a transaction and its memory."""
MOST_STEPS = 20_000
"""Moments of one wait at which something happens; a script has some hundred."""
FOREVER_S = 100_000.0
LOSS_THAT_KILLS = 0.3
"""Share of lost messages from which on a call may end because nobody got through."""


class Fault(AssertionError):  # noqa: N818 - it reads better where it is raised
    """What the two ends did not agree on."""


class Side(Enum):
    """Which end."""

    RED = "red"
    BLUE = "blue"

    @property
    def other(self) -> Side:
        return Side.BLUE if self is Side.RED else Side.RED

    @property
    def address(self) -> tuple[str, int]:
        return ("192.0.2.1", 5060) if self is Side.RED else ("198.51.100.9", 5080)


@dataclass
class Known:
    """What the layer above one end knows about a leg."""

    call_id: CallId
    is_ours: bool
    pair: str
    """Ties the two legs of a call together."""
    port: int
    """Where it wants the other side's voice at first."""
    terms: VoiceTerms | None = None
    said: int = 0
    """Final status that the layer above gave; 0 before."""
    stands: bool = False
    ended: CallEnded | None = None
    wanted: tuple[bool, bool] | None = None
    """Directions (sends, receives) of the last re-offer that was not refused."""


@dataclass
class Script:
    """What a seed makes of the network and of people."""

    loss: float
    copies: float
    longest_s: float
    reliable: str
    timer: TimerWish | None
    takes_update: bool
    security: str
    outage: tuple[float, float] | None
    """From when to when nothing gets through; None: the line holds."""

    @property
    def is_rough(self) -> bool:
        """Tell whether a call may end because nobody got through."""
        return self.loss >= LOSS_THAT_KILLS or self.outage is not None

    @property
    def is_dead(self) -> bool:
        """Tell whether the line dies for ever: the two ends cannot learn of each other."""
        return self.outage is not None and self.outage[1] == FOREVER_S

    @classmethod
    def of(cls, chance: random.Random) -> Script:
        loss = chance.choice([0.0, 0.05, 0.15, 0.3])
        outage = None
        if loss < 0.1 and chance.random() < 0.3:
            start = chance.choice([chance.uniform(0.0, 8.0), chance.uniform(0.0, 40.0)])
            outage = (start, chance.choice([start + 5.0, start + 15.0, FOREVER_S]))
        return cls(
            loss=loss,
            outage=outage,
            copies=chance.choice([0.0, 0.1, 0.3]),
            longest_s=chance.choice([0.02, 0.3, 1.2]),
            reliable=chance.choice(["never", "supported", "supported"]),
            timer=chance.choice([None, TimerWish(90), TimerWish(90, refresher="uas"), TimerWish(200)]),
            takes_update=chance.random() < 0.7,
            security=chance.choice(["never", "optional", "required"]),
        )


@dataclass
class End:
    """One user agent, and what is known above it."""

    side: Side
    ua: UserAgent
    legs: dict[CallId, Known] = field(default_factory=dict)

    @property
    def flow(self) -> Flow:
        return Flow("udp", self.side.address, self.side.other.address, 1)


class World:
    """Both ends and the network between them, in virtual time."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.script = Script.of(self.chance)
        self.now = 0.0
        self.story: list[str] = []
        """Everything that happened, to be printed for a seed that failed."""
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._ports = itertools.count(20000, 2)
        self.ends = {side: self._new_end(side) for side in Side}
        self.dialled: set[str] = set()
        self.hung_up: set[str] = set()
        """Calls that somebody ended, or gave up."""

    def _new_end(self, side: Side) -> End:
        calls, tokens = itertools.count(1), itertools.count(1)
        salt = self.chance.getrandbits(48)
        methods = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "PRACK", "REFER"]
        config = UserAgentConfig(
            ("96156",),
            allow=tuple([*methods, "UPDATE"] if self.script.takes_update else methods),
            admission=_Known(Origin(voice=self._voice(), reliable=self.script.reliable)),
        )
        ua = UserAgent(
            config,
            lambda: CallId(f"{side.value}-in-{next(calls)}"),
            lambda: f"{side.value}{salt:012x}{next(tokens):06x}",
            lambda: self.chance.randbytes(30),
        )
        return End(side, ua)

    def _voice(self) -> VoicePolicy:
        codecs = list(CODECS)
        self.chance.shuffle(codecs)
        return VoicePolicy(tuple(codecs), self.script.security)  # type: ignore[arg-type]

    # -- time and network -------------------------------------------------------------------------

    def later(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._count), call))

    def run_until(self, when: float) -> None:
        """Let everything happen that is due by then."""
        for _ in range(MOST_STEPS):
            self._carry()
            due = [due for end in self.ends.values() if (due := end.ua.next_timer()) is not None]
            if self._queue:
                due.append(self._queue[0][0])
            if not due or min(due) > when:
                self.now = max(self.now, when)
                return
            self.now = max(self.now, min(due))
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
                self._carry()
            for end in self.ends.values():
                end.ua.handle_timer(self.now)
        raise Fault(f"something goes round at {self.now:.3f}, and on for ever")

    def _carry(self) -> None:
        for end in self.ends.values():
            for outgoing in end.ua.take_outbox():
                self._transmit(end.side, outgoing.data, outgoing.flow)
        for end in self.ends.values():
            for event in end.ua.take_events():
                self.story.append(f"{self.now:9.3f} {end.side.value:4} {event}")
                self._hear(end, event)

    def _transmit(self, side: Side, data: bytes, flow: Flow) -> None:
        if flow.remote != side.other.address:
            raise Fault(f"{side.value} sends to {flow.remote}: {data[:60]!r}")
        outage = self.script.outage
        is_down = outage is not None and outage[0] <= self.now < outage[1]
        copies = (
            0 if self.chance.random() < self.script.loss else 1 + (self.chance.random() < self.script.copies)
        )
        if is_down:
            copies = 0
        first = data.split(b"\r\n", 1)[0].decode()
        cseq = next(line for line in data.decode().split("\r\n") if line.startswith("CSeq"))
        self.story.append(f"{self.now:9.3f} {side.value:4} > {first} [{cseq}]{' lost' if not copies else ''}")
        for _ in range(copies):
            self.later(
                self.chance.uniform(0.005, self.script.longest_s), lambda: self._deliver(side.other, data)
            )

    def _deliver(self, side: Side, data: bytes) -> None:
        self.ends[side].ua.handle_message(parse_message(data), self.ends[side].flow, self.now)

    # -- what people do ---------------------------------------------------------------------------

    def dial(self, side: Side) -> None:
        end, number = self.ends[side], len(self.dialled) + 1
        pair = f"p{number}"
        self.dialled.add(pair)
        call_id = CallId(f"{side.value}-out-{number}")
        target = DialTarget(parse_uri(f"sip:96156@{_host(side.other)}"), end.flow)
        order = DialOrder(
            call_id,
            ((target,),),
            NameAddr("", parse_uri(f"sip:{pair}@{_host(side)}")),
            NameAddr("", parse_uri(f"sip:96156@{_host(side.other)}")),
            side.address[0],
            next(self._ports),
            voice=self._voice(),
            timer=self.script.timer,
            ring_s=60.0,
        )
        end.legs[call_id] = Known(call_id, True, pair, order.local_port)
        self.story.append(f"{self.now:9.3f} {side.value:4} dials {call_id}")
        end.ua.dial(order, self.now)

    def hang_up(self, side: Side, call_id: CallId) -> None:
        self.story.append(f"{self.now:9.3f} {side.value:4} hangs up {call_id}")
        self.hung_up.add(self.ends[side].legs[call_id].pair)
        self.ends[side].ua.hang_up(call_id, self.now)

    def reoffer(self, side: Side, call_id: CallId, sends: bool, receives: bool) -> None:
        end = self.ends[side]
        known = end.legs[call_id]
        if known.ended is not None:
            return
        leg = end.ua._book.get(call_id)
        port = next(self._ports) if self.chance.random() < 0.3 or leg is None else leg.voice.local_port
        known.wanted = (sends, receives) if known.stands else None
        self.story.append(f"{self.now:9.3f} {side.value:4} reoffers {call_id} {sends=} {receives=} {port=}")
        try:
            end.ua.reoffer(
                call_id,
                self.now,
                sends=sends,
                receives=receives,
                local_ip=side.address[0],
                local_port=port,
            )
        except LocalProtocolError:
            if known.stands:
                raise

    def ask(self, side: Side, call_id: CallId, method: str) -> None:
        """Send what the product itself never sends, inside a call: INFO, OPTIONS, REFER; or refresh it."""
        end = self.ends[side]
        leg = end.ua._book.get(call_id)
        if leg is None or not end.legs[call_id].stands:
            return
        self.story.append(f"{self.now:9.3f} {side.value:4} sends {method} in {call_id}")
        headers: tuple[tuple[str, str], ...] = (("Contact", f"<sip:96156@{_host(side)}>"),)
        body, body_type = b"", "application/sdp"
        if method == "INFO":
            body, body_type = b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay"
        elif method == "REFER":
            headers = (*headers, ("Refer-To", f"<sip:96156@{_host(side)}>"))
        elif method == "UPDATE":
            if leg.session_timer.interval_s and leg.session_timer.we_refresh:
                end.ua._book.reoffers.refresh(leg, self.now)  # before its time; by re-INVITE without UPDATE
                end.ua._book.settle(leg, self.now)
            return
        end.ua._ours.ask(
            leg, method, self.now, lambda _response, _now: None, headers, body, body_type=body_type
        )

    def leg_of(self, known: Known) -> CallLeg:
        """Look into a user agent for a leg that stands."""
        return next(leg for end in self.ends.values() if (leg := end.ua._book.get(known.call_id)) is not None)

    # -- what the layers above do -----------------------------------------------------------------

    def _hear(self, end: End, event: SipEvent) -> None:
        if isinstance(event, CallArrived):
            self._arrive(end, event)
            return
        known = end.legs.get(event.call_id)
        if known is None:
            raise Fault(f"{event} of an unknown call")
        if known.ended is not None:
            raise Fault(f"{event} after {known.ended}")
        match event:
            case CallAnswered(terms=terms):
                if known.stands:
                    raise Fault(f"{event} comes twice")
                known.stands, known.terms = True, terms
            case CallConfirmed():
                known.stands = True
            case MediaMoved(terms=terms):
                known.terms = terms
            case CallEnded():
                known.ended, known.stands = event, False
            case ReofferFailed():
                known.wanted = None
            case TransferAsked(call_id=call_id):
                self._transfer(end, call_id)

    def _arrive(self, end: End, event: CallArrived) -> None:
        pair = parse_uri(event.caller_raw).user
        if any(known.pair == pair and not known.is_ours for known in end.legs.values()):
            raise Fault(f"the call {pair} arrived as two")
        end.legs[event.call_id] = Known(event.call_id, False, pair, next(self._ports), event.terms)
        self._decide(end, end.legs[event.call_id])

    def _decide(self, end: End, known: Known) -> None:
        """Let a call ring, let it hear something early, and accept or refuse it; or do nothing."""
        chance, ua, at = self.chance, end.ua, 0.0
        for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
            at += chance.uniform(0, 4)
            status, port = chance.choice([(180, 0), (183, known.port)])
            self.later(at, lambda s=status, p=port: self._progress(end, known, s, p))  # type: ignore[misc]
        at += chance.uniform(0, 4)
        end_of_it = chance.random()
        if end_of_it < 0.75:
            self.later(at, lambda: self._accept(end, known))
        elif end_of_it < 0.95:
            status = chance.choice([486, 603, 302, 503])
            self.later(
                at, lambda: self._settle(known, status, lambda: ua.refuse(known.call_id, status, self.now))
            )

    def _progress(self, end: End, known: Known, status: int, port: int) -> None:
        if not known.said and known.ended is None:
            end.ua.progress(
                known.call_id, status, self.now, local_ip=end.side.address[0] if port else "", local_port=port
            )

    def _accept(self, end: End, known: Known) -> None:
        ip = end.side.address[0]
        self._settle(known, 200, lambda: end.ua.accept(known.call_id, ip, known.port, self.now))

    def _settle(self, known: Known, status: int, do: Callable[[], object]) -> None:
        if not known.said and known.ended is None:
            known.said = status
            do()

    def _transfer(self, end: End, call_id: CallId) -> None:
        """Carry a REFER out in words only: 180, then how it ended."""
        final = self.chance.choice([200, 486])
        self.later(self.chance.uniform(0, 3), lambda: end.ua.transfer_progress(call_id, 180, self.now))
        self.later(self.chance.uniform(3, 9), lambda: end.ua.transfer_progress(call_id, final, self.now))


class _Known:
    """An admission that takes everybody, as one origin."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def knows(self, ip: str, now: float) -> bool:
        return True

    def hears(self, request: Request, flow: Flow, now: float) -> bool:
        return True

    def admit(self, request: Request, flow: Flow, now: float, standing: Standing) -> Origin:
        return self._origin


def _host(side: Side) -> str:
    return f"{side.address[0]}:{side.address[1]}"


def play(seed: int) -> World:
    """Play the script of a seed to its end.

    :raises Fault: when the two ends did not agree, or left something behind.
    """
    world = World(seed)
    try:
        _play(world)
    except Exception:
        print(f"\nseed {seed}: {world.script}\n" + "\n".join(world.story))
        raise
    return world


def _play(world: World) -> None:
    chance = world.chance
    for _ in range(chance.choice([1, 1, 1, 2])):
        side = chance.choice(list(Side))
        world.later(chance.uniform(0, 2), lambda side=side: world.dial(side))  # type: ignore[misc]
    world.run_until(chance.choice([0.1, 2.0, 8.0, 20.0]))
    for end in world.ends.values():
        for known in list(end.legs.values()):
            if known.is_ours and chance.random() < 0.25:
                world.later(chance.uniform(0, 3), lambda e=end, k=known: world.hang_up(e.side, k.call_id))  # type: ignore[misc]
    world.run_until(world.now + 30.0)
    for _ in range(chance.choice([0, 2, 4, 8, 12])):
        _one_move(world)
    world.run_until(world.now + QUIET_S)
    if not world.script.is_dead:
        check_agreement(world)
    for pair in sorted(world.dialled):
        sides = list(Side) if world.script.is_dead or chance.random() < 0.3 else [chance.choice(list(Side))]
        for side in sides:
            for known in world.ends[side].legs.values():
                if known.pair == pair:
                    world.later(chance.uniform(0, 1), lambda s=side, k=known: world.hang_up(s, k.call_id))  # type: ignore[misc]
    world.run_until(world.now + CLEARED_S)
    check_nothing_is_left(world)


def _one_move(world: World) -> None:
    """Let somebody do something in one of the calls that stand, and time pass or not."""
    chance = world.chance
    standing = [(end, known) for end in world.ends.values() for known in end.legs.values() if known.stands]
    if standing:
        end, known = chance.choice(standing)
        side, call_id, delay = end.side, known.call_id, chance.choice([0.0, chance.uniform(0, 0.3)])
        move = chance.choice(["reoffer", "reoffer", "INFO", "OPTIONS", "UPDATE", "REFER", "hang up"])
        if move == "reoffer":
            sends, receives = chance.choice([(True, True), (True, True), (True, False), (False, False)])
            world.later(delay, lambda: world.reoffer(side, call_id, sends, receives))
        elif move == "hang up":
            if chance.random() < 0.3:
                world.later(delay, lambda: world.hang_up(side, call_id))
        else:
            world.later(delay, lambda: world.ask(side, call_id, move))
    world.run_until(world.now + chance.choice([0.0, 0.1, 1.0, 10.0, 60.0]))


def check_agreement(world: World) -> None:
    """Look whether both ends know the same of each call, once nothing has happened for long."""
    for pair in sorted(world.dialled):
        legs = [known for end in world.ends.values() for known in end.legs.values() if known.pair == pair]
        ours = next(known for known in legs if known.is_ours)
        theirs = next((known for known in legs if not known.is_ours), None)
        if pair not in world.hung_up:
            _check_outcome(world, ours, theirs)
        if [known for known in legs if known.stands] not in ([], legs):
            raise Fault(f"one end talks, the other does not: {legs}")
        if not ours.stands and not all(known.ended for known in legs):
            raise Fault(f"it never ended: {legs}")
        if theirs is not None and ours.stands:
            _check_voice(world, ours, theirs)
            _check_timer(world, ours, theirs)


def _check_outcome(world: World, ours: Known, theirs: Known | None) -> None:
    """Look whether what the called side decided came true at the caller's: nobody hung up."""
    said = theirs.said if theirs is not None else 0
    if said == 200 and ours.stands:
        return
    if world.script.is_rough:
        return
    if world.script.loss and any(end.ua.counts.sessions_expired for end in world.ends.values()):
        return  # of 90 s, 15 stand between a refresh and the end of who waits for it (RFC 4028, 10)
    if said == 200:
        raise Fault(f"it was answered, but does not stand: {ours} {theirs}")
    if ours.ended is None or ours.ended.cause != "failed":
        raise Fault(f"it was refused with {said}, but has not failed: {ours}")
    if said and ours.ended.status != said:
        raise Fault(f"it was refused with {said}, but failed with {ours.ended.status}")


def _check_voice(world: World, ours: Known, theirs: Known) -> None:
    one, other = ours.terms, theirs.terms
    if one is None or other is None:
        raise Fault(f"no voice was agreed on: {ours} {theirs}")
    if (one.codec, one.sends, one.receives) != (other.codec, other.receives, other.sends):
        raise Fault(f"they understand each other otherwise: {one} and {other}")
    voices = world.leg_of(ours).voice, world.leg_of(theirs).voice
    for known, voice in zip((ours, theirs), voices, strict=True):
        if known.wanted not in (None, (voice.sends, voice.receives)):
            raise Fault(f"a change got lost: {known} {voice}")
    if (one.remote_port, other.remote_port) != (voices[1].local_port, voices[0].local_port):
        raise Fault(f"voice goes where nobody listens: {one} and {other}")
    if (one.srtp is None) != (other.srtp is None):
        raise Fault(f"only one protects its voice: {one} and {other}")
    if one.srtp != (other.srtp and SrtpKeys(other.srtp.suite, other.srtp.receive_key, other.srtp.send_key)):
        raise Fault(f"the keys differ: {one} and {other}")


def _check_timer(world: World, ours: Known, theirs: Known) -> None:
    timers = world.leg_of(ours).session_timer, world.leg_of(theirs).session_timer
    wish = world.script.timer or USUAL_TIMER  # who is called asks for one where the caller does not
    if [timer.interval_s for timer in timers] != [wish.interval_s] * 2:
        raise Fault(f"the session timers differ: {timers}")
    if timers[0].we_refresh is timers[1].we_refresh:
        raise Fault(f"both refresh, or none: {timers}")


def check_nothing_is_left(world: World) -> None:
    """Look whether every call ended at both ends, once, and no timer or transaction stayed."""
    for end in world.ends.values():
        for known in end.legs.values():
            if known.ended is None:
                raise Fault(f"{known} never ended")
        left = (end.ua.calls, end.ua.transactions, end.ua.next_timer())
        if left != (0, 0, None):
            raise Fault(f"{end.side.value} keeps {left[0]} calls, {left[1]} transactions, timer {left[2]}")
