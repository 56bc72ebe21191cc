"""What the plane says of a line is what the kernel did to it, in a network namespace of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.media.plan import Codec
from hotline.media.quality import mos, rating

HERE = Path(__file__).parent
SHARES = [0.0, 0.01, 0.05, 0.20]
APART = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
RULE = "iptables -w -A INPUT -p udp -m statistic --mode random --probability 0.5 -j DROP"


def refusal() -> str:
    """Tell why the kernel cannot be asked to lose packets here; empty where it can."""
    if missing := [name for name in ("unshare", "ip", "iptables") if shutil.which(name) is None]:
        return f"{missing[0]} is missing"
    tried = subprocess.run([*APART, "sh", "-c", RULE], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no rules in a network namespace here: {tried.stderr.strip()}"


@pytest.mark.interop
def test_loss_and_score_agree_with_what_iptables_dropped() -> None:
    if reason := refusal():
        pytest.skip(reason)
    done = subprocess.run(
        [*APART, sys.executable, str(HERE / "lossy_calls.py"), *map(str, SHARES)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]  # the rest is log
    calls = [json.loads(line) for line in lines]
    assert [told["share"] for told in calls] == SHARES
    for told in calls:
        assert told["expected"] == 350
        assert told["lost"] == told["dropped"]
        assert (told["duplicates"], told["reordered"]) == (0, 0)
        expected = rating(Codec.PCMA, loss=told["told_loss"], ratio=told["burst_ratio"])
        assert told["mos"] == pytest.approx(mos(expected), abs=0.15)
    scores = [told["mos"] for told in calls]
    assert calls[0]["lost"] == 0
    assert 35 <= calls[3]["lost"] <= 110  # 350 packets at 20 %: five deviations around 70
    assert scores[0] > scores[2] > scores[3]
