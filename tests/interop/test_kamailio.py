"""Kamailio before us: a proxy that stays on the way, and two nodes that share the calls of a line."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.product import Product, free_port
from tests.interop.kamailio import KAMAILIO, Kamailio
from tests.interop.scripted import Application
from tests.interop.sipp_run import SIPP, Sipp
from tests.interop.site import rows, wait_until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed (Debian: kamailio)"),
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)"),
]
CALLS_PER_S = 8
MOST_S = 170
"""Long enough for a busy machine to start a node anew; the calls end when all has happened."""
PROBES_S = 3.0
"""The proxy asks each second; it has done so when this is over."""
LONGEST_SETUP_S = 5.0
"""A dead node costs its calls a second, or three where it said 100 before; the rest is a busy machine."""


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Callable[..., Kamailio]]:
    """Put a Kamailio before some nodes."""
    started: list[Kamailio] = []

    def start(*nodes: int) -> Kamailio:
        proxy = Kamailio(tmp_path / "kamailio", free_port(), nodes=nodes)
        started.append(proxy)
        proxy.start()
        return proxy

    yield start
    for proxy in started:
        proxy.kill()


def test_requests_in_a_dialog_go_through_the_proxy_both_ways(
    before: Callable[..., Kamailio], tmp_path: Path
) -> None:
    application = Application()
    proxy = before(application.port)
    caller = Sipp(tmp_path / "caller", "proxied")
    caller.call(proxy.port, "accept-stands-0.2-hold-0.6-bye", calls=3, patience_s=20)
    complaint = caller.complaint(time.monotonic() + 25)
    application.stop()
    assert not complaint, complaint
    heard = re.findall(
        r"^(INVITE|ACK|BYE) sip:\S+ SIP/2\.0\nVia: \S+ ([\d.:]+)",
        re.sub(r"\r", "", "".join(received(caller.messages()))),
        re.MULTILINE,
    )
    assert sorted(method for method, _ in heard) == ["ACK"] * 3 + ["BYE"] * 3 + ["INVITE"] * 3
    assert {place for _, place in heard} == {f"127.0.0.1:{proxy.port}"}
    ended = [one for one in application.told if one.get("event") == "CallEnded"]
    assert [one["cause"] for one in ended] == ["hung_up"] * 3
    counts = application.told[-1]
    assert (counts["calls"], counts["faults"], counts["strays"]) == (0, 0, 0)


def received(messages: str) -> list[str]:
    """Give the messages that sipp received, out of all that passed."""
    parts = re.split(r"^-{20,}.*$", messages, flags=re.MULTILINE)
    return [part.split("bytes :", 1)[1].lstrip() + "\n" for part in parts if "message received" in part]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Product, Product]]:
    """Two nodes on ports that they keep when they come back."""
    found: list[Product] = []
    try:
        for name in ("one", "two"):
            product = Product(tmp_path / name, speech__workers=0, sip__port=free_port())
            found.append(product)
            product.appoint()
            product.start()
        yield found[0], found[1]
    finally:
        for product in found:
            product.stop()


def answered(product: Product) -> int:
    return len(rows(product, "select call_id from calls where answered_at is not null"))


def test_no_call_set_up_fails_while_one_node_drains_and_the_other_dies(
    nodes: tuple[Product, Product], before: Callable[..., Kamailio], tmp_path: Path
) -> None:
    one, two = nodes
    proxy = before(one.sip_port, two.sip_port)
    load = Sipp(tmp_path / "load", "shared_out", "udp", "-trace_rtt", "-rtt_freq", "1")
    load.call(proxy.port, "96156", calls=CALLS_PER_S * MOST_S, per_s=CALLS_PER_S, patience_s=MOST_S)
    wait_until(lambda: answered(one) > 3 and answered(two) > 3, "calls on both nodes")

    one.run("drain", "--no-wait")
    wait_until(lambda: one.process is not None and one.process.poll() is not None, "the end of the drain")
    assert one.process is not None
    assert one.process.returncode == 0
    assert not [line for line in one.log if line["event"] == "serve.cut_off"]
    before_return = answered(one)
    one.start()
    wait_until(lambda: answered(one) > before_return, "calls on the node that came back")

    two.kill()
    alone = answered(one)
    wait_until(lambda: answered(one) > alone + 10 * CALLS_PER_S, "calls on the node that is left")
    load.stop_calling()
    complaint = load.complaint(time.monotonic() + 60)
    assert not complaint, complaint
    setups = setup_times_s(tmp_path / "load")
    calls = len(setups)
    assert max(setups) < LONGEST_SETUP_S, sorted(setups)[-10:]
    assert sorted(setups)[calls // 2] < 0.2
    wait_until(lambda: not rows(one, "select 1 from calls where ended_at is null"), "the end of all calls")
    written = [len(rows(product, "select call_id from calls")) for product in nodes]
    unwritten = 2  # answered within a tenth of a second before the kill, at 8 calls a second (decision 107)
    assert sum(written) >= calls - unwritten, "a call has its record, even on the node that died"


def test_an_idle_node_that_drains_costs_the_next_calls_no_second(
    nodes: tuple[Product, Product], before: Callable[..., Kamailio], tmp_path: Path
) -> None:
    one, two = nodes
    proxy = before(one.sip_port, two.sip_port)
    time.sleep(PROBES_S)
    one.run("drain", "--no-wait")
    load = Sipp(tmp_path / "load", "shared_out", "udp", "-trace_rtt", "-rtt_freq", "1")
    load.call(proxy.port, "96156", calls=5 * CALLS_PER_S, per_s=CALLS_PER_S, patience_s=20)
    wait_until(lambda: one.process is not None and one.process.poll() is not None, "the end of the drain")
    complaint = load.complaint(time.monotonic() + 30)
    assert not complaint, complaint
    setups = setup_times_s(tmp_path / "load")
    assert len(setups) == 5 * CALLS_PER_S
    assert max(setups) < 1.0, "nothing waited for a node that was gone"
    assert answered(one) == 0
    assert answered(two) == 5 * CALLS_PER_S


def setup_times_s(folder: Path) -> list[float]:
    """Read from INVITE to 200 of each call, as sipp measured it."""
    (file,) = folder.glob("*_rtt.csv")
    with file.open(newline="") as table:
        return [float(row["response_time_ms"]) / 1000 for row in csv.DictReader(table, delimiter=";")]
