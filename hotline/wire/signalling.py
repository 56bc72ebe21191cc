"""What passes the SIP edge, for those who look later or elsewhere: kept on disk, copied to a capture server.

The edge hands each message over in a microsecond; one thread takes out the secrets, writes and sends, a few
messages at a time, so that no call ever waits for a disk. What does not fit is lost, and counted.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from hotline.sip.flow import Address
from hotline.sip.glimpse import SeenMessage, without_secrets
from hotline.sip.hep import hep3
from hotline.wire.signalling_files import KeptFiles

if TYPE_CHECKING:
    from hotline.wire.sip_edge import Passed

log = structlog.get_logger("hotline.signalling")

MAX_WAITING: Final = 20_000
"""Messages that wait for the disk: seven seconds of 500 short calls a second."""
BATCH: Final = 32
"""Messages between two moments at which the thread lets others run: some 200 µs of work."""
REST_S: Final = 0.1
"""Between two looks at what waits."""
DISK_REST_S: Final = 10.0
"""After the disk refused, until it is tried again."""


@dataclass(slots=True)
class SignallingCounts:
    """What became of the messages that passed."""

    kept: int = 0
    """Written to disk."""
    lost: int = 0
    """Not written: the disk did not take them, or not fast enough."""
    copied: int = 0
    """Sent to the capture server."""
    not_copied: int = 0
    """The network did not take the copy."""


class Signalling:
    """The tap, and the thread behind it.

    :param files: None: nothing is kept.
    :param capture: address of a HEP3 server; None: nothing is copied.
    :param seconds: the clock of ``Passed.at``.
    """

    def __init__(
        self,
        files: KeptFiles | None,
        capture: Address | None,
        *,
        seconds: Callable[[], float],
        wall: Callable[[], datetime],
    ) -> None:
        self.counts = SignallingCounts()
        self._files, self._capture = files, capture
        self._seconds, self._wall = seconds, wall
        self._waiting: deque[Passed] = deque()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run_blocking, name="signalling", daemon=True)
        self._socket: socket.socket | None = None
        self._tries_again = 0.0

    @property
    def is_idle(self) -> bool:
        """Tell whether there is nothing to do for it: nothing is kept and nothing copied."""
        return self._files is None and self._capture is None

    def tap(self, passed: Passed) -> None:
        """Take a message from the edge."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(passed)
        else:
            self.counts.lost += 1

    def start(self) -> None:
        """Start the thread."""
        if self._capture is not None:
            family = socket.AF_INET6 if ":" in self._capture[0] else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        self._thread.start()

    def stop_blocking(self) -> None:
        """Write what waits, and end the thread."""
        self._is_stopping.set()
        self._thread.join()
        if self._socket is not None:
            self._socket.close()

    def _run_blocking(self) -> None:
        while not self._is_stopping.wait(REST_S):
            self._work_off_blocking()
        self._work_off_blocking()
        if self._files is not None:
            with contextlib.suppress(OSError):
                self._files.close()

    def _work_off_blocking(self) -> None:
        offset_s = self._wall().timestamp() - self._seconds()
        while self._waiting:
            batch: list[SeenMessage] = []
            while self._waiting and len(batch) < BATCH:
                passed = self._waiting.popleft()
                flow = passed.flow
                batch.append(
                    SeenMessage(
                        passed.at + offset_s,
                        passed.is_sent,
                        flow.transport,
                        flow.local,
                        flow.remote,
                        without_secrets(passed.data),
                        passed.call_id or "",
                    )
                )
            try:
                self._keep_blocking(batch)
                self._copy(batch)
            except Exception:  # a message that nobody thought of must not end the keeping of all others
                self.counts.lost += len(batch)
                log.exception("signalling.fault")

    def _keep_blocking(self, batch: list[SeenMessage]) -> None:
        if self._files is None:
            return
        if self._seconds() < self._tries_again:
            self.counts.lost += len(batch)
            return
        try:
            self._files.write(batch)
        except OSError as error:
            self.counts.lost += len(batch)
            self._tries_again = self._seconds() + DISK_REST_S
            with contextlib.suppress(OSError):
                self._files.close()
            log.warning("signalling.not_kept", error=str(error), again_in_s=DISK_REST_S)
        else:
            self.counts.kept += len(batch)

    def _copy(self, batch: list[SeenMessage]) -> None:
        if self._socket is None or self._capture is None:
            return
        for seen in batch:
            try:
                self._socket.sendto(hep3(seen), self._capture)
            except OSError:
                self.counts.not_copied += 1
            else:
                self.counts.copied += 1
