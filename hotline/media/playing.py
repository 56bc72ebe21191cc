"""What each call is played: the queue of prompts behind the rows that ``Outgoing`` sends."""

from __future__ import annotations

from collections import deque

from hotline.media.leg import Leg
from hotline.media.outgoing import Slots
from hotline.media.parts import Parts
from hotline.media.plan import Play, PromptEnded


class Playing:
    """The queues of one plane's calls."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def play(self, call: Leg, command: Play) -> None:
        """Play these prompts in place of what is playing; unknown ones are complained of and left out."""
        parts = self._parts
        call.queue.clear()
        call.tag = command.tag
        for name in command.prompts:
            span = parts.bank.span(name)
            if span is None:
                parts.complaints.append(
                    (call.call_id, f"there is no prompt {name!r}; the caller hears nothing instead")
                )
            elif span[0] < span[1]:
                call.queue.append(span)
        call.loop = tuple(call.queue) if command.repeats else ()
        call.stops_at_keys, call.stops_at_speech = command.stops_at_keys, command.stops_at_speech
        parts.roster.begin(call.slot)
        self._play_next(call)
        parts.conferences.update(call)

    def stop(self, call: Leg) -> None:
        """Fall silent from the next packet on."""
        call.queue.clear()
        call.loop = ()
        self._parts.out.stop(call.slot)
        self._parts.conferences.update(call)

    def interrupt(self, call: Leg, key: str) -> None:
        """Let a key end what was to stop at it, without waiting to be told; PromptEnded follows."""
        if key in call.stops_at_keys:
            self._end_early(call)

    def interrupt_by_speech(self, call: Leg) -> None:
        """Let the caller's voice do the same."""
        if call.stops_at_speech:
            self._end_early(call)

    def _end_early(self, call: Leg) -> None:
        if self._parts.out.is_playing(call.slot):
            self.stop(call)
            self._parts.events.append(PromptEnded(call.call_id, call.tag))

    def go_on(self, slots: Slots) -> None:
        """Begin the next prompt of those slots whose last row was sent in this tick."""
        parts = self._parts
        for slot in parts.out.finished(slots):
            call = parts.legs.by_slot[slot]
            if call is not None:
                self._play_next(call)
                if not parts.out.is_playing(slot):
                    parts.conferences.update(call)

    def _play_next(self, call: Leg) -> None:
        """Go on with the queue; at its end begin it again, or tell that."""
        parts = self._parts
        call.queue = call.queue or deque(call.loop)
        if call.queue:
            parts.out.play(call.slot, *call.queue.popleft())
        else:
            parts.out.stop(call.slot)
            parts.events.append(PromptEnded(call.call_id, call.tag))
