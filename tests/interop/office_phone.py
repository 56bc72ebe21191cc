"""A telephone on a desk: baresip through its Python binding, told what to do line by line.

It registers, and sends a tone of its own in every call, so that whoever listens can tell who is heard. A
command a line on stdin, a JSON object a line on stdout; calls are numbered from 1 as they come and go.

    dial NUMBER          answer N        hang-up N      hold N      resume N
    press N KEYS         transfer N URI  join N M (attended: N's peer and M's)     hear N SECONDS
    tones N SECONDS HZ...

    python -m tests.interop.office_phone --server 127.0.0.1:5060 --user 1001 --password X --tone 700
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

import baresip
import numpy as np
from baresip.call import Call, CallState
from baresip.errors import BaresipError
from baresip.runtime import Runtime
from baresip.ua import UserAgent

RATE_HZ, FRAME = 8000, 160
LOUDNESS = 6000
AHEAD_BYTES = 3200
"""How much of the tone waits in the stack: little, so that nothing old is heard after a hold."""


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


class Line:
    """One call, its tone, and what is heard on it."""

    def __init__(self, number: int, call: Call, tone_hz: float) -> None:
        self.number, self.call, self._tone_hz = number, call, tone_hz
        self._sent = 0
        self._queue = b""
        self.heard = bytearray()
        self._told = CallState.INCOMING

    def pump(self) -> None:
        """Move sound both ways, and tell changes of the state."""
        if self.call.state is not self._told:
            self._told = self.call.state
            say(event=self._told.value, call=self.number)
        try:
            self.heard += self.call.audio.read(16000)
            if not self._queue:
                moments = (self._sent + np.arange(FRAME)) / RATE_HZ
                wave = LOUDNESS * np.sin(2 * np.pi * self._tone_hz * moments)
                self._queue, self._sent = wave.astype(np.int16).tobytes(), self._sent + FRAME
            self._queue = self._queue[self.call.audio.write(self._queue) :]
        except (baresip.AudioNotActive, baresip.AudioRestarted, BaresipError):
            self._queue = b""


def level_of(samples: np.ndarray) -> dict[str, float]:
    """Tell how loud a sound is, and which tone it is, if it is one."""
    if len(samples) < RATE_HZ // 10:
        return {"rms": 0.0, "hz": 0.0, "purity": 0.0}
    samples = samples.astype(float)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    peak = int(np.argmax(power[5:])) + 5
    near = power[max(0, peak - 6) : peak + 7].sum()
    return {
        "rms": round(float(np.sqrt((samples**2).mean())), 1),
        "hz": round(peak * RATE_HZ / len(samples), 1),
        "purity": round(float(near / max(power.sum(), 1.0)), 3),
    }


def tones_in(samples: np.ndarray, pitches: list[str]) -> dict[str, float]:
    """Tell how loud each of these tones is: its amplitude, the median of tenths of a second."""
    tenth = RATE_HZ // 10
    pieces = [samples[at : at + tenth].astype(float) for at in range(0, len(samples) - tenth + 1, tenth)]
    times = np.arange(tenth) / RATE_HZ
    return {
        pitch: round(
            float(
                np.median(
                    [
                        2 * abs((one * np.exp(-2j * np.pi * float(pitch) * times)).sum()) / tenth
                        for one in pieces
                    ]
                    or [0.0]
                )
            ),
            1,
        )
        for pitch in pitches
    }


class Desk:
    """The telephone and its lines."""

    def __init__(self, options: argparse.Namespace, agent: UserAgent) -> None:
        self._options, self._agent = options, agent
        self._lines: dict[int, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, call: Call, event: str) -> Line:
        line = Line(len(self._lines) + 1, call, self._options.tone)
        self._lines[line.number] = line
        say(event=event, call=line.number, peer=call.peer)
        return line

    async def run(self, reader: asyncio.StreamReader) -> None:
        pumping = asyncio.ensure_future(self._pump())
        while line := await reader.readline():
            words = line.decode().split()
            if words == ["quit"]:
                break
            task = asyncio.ensure_future(self._carry_out(words))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        pumping.cancel()

    async def _pump(self) -> None:
        while True:
            for line in self._lines.values():
                line.pump()
            await asyncio.sleep(0.005)

    async def _carry_out(self, words: list[str]) -> None:
        try:
            await self._do(words)
        except Exception as error:  # noqa: BLE001 - told, and the test decides
            say(event="failed", command=words, error=repr(error))
        else:
            say(event="done", command=words)

    async def _do(self, words: list[str]) -> None:
        verb, *rest = words
        if verb == "dial":
            server, transport = self._options.server, self._options.transport
            self.add(await self._agent.dial(f"sip:{rest[0]}@{server};transport={transport}"), "dialled")
            return
        line = self._lines[int(rest[0])]
        if verb == "hear":
            line.heard.clear()
            await asyncio.sleep(float(rest[1]))
            say(event="heard", call=line.number, **level_of(np.frombuffer(bytes(line.heard), np.int16)))
        elif verb == "tones":
            line.heard.clear()
            await asyncio.sleep(float(rest[1]))
            say(
                event="tones",
                call=line.number,
                heard=tones_in(np.frombuffer(bytes(line.heard), np.int16), rest[2:]),
            )
        elif verb == "press":
            await line.call.send_dtmf(rest[1])
        elif verb == "transfer":
            await line.call.transfer(rest[1])
        elif verb == "join":
            await line.call.attended_transfer(self._lines[int(rest[1])].call)
        else:
            plain: dict[str, Callable[[], Awaitable[None]]] = {
                "answer": line.call.answer,
                "hang-up": line.call.hangup,
                "hold": line.call.hold,
                "resume": line.call.resume,
            }
            await plain[verb]()


async def main_async(options: argparse.Namespace) -> int:
    runtime = Runtime()
    await runtime.start(baresip.Config(net_interface=options.host, max_concurrent_calls=6))
    account = baresip.Account(
        user=options.user,
        domain=options.server,
        password=options.password,
        reg_interval=60 if options.password else 0,
        audio_codecs=tuple(options.codec.split(",")),
        transport=options.transport,
    )
    agent = await UserAgent.create(runtime, account)
    desk = Desk(options, agent)
    agent.on_incoming(lambda call: desk.add(call, "incoming"))
    if options.password:
        await agent.register()
    say(event="registered", user=options.user)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await desk.run(reader)
    await runtime.close()
    return 0


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--user", required=True)
    arguments.add_argument("--password", default="", help="empty: it does not register")
    arguments.add_argument("--tone", type=float, required=True)
    arguments.add_argument("--codec", default="pcma", help="several with commas between")
    arguments.add_argument("--host", default="127.0.0.1", help="our own address")
    arguments.add_argument("--transport", default="udp")
    return asyncio.run(main_async(arguments.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
