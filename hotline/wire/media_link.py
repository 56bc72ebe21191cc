"""The product's side of one media plane: starts it, talks to it, and starts it again when it dies.

Which of its ports are free is known here (``hotline.media.ports``), so a call that asks for one has it at
once, and can be answered before the plane has heard of it. Every call that the plane was serving when it
died gets MediaFailed, unless somebody lets them go on elsewhere (``on_died``, ``media_planes``); what it had
recorded stays on disk as ``.part`` files. A new plane is started after a back-off; until it is ready, calls
that ask for a port get MediaFailed at once, so that they can be refused politely.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from hotline.errors import ConfigError, LocalProtocolError, OutsideError, RemoteProtocolError
from hotline.events.ids import CallId, RecordingId
from hotline.media.commands import MAY_BE_LATE
from hotline.media.plan import (
    ClosePort,
    MediaCommand,
    MediaEvent,
    MediaFailed,
    OpenPort,
    PortOpened,
    Record,
    RecordingClosed,
)
from hotline.media.ports import PortPool, Seat, even_ports
from hotline.wire.media_end import PlaneEnd
from hotline.wire.media_messages import (
    Complained,
    Configure,
    PlaneMessage,
    PlaneReady,
    PlaneRefused,
    PlaneStatus,
)
from hotline.wire.reactor import Clock, Delayed
from hotline.wire.recorder import RESERVE_BYTES

LOCK_WAIT_S: Final = 5.0
START_WAIT_S: Final = 15.0
BACK_OFF_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)  # after the n-th death in a row; then the last
STEADY_S: Final = 30.0  # a plane that lived so long has made good its predecessors' deaths
SILENT_S: Final = 6.0
"""A plane tells every second how it is; one that says nothing for so long hangs, and is killed."""
MINUTE: Final = 60
AWAY: Final = "the media plane is being restarted"
DIED: Final = "the media plane died"

_log = structlog.get_logger()


class MediaPlane:
    """The media plane process, seen from the reactor's thread.

    :param reactor: for the back-off's timer.
    :param recordings_dir: made when missing; one media plane at a time may use it.
    :param prompts_dir: holds ``<language>/<name>.wav``.
    :param listen_ip: address for voice of calls that name none (``OpenPort.local_ip``).
    :param also_listen: more addresses, of either family, that calls may name.
    :param port_low: first UDP port; even ones up to ``port_high`` are used at each address.
    :param calls_per_port: how many calls may share one, told apart by who sends.
    :param hears_tones: False: keys are taken from events and signalling only, not from the voice.
    :param on_event: called in the reactor's thread for every event, also MediaFailed after a death.
    :param time_zone: zone of the day in the recordings' folder names.
    :param reserve_bytes: below so much free disk space no recording is begun.
    :param number: of this plane where a product has several, from 0.
    :param on_died: told when a plane has died, in place of MediaFailed for each of its calls.
    :param on_back: called when a plane takes calls again.
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
        time_zone: str = "Asia/Shanghai",
        reserve_bytes: int = RESERVE_BYTES,
        also_listen: Sequence[str] = (),
        calls_per_port: int = 1,
        hears_tones: bool = True,
        number: int = 0,
        on_died: Callable[[], None] | None = None,
        on_back: Callable[[], None] = lambda: None,
    ) -> None:
        self._reactor, self._on_event = reactor, on_event
        self._on_died, self._on_back = on_died, on_back
        self._configure = Configure(
            str(recordings_dir.absolute()),
            str(prompts_dir.absolute()),
            tuple(dict.fromkeys((listen_ip, *also_listen))),
            port_low,
            port_high,
            time_zone,
            reserve_bytes,
            LOCK_WAIT_S,
            calls_per_port,
            hears_tones,
            number,
        )
        self._end = PlaneEnd(self._hear, self._died)
        self._first_answer: asyncio.Future[PlaneReady | PlaneRefused] | None = None
        self._is_ready = self._is_stopping = False
        self._ready_at = 0.0
        self._deaths = 0
        self.deaths = 0
        """How often it died, in all."""
        self._heard_at = 0.0
        self._watch: Delayed | None = None
        self.ready: PlaneReady | None = None
        """What it told when it began."""
        self.status: PlaneStatus | None = None
        """How it is, as told last."""
        self.minute: deque[PlaneStatus] = deque(maxlen=MINUTE)
        """What it told in the last minute."""
        self._respawn: Delayed | None = None
        self._pool = self._new_pool()
        self._open: dict[CallId, Seat] = {}
        self._recording: dict[RecordingId, CallId] = {}

    @property
    def pid(self) -> int | None:
        """Process id of the plane; None while there is none."""
        return self._end.pid

    @property
    def number(self) -> int:
        """Which plane of the product it is."""
        return self._configure.number

    @property
    def is_ready(self) -> bool:
        """Tell whether the plane takes calls."""
        return self._is_ready

    @property
    def free_ports(self) -> int:
        """How many more calls may have a port; 0 while there is no plane."""
        return self._pool.free if self._is_ready else 0

    @property
    def ports(self) -> int:
        """How many calls may have a port at a time."""
        return self._pool.size

    @property
    def backlog(self) -> int:
        """How many messages the plane has not taken yet; above 0 it does not keep up."""
        return self._end.backlog

    async def start(self) -> PlaneReady:
        """Start the plane and wait until its ports are open.

        :raises ConfigError: when the ports are taken, a prompt cannot be used, or another plane
            holds the recordings folder; with the remedy.
        :raises OutsideError: when the process dies or says nothing.
        """
        self._first_answer = asyncio.get_running_loop().create_future()
        self._end.start(self._configure)
        try:
            answer = await asyncio.wait_for(self._first_answer, START_WAIT_S)
        except TimeoutError:
            await self.stop()
            raise OutsideError(f"the media plane was not ready within {START_WAIT_S:.0f} s") from None
        except OutsideError:
            await self.stop()
            raise
        if isinstance(answer, PlaneRefused):
            await self.stop()
            raise ConfigError(answer.message, file=answer.file)
        return answer

    def open_port(self, command: OpenPort) -> PortOpened | MediaFailed:
        """Give a call a port: ``local_port`` where that is given and free, else any.

        :returns: the port, at once; the plane opens it before it hears or sends anything of the call. Or
            why there is none: all are taken, none is where the caller reached us, the plane is away.
        """
        call_id = command.call_id
        if not self._is_ready:
            return MediaFailed(call_id, AWAY)
        if call_id in self._open:
            return MediaFailed(call_id, "the call has a port already")
        try:
            local_ip, seat = self._pool.take(
                command.local_ip,
                (command.remote_ip, command.remote_port),
                self._reactor.seconds(),
                may_latch=command.may_latch,
                port=command.local_port,
            )
        except (LocalProtocolError, RemoteProtocolError) as error:
            return MediaFailed(call_id, str(error))
        self._open[call_id] = seat
        self._end.write(replace(command, local_port=seat.port))
        return PortOpened(call_id, local_ip, seat.port)

    def send(self, command: MediaCommand) -> None:
        """Hand a command to the plane; what cannot be done is answered by MediaFailed.

        OpenPort is answered as by ``open_port``, a moment later.
        """
        if isinstance(command, OpenPort):
            self._reactor.callLater(0, self._on_event, self.open_port(command))
            return
        if not self._is_ready:
            if not isinstance(command, MAY_BE_LATE):
                failed = MediaFailed(command.call_id, AWAY)
                self._reactor.callLater(0, self._on_event, failed)
            return
        if isinstance(command, Record):
            self._recording[command.recording_id] = command.call_id
        elif isinstance(command, ClosePort) and (seat := self._open.pop(command.call_id, None)) is not None:
            self._pool.give_back(seat, self._reactor.seconds())
        self._end.write(command)

    async def stop(self) -> None:
        """End all calls' media, seal all recordings, and wait for the process to end.

        RecordingClosed events still come while this waits.
        """
        self._is_stopping, self._is_ready = True, False
        for timer in (self._respawn, self._watch):
            if timer is not None and timer.active():
                timer.cancel()
        await self._end.stop()

    # -- the process --------------------------------------------------------------------------------

    def _hear(self, message: PlaneMessage) -> None:
        self._heard_at = self._reactor.seconds()
        if isinstance(message, MediaEvent):
            if isinstance(message, RecordingClosed):
                self._recording.pop(message.recording_id, None)
            self._on_event(message)
        elif isinstance(message, Complained):
            _log.warning("media.complained", call_id=message.call_id, text=message.text)
        elif isinstance(message, PlaneStatus):
            self.status = message
            self.minute.append(message)
        elif isinstance(message, PlaneReady):
            self._is_ready, self._ready_at = not self._is_stopping, self._reactor.seconds()
            self.ready = message
            self._look_after()
            _log.info(
                "media.ready",
                plane=self.number,
                ports=message.ports,
                prompts=message.prompts,
                scheduling=message.scheduling,
                refused=message.refused,
            )
            is_first = self._is_first_answer_due
            self._answer(message)
            if self._is_ready and not is_first:
                self._on_back()
        elif isinstance(message, PlaneRefused):
            if self._is_first_answer_due:
                self._is_stopping = True  # start() tells the site; trying again would only say it twice
            else:
                _log.error("media.refused", reason=message.message)
            self._answer(message)
        else:
            raise LocalProtocolError(f"a media plane does not send {type(message).__name__}")

    def _look_after(self) -> None:
        """Kill a plane that hangs; then it is replaced as one that died."""
        now = self._reactor.seconds()
        if not self._is_ready:
            return
        if now - self._heard_at > SILENT_S:
            _log.error(
                "media.hangs", plane=self.number, pid=self.pid, silent_s=round(now - self._heard_at, 1)
            )
            self._end.kill()
            return
        self._watch = self._reactor.callLater(SILENT_S / 4, self._look_after)

    @property
    def _is_first_answer_due(self) -> bool:
        return self._first_answer is not None and not self._first_answer.done()

    def _answer(self, message: PlaneReady | PlaneRefused) -> None:
        if self._first_answer is not None and self._is_first_answer_due:
            self._first_answer.set_result(message)

    def _died(self) -> None:
        """Clean up after the plane: the stream from it has ended."""
        if self._is_ready and self._reactor.seconds() - self._ready_at > STEADY_S:
            self._deaths = 0
        self._is_ready, self.status = False, None
        if self._watch is not None and self._watch.active():
            self._watch.cancel()
        self.minute.clear()
        lost = set(self._recording.values())
        if not self._is_stopping:  # else whoever stops us has done with the calls; not with their recordings
            lost.update(self._open)
        self._open.clear()
        self._pool = self._new_pool()  # the next plane opens all of them anew
        self._recording.clear()
        if self._first_answer is not None and not self._first_answer.done():
            reason = "the media plane ended while it was starting; its last words are in the log"
            self._first_answer.set_exception(OutsideError(reason))
            self._is_stopping = True
        if not self._is_stopping:
            wait_s = BACK_OFF_S[min(self._deaths, len(BACK_OFF_S) - 1)]
            self._deaths += 1
            self.deaths += 1
            _log.error("media.died", plane=self.number, pid=self.pid, calls=len(lost), restart_in_s=wait_s)
            self._respawn = self._reactor.callLater(wait_s, self._start_again)
        if self._on_died is not None and not self._is_stopping:
            self._on_died()
            return
        for call_id in sorted(lost):
            self._on_event(MediaFailed(call_id, DIED))

    def _start_again(self) -> None:
        self._end.start(self._configure)

    def _new_pool(self) -> PortPool:
        ours = self._configure
        return PortPool(ours.listen_ips, even_ports(ours.port_low, ours.port_high), ours.calls_per_port)
