"""A media plane is killed while callers listen and speak: all go on, and nothing recorded is lost.

Run it with more callers by ``PLANE_KILLED_CALLS=200 pytest tests/interop/test_plane_killed.py``.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.product import Product, free_port_range
from tests.interop.callers import FRAME, Caller, a_house
from tests.interop.site import rows, wait_until

CALLS = int(os.environ.get("PLANE_KILLED_CALLS", "24"))
LOST_S = 0.8
"""What a plane that is killed may lose of a recording (docs/media.md)."""
RETURN_S = 20.0
"""For callers to hear somebody again on a busy machine; less than two seconds on a quiet one."""


@pytest.fixture(params=[1, 2], ids=["one plane", "two planes"])
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    low, high = free_port_range(8 * CALLS + 64)
    product = Product(
        tmp_path / "site",
        media__port_low=low,
        media__port_high=high,
        media__workers=request.param,
        speech__workers=0,
        sip__messages_per_second=5000,
    )
    product.run("user", "add", "boss", "--role", "admin", text_in=secrets.token_urlsafe(12) + "\n")
    product.start()
    try:
        yield product
    finally:
        product.stop()


def planes(product: Product) -> list[int]:
    assert product.process is not None
    pid = product.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child) for child in children if b"media_process" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


async def until_all(callers: list[Caller], is_so: object, what: str, within_s: float = RETURN_S) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + within_s
    while late := [caller.number for caller in callers if not is_so(caller)]:
        assert time.monotonic() < deadline, f"{what}: {len(late)} of {len(callers)} did not"
        await asyncio.sleep(0.02)


async def kill_while_they_talk(product: Product) -> tuple[list[Caller], list[Caller], float]:
    """Let half of them speak and half listen, kill a plane, and let all come to their end."""
    house = await a_house(product.sip_port)
    callers = [await house.call(number) for number in range(CALLS)]
    speakers, listeners = callers[::2], callers[1::2]
    await until_all(callers, lambda caller: caller.voice_times, "hear the greeting")
    for caller in speakers:
        caller.press("1")
    files = product.data_dir / "recordings"
    await asyncio.sleep(1)
    deadline = time.monotonic() + 60
    while len(list(files.glob("*/*.part"))) < len(speakers):
        assert time.monotonic() < deadline, "recordings have begun"
        await asyncio.sleep(0.1)
    for caller in speakers:
        caller.is_talking = True
    await asyncio.sleep(3)
    killed_pids = planes(product)[:1]
    killed = time.monotonic()
    for caller in speakers:
        caller.said_until_killed = caller.said
    for pid in killed_pids:
        os.kill(pid, signal.SIGKILL)
    while not (went := [line for line in product.log if line["event"] == "media.goes_on"]):
        assert time.monotonic() < killed + RETURN_S, "another plane takes them"
        await asyncio.sleep(0.02)
    while len(told := [caller for caller in callers if caller.offers]) < went[0]["legs"]:
        assert time.monotonic() < killed + RETURN_S, f"{len(told)} were told where their voices are expected"
        await asyncio.sleep(0.02)
    for caller in speakers:
        caller.said_at_return = caller.said + 12  # what is on its way
    await asyncio.sleep(3)
    for caller in speakers:
        caller.is_talking = False
    await asyncio.sleep(1)
    for caller in callers:
        caller.hang_up()
    await asyncio.sleep(0.5)
    house.close()
    return speakers, listeners, killed


@pytest.mark.interop
@pytest.mark.slow
def test_callers_go_on_when_their_plane_is_killed_and_nothing_recorded_is_lost(product: Product) -> None:
    seen = len(product.log)
    speakers, listeners, killed = asyncio.run(kill_while_they_talk(product))
    events = [line["event"] for line in product.log[seen:]]
    assert events.count("media.died") == 1
    assert "switchboard.bug" not in events
    assert "call.media_failed" not in events
    gaps: list[float] = []
    for caller in speakers + listeners:
        assert not caller.said_goodbye, "nobody was hung up"
        if caller.offers:
            before = [at for at in caller.packet_times if at < killed]
            after = [at for at in caller.packet_times if at > killed + 0.1]
            gaps.append(after[0] - before[-1])
    assert gaps, "those of the killed plane were sent a re-INVITE"
    print(
        f"{len(gaps)} of {CALLS} callers were without a voice for {statistics.median(gaps):.2f} s "
        f"(most: {max(gaps):.2f} s)"
    )
    wait_until(
        lambda: len(rows(product, "SELECT number FROM service_requests")) == len(speakers),
        "a request for each speaker",
        60,
    )
    assert not list((product.data_dir / "recordings").glob("*/*.part"))
    recorded = [
        (product.data_dir / "recordings" / row["path"]).read_bytes()
        for row in rows(product, "SELECT path FROM recordings")
    ]
    assert len(recorded) == len(speakers)
    for caller in speakers:
        check_recording(caller, recorded)


def check_recording(caller: Caller, recorded: list[bytes]) -> None:
    """Compare a caller's recording with what she said, frame by frame.

    Whatever is no frame of hers, in order, is silence; of what she said before and after only so much is
    missing as a dying plane may lose, and what a busy machine did not deliver.
    """
    (data,) = [one for one in recorded if caller.noise(0, 5) in one]
    found: list[int] = []
    place = 0
    for number in range(caller.said):
        at = data.find(caller.noise(number, number + 1), place)
        if at >= 0:
            assert set(data[place:at]) <= {0xD5}, f"what is between the frames before {number} is silence"
            found.append(number)
            place = at + FRAME
    assert set(data[place:]) <= {0xD5}
    before = [number for number in found if number < caller.said_until_killed]
    assert len(before) >= 0.95 * (caller.said_until_killed - LOST_S * 50), "what she said before is there"
    if not caller.offers:
        assert len(found) >= 0.95 * caller.said
        return  # her plane lived
    after = [number for number in found if number >= caller.said_at_return]
    assert after, "and what she said after it"
    assert len(after) >= 0.95 * (caller.said - caller.said_at_return)
