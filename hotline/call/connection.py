"""The caller's connection with a person: what a flow's ``connect`` asks for, carried out by a bridge.

The caller's own leg stays with her call, whatever becomes of the others: she is never transferred away
from her flow and never replaced, so that she goes on in it when nobody answers or the talk is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotline.call.bridge import Bridge
from hotline.call.bridge_news import BridgeOver, Talking
from hotline.call.destinations import Shown
from hotline.call.legs import L, Leg
from hotline.call.messages import CallCommand, CallInput, Refuse
from hotline.call.statuses import OCCUPIED
from hotline.events.ids import CallId
from hotline.ivr.flow import HOLD_MUSIC
from hotline.ivr.runner import Connect, Connected, ConnectionOver
from hotline.sip.events import CallArrived
from hotline.sip.voice_terms import VoiceTerms


class Connection:
    """Of one call in a flow: a new bridge for every ``connect``, one at a time."""

    def __init__(self, facts: CallArrived, language: str, *, may_latch: bool) -> None:
        self.terms = facts.terms
        """Of the caller's voice, as agreed last."""
        self.bridge: Bridge | None = None
        self.notes: list[str] = []
        self._facts, self._may_latch = facts, may_latch
        self._music = f"{language}/{HOLD_MUSIC}"
        self._legs_made = 0
        self._commands: list[CallCommand] = []
        self._events: list[Connected | ConnectionOver] = []

    def connect(self, wish: Connect, now: float) -> None:
        """Ring telephones."""
        self.end(now)
        facts = self._facts
        near = Leg(
            facts.call_id, facts.call_id, facts.caller, facts.origin.kind, terms=self.terms, state=L.STANDING
        )
        self.bridge = Bridge(
            facts.call_id,
            near,
            Shown(facts.caller, facts.withheld),
            music=self._music,
            first_leg=self._legs_made + 1,
            keeps_near=True,
            may_latch=self._may_latch,
        )
        self.bridge.seek(wish.to, wish.ring_s, now, only_idle=True, answers_itself=wish.answers_itself)
        self._collect()

    def end(self, now: float) -> None:
        """End the ringing or the talk; nothing is told about it."""
        if self.bridge is not None:
            self.bridge.end(now)
            self._collect()
            self._events.clear()

    def moved(self, terms: VoiceTerms) -> None:
        """Note what the caller's side agreed on."""
        self.terms = terms

    def handle(self, event: CallInput, now: float) -> None:
        """Take what concerns another leg than the caller's, or her voice."""
        if self.bridge is None:
            if isinstance(event, CallArrived):
                self._commands.append(Refuse(event.call_id, OCCUPIED))
            return
        if isinstance(event, CallArrived):
            self.bridge.replace(event, now)
        else:
            self.bridge.handle(event, now)
        self._collect()

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        return self.bridge.next_timer() if self.bridge is not None else None

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        if self.bridge is not None:
            self.bridge.handle_timer(now)
            self._collect()

    def take_commands(self) -> Iterable[CallCommand]:
        """Give what is to be done, and forget it."""
        commands, self._commands = self._commands, []
        return commands

    def take_events(self) -> Iterable[Connected | ConnectionOver]:
        """Give what the flow must know, and forget it."""
        events, self._events = self._events, []
        return events

    def follow_up(self) -> None:
        """Carry on what was done to the bridge from outside (``join.py``)."""
        if self.bridge is not None:
            self._collect()

    @property
    def leg_ids(self) -> Iterator[CallId]:
        """The legs beside the caller's."""
        if self.bridge is not None:
            yield from (one for one in self.bridge.leg_ids if one != self._facts.call_id)

    def _collect(self) -> None:
        """Pass on what the bridge wants done, and what the flow must know of its news."""
        bridge = self.bridge
        assert bridge is not None
        self._commands += bridge.take_commands()
        self.notes += bridge.notes
        bridge.notes.clear()
        self._legs_made = bridge.legs_made
        for news in bridge.take_news():
            if isinstance(news, Talking):
                self._events.append(Connected())
            elif isinstance(news, BridgeOver):
                self._events.append(ConnectionOver(news.outcome))
                self.bridge = None
