"""What a plane is made of: the columns and tables that its commands change and its ticks move on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hotline.events.ids import CallId
from hotline.media.arrivals import Arrivals
from hotline.media.bridges import Bridges
from hotline.media.conferences import Conferences
from hotline.media.legs import Legs
from hotline.media.levels import Levels
from hotline.media.mixing import Mixing
from hotline.media.outgoing import Outgoing
from hotline.media.plan import MediaEvent, MediaFailed
from hotline.media.prompts import PromptBank
from hotline.media.reception import Reception
from hotline.media.recordings import Recordings
from hotline.media.relay import Relay
from hotline.media.reports import NewToken, Reports
from hotline.media.roster import Roster
from hotline.media.taps import Taps
from hotline.media.timelines import Timelines
from hotline.media.tones import ToneKeys
from hotline.media.vad import VoiceActivity


class Parts:
    """The parts of one plane, and what it has to tell.

    :param groups: for each local port the local address that it is at, as any number.
    :param new_token: gives an unguessable number of so many bits.
    """

    def __init__(
        self, groups: Sequence[int], calls_per_port: int, bank: PromptBank, new_token: NewToken
    ) -> None:
        self.bank = bank
        self.roster = Roster(groups, calls_per_port)
        slots = self.roster.slots
        self.legs = Legs(slots)
        self.lines = Timelines(slots)
        self.counts: Counter[str] = self.lines.counts
        self.voice, self.tones = VoiceActivity(slots), ToneKeys(slots)
        self.levels = Levels(slots)
        self.out = Outgoing(slots, bank)
        self.relay = Relay(self.roster, self.out)
        self.bridges = Bridges(self.relay, self.out, slots)
        self.recordings = Recordings(self.lines, self.legs.by_slot)
        self.taps = Taps(self.lines)
        self.mixing = Mixing(self.roster, self.lines, self.out)
        self.conferences = Conferences(self.bridges, self.mixing, self.out, self.recordings)
        self.reports = Reports(self.roster, self.out, Arrivals(slots), new_token)
        self.reception = Reception(
            self.legs, self.roster, self.lines, self.bridges, self.reports, self.counts
        )
        self.events: list[MediaEvent] = []
        self.complaints: list[tuple[CallId, str]] = []

    def fail(self, call_id: CallId, reason: str) -> None:
        """Tell that a call could not be done what was commanded."""
        self.events.append(MediaFailed(call_id, reason))
