"""Recordings on disk: threads of the media plane's process that do all its waiting for disks.

An open recording is ``<day>/<recording_id>.alaw.part`` (or ``.ulaw.part``), and beside it
``<recording_id>.far.alaw.part`` where the other side is recorded too: G.711 bytes as they came, no header, so
that every prefix of them is a good recording. Closing it is: write all, fsync, rename to ``.alaw``, fsync the
folder, and only then tell RecordingClosed; the peaks file for drawing it comes after that. One thread writes,
every 200 ms, so that the blocks of a recording stay in order; it hashes what it writes. A few seal, so that
one slow fsync holds up neither the writing nor each other.

The tick hands bytes over through queues that never wait. A disk that stalls costs memory up to
LONGEST_BACKLOG and then recordings, but never a voice frame.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Codec, FarSide, MediaEvent, MediaFailed, RecordingClosed
from hotline.media.recording import AppendSamples, RecorderOrder, SealRecording, Side
from hotline.media.rtp import RATE_HZ
from hotline.wire.part_files import (
    PartFile,
    Reserve,
    Write,
    create_blocking,
    recode,
    rename_blocking,
    reopen_blocking,
    reserve_blocking,
    silence,
    write_peaks_blocking,
)

LONGEST_BACKLOG: Final = 64 << 20  # bytes waiting for the disk: 40 s of 200 calls
RESERVE_BYTES: Final = 256 << 20  # disk space below which no recording is begun: nine hours of one call
SEALERS: Final = 4
WRITE_EVERY_S: Final = 0.2
CHECK_SPACE_S: Final = 2.0
DRAWN_FROM: Final = 60 * RATE_HZ
"""Samples from which on a recording gets a peaks file; a shorter one is measured when it is drawn, in 2 ms"""


@dataclass(slots=True)
class _Recording:
    call_id: CallId
    folder: Path
    files: dict[Side, PartFile] = field(default_factory=dict)
    waiting: dict[Side, list[bytes]] = field(default_factory=dict)
    failure: str = ""
    laws: dict[Side, Codec] = field(default_factory=dict)
    """Of what comes for a file that a plane which died began, maybe in the other law."""


class Recorder:
    """Writes and seals recordings below one folder.

    :param folder: the recordings folder; made when missing.
    :param today: gives the name of the day's folder, in the site's time zone.
    :param reserve_bytes: below so much free space ``is_short_of_space``.
    :param write: as ``os.write``.
    :param reserve: as ``part_files.reserve_blocking``.
    :param drawn_from: samples from which on a recording gets a peaks file.
    """

    def __init__(
        self,
        folder: Path,
        today: Callable[[], str],
        *,
        reserve_bytes: int = RESERVE_BYTES,
        longest_backlog: int = LONGEST_BACKLOG,
        write: Write = os.write,
        reserve: Reserve = reserve_blocking,
        drawn_from: int = DRAWN_FROM,
    ) -> None:
        self._folder, self._today, self._write, self._reserve_room = folder, today, write, reserve
        self._reserve, self._longest_backlog = reserve_bytes, longest_backlog
        self._drawn_from = drawn_from
        folder.mkdir(parents=True, exist_ok=True)
        self._orders: deque[RecorderOrder] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()
        """Wakes the writer before its time; False ends it."""
        self._seals: SimpleQueue[tuple[SealRecording, _Recording] | None] = SimpleQueue()
        self._events: SimpleQueue[MediaEvent] = SimpleQueue()
        self._handed = self._written = 0
        self._ordered_seals = self._told_seals = 0
        self._told_lock = threading.Lock()
        self._begun: set[RecordingId] = set()
        self._dropped: set[RecordingId] = set()
        self._open: dict[RecordingId, _Recording] = {}
        self._is_closing = False
        self._check_space_blocking()
        self._writer = threading.Thread(target=self._write_all_blocking, name="recorder", daemon=True)
        self._sealers = [
            threading.Thread(target=self._seal_all_blocking, name=f"sealer-{n}", daemon=True)
            for n in range(SEALERS)
        ]
        for thread in (self._writer, *self._sealers):
            thread.start()

    # -- called from the tick: these never wait -----------------------------------------------------

    @property
    def is_short_of_space(self) -> bool:
        """Tell whether the disk has less room than the reserve, as of some seconds ago."""
        return self._is_short

    @property
    def is_idle(self) -> bool:
        """Tell whether all that was ordered has been done and told."""
        is_done = self._handed == self._written and self._ordered_seals == self._told_seals
        return is_done and self._events.empty()

    @property
    def backlog_bytes(self) -> int:
        """How much waits for the disk."""
        return self._handed - self._written

    def submit(self, order: RecorderOrder) -> None:
        """Hand an order over; its outcome comes from ``take_events``."""
        if isinstance(order, SealRecording):
            self._dropped.discard(order.recording_id)
            self._begun.discard(order.recording_id)
            self._ordered_seals += 1
            self._orders.append(order)
            self._bell.put(True)  # somebody waits for RecordingClosed
            return
        if order.recording_id in self._dropped:
            return
        size = len(order.data) + order.lead
        if self.backlog_bytes + size > self._longest_backlog:
            self._dropped.add(order.recording_id)
            self._events.put(MediaFailed(order.call_id, "the disk of the recordings does not keep up"))
            return
        self._handed += size
        self._orders.append(order)
        if order.recording_id not in self._begun:
            self._begun.add(order.recording_id)
            self._bell.put(True)  # the writer may be asleep for longer while there is nothing to write

    def take_events(self) -> list[MediaEvent]:
        """Take what was done or failed."""
        events: list[MediaEvent] = []
        while not self._events.empty():  # nobody else takes from it
            events.append(self._events.get_nowait())
        return events

    # -- the end ------------------------------------------------------------------------------------

    def close_blocking(self, timeout_s: float) -> bool:
        """Do what was ordered, end the threads, and tell whether that took no longer than allowed."""
        deadline = time.monotonic() + timeout_s
        self._is_closing = True
        self._bell.put(False)
        for thread in (self._writer, *self._sealers):
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in (self._writer, *self._sealers))

    # -- the writing thread -------------------------------------------------------------------------

    def _write_all_blocking(self) -> None:
        checked, goes_on = time.monotonic(), True
        while goes_on:
            with contextlib.suppress(Empty):
                goes_on = self._bell.get(timeout=WRITE_EVERY_S if self._open else CHECK_SPACE_S)
            if time.monotonic() - checked >= CHECK_SPACE_S:
                self._check_space_blocking()
                checked = time.monotonic()
            self._carry_out_blocking()
        for recording in self._open.values():  # nobody sealed these: they stay as they are
            for file in recording.files.values():
                os.close(file.descriptor)
        for _ in self._sealers:
            self._seals.put(None)

    def _carry_out_blocking(self) -> None:
        """Do all that was ordered until now, each file's blocks together."""
        gathered: dict[RecordingId, _Recording] = {}
        while self._orders:
            order = self._orders.popleft()
            if isinstance(order, AppendSamples):
                gathered[order.recording_id] = self._gather(order)
            else:
                recording = self._open.pop(order.recording_id, None)
                if recording is not None:
                    self._append_blocking(recording)
                    gathered.pop(order.recording_id, None)
                self._seals.put((order, recording or _Recording(order.call_id, self._folder)))
        for recording in gathered.values():
            self._append_blocking(recording)

    def _gather(self, order: AppendSamples) -> _Recording:
        recording = self._open.get(order.recording_id)
        if recording is None:
            recording = _Recording(order.call_id, self._folder / self._today())
            self._open[order.recording_id] = recording
        blocks = recording.waiting.setdefault(order.side, [])
        if order.side not in recording.files and not recording.failure:
            try:
                recording.files[order.side] = self._open_blocking(recording, order)
            except OSError as error:
                self._fail_blocking(recording, error)
        if order.lead:
            blocks.append(silence(order.codec, order.lead))
        blocks.append(order.data)
        return recording

    def _open_blocking(self, recording: _Recording, order: AppendSamples) -> PartFile:
        """Make a side's file, or go on with the one that a plane which died has left."""
        file = reopen_blocking(self._folder, order.recording_id, order.side) if order.at is not None else None
        if file is None:
            file = create_blocking(recording.folder, order.recording_id, order.codec, order.side)
        if order.at is not None:
            file.fill_blocking(order.at, self._write, self._reserve_room)
            recording.laws[order.side] = order.codec
        return file

    def _append_blocking(self, recording: _Recording) -> None:
        for side, blocks in recording.waiting.items():
            data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
            if not recording.failure:
                file = recording.files[side]
                try:
                    file.append_blocking(
                        recode(data, recording.laws.get(side, file.codec), file.codec),
                        self._write,
                        self._reserve_room,
                    )
                except OSError as error:
                    self._fail_blocking(recording, error)
            self._written += len(data)
        recording.waiting.clear()

    def _fail_blocking(self, recording: _Recording, error: OSError) -> None:
        recording.failure = f"the recording cannot be written: {error.strerror or error}"
        self._events.put(MediaFailed(recording.call_id, recording.failure))
        self._check_space_blocking()

    def _check_space_blocking(self) -> None:
        try:
            state = os.statvfs(self._folder)
            self._is_short = state.f_bavail * state.f_frsize < self._reserve
        except OSError:
            self._is_short = True

    # -- the sealing threads ------------------------------------------------------------------------

    def _seal_all_blocking(self) -> None:
        while (job := self._seals.get()) is not None:
            order, recording = job
            try:
                event: MediaEvent = self._seal_blocking(order, recording)
            except OSError as error:
                names = ", ".join(file.path.name for file in recording.files.values())
                reason = f"{error.strerror or error}; what was written stays as {names}"
                event = MediaFailed(order.call_id, f"the recording cannot be closed: {reason}")
            self._events.put(event)
            with self._told_lock:
                self._told_seals += 1
            if (
                isinstance(event, RecordingClosed)
                and event.path
                and event.length_samples >= self._drawn_from
                and not self._is_closing
            ):
                with contextlib.suppress(OSError):  # whoever wants to draw it can make them as well
                    self._draw_blocking(event)

    def _seal_blocking(self, order: SealRecording, recording: _Recording) -> RecordingClosed:
        if order.is_resumed:
            self._find_sides_blocking(order, recording)
        near, far = recording.files.get(Side.NEAR), recording.files.get(Side.FAR)
        with contextlib.ExitStack() as closing:  # all of them, also when one cannot be made durable
            for file in recording.files.values():
                closing.callback(file.close_blocking)
            if far is not None and far.length and (near is None or not near.length):
                near = self._fill_near_blocking(order, recording, far.length)
                closing.callback(near.close_blocking)
        rename_blocking([file for file in recording.files.values() if file.length])
        length = near.length if near is not None else 0
        return RecordingClosed(
            order.call_id,
            order.recording_id,
            self._name(near) if near is not None and length else "",
            near.codec if near is not None and length else order.codec,
            length,
            min(order.speech_ms, length // 8),
            (near.digest if near is not None else hashlib.sha256()).hexdigest(),
            FarSide(self._name(far), far.codec, far.length, far.digest.hexdigest())
            if far is not None and far.length
            else None,
        )

    def _find_sides_blocking(self, order: SealRecording, recording: _Recording) -> None:
        """Add what a plane that died wrote of sides from which nothing came since."""
        for side in Side:
            if side not in recording.files:
                file = reopen_blocking(self._folder, order.recording_id, side)
                if file is not None:
                    recording.files[side] = file

    def _fill_near_blocking(self, order: SealRecording, recording: _Recording, length: int) -> PartFile:
        """Write down that a caller said nothing while the other side spoke."""
        near = recording.files.get(Side.NEAR)
        if near is None:
            near = create_blocking(recording.folder, order.recording_id, order.codec, Side.NEAR)
            recording.files[Side.NEAR] = near
        near.append_blocking(silence(near.codec, length), self._write, self._reserve_room)
        return near

    def _draw_blocking(self, closed: RecordingClosed) -> None:
        sides = [(self._folder / closed.path, closed.codec)]
        if closed.far is not None:
            sides.append((self._folder / closed.far.path, closed.far.codec))
        write_peaks_blocking(self._folder / closed.path, sides)

    def _name(self, file: PartFile) -> str:
        return file.final.relative_to(self._folder).as_posix()
