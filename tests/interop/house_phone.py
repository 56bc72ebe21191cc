"""A telephone of the house that we did not write: libre/baresip registers, calls, and keeps what it hears.

A program of its own, because the stack allows one life a process. It says what happens as one JSON object
a line.

    python -m tests.interop.house_phone --account '<sip:1001@127.0.0.1:5060>;auth_pass=...;regint=60' \\
        [--dial sip:96156@127.0.0.1:5060] [--listen 6] [--heard heard.pcm] [--authority ca.pem] [--stay]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

import baresip
from baresip.runtime import Runtime
from baresip.ua import UserAgent


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


async def live(options: argparse.Namespace) -> int:
    runtime = Runtime()
    further = f"sip_cafile {options.authority}\nsip_verify_server yes\n" if options.authority else ""
    await runtime.start(baresip.Config(net_interface="127.0.0.1", extra_config_text=further))
    agent = await UserAgent.create(runtime, f"{options.account};answermode=manual")
    try:
        await agent.register(timeout=15)
    except baresip.RegistrationError as error:
        say(event="refused", status=error.status, reason=str(error))
        await runtime.close()
        return 1
    say(event="registered")
    if options.dial:
        dialled = await agent.dial(options.dial)
        await dialled.wait_established(timeout=20)
        say(event="answered")
        heard, until = bytearray(), time.monotonic() + options.listen
        while time.monotonic() < until and dialled.state is not baresip.call.CallState.CLOSED:
            with contextlib.suppress(baresip.AudioNotActive, baresip.AudioRestarted):
                heard += dialled.audio.read(16000)
            await asyncio.sleep(0.01)
        say(event="heard", seconds=len(heard) / 16000)
        if options.heard:
            options.heard.write_bytes(bytes(heard))
        if dialled.state is not baresip.call.CallState.CLOSED:
            await dialled.hangup()
    if options.stay:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await agent.unregister()
    say(event="unregistered")
    await runtime.close()
    return 0


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--account", required=True)
    arguments.add_argument("--dial")
    arguments.add_argument("--listen", type=float, default=6.0)
    arguments.add_argument("--heard", type=Path)
    arguments.add_argument("--authority", type=Path)
    arguments.add_argument("--stay", action="store_true", help="stay registered until the input closes")
    return asyncio.run(live(arguments.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
