"""A real media plane process on loopback, and a phone that speaks to it."""

from __future__ import annotations

import asyncio
import struct
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hotline.events.ids import CallId
from hotline.media.g711 import SILENCE
from hotline.media.plan import Codec, MediaEvent, OpenPort, PortOpened
from hotline.wire.media_link import MediaPlane
from hotline.wire.srtp import LibSrtp

FRAME = 160


class Clock:
    """The part of the reactor that the link needs, on the running asyncio loop."""

    def seconds(self) -> float:
        return time.monotonic()

    def callLater(self, delay: float, call: Any, *args: Any, **kw: Any) -> Any:
        return Later(asyncio.get_running_loop().call_later(delay, lambda: call(*args, **kw)))


class Later:
    def __init__(self, handle: asyncio.TimerHandle) -> None:
        self.handle = handle

    def cancel(self) -> None:
        self.handle.cancel()

    def active(self) -> bool:
        return not self.handle.cancelled() and self.handle.when() > asyncio.get_running_loop().time()

    def reset(self, secondsFromNow: float) -> None:  # noqa: N803
        raise NotImplementedError


class Phone(asyncio.DatagramProtocol):
    """Sends RTP on request, keeps all it hears."""

    def __init__(self, payload_type: int = 8, ssrc: int = 0xCAFE) -> None:
        self.heard: list[bytes] = []
        self.payload_type, self.ssrc, self.sequence = payload_type, ssrc, 65530
        self.protection: LibSrtp | None = None
        self.heard_at: list[float] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard_at.append(time.monotonic())
        plain = data if self.protection is None else self.protection.open(data)
        assert plain is not None
        self.heard.append(plain)

    @property
    def host(self) -> str:
        return str(self.transport.get_extra_info("sockname")[0])

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])

    def say(
        self, port: int, stamp: int, payload: bytes, payload_type: int | None = None, step: int = 1
    ) -> None:
        self.sequence = (self.sequence + step) & 0xFFFF
        kind = self.payload_type if payload_type is None else payload_type
        head = struct.pack("!BBHII", 0x80, kind, self.sequence, stamp & 0xFFFFFFFF, self.ssrc)
        self.transport.sendto(self.seal(head + payload), (self.host, port))

    def seal(self, packet: bytes) -> bytes:
        """Protect a packet where this phone has keys."""
        sealed = packet if self.protection is None else self.protection.protect(packet)
        assert sealed is not None
        return sealed

    async def talk(self, port: int, audio: bytes, stamp: int = 1000) -> None:
        """Say so much, a frame every 20 ms."""
        await self.say_all(port, [audio[k : k + FRAME] for k in range(0, len(audio), FRAME)], stamp)

    async def say_all(self, port: int, payloads: list[bytes], stamp: int = 1000, ticks: int = FRAME) -> None:
        """Say these, one every 20 ms."""
        due = time.monotonic()
        for k, payload in enumerate(payloads):
            self.say(port, stamp + k * ticks, payload)
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def heard_audio(self) -> bytes:
        return b"".join(packet[12:] for packet in self.heard)


async def a_phone(*, host: str = "127.0.0.1", **kw: Any) -> Phone:
    _, phone = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Phone(**kw), local_addr=(host, 0)
    )
    return phone


def holds(recorded: bytes, said: bytes) -> bool:
    """Tell whether a recording is what was said, and silence while a busy machine let the test wait."""
    return recorded.startswith(said) and set(recorded[len(said) :]) <= set(SILENCE.tolist())


A_STEP_S = 0.05
"""Several steps of the plane (5 ms), as the machine may be busy."""


class Rig:
    """A plane, or several, its events, and ways to wait for them."""

    def __init__(self, folder: Path, *, ports: int = 8, kind: type[Any] = MediaPlane, **kw: Any) -> None:
        self.folder = folder
        self.recordings = folder / "recordings"
        self.events: list[MediaEvent] = []
        self._changed = asyncio.Event()
        self.port_low = low = free_port_range(ports)
        self.plane = kind(
            Clock(),
            recordings_dir=kw.pop("recordings_dir", self.recordings),
            prompts_dir=write_prompts(folder / "prompts"),
            listen_ip="127.0.0.1",
            port_low=low,
            port_high=low + 2 * ports - 1,
            on_event=self._take,
            **kw,
        )

    def _take(self, event: MediaEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(
        self, kind: type[Any], is_it: Callable[[Any], bool] = lambda event: True, within_s: float = 5
    ) -> Any:
        """Wait for an event and take it out."""
        async with asyncio.timeout(within_s):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and is_it(event):
                        self.events.remove(event)
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def open(
        self, name: str, phone: Phone, codec: Codec = Codec.PCMA, *, is_quick: bool = False, **kw: Any
    ) -> int:
        terms = {"event_payload_type": 101} | kw
        self.plane.send(OpenPort(CallId(name), phone.host, phone.port, codec, **terms))
        opened = await self.until(PortOpened, lambda event: event.call_id == name)
        if not is_quick:
            await asyncio.sleep(A_STEP_S)  # the product's side has told the port; now the plane opens it
        return int(opened.local_port)


def free_port_range(ports: int) -> int:
    """Find so many pairs of ports, the first even, that nobody has at the moment."""
    import random
    import socket

    for _ in range(50):
        low = random.randrange(10_000, 20_000 - 2 * ports, 2)  # whole products are above (examples.ports)
        ends = []
        try:
            for port in range(low, low + 2 * ports):  # the odd ones are for reports
                end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                ends.append(end)
                end.bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return low
        finally:
            for end in ends:
                end.close()
    raise AssertionError("no free ports")


def tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * 8000)) / 8000)).astype(np.int16)


def write_prompts(folder: Path) -> Path:
    """Prompts ``zh/greeting`` (1 s) and ``zh/beep`` (0.1 s)."""
    (folder / "zh").mkdir(parents=True, exist_ok=True)
    for name, samples in {"greeting": tone(1.0), "beep": tone(0.1, 1000)}.items():
        with wave.open(str(folder / "zh" / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(samples.tobytes())
    return folder
