"""All media planes of the product: which serves whom, and what becomes of a leg whose plane dies.

Each plane is a process with ports of its own. The legs of a call are in one plane, as only there they can
hear each other: a leg's port is opened beside another's (``open_port``), and where a transfer brings two
planes' legs together one of them goes over.

A leg whose plane dies goes over to another plane where there is room, and otherwise back to its own as soon
as that was started again, to the very port that it had. Everything that was commanded is commanded again
(``hotline.media.anchors``) and the call is told by PortMoved, so that it can offer the place by a re-INVITE.
What is commanded meanwhile is kept. A leg that no plane takes within ADRIFT_S gets MediaFailed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import structlog

from hotline.errors import ConfigError
from hotline.events.ids import CallId
from hotline.media.anchors import Anchors, members_of
from hotline.media.commands import MAY_BE_LATE
from hotline.media.plan import (
    Bridge,
    ClosePort,
    MediaCommand,
    MediaEvent,
    MediaFailed,
    Mix,
    OpenPort,
    PortMoved,
    PortOpened,
    RecordingClosed,
    RecordingPaused,
    RecordingResumed,
    SpeechEnded,
)
from hotline.media.ports import even_ports
from hotline.wire.media_link import AWAY, DIED, MediaPlane
from hotline.wire.media_messages import PlaneReady
from hotline.wire.media_views import late_ms, view_of
from hotline.wire.reactor import Clock, Delayed
from hotline.wire.recorder import RESERVE_BYTES

ADRIFT_S: Final = 10.0
"""How long a leg waits for a plane: as long as a call waits for its recording."""
MOVED_AT_ONCE: Final = 20
"""Legs whose calls are told in one turn; each sends a re-INVITE."""
NEXT_MOVED_S: Final = 0.02
_OF_THE_PAST: Final = (RecordingClosed, RecordingPaused, RecordingResumed)
"""What a plane may still tell of a leg that has left it; its last word about the voice is none."""

log = structlog.get_logger()


class MediaPlanes:
    """The planes, as the telephone side sees them.

    :param workers: how many there are; they share the ports between them.
    :param on_event: takes every event of every plane.

    The other parameters are those of MediaPlane.
    """

    def __init__(
        self,
        reactor: Clock,
        *,
        recordings_dir: Path,
        prompts_dir: Path,
        listen_ip: str,
        port_low: int,
        port_high: int,
        on_event: Callable[[MediaEvent], None],
        workers: int = 1,
        time_zone: str = "Asia/Shanghai",
        reserve_bytes: int = RESERVE_BYTES,
        also_listen: Sequence[str] = (),
        calls_per_port: int = 1,
        hears_tones: bool = True,
    ) -> None:
        self._reactor, self._on_event = reactor, on_event
        self._anchors = Anchors()
        self._home: dict[CallId, int] = {}
        """The number of each leg's plane, also while that is away."""
        self._kept_ports: dict[CallId, int] = {}
        """Of each leg."""
        self._adrift: dict[CallId, float] = {}
        """Legs whose plane is away, and until when they wait."""
        self._untold: deque[PortMoved] = deque()
        self._telling: Delayed | None = None
        self._giving_up: Delayed | None = None
        self.deaths = 0
        """How many times a plane died."""
        self.planes = tuple(
            MediaPlane(
                reactor,
                recordings_dir=recordings_dir,
                prompts_dir=prompts_dir,
                listen_ip=listen_ip,
                port_low=low,
                port_high=high,
                on_event=lambda event, number=number: self._hear(number, event),  # type: ignore[misc]
                time_zone=time_zone,
                reserve_bytes=reserve_bytes,
                also_listen=also_listen,
                calls_per_port=calls_per_port,
                hears_tones=hears_tones,
                number=number,
                on_died=lambda number=number: self._died(number),  # type: ignore[misc]
                on_back=lambda number=number: self._is_back(number),  # type: ignore[misc]
            )
            for number, (low, high) in enumerate(share_ports(port_low, port_high, workers))
        )

    @property
    def is_ready(self) -> bool:
        """Tell whether any plane takes calls."""
        return any(plane.is_ready for plane in self.planes)

    @property
    def free_ports(self) -> int:
        """How many more legs may have a port."""
        return sum(plane.free_ports for plane in self.planes)

    @property
    def backlog(self) -> int:
        """How many messages the busiest plane has not taken yet."""
        return max(plane.backlog for plane in self.planes)

    @property
    def adrift(self) -> int:
        """How many legs wait for a plane."""
        return len(self._adrift)

    @property
    def open_legs(self) -> int:
        """How many legs have a port."""
        return len(self._home)

    def views(self) -> list[dict[str, Any]]:
        """Tell how each plane is, as JSON can carry it."""
        return [view_of(plane, self.legs_of(plane.number)) for plane in self.planes]

    def lateness_s(self, share: float) -> dict[str, float]:
        """Tell for each plane how late this share of the last minute's steps were at most."""
        told = {str(plane.number): late_ms(plane, share) for plane in self.planes}
        return {number: most_ms / 1000 for number, most_ms in told.items() if most_ms is not None}

    def dropped(self) -> dict[str, float]:
        """Tell how many packets were not heard, by reason, since the planes began."""
        total: Counter[str] = Counter()
        for plane in self.planes:
            total.update(plane.status.dropped if plane.status is not None else {})
        return {reason: float(count) for reason, count in total.items()}

    def legs_of(self, number: int) -> int:
        """Tell how many legs a plane has."""
        return sum(home == number for home in self._home.values())

    async def start(self) -> Sequence[PlaneReady]:
        """Start all planes.

        :raises ConfigError: as ``MediaPlane.start``.
        :raises OutsideError: as ``MediaPlane.start``.
        """
        first = await self.planes[0].start()  # what is wrong with the site is told once
        try:
            return [first, *await asyncio.gather(*(plane.start() for plane in self.planes[1:]))]
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all calls' media, and seal all recordings."""
        for timer in (self._telling, self._giving_up):
            if timer is not None and timer.active():
                timer.cancel()
        await asyncio.gather(*(plane.stop() for plane in self.planes))

    # -- what is commanded ----------------------------------------------------------------------------

    def open_port(self, command: OpenPort, beside: Iterable[CallId] = ()) -> PortOpened | MediaFailed:
        """Give a leg a port, at once.

        :param beside: legs of the same call: it will talk with one of them.
        """
        if command.call_id in self._home:
            return MediaFailed(command.call_id, "the call has a port already")
        number = next((self._home[leg] for leg in beside if leg in self._home), None)
        if number is None:
            number = self._emptiest()
        if number is None:
            return MediaFailed(command.call_id, AWAY)
        return self._open(command, number)

    def send(self, command: MediaCommand) -> None:
        """Hand a command to the plane of its leg; what cannot be done is answered by MediaFailed."""
        leg_id = command.call_id
        if isinstance(command, OpenPort):
            self._reactor.callLater(0, self._on_event, self.open_port(command))
            return
        if leg_id not in self._home:
            if not isinstance(command, MAY_BE_LATE):
                self._reactor.callLater(0, self._on_event, MediaFailed(leg_id, AWAY))
            return
        if isinstance(command, Bridge | Mix):
            self._bring_together(command)
            if leg_id not in self._home:
                return
        if leg_id in self._adrift:
            self._anchors.note(command, self._reactor.seconds())
            if isinstance(command, ClosePort):
                self._forget(leg_id)
            return
        plane = self.planes[self._home[leg_id]]
        self._anchors.note(command, self._reactor.seconds())
        plane.send(command)
        if isinstance(command, ClosePort):
            self._forget(leg_id)

    def _open(self, command: OpenPort, number: int) -> PortOpened | MediaFailed:
        answer = self.planes[number].open_port(command)
        if isinstance(answer, PortOpened):
            self._home[command.call_id] = number
            self._kept_ports[command.call_id] = answer.local_port
            if command.call_id not in self._anchors.of:
                self._anchors.opened(command)
        return answer

    def _emptiest(self) -> int | None:
        ready = [plane for plane in self.planes if plane.is_ready]
        return max(ready, key=lambda plane: plane.free_ports).number if ready else None

    def _forget(self, leg_id: CallId) -> None:
        self._home.pop(leg_id, None)
        self._kept_ports.pop(leg_id, None)
        self._adrift.pop(leg_id, None)

    # -- two planes, one talk -------------------------------------------------------------------------

    def _bring_together(self, talk: Bridge | Mix) -> None:
        """Let legs that shall hear each other be in one plane: that of the one which is recorded."""
        members = [leg_id for leg_id in sorted(members_of(talk)) if leg_id in self._home]
        homes = {self._home[leg_id] for leg_id in members}
        if len(homes) < 2:
            return
        of = self._anchors.of
        stays = next((one for one in members if of[one].words is not None), talk.call_id)
        number = self._home[stays]
        now = self._reactor.seconds()
        gone = [leg_id for leg_id in members if self._home[leg_id] != number]
        log.info("media.goes_over", legs=gone, plane=number)
        for leg_id in gone:
            if leg_id not in self._adrift:
                self.planes[self._home[leg_id]].send(ClosePort(leg_id))
            if of[leg_id].words is not None:  # what she said so far is one recording; nothing goes on
                of[leg_id].words = None
        if stays in self._adrift:
            for leg_id in gone:
                self._home[leg_id] = number
                self._adrift[leg_id] = self._adrift[stays]
            return
        self._go_on(gone, number, now)

    # -- a plane dies ---------------------------------------------------------------------------------

    def _died(self, number: int) -> None:
        self.deaths += 1
        now = self._reactor.seconds()
        mine = [leg_id for leg_id, home in self._home.items() if home == number]
        for leg_id in mine:
            self._adrift[leg_id] = now + ADRIFT_S
        target = self._with_room(len(mine))
        if target is not None:
            self._go_on(mine, target, now)
            self._finish_recordings()
        self._await_give_up()

    def _with_room(self, legs: int) -> int | None:
        """Find a plane that can take so many legs at once; a call's legs stay together."""
        number = self._emptiest()
        return number if number is not None and self.planes[number].free_ports >= legs else None

    def _is_back(self, number: int) -> None:
        """Take back those who waited for this plane."""
        waiting = [leg_id for leg_id, home in self._home.items() if home == number and leg_id in self._adrift]
        self._go_on(waiting, number, self._reactor.seconds())
        self._finish_recordings()

    def _go_on(self, leg_ids: Sequence[CallId], number: int, now: float) -> None:
        """Open ports for these legs in a plane, have all go on that they had, and tell their calls."""
        moved: list[PortMoved] = []
        for leg_id in leg_ids:
            port = self._kept_ports[leg_id] if self._home[leg_id] == number else 0
            answer = self._open(replace(self._anchors.of[leg_id].port, local_port=port), number)
            if isinstance(answer, MediaFailed):
                self._give_up(leg_id, answer.reason)
            else:
                self._adrift.pop(leg_id, None)
                moved.append(PortMoved(leg_id, answer.local_ip, answer.local_port))
        back = [event.call_id for event in moved]
        silent = [leg_id for leg_id in back if self._anchors.speaks(leg_id)]
        for command in self._anchors.rebuild(back, now):
            self.planes[number].send(command)
        if moved:
            log.info("media.goes_on", plane=number, legs=len(moved))
        for leg_id in silent:  # who fell silent meanwhile would be thought to speak on
            self._on_event(SpeechEnded(leg_id))
        self._untold.extend(moved)
        self._tell_moved()

    def _tell_moved(self) -> None:
        """Tell calls where their voices are, a few at a time: each sends a re-INVITE."""
        if self._telling is not None and self._telling.active():
            return
        for _ in range(min(MOVED_AT_ONCE, len(self._untold))):
            event = self._untold.popleft()
            if self._kept_ports.get(event.call_id) == event.local_port:  # else it ended, or moved again
                self._on_event(event)
        if self._untold:
            self._telling = self._reactor.callLater(NEXT_MOVED_S, self._tell_moved)

    def _finish_recordings(self) -> None:
        """Have recordings closed whose plane died before it had done so."""
        number = self._emptiest()
        if number is not None:
            for command in list(self._anchors.unsealed.values()):
                self.planes[number].send(command)

    # -- giving up ------------------------------------------------------------------------------------

    def _await_give_up(self) -> None:
        if self._adrift and (self._giving_up is None or not self._giving_up.active()):
            wait_s = max(0.0, min(self._adrift.values()) - self._reactor.seconds())
            self._giving_up = self._reactor.callLater(wait_s, self._give_up_late)

    def _give_up_late(self) -> None:
        now = self._reactor.seconds()
        self._giving_up = None
        for leg_id, until in list(self._adrift.items()):
            if until <= now:
                self._give_up(leg_id, DIED)
        self._await_give_up()

    def _give_up(self, leg_id: CallId, reason: str) -> None:
        """Let a leg end: no plane takes it."""
        self._anchors.note(ClosePort(leg_id), self._reactor.seconds())
        self._forget(leg_id)
        self._on_event(MediaFailed(leg_id, reason))

    # -- what is told ---------------------------------------------------------------------------------

    def _hear(self, number: int, event: MediaEvent) -> None:
        self._anchors.hear(event, self._reactor.seconds())
        home = self._home.get(event.call_id)
        if home is None or home == number or isinstance(event, _OF_THE_PAST):
            self._on_event(event)


def share_ports(port_low: int, port_high: int, workers: int) -> list[tuple[int, int]]:
    """Divide a range of ports: lowest and highest for each plane.

    :raises ConfigError: when there are fewer even ports than planes.
    """
    ports = even_ports(port_low, port_high)
    if workers == 1:
        return [(port_low, port_high)]
    if len(ports) < workers:
        raise ConfigError(
            f"[media] workers = {workers}, but there are only {len(ports)} even ports from "
            f"{port_low} to {port_high}; widen the range or take fewer workers"
        )
    bounds = [len(ports) * number // workers for number in range(workers + 1)]
    return [(ports[low], ports[high - 1] + 1) for low, high in pairwise(bounds)]
