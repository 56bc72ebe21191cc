"""A plane in virtual time: datagrams go in as arrays, ticks are called by hand, the disk is a dict."""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import SILENCE, Samples, codec_index
from hotline.media.packets import Batch
from hotline.media.plan import ClosePort, Codec, MediaEvent, OpenPort, PortOpened, Record
from hotline.media.plane import Plane
from hotline.media.prompts import PromptBank
from hotline.media.recording import AppendSamples, SealRecording
from hotline.media.rtp import FRAME, address_words, remote_number
from hotline.wire.srtp import LibSrtp
from hotline.wire.voice_codecs import make_coder

WIDTH = 1024
CALLER = ("192.0.2.7", 40000)


def warble(frames: int) -> Samples:
    """A voice-like sound: a few harmonics whose pitch and loudness move."""
    time = np.arange(frames * FRAME) / 8000
    pitch = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 2.3 * time)) / 8000
    sound = sum(np.sin(k * pitch) / k for k in range(1, 12)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * time))
    return np.asarray(sound * 6000, np.int16)


def a_bank() -> PromptBank:
    ramp = np.arange(1, 8001, dtype=np.int16)
    prompts: dict[str, Samples] = {
        "zh/greeting": ramp[: 5 * FRAME] * 4,
        "zh/short": ramp[: FRAME + 3] * 3,
        "zh/empty": ramp[:0],
        "zh/voice": warble(100),
    }
    return PromptBank(prompts)


def rtp(
    sequence: int,
    stamp: int,
    payload: bytes,
    *,
    kind: int = 8,
    ssrc: int = 99,
    first: int = 0x80,
    extra: bytes = b"",
) -> bytes:
    head = struct.pack("!BBHII", first, kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc)
    return head + extra + payload


def key_event(code: int, duration: int, *, is_end: bool = False) -> bytes:
    return struct.pack("!BBH", code, 0x80 if is_end else 0x0A, duration)


class Rig:
    def __init__(
        self,
        ports: int = 8,
        calls_per_port: int = 1,
        port_ips: Sequence[str] = (),
        *,
        hears_tones: bool = True,
    ) -> None:
        token = itertools.count(60_000)
        self.ports = [16000 + 2 * n for n in range(ports)]
        self.plane = Plane(
            local_ip="198.51.100.1",
            port_ips=port_ips,
            make_coder=make_coder,
            make_protection=LibSrtp,
            ports=self.ports,
            bank=a_bank(),
            new_token=lambda bits: next(token) & (1 << bits) - 1,
            calls_per_port=calls_per_port,
            hears_tones=hears_tones,
        )
        self.events: list[MediaEvent] = []
        self.disk: dict[str, bytes] = defaultdict(bytes)
        self.laws: dict[str, set[Codec]] = defaultdict(set)
        self.sealed: list[SealRecording] = []
        self.heard: dict[tuple[int, int], list[bytes]] = defaultdict(list)
        """Packets sent, by remote number and local port."""

    def open(
        self,
        name: str = "c1",
        at: tuple[str, int] = CALLER,
        codec: Codec = Codec.PCMA,
        *,
        may_latch: bool = False,
        **terms: Any,
    ) -> int:
        """Open a call and give its local port."""
        terms = {"event_payload_type": 101} | terms
        self.plane.command(OpenPort(CallId(name), *at, codec, may_latch=may_latch, **terms))
        self.collect()
        opened = [e for e in self.events if isinstance(e, PortOpened) and e.call_id == name]
        return opened[-1].local_port

    def close(self, name: str = "c1") -> None:
        self.plane.command(ClosePort(CallId(name)))

    def record(self, name: str = "c1", longest_s: float = 60.0, recording: str = "r") -> None:
        self.plane.command(Record(CallId(name), RecordingId(recording), longest_s))

    def bring(self, *datagrams: bytes, port: int | None = None, at: tuple[str, int] = CALLER) -> None:
        """Let datagrams arrive together."""
        if not datagrams:
            return
        data = np.zeros((len(datagrams), WIDTH), np.uint8)
        for row, datagram in zip(data, datagrams, strict=True):
            row[: min(WIDTH, len(datagram))] = np.frombuffer(datagram[:WIDTH], np.uint8)
        length = np.array([len(d) if len(d) <= WIDTH else -1 for d in datagrams])
        index = self.ports.index(port if port is not None else self.ports[0])
        self.plane.receive(
            Batch(
                data,
                length,
                np.full(len(datagrams), remote_number(*at), np.uint64),
                np.full(len(datagrams), index),
                None if ":" not in at[0] else np.full((len(datagrams), 2), address_words(at[0]), np.uint64),
            )
        )
        self.relay()

    def turn(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            for phase in range(self.plane.roster.phases):
                self.plane.tick(phase)
                for slot in self.plane.roster.sending(phase).tolist():
                    where = (
                        int(self.plane.roster.remote[slot]),
                        self.ports[int(self.plane.roster.port_index[slot])],
                    )
                    length = self.plane.lengths[slot]
                    self.heard[where].append(self.plane.packets[slot, :length].tobytes())
            self.relay()
            self.collect()

    def relay(self) -> None:
        """Send what passes from call to call."""
        relayed = self.plane.take_relayed()
        for row in range(relayed.count):
            slot = int(relayed.slots[row])
            if slot >= 0:
                where = (
                    int(self.plane.roster.remote[slot]),
                    self.ports[int(self.plane.roster.port_index[slot])],
                )
                self.heard[where].append(relayed.packet(row))
        relayed.clear()

    def collect(self) -> None:
        self.events += self.plane.take_events()
        for order in self.plane.take_orders():
            if isinstance(order, AppendSamples):
                assert not any(done.recording_id == order.recording_id for done in self.sealed)
                assert order.data
                name = order.recording_id + order.side.value
                self.disk[name] += bytes([SILENCE[codec_index(order.codec)]]) * order.lead + order.data
                self.laws[name].add(order.codec)
            else:
                self.sealed.append(order)

    def of(self, kind: type) -> list:
        self.collect()
        return [event for event in self.events if isinstance(event, kind)]

    def packets_to(self, at: tuple[str, int] = CALLER, port: int | None = None) -> list[bytes]:
        return self.heard[remote_number(*at), port if port is not None else self.ports[0]]


def audio(frames: int, seed: int = 3) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, frames * FRAME, np.uint8).tobytes()


def frame_of(sound: bytes, k: int, length: int = FRAME) -> bytes:
    return sound[k * length : (k + 1) * length]
