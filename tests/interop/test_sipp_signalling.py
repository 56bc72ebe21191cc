"""Signalling against sipp, over real sockets on loopback: UDP and TCP."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SIPP = shutil.which("sipp")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)"),
]
TRANSPORTS = {"udp": "u1", "tcp": "t1"}
CALLS = 5


class Hotline:
    """The application of sip_app.py in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], first: dict[str, Any]) -> None:
        self._first, self._process = first, process
        self.lines: list[dict[str, Any]] = []

    @property
    def port(self) -> int:
        return int(self._first["port"])

    def complaint(self) -> str:
        """Give what it said when it could not start."""
        return str(self._first["complaint"])

    def next_line(self) -> dict[str, Any]:
        """Wait for the next thing that it tells."""
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def stop(self) -> dict[str, Any]:
        """Close its input; give what it counted."""
        out, _ = self._process.communicate("", timeout=10)
        self.lines = [json.loads(line) for line in out.splitlines()]
        return self.lines[-1]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("event") == kind]


@contextmanager
def a_hotline(*options: str) -> Iterator[Hotline]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent.parent), *sys.path])}
    with subprocess.Popen(
        [sys.executable, str(HERE / "sip_app.py"), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        try:
            yield Hotline(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sipp(hotline: Hotline, scenario: str, transport: str, calls: int, folder: Path) -> None:
    """Run one scenario; fail with sipp's own words."""
    files = [HERE / "sipp" / f"{name}.xml" for name in (f"{scenario}_{transport}", scenario)]
    file = next(file for file in files if file.exists())
    command = [
        *(str(SIPP), f"127.0.0.1:{hotline.port}", "-sf", str(file)),
        *("-t", TRANSPORTS[transport], "-i", "127.0.0.1", "-p", str(free_port()), "-s", "96156"),
        *("-m", str(calls), "-r", "20", "-timeout", "20s", "-nostdin", "-trace_err", "-error_file", "errors"),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    errors = folder / "errors"
    told = errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""
    assert done.returncode == 0, (
        f"sipp {scenario} over {transport}: {done.returncode}\n{told}\n{done.stdout[-2000:]}"
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("scenario", "options", "cause"),
    [
        ("call", [], "bye"),
        ("delayed", [], "bye"),
        ("late_ack", [], "bye"),
        ("cancel", ["--answer-after", "5"], "cancel"),
        ("left", ["--hang-up-after", "0.1"], "hung_up"),
        ("refused", ["--refuse", "503"], "refused"),
    ],
)
def test_a_scenario_runs_and_each_call_is_told_once(
    scenario: str, options: list[str], cause: str, transport: str, tmp_path: Path
) -> None:
    with a_hotline(*options) as hotline:
        sipp(hotline, scenario, transport, CALLS, tmp_path)
        counts = hotline.stop()
    arrived, ended = hotline.events("CallArrived"), hotline.events("CallEnded")
    assert len({event["call_id"] for event in arrived}) == len(arrived) == CALLS
    assert [event["cause"] for event in ended] == [cause] * CALLS
    assert (counts["calls"], counts["faults"], counts["unsent"]) == (0, 0, 0)
    if scenario == "late_ack":
        assert counts["sent"] == CALLS * (3 + 1)  # 200 at 0, 0.5 and 1.5 s, no 100; 200 to BYE
    if scenario == "call":
        assert [event["digit"] for event in hotline.events("DigitArrived")] == ["5"] * CALLS
        assert [event["terms"]["sends"] for event in hotline.events("MediaMoved")] == [False] * CALLS


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_options_is_answered(transport: str, tmp_path: Path) -> None:
    with a_hotline() as hotline:
        sipp(hotline, "options", transport, CALLS, tmp_path)
        assert hotline.stop()["faults"] == 0


def test_five_hundred_calls_at_two_hundred_a_second(tmp_path: Path) -> None:
    with a_hotline("--quiet") as hotline:
        command = [str(SIPP), f"127.0.0.1:{hotline.port}", "-sn", "uac", "-s", "96156", "-i", "127.0.0.1"]
        command += ["-p", str(free_port()), "-m", "500", "-r", "200", "-timeout", "30s", "-nostdin"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        counts = hotline.stop()
    assert (counts["calls"], counts["faults"]) == (0, 0)
