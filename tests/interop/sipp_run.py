"""One run of Debian's sipp with a scenario of ours, beside others."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SIPP = shutil.which("sipp")
SCENARIOS = Path(__file__).parent / "sipp"
TRANSPORTS = {"udp": "u1", "tcp": "t1"}
LOOPBACK = "127.0.0.1"
STOPPED = 97
"""What sipp ends with when it was told to stop, whether or not all was well."""
BLOCKS, BLOCK = (61_000, 65_480), 8
_block = itertools.count(os.getpid() * 80)


def free_ports(ip: str = LOOPBACK) -> int:
    """Find the first of a block of free ports for one sipp.

    They lie above those that the kernel gives away, so that nobody takes one before sipp does.
    """
    while True:
        first = BLOCKS[0] + next(_block) % ((BLOCKS[1] - BLOCKS[0]) // BLOCK) * BLOCK
        if all(is_free(ip, port, socket.SOCK_DGRAM) for port in range(first, first + BLOCK)) and is_free(
            ip, first, socket.SOCK_STREAM
        ):
            return first


def is_free(ip: str, port: int, kind: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((ip, port))
        except OSError:
            return False
        return True


class Sipp:
    """One sipp process.

    :param folder: where it keeps its complaints and the messages that passed.
    :param words: further words of its command line.
    """

    def __init__(
        self,
        folder: Path,
        scenario: str,
        transport: str = "udp",
        *words: str,
        ip: str = LOOPBACK,
        port: int = 0,
    ) -> None:
        self._folder, self._scenario, self._transport, self._words = folder, scenario, transport, words
        self._ip, self.port = ip, port or free_ports(ip)
        self._voice_port = free_ports(LOOPBACK) + 2
        self._process: subprocess.Popen[bytes] | None = None
        self._is_told_to_stop = False

    def call(
        self,
        port: int,
        called: str,
        *,
        calls: int = 1,
        call_ids: str = "",
        per_s: int = 20,
        patience_s: int = 100,
    ) -> None:
        """Play the side that calls.

        :param call_ids: what its Call-IDs begin with.
        """
        named = ("-cid_str", f"{call_ids}-%u-%p@%s") if call_ids else ()
        self._start(calls, patience_s, f"{LOOPBACK}:{port}", "-s", called, "-r", str(per_s), *named)

    def wait_for_calls(self, *, calls: int = 1, patience_s: int = 100, at: int = 0) -> None:
        """Play the side that is called; returns when it listens.

        :param at: port of whom requests of its own go to.
        """
        self._start(calls, patience_s, *((f"{LOOPBACK}:{at}",) if at else ()))
        until = time.monotonic() + 15
        while not self._is_bound():
            assert time.monotonic() < until, self.complaint(until)
            time.sleep(0.02)

    def stop_calling(self) -> None:
        """Begin no more calls; those that stand go on to their end."""
        assert self._process is not None
        self._is_told_to_stop = True
        self._process.send_signal(signal.SIGUSR1)

    def complaint(self, until: float) -> str:
        """Wait for its end, until a moment of the monotonic clock; give what went wrong, or nothing."""
        assert self._process is not None
        try:
            code = self._process.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = -1
        if code == 0 or (code == STOPPED and self._is_told_to_stop and not self._has_errors()):
            return ""
        files = [self._folder / name for name in ("errors", "messages", "said")]
        told = [file.read_text(errors="replace")[-6000:] for file in files if file.exists()]
        return f"sipp {self._scenario} over {self._transport}: {code}\n" + "\n".join(told)

    def _has_errors(self) -> bool:
        errors = self._folder / "errors"
        return errors.exists() and errors.stat().st_size > 0

    def messages(self) -> str:
        """Give all messages that passed."""
        return (self._folder / "messages").read_text(errors="replace")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self, calls: int, patience_s: int, *words: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [str(SIPP), *words, "-sf", str(SCENARIOS / f"{self._scenario}.xml")]
        command += ["-t", TRANSPORTS[self._transport], "-i", self._ip, "-p", str(self.port)]
        command += ["-mp", str(self._voice_port)]  # opened even where a scenario has no voice
        command += ["-m", str(calls), "-timeout", f"{patience_s}s", "-nostdin"]
        command += ["-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages"]
        with (self._folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [*command, *self._words], cwd=self._folder, stdout=said, stderr=said
            )

    def _is_bound(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.complaint(0)
        kind = socket.SOCK_DGRAM if self._transport == "udp" else socket.SOCK_STREAM
        return not is_free(self._ip, self.port, kind)
