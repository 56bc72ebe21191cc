"""Calls to a real plane in a network namespace of their own, whose packets the kernel loses.

A program of its own: run it under ``unshare --net``. It writes a line of JSON a call.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from media_rig import A_STEP_S, FRAME, Phone, Rig, a_phone

from hotline.events.ids import CallId
from hotline.media.plan import ClosePort, Codec, LegQuality, OpenPort, PortOpened

PACKETS = 350


def iptables(*words: str) -> str:
    return subprocess.run(["iptables", "-w", *words], check=True, capture_output=True, text=True).stdout


def lose(port: int, share: float, *, ends: bool = False) -> None:
    """Let the kernel lose a share of the datagrams to a port, or lose no more of them."""
    chance = ["-m", "statistic", "--mode", "random", "--probability", str(share)]
    iptables(*("-D" if ends else "-A", "INPUT", "-p", "udp", "--dport", str(port), *chance, "-j", "DROP"))


def dropped(port: int) -> int:
    """Tell how many datagrams to a port the kernel has lost so far."""
    (line,) = [line for line in iptables("-nvxL", "INPUT").splitlines() if f"dpt:{port} " in line]
    return int(line.split()[0])


async def call(rig: Rig, name: str, share: float) -> dict[str, object]:
    """Talk over a road that loses a share of what is said; tell what it lost and what the plane says."""
    phone: Phone = await a_phone()
    rig.plane.send(OpenPort(CallId(name), "127.0.0.1", phone.port, Codec.PCMA, 101))
    port = (await rig.until(PortOpened, lambda event: event.call_id == name)).local_port
    await asyncio.sleep(A_STEP_S)  # what comes before the plane has opened the port is thrown away
    phone.say(port, 0, bytes(FRAME))  # the first packet and the last tell how many there were
    await asyncio.sleep(A_STEP_S)
    lose(port, share)
    start = time.monotonic()
    for n in range(1, PACKETS - 1):
        phone.say(port, n * FRAME, bytes(FRAME))
        await asyncio.sleep(max(0.0, start + n * 0.02 - time.monotonic()))
    lost = dropped(port)
    lose(port, share, ends=True)
    phone.say(port, (PACKETS - 1) * FRAME, bytes(FRAME))
    await asyncio.sleep(2 * A_STEP_S)
    rig.plane.send(ClosePort(CallId(name)))
    quality = await rig.until(LegQuality, lambda event: event.call_id == name and event.is_final)
    return {
        "share": share,
        "dropped": lost,
        "told_loss": quality.loss,
        **asdict(quality),
        "codec": quality.codec.name,
    }


async def main(shares: list[float]) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        await rig.plane.start()
        try:
            calls = (call(rig, f"c{n}", share) for n, share in enumerate(shares))
            for told in await asyncio.gather(*calls):
                print(json.dumps(told), flush=True)
        finally:
            await rig.plane.stop()


if __name__ == "__main__":
    asyncio.run(main([float(word) for word in sys.argv[1:]]))
