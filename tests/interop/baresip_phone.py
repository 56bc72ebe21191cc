"""A phone that we did not write: libre/baresip, driven through its Python binding.

A program of its own, because the stack allows one life a process. It dials, presses keys when it is
told to, speaks after the beep, and says what happens as one JSON object a line.

    python -m tests.interop.baresip_phone --server 127.0.0.1:5060 --codec pcma [--press 1] --speak a.wav \\
        [--finish '#'] [--heard heard.pcm] [--transport tcp]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
import wave
from pathlib import Path

import baresip
import numpy as np
from baresip.runtime import Runtime
from baresip.ua import UserAgent

RATE_HZ, FRAME = 8000, 160
BEEP_HZ, BEEP_FRAMES, BEEP_RMS = 1000, 10, 400


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


class Beep:
    """Hears the tone that asks to speak."""

    def __init__(self) -> None:
        self._run, self._rest = 0, np.zeros(0, np.int16)
        self.ended = False
        turn = 2 * math.pi * BEEP_HZ / RATE_HZ * np.arange(FRAME)
        self._wave = np.exp(-1j * turn)

    def feed(self, samples: np.ndarray) -> None:
        self._rest = np.concatenate([self._rest, samples])
        while len(self._rest) >= FRAME:
            frame, self._rest = self._rest[:FRAME].astype(float), self._rest[FRAME:]
            energy = float(frame @ frame)
            tone = abs(frame @ self._wave) ** 2 * 2 / FRAME
            if energy / FRAME > BEEP_RMS**2 and tone > 0.8 * energy:
                self._run += 1
            else:
                self.ended |= self._run >= BEEP_FRAMES
                self._run = 0


async def call(options: argparse.Namespace) -> int:
    with wave.open(str(options.speak)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        speech = file.readframes(file.getnframes())
    runtime = Runtime()
    await runtime.start(baresip.Config(net_interface="127.0.0.1"))
    account = baresip.Account(
        user=options.caller,
        domain="127.0.0.1",
        password="",
        reg_interval=0,
        audio_codecs=(options.codec,),
        transport=options.transport,
    )
    agent = await UserAgent.create(runtime, account)
    dialled = await agent.dial(f"sip:{options.number}@{options.server};transport={options.transport}")
    began = time.monotonic()
    await dialled.wait_established(timeout=20)
    say(event="answered", after_s=round(time.monotonic() - began, 2))
    presses = [(float(at), key) for at, _, key in (word.partition(":") for word in options.press)]
    answered, heard, beep, spoken_until = time.monotonic(), bytearray(), Beep(), None
    queue = b""
    while (
        time.monotonic() - answered < options.longest and dialled.state is not baresip.call.CallState.CLOSED
    ):
        now = time.monotonic()
        while presses and now - answered >= presses[0][0]:
            _, key = presses.pop(0)
            say(event="pressing", key=key)
            await dialled.send_dtmf(key)
        try:
            got = dialled.audio.read(16000)
            if queue:
                queue = queue[dialled.audio.write(queue) :]
        except (baresip.AudioNotActive, baresip.AudioRestarted):  # the call is over, or its audio begins anew
            got = b""
        heard += got
        beep.feed(np.frombuffer(got, np.int16))
        if beep.ended and spoken_until is None:
            say(event="speaking", after_s=round(now - answered, 2))
            queue, spoken_until = speech, now + len(speech) / 2 / RATE_HZ + 0.5
        if spoken_until and now > spoken_until:
            if options.finish == "hang-up":
                break
            if options.finish:
                await dialled.send_dtmf(options.finish)
                options.finish = ""
        await asyncio.sleep(0.01)
    say(event="ended", spoke=spoken_until is not None, heard_s=len(heard) / 2 / RATE_HZ)
    if options.heard:
        options.heard.write_bytes(bytes(heard))
    if dialled.state is not baresip.call.CallState.CLOSED:
        await dialled.hangup()
    await runtime.close()
    return 0 if spoken_until else 1


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--number", default="96156")
    arguments.add_argument("--caller", default="01064000000")
    arguments.add_argument("--codec", default="pcma")
    arguments.add_argument("--transport", default="udp")
    arguments.add_argument("--press", action="append", default=[], help="SECONDS:KEY after the answer")
    arguments.add_argument("--speak", type=Path, required=True)
    arguments.add_argument("--finish", default="#", help="key after speaking, 'hang-up', or empty to stay")
    arguments.add_argument("--heard", type=Path)
    arguments.add_argument("--longest", type=float, default=90.0)
    return asyncio.run(call(arguments.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
