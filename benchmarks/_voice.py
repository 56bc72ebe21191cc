"""What the measurements of voice share: callers in C (voice_callers.c), and callers who dial by SIP.

The callers have the last core to themselves, and ask for real-time priority; whoever serves them has the
first. A frame's lateness is told by the kernel's time of arrival, not by when we came to read it.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _load import CORES
from numpy.typing import NDArray

from hotline.media.g711 import encode
from hotline.media.plan import Codec
from hotline.media.rtp import FRAME, RATE_HZ

HERE = Path(__file__).parent
CYCLE = 500
"""Frames of voice that callers repeat: ten seconds."""
LEVELS = (5000, -9000)
"""Samples of the two prompts: a level each, which their frames are told apart by."""
PROMPT_S = (240, 1)
DIALLED_PER_S = 40.0
HUNG_UP_PER_S = 40.0
ANSWER_WAIT_S = 20.0
ATTEMPTS = 6
"""How often a caller who is refused (503) dials, a second and more after the time before."""


def compiled(name: str, folder: Path) -> Path:
    """Compile one of our C programs.

    :raises SystemExit: without gcc.
    """
    if shutil.which("gcc") is None:
        raise SystemExit("this measurement compares with C programs: install gcc")
    program = folder / name
    if not program.exists():
        subprocess.run(["gcc", "-O2", "-o", program, HERE / f"{name}.c", "-lm"], check=True)
    return program


def voice() -> NDArray[np.uint8]:
    """Make what callers say: noise that swells and fades four times a second, as syllables do.

    :returns: A-law, shape ``(CYCLE, 160)``; no two frames are the same.
    """
    random = np.random.default_rng(20)
    times = np.arange(CYCLE * FRAME) / RATE_HZ
    rough = np.convolve(random.normal(0.0, 1.0, len(times)), np.ones(5) / 5, "same")
    samples = rough * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * times)) * 5000
    return encode(np.clip(samples, -32000, 32000).astype(np.int16), Codec.PCMA).reshape(CYCLE, FRAME)


def make_prompts(folder: Path) -> None:
    """Write the two prompts: a level and 0 by turns, so that every frame is alike."""
    folder.mkdir()
    for number, (level, seconds) in enumerate(zip(LEVELS, PROMPT_S, strict=True), 1):
        with wave.open(str(folder / f"prompt{number}-16bit.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(np.tile(np.array([level, 0], "<i2"), seconds * RATE_HZ // 2).tobytes())


def marks() -> list[str]:
    """Give the A-law bytes by which a frame of each prompt is known."""
    return [str(int(byte)) for byte in encode(np.array(LEVELS, np.int16), Codec.PCMA)]


def is_of_cycle(sound: NDArray[np.uint8], said: NDArray[np.uint8]) -> bool:
    """Tell whether a recording is, byte for byte, what one of the callers said, from some frame on."""
    if not len(sound) or len(sound) % FRAME:
        return False
    rows = sound.reshape(-1, FRAME)
    starts = np.nonzero((said == rows[0]).all(axis=1))[0]
    return bool(len(starts)) and bool((said[(starts[0] + np.arange(len(rows))) % CYCLE] == rows).all())


@dataclass(frozen=True, slots=True)
class Window:
    """What callers heard for a while."""

    told: dict[str, Any]

    def late_ms(self, place: int) -> float:
        """Give the lateness of frames: place 0 is the median, 1 the 99th percentile, 2 the most."""
        return float(self.told.get("late_ms", [np.nan] * 3)[place])

    def key_ms(self, what: str, place: int) -> float:
        """Give how long after a key prompt 2 came (``answer``) or prompt 1 ceased (``silent``)."""
        return float(self.told.get(f"{what}_ms", [np.nan] * 4)[place])

    @property
    def late_share(self) -> float:
        """Share of frames more than 5 ms late."""
        return float(self.told["late5"])

    def missing_share(self, calls: int, seconds: float) -> float:
        """Share of the frames that were due and did not come."""
        return max(0.0, 1 - self.told["received"] / (calls * 50 * seconds))


class Callers:
    """The program in C that speaks and listens for so many callers.

    :param low: first of their ports; the even ones from there.
    """

    def __init__(self, calls: int, low: int, folder: Path) -> None:
        said = folder / "voice.alaw"
        said.write_bytes(voice().tobytes())
        pin = ["taskset", "-c", str(CORES[-1])] if len(CORES) > 1 and shutil.which("taskset") else []
        self.calls, self.low = calls, low
        self._program = subprocess.Popen(
            [*pin, compiled("voice_callers", folder), str(low), str(calls), said, *marks()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._read()

    def _read(self) -> dict[str, Any]:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        if not line:
            raise SystemExit("the callers' program ended")
        told: dict[str, Any] = json.loads(line)
        return told

    def _say(self, line: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(line + "\n")
        self._program.stdin.flush()

    def send(self, caller: int, port: int) -> None:
        """Let one of them speak to a port; 0: be silent."""
        self._say(f"to {caller} {port}")

    def press(self, per_second: float) -> None:
        """Let all press a key, one after the other."""
        self._say(f"keys {per_second:g}")

    def begin(self) -> None:
        """Begin a window."""
        self._say("begin")

    def end(self) -> Window:
        """End it."""
        self._say("end")
        return Window(self._read())

    def stop(self) -> None:
        """End the program."""
        self._say("quit")
        self._program.wait(10)


class Dialler:
    """Callers' signalling, as plain as it can be: INVITE, ACK and BYE over UDP, no message is repeated.

    :param to: port of the product.
    """

    def __init__(self, to: int) -> None:
        self._end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._end.bind(("127.0.0.1", 0))
        self._end.connect(("127.0.0.1", to))
        self._here = f"127.0.0.1:{self._end.getsockname()[1]}"
        self._to = to
        self._answers: dict[int, dict[str, str]] = {}
        self._ended: set[int] = set()
        self._refused: dict[int, str] = {}
        self._attempts: dict[int, int] = {}
        self.refusals = 0
        """How often somebody had to dial once more."""

    def dial(self, callers: Callers) -> None:
        """Call for each of them, and let each speak as soon as there is an answer.

        :raises SystemExit: when one is refused again and again, or not answered.
        """
        waiting = list(range(callers.calls))
        for _ in range(ATTEMPTS):
            self._dial_all(callers, waiting)
            waiting = sorted(self._refused)
            if not waiting:
                break
            self.refusals += len(waiting)
            time.sleep(1.0)
        if len(self._answers) < callers.calls:
            told = ", ".join(sorted(set(self._refused.values()))) or "nothing came"
            raise SystemExit(f"{len(self._answers)} of {callers.calls} calls were answered; {told}")

    def _dial_all(self, callers: Callers, waiting: list[int]) -> None:
        due = time.monotonic()
        self._refused.clear()
        for caller in waiting:
            self._attempts[caller] = self._attempts.get(caller, 0) + 1
            port = callers.low + 2 * caller
            terms = (
                f"v=0\r\no=- {caller} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
            )
            self._send(caller, "INVITE", 1, f"<sip:96156@127.0.0.1:{self._to}>", terms)
            due += 1 / DIALLED_PER_S
            self._listen(callers, due, callers.calls + 1)
        self._listen(callers, time.monotonic() + ANSWER_WAIT_S, callers.calls)

    def hang_up(self, callers: Callers) -> None:
        """End all calls."""
        due = time.monotonic()
        for caller, answer in self._answers.items():
            callers.send(caller, 0)
            self._send(caller, "BYE", 2, answer["to"])
            due += 1 / HUNG_UP_PER_S
            self._listen(callers, due, callers.calls + 1)
        until = time.monotonic() + ANSWER_WAIT_S
        while len(self._ended) < len(self._answers) and time.monotonic() < until:
            self._listen(callers, time.monotonic() + 0.1, callers.calls + 1)

    def close(self) -> None:
        """Let go of the port."""
        self._end.close()

    def _send(
        self, caller: int, method: str, number: int, to: str, body: str = "", transaction: str = ""
    ) -> None:
        attempt = self._attempts[caller]
        branch = f"z9hG4bK{caller}x{attempt}x{transaction or method}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        message = (
            f"{method} sip:96156@127.0.0.1:{self._to} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._here};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:1390000{caller:04}@127.0.0.1>;tag=t{caller}\r\nTo: {to}\r\n"
            f"Call-ID: voice-{caller}-{attempt}@{self._here}\r\nCSeq: {number} {method}\r\n"
            f"Contact: <sip:load@{self._here}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._end.send(message.encode())

    def _listen(self, callers: Callers, until: float, enough: int) -> None:
        while len(self._answers) + len(self._refused) < enough:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._end.settimeout(left)
            try:
                text = self._end.recv(65536).decode()
            except TimeoutError:
                return
            self._hear(callers, text)

    def _hear(self, callers: Callers, text: str) -> None:
        head, _, body = text.partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        caller, attempt = map(int, fields["call-id"].partition("@")[0].split("-")[1:])
        status = first.split()[1] if first.startswith("SIP/2.0 ") else ""
        if not status or status.startswith("1"):
            return
        if fields["cseq"].endswith("BYE"):
            self._ended.add(caller)
        elif status == "200":
            self._send(caller, "ACK", 1, fields["to"])
            if caller not in self._answers:
                self._answers[caller] = fields
                callers.send(caller, int(body.partition("m=audio ")[2].split()[0]))
        else:
            self._send(caller, "ACK", 1, fields["to"], transaction="INVITE")
            if attempt == self._attempts[caller]:
                self._refused[caller] = first


def run_floor(calls: int, seconds: float, folder: Path, low: int) -> float:
    """Run the C program that only moves the packets; CPU microseconds of a call-second."""
    callers = Callers(calls, low + 1, folder)
    for caller in range(calls):
        callers.send(caller, low + 2 * caller)
    pin = ["taskset", "-c", str(CORES[0])] if len(CORES) > 1 and shutil.which("taskset") else []
    program = [*pin, compiled("media_floor", folder), str(low), str(low + 1), str(calls), str(seconds)]
    run = subprocess.run(program, check=True, capture_output=True, text=True)
    callers.stop()
    return float(run.stdout)


def cpu_ns(pids: Iterable[int]) -> int:
    """Give the CPU time of all threads of these processes, from the scheduler's own count."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(task.read_text().split()[0]) for task in tasks)


if __name__ == "__main__":
    sys.exit("this is no measurement; run load_voice.py")
