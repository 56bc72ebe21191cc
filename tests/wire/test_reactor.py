"""A step of the wall clock must neither delay nor hasten a timer."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

PROGRAM = """
    import os, sys, time
    from hotline.wire.reactor import install_reactor
    reactor = install_reactor()
    started = time.monotonic()
    def step():
        open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w").write(sys.argv[1])
    def due():
        print("wall", time.time(), "waited", time.monotonic() - started)
        reactor.stop()
    reactor.callLater(0.2, step)
    reactor.callLater(0.8, due)
    reactor.callLater(0.4, lambda: print("stepped", time.time()))
    reactor.run()
"""


@pytest.mark.skipif(LIBFAKETIME is None, reason="libfaketime is not installed (apt install libfaketime)")
@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_a_clock_step_of_an_hour_moves_no_timer(step: str, tmp_path: Path) -> None:
    stamp = tmp_path / "faketime"
    stamp.write_text("+0")
    environment = os.environ | {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    before = float(subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True).stdout)
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), step],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    words = run.stdout.split()
    wall, waited = float(words[words.index("wall") + 1]), float(words[words.index("waited") + 1])
    assert abs(wall - before - int(step)) < 60, "the clock was not stepped, so this proved nothing"
    assert 0.79 <= waited < 3.0, f"a timer of 0.8 s fired after {waited:.2f} s"


def test_the_reactor_is_installed_once_and_its_clock_is_monotonic() -> None:
    program = (
        "import time; from hotline.wire.reactor import install_reactor as i; r = i();"
        "assert i() is r and r.seconds is time.monotonic"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_a_reactor_of_another_kind_is_refused() -> None:
    program = (
        "from twisted.internet import epollreactor as e; e.install();"
        "from hotline.wire.reactor import install_reactor as i; i()"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert run.returncode != 0
    assert "installed before ours" in run.stderr
