"""A phone that we did not write: libre/baresip, driven through its Python binding.

A program of its own, because the stack allows one life a process. It dials, presses keys when it is
told to, speaks after the beep, and says what happens as one JSON object a line.

    python -m tests.interop.baresip_phone --server 127.0.0.1:5060 --codec pcma [--press 1] --speak a.wav \\
        [--finish '#'] [--heard heard.pcm] [--transport tls --authority ca.pem] [--srtp]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import sys
import time
import wave
from pathlib import Path
from typing import Any

import baresip
import numpy as np
from baresip.runtime import Runtime
from baresip.ua import UserAgent

RATE_HZ, FRAME = 8000, 160
CODECS = {"g722": "g722/16000/1", "opus": "opus/48000/2"}
"""What the stack calls a codec that is not of 8,000 samples a second."""
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


class Sound:
    """The audio of a call as 8,000 samples a second, whatever its codec takes."""

    def __init__(self, audio: Any) -> None:
        self._audio, self._queue = audio, b""
        self.heard = np.zeros(0, np.int16)

    def read(self) -> np.ndarray:
        """Take what was heard since; nothing of it is above 4 kHz, or it would not be from us."""
        try:
            info = self._audio.info()
            got = np.frombuffer(self._audio.read(96_000), np.int16)
            if self._queue:
                self._queue = self._queue[self._audio.write(self._queue) :]
        except (baresip.AudioNotActive, baresip.AudioRestarted):  # the call is over, or its audio begins anew
            return np.zeros(0, np.int16)
        if not info.rx_sample_rate:
            return np.zeros(0, np.int16)
        got = got[:: info.rx_channels][:: info.rx_sample_rate // RATE_HZ]
        self.heard = np.concatenate([self.heard, got])
        return got

    def speak(self, speech: np.ndarray) -> None:
        """Say something, from now on."""
        info = self._audio.info()
        spectrum = np.fft.rfft(speech.astype(float))
        times = info.tx_sample_rate // RATE_HZ
        if times > 1:
            speech = (
                (np.fft.irfft(spectrum, len(speech) * times) * times).clip(-32768, 32767).astype(np.int16)
            )
        self._queue = np.repeat(speech, info.tx_channels).tobytes()


async def listen(dialled: Any, options: argparse.Namespace) -> int:
    """Hear what is told before an answer that never comes."""
    sound, began, was_answered = Sound(dialled.audio), time.monotonic(), False
    while time.monotonic() - began < options.longest and dialled.state is not baresip.call.CallState.CLOSED:
        was_answered |= dialled.state is baresip.call.CallState.ESTABLISHED
        sound.read()
        await asyncio.sleep(0.01)
    is_closed = dialled.state is baresip.call.CallState.CLOSED
    say(event="ended", was_answered=was_answered, is_closed=is_closed, heard_s=len(sound.heard) / RATE_HZ)
    options.heard.write_bytes(sound.heard.tobytes())
    return 0 if is_closed else 1


async def answer_of(dialled: Any) -> None:
    """Wait until the call is answered.

    The library loses an answer that comes before its ``dial`` has returned, and we answer within a
    millisecond: then the voice, which has been there for a second, tells.
    """
    waiting, voiced = asyncio.ensure_future(dialled.wait_established(timeout=20)), 0
    while not waiting.done():
        await asyncio.wait([waiting], timeout=0.25)
        with contextlib.suppress(baresip.AudioNotActive):
            dialled.audio.info()
            voiced += 1
        if voiced > 4 and not waiting.done():
            waiting.cancel()
            dialled._state = baresip.call.CallState.ESTABLISHED
            return
    await waiting


async def call(options: argparse.Namespace) -> int:
    with wave.open(str(options.speak)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        speech = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    runtime = Runtime()
    host = options.server.rpartition(":")[0]
    further = f"sip_cafile {options.authority}\nsip_verify_server yes\n" if options.authority else ""
    await runtime.start(baresip.Config(net_interface=host.strip("[]"), extra_config_text=further))
    account = baresip.Account(
        user=options.caller,
        domain=host,
        password="",
        reg_interval=0,
        audio_codecs=(CODECS.get(options.codec, options.codec),),
        transport=options.transport,
        extra_params=("mediaenc=srtp-mand",) if options.srtp else (),
    )
    agent = await UserAgent.create(runtime, account)
    dialled = await agent.dial(f"sip:{options.number}@{options.server};transport={options.transport}")
    if options.early:
        code = await listen(dialled, options)
        await runtime.close()
        return code
    began = time.monotonic()
    await answer_of(dialled)
    say(event="answered", after_s=round(time.monotonic() - began, 2))
    presses = [(float(at), key) for at, _, key in (word.partition(":") for word in options.press)]
    answered, sound, beep, spoken_until = time.monotonic(), Sound(dialled.audio), Beep(), None
    while (
        time.monotonic() - answered < options.longest and dialled.state is not baresip.call.CallState.CLOSED
    ):
        now = time.monotonic()
        while presses and now - answered >= presses[0][0]:
            _, key = presses.pop(0)
            say(event="pressing", key=key)
            await dialled.send_dtmf(key)
        beep.feed(sound.read())
        if beep.ended and spoken_until is None:
            say(event="speaking", after_s=round(now - answered, 2))
            sound.speak(speech)
            spoken_until = now + len(speech) / RATE_HZ + 0.5
        if spoken_until and now > spoken_until:
            if options.finish == "hang-up":
                break
            if options.finish:
                await dialled.send_dtmf(options.finish)
                options.finish = ""
        await asyncio.sleep(0.01)
    say(event="ended", spoke=spoken_until is not None, heard_s=len(sound.heard) / RATE_HZ)
    if options.heard:
        options.heard.write_bytes(sound.heard.tobytes())
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
    arguments.add_argument("--srtp", action="store_true", help="SDES or nothing")
    arguments.add_argument("--authority", type=Path, help="whose certificate is believed")
    arguments.add_argument("--press", action="append", default=[], help="SECONDS:KEY after the answer")
    arguments.add_argument("--speak", type=Path, required=True)
    arguments.add_argument("--finish", default="#", help="key after speaking, 'hang-up', or empty to stay")
    arguments.add_argument("--heard", type=Path)
    arguments.add_argument("--early", action="store_true", help="listen before the answer, and say nothing")
    arguments.add_argument("--longest", type=float, default=90.0)
    return asyncio.run(call(arguments.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
