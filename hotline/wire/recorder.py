"""Recordings on disk: threads of the media plane's process that do all its waiting for disks.

An open recording is ``<day>/<recording_id>.alaw.part`` (or ``.ulaw.part``): G.711 bytes as they
came, no header, so that every prefix of it is a good recording. Closing it is: write all, fsync,
rename to ``.alaw``, fsync the folder, hash what the file holds, and only then tell
RecordingClosed. One thread writes, so that the blocks of a recording stay in order; a few seal,
so that one slow fsync holds up neither the writing nor each other.

The tick hands bytes over through queues that never wait. A disk that stalls costs memory up to
LONGEST_BACKLOG and then recordings, but never a voice frame.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import MediaEvent, MediaFailed, RecordingClosed
from hotline.media.recording import AppendSamples, RecorderOrder, SealRecording

PART: Final = ".part"
LONGEST_BACKLOG: Final = 64 << 20  # bytes waiting for the disk: 40 s of 200 calls
RESERVE_BYTES: Final = 256 << 20  # disk space below which no recording is begun: nine hours of one call
SEALERS: Final = 4
CHECK_SPACE_S: Final = 2.0
_READ_BYTES: Final = 1 << 20


@dataclass(slots=True)
class _File:
    call_id: CallId
    descriptor: int = -1
    part: Path = Path()
    length: int = 0
    failure: str = ""


class Recorder:
    """Writes and seals recordings below one folder.

    :param folder: the recordings folder; made when missing.
    :param today: gives the name of the day's folder, in the site's time zone.
    :param reserve_bytes: below so much free space ``is_short_of_space``.
    :param write: as ``os.write``.
    """

    def __init__(
        self,
        folder: Path,
        today: Callable[[], str],
        *,
        reserve_bytes: int = RESERVE_BYTES,
        longest_backlog: int = LONGEST_BACKLOG,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        self._folder, self._today, self._write = folder, today, write
        self._reserve, self._longest_backlog = reserve_bytes, longest_backlog
        folder.mkdir(parents=True, exist_ok=True)
        self._orders: SimpleQueue[RecorderOrder | None] = SimpleQueue()
        self._seals: SimpleQueue[tuple[SealRecording, _File] | None] = SimpleQueue()
        self._events: SimpleQueue[MediaEvent] = SimpleQueue()
        self._handed = self._written = 0
        self._ordered_seals = self._told_seals = 0
        self._told_lock = threading.Lock()
        self._dropped: set[RecordingId] = set()
        self._files: dict[RecordingId, _File] = {}
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

    def submit(self, order: RecorderOrder) -> None:
        """Hand an order over; its outcome comes from ``take_events``."""
        if isinstance(order, AppendSamples):
            if order.recording_id in self._dropped:
                return
            if self._handed - self._written + len(order.data) > self._longest_backlog:
                self._dropped.add(order.recording_id)
                self._events.put(MediaFailed(order.call_id, "the disk of the recordings does not keep up"))
                return
            self._handed += len(order.data)
        else:
            self._dropped.discard(order.recording_id)
            self._ordered_seals += 1
        self._orders.put(order)

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
        self._orders.put(None)
        for thread in (self._writer, *self._sealers):
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in (self._writer, *self._sealers))

    # -- the writing thread -------------------------------------------------------------------------

    def _write_all_blocking(self) -> None:
        checked = time.monotonic()
        while True:
            if time.monotonic() - checked >= CHECK_SPACE_S:
                self._check_space_blocking()
                checked = time.monotonic()
            try:
                order = self._orders.get(timeout=CHECK_SPACE_S)
            except Empty:
                continue
            if order is None:
                break
            if isinstance(order, AppendSamples):
                self._append_blocking(order)
                self._written += len(order.data)
            else:
                self._seals.put((order, self._files.pop(order.recording_id, _File(order.call_id))))
        for _ in self._sealers:
            self._seals.put(None)

    def _check_space_blocking(self) -> None:
        try:
            state = os.statvfs(self._folder)
            self._is_short = state.f_bavail * state.f_frsize < self._reserve
        except OSError:
            self._is_short = True

    def _append_blocking(self, order: AppendSamples) -> None:
        file = self._files.get(order.recording_id)
        try:
            if file is None:
                file = self._files[order.recording_id] = _File(order.call_id)
                self._create_blocking(file, order)
            if file.failure:
                return
            rest = memoryview(order.data)
            while rest:
                done = self._write(file.descriptor, rest)  # type: ignore[arg-type]  # any buffer will do
                file.length += done
                rest = rest[done:]
        except OSError as error:
            assert file is not None
            file.failure = f"the recording cannot be written: {error.strerror or error}"
            self._events.put(MediaFailed(order.call_id, file.failure))
            self._check_space_blocking()

    def _create_blocking(self, file: _File, order: AppendSamples) -> None:
        day = self._folder / self._today()
        if not day.is_dir():
            day.mkdir(exist_ok=True)
            _sync_folder_blocking(self._folder)
        file.part = day / f"{order.recording_id}{order.codec.suffix}{PART}"
        file.descriptor = os.open(file.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    # -- the sealing threads ------------------------------------------------------------------------

    def _seal_all_blocking(self) -> None:
        while (job := self._seals.get()) is not None:
            order, file = job
            try:
                event: MediaEvent = self._seal_blocking(order, file)
            except OSError as error:
                reason = f"{error.strerror or error}; what was written stays as {file.part.name}"
                event = MediaFailed(order.call_id, f"the recording cannot be closed: {reason}")
            self._events.put(event)
            with self._told_lock:
                self._told_seals += 1

    def _seal_blocking(self, order: SealRecording, file: _File) -> RecordingClosed:
        path, digest = "", hashlib.sha256()
        if file.descriptor >= 0:
            try:
                os.fsync(file.descriptor)
            finally:
                os.close(file.descriptor)
        if file.length:
            final = file.part.with_suffix("")
            if final.exists():  # the folder's lock is ours, so nobody makes it in between
                raise FileExistsError(f"{final.name} exists already")
            file.part.rename(final)
            _sync_folder_blocking(final.parent)
            with final.open("rb", buffering=0) as sound:
                while block := sound.read(_READ_BYTES):
                    digest.update(block)
            path = final.relative_to(self._folder).as_posix()
        elif file.descriptor >= 0:
            with contextlib.suppress(OSError):
                file.part.unlink()
        speech_ms = min(order.speech_ms, file.length // 8)
        return RecordingClosed(
            order.call_id, order.recording_id, path, order.codec, file.length, speech_ms, digest.hexdigest()
        )


def _sync_folder_blocking(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
