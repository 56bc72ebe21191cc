"""Who hears whom: a table of legs, and from it for each of them one of three ways to hear.

====================  ==================================================================
a leg hears           and is sent
====================  ==================================================================
one, who has no       that one's packets, as they come (``bridges``, ``relay``)
other such listener
several               their sum, made every 20 ms (``mixing``)
nobody                silence
====================  ==================================================================

So in a plain talk both hear each other at once; a supervisor who listens takes nothing away from that, as
she alone hears a sum; one who whispers changes what the agent hears, and not what the caller hears. A leg
that goes from one way to another stays one stream: it hears on where it was.

Two who hear each other are a pair (``Leg.other``), and stay that when more come; recordings of both sides
follow the pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotline.media.bridges import Bridges
from hotline.media.leg import Conference, Leg
from hotline.media.mixing import Mixing
from hotline.media.outgoing import Outgoing
from hotline.media.recordings import Recordings


class Conferences:
    """The talks of one plane, of two legs or more."""

    def __init__(self, bridges: Bridges, mixing: Mixing, out: Outgoing, recordings: Recordings) -> None:
        self._bridges, self._mixing, self._out, self._recordings = bridges, mixing, out, recordings

    def build(self, hears: Mapping[Leg, tuple[Leg, ...]]) -> None:
        """Let these legs hear each other so; what any of them heard or said elsewhere ends.

        :param hears: every leg that hears or is heard, and whom it hears.
        """
        touched = dict.fromkeys(hears)
        for leg in hears:
            touched |= self._take_out(leg)
        if any(hears.values()):
            conference = Conference(dict(hears))
            for leg in hears:
                leg.conference = conference
        self._settle(touched)

    def leave(self, leg: Leg) -> None:
        """Take a leg out of its talk; the others hear on without it."""
        self._settle(self._take_out(leg))

    def end(self, leg: Leg) -> None:
        """End a leg's talk for all who are in it."""
        if leg.conference is not None:
            self.build(dict.fromkeys(leg.conference.hears, ()))

    def update(self, leg: Leg) -> None:
        """Take note that a leg began or ended to play, or changed its codec."""
        self._bridges.update(leg)
        speaker = _speaker(leg)
        if speaker is not None:
            self._bridges.update(speaker)
        self._mixing.hush(leg.slot)

    def begin_anew(self, leg: Leg) -> None:
        """Take note that the units have changed in which a leg's numbers count, both ways."""
        self._bridges.begin_anew(leg)
        speaker = _speaker(leg)
        if speaker is not None:
            self._bridges.begin_anew(speaker)

    @staticmethod
    def listeners(leg: Leg) -> list[Leg]:
        """Give those who hear a leg."""
        hears = leg.conference.hears if leg.conference is not None else {}
        return [one for one, heard in hears.items() if leg in heard]

    # -- the table ------------------------------------------------------------------------------------

    @staticmethod
    def _take_out(leg: Leg) -> dict[Leg, None]:
        """Take a leg out of the table that it stands in; give all who stood there."""
        conference, leg.conference = leg.conference, None
        if conference is None:
            return {}
        members = dict.fromkeys(conference.hears)
        conference.hears = {
            one: tuple(heard for heard in heards if heard is not leg)
            for one, heards in conference.hears.items()
            if one is not leg
        }
        if not any(conference.hears.values()):
            for one in conference.hears:
                one.conference = None
        return members

    def _settle(self, legs: Iterable[Leg]) -> None:
        """Let these legs hear what their tables say now; all whom that concerns are among them."""
        legs = list(legs)
        self._pair(legs)
        passing = _choose(legs)
        speakers = {source.listener: source for source in legs if source.listener is not None}
        for leg in legs:
            heard, speaker, passed = _heard_by(leg), speakers.get(leg), None
            if speaker is not None and speaker is not passing.get(leg):
                passed = self._stop_passing(speaker, leg, goes_on=speaker in heard)
            if heard and leg not in passing:
                self._mixing.hear(leg.slot, [one.slot for one in heard], passed=passed)
        for leg in legs:
            source = passing.get(leg)
            if source is not None and source.listener is not leg:
                if not self._out.is_playing(leg.slot):
                    self._bridges.send_rest(leg, self._mixing.take_rest(leg.slot, source.slot))
                self._mixing.forget(leg.slot)
                self._bridges.link(source, leg)
            elif not _heard_by(leg):
                self._mixing.forget(leg.slot)

    def _stop_passing(self, source: Leg, target: Leg, *, goes_on: bool) -> int | None:
        """Let packets pass no more; give the source's slot where the target hears on what passed."""
        was_passing, stamp = self._bridges.is_passing(source), self._bridges.time_of(target)
        self._bridges.unlink(source)
        if not (was_passing and goes_on):
            return None
        self._out.timestamp[target.slot] = stamp
        return source.slot

    def _pair(self, legs: Iterable[Leg]) -> None:
        for leg in legs:
            if leg.other is not None and not _hear_each_other(leg, leg.other):
                self._recordings.part(leg)
                leg.other.other, leg.other = None, None
        for leg in legs:
            members = leg.conference.hears if leg.conference is not None else ()
            for one in members:
                if leg.other is None and one.other is None and _hear_each_other(leg, one):
                    leg.other, one.other = one, leg
                    self._recordings.join(leg, one)


def _heard_by(leg: Leg) -> tuple[Leg, ...]:
    return leg.conference.hears.get(leg, ()) if leg.conference is not None else ()


def _hear_each_other(leg: Leg, other: Leg) -> bool:
    return leg is not other and other in _heard_by(leg) and leg in _heard_by(other)


def _speaker(leg: Leg) -> Leg | None:
    """Give whose packets pass on to a leg."""
    return next((one for one in _heard_by(leg) if one.listener is leg), None)


def _choose(legs: Iterable[Leg]) -> dict[Leg, Leg]:
    """Give for those who hear packets as they come whose these are: a leg's go to one other at most."""
    only = {leg: heard[0] for leg in legs if len(heard := _heard_by(leg)) == 1}
    chosen: dict[Leg, Leg] = {}
    for is_pair in (True, False):
        for leg, source in only.items():
            if (leg.other is source) is is_pair and source not in chosen.values():
                chosen.setdefault(leg, source)
    return chosen
