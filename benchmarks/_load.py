"""What the measurements under load share: the product as shipped on one core, and sipp on another.

The product is started by ``load/start.sh`` in a folder of its own and pinned to the first core, with its
media plane and its threads; sipp calls from the last core. CPU time is what the kernel counted for the
product and its children. Other programs on these cores make latencies worse and CPU time dearer by some 15 %.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
START_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
PHONES = range(1001, 1101)


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one run of sipp."""

    attempts: int
    good: int
    """Answered and ended as the scenario says."""
    refused: int
    """Answered 503."""
    failed: int
    repeated: int
    """Messages that were sent again."""
    cpu_ms: float
    """CPU time of the product for each attempt."""
    core: float
    """Share of a core that it used meanwhile."""
    waits_ms: tuple[float, ...]
    """From the request to its 200, sorted."""

    def percentile(self, share: float) -> float:
        """Give the wait that this share of the answers did not exceed, in ms."""
        if not self.waits_ms:
            return float("nan")
        return self.waits_ms[min(len(self.waits_ms) - 1, int(share * len(self.waits_ms)))]

    def __str__(self) -> str:
        waits = f"{self.percentile(0.5):.0f} / {self.percentile(0.99):.0f} ms (p50 / p99)"
        return (
            f"{self.good} of {self.attempts} good, {self.refused} refused, {self.failed} failed, "
            f"{self.repeated} repeated; 200 after {waits}; "
            f"{self.cpu_ms:.2f} ms CPU each, {100 * self.core:.0f} % of the core"
        )


class Target:
    """The running product."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], port: int) -> None:
        self.folder, self.process, self.port = folder, process, port

    def pids(self) -> list[int]:
        """List its processes."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, text.split())]

    def cpu_s(self) -> float:
        """Tell the CPU time of all its processes so far."""
        used = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used / TICKS

    def memory_mib(self) -> float:
        """Tell its resident memory."""
        found = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in self.pids()]
        return sum(int(match[1]) for match in found if match) / 1024

    def descriptors(self) -> int:
        """Count its open files and sockets."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids())

    def load(self, scenario: str, rate: float, seconds: float) -> Load:
        """Put a load on it: so many a second, for so long."""
        attempts = int(rate * seconds)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            command = [
                "taskset", "-c", str(CORES[-1]),
                "sipp", "-sf", str(HERE / "load" / "sipp" / f"{scenario}.xml"), f"127.0.0.1:{self.port}",
                "-i", "127.0.0.1", "-r", str(rate), "-m", str(attempts), "-l", "20000", "-nostdin",
                "-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1",
                "-trace_rtt", "-rtt_freq", "1", "-timer_resol", "1",
                "-recv_timeout", "20000", "-timeout", "300s",
            ]  # fmt: skip
            if scenario == "register":
                users = folder / "users.csv"
                accounts = [f"{user};[authentication username={user} password=pw{user}]" for user in PHONES]
                users.write_text("\n".join(["SEQUENTIAL", *accounts, ""]))
                command += ["-inf", str(users)]
            before, began = self.cpu_s(), time.monotonic()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400)
            took, used = time.monotonic() - began, self.cpu_s() - before
            if not (folder / "stat.csv").exists():
                raise RuntimeError(f"sipp did not run: {done.stderr[-500:]}")
            with (folder / "stat.csv").open() as file:
                last = list(csv.DictReader(file, delimiter=";"))[-1]
            waits: dict[str, list[float]] = {"answer": [], "refusal": []}
            for file_name in folder.glob("*_rtt.csv"):
                for row in file_name.read_text().splitlines()[1:]:
                    _, wait_ms, what = row.split(";")[:3]
                    waits.setdefault(what, []).append(float(wait_ms))
        attempts, failed = int(last["TotalCallCreated"]), int(last["FailedCall(C)"])
        refused = len(waits["refusal"])
        return Load(
            attempts,
            attempts - failed - refused,
            refused,
            failed,
            int(last["Retransmissions(C)"]),
            1000 * used / max(1, attempts),
            used / took,
            tuple(sorted(waits["answer"])),
        )


@contextmanager
def a_target(prompts: Callable[[Path], None] | None = None, calls: int = 2500) -> Iterator[Target]:
    """Start the product on a fresh site; stop it afterwards.

    :param prompts: makes a folder with prompt1-16bit.wav and prompt2-16bit.wav; None: silence of a second.
    :param calls: legs that its voice ports are enough for; a call is counted as two.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (prompts or _silence)(folder / "prompts")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        environment = os.environ | {
            "SIP_PORT": str(port),
            "PROMPT_DIR": str(folder / "prompts"),
            "REC_DIR": str(folder / "recordings"),
            "RUN_DIR": str(folder / "run"),
            "VOICE_PORT": "12000",
            "CALLS": str(calls),
        }
        log = folder / "log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                ["taskset", "-c", str(CORES[0]), str(HERE / "load" / "start.sh")],
                env=environment, stdout=subprocess.DEVNULL, stderr=stderr, text=True,
            )  # fmt: skip
        try:
            until = time.monotonic() + START_S
            while "serve.ready" not in log.read_text():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the product did not start:\n" + log.read_text()[-1000:])
                time.sleep(0.2)
            yield Target(folder, process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def is_quick() -> bool:
    """Read the command line: ``--quick`` is for looking whether it works, not for figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--quick", action="store_true", help="a few seconds only")
    return bool(arguments.parse_args().quick)


def verdict(claims: dict[str, bool]) -> int:
    """Print what does not hold; return the exit code."""
    broken = [claim for claim, holds in claims.items() if not holds]
    print("all claims hold" if not broken else "does not hold: " + "; ".join(broken))
    return int(bool(broken))


def median(values: list[float]) -> float:
    """Give the middle value."""
    return statistics.median(values)


def _silence(folder: Path) -> None:
    folder.mkdir()
    for number in (1, 2):
        with wave.open(str(folder / f"prompt{number}-16bit.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(2 * 8000))


if __name__ == "__main__":
    sys.exit("this is no measurement; run one of the others")
