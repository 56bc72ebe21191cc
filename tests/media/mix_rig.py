"""Legs that talk together: each says a tone, or a sound, of its own; what each hears is taken apart."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from voice_rig import FRAME, Rig, frame_of, rtp

from hotline.events.ids import CallId
from hotline.media.g711 import EXPANDED, codec_index, encode
from hotline.media.plan import Codec, Mix

CALLER, AGENT, BOSS, CLERK = (CallId(name) for name in ("caller", "agent", "boss", "clerk"))
ALL = (CALLER, AGENT, BOSS, CLERK)
PLACES = {name: (f"192.0.2.{n}", 4000 + 10 * n) for n, name in enumerate(ALL, 1)}
PITCHES = {CALLER: 440.0, AGENT: 700.0, BOSS: 1010.0, CLERK: 1330.0}
"""Tones that are no keys, and no harmonics of each other."""
PAIR = ((CALLER, AGENT), (AGENT, CALLER))
MONITOR = (*PAIR, (BOSS, CALLER), (BOSS, AGENT))
WHISPER = (*MONITOR, (AGENT, BOSS))
BARGE = (*WHISPER, (CALLER, BOSS))
THREE = (*PAIR, *((CLERK, one) for one in (CALLER, AGENT)), *((one, CLERK) for one in (CALLER, AGENT)))


def tone(pitch: float, frames: int, level: float = 4000.0) -> NDArray[np.int16]:
    return (level * np.sin(2 * np.pi * pitch / 8000 * np.arange(frames * FRAME))).astype(np.int16)


def hiss(frames: int, seed: int) -> bytes:
    """Give A-law samples without order, none of them loud: none is bent when they are added to silence."""
    quiet = np.nonzero(np.abs(EXPANDED[codec_index(Codec.PCMA)]) < 8000)[0].astype(np.uint8)
    return np.random.default_rng(seed).choice(quiet, frames * FRAME).tobytes()


def loudness(samples: NDArray[np.int16], pitch: float) -> float:
    """Give the amplitude of a tone in a sound (Goertzel's sum, written as what it is)."""
    turn = np.exp(-2j * np.pi * pitch / 8000 * np.arange(len(samples)))
    return float(2 * abs((samples * turn).sum()) / max(1, len(samples)))


class Talk(Rig):
    """Four legs that say something all the time."""

    def __init__(self, codecs: Mapping[CallId, Codec] | None = None, ports: int = 8, **terms: object) -> None:
        super().__init__(ports)
        self.codecs = dict.fromkeys(ALL, Codec.PCMA) | dict(codecs or {})
        self.port_of = {name: self.open(name, PLACES[name], self.codecs[name], **terms) for name in ALL}
        self.says: dict[CallId, bytes] = {
            name: encode(tone(PITCHES[name], 600), self.codecs[name]).tobytes() for name in ALL
        }
        self.k = dict.fromkeys(ALL, 0)

    def mix(self, hears: tuple[tuple[CallId, CallId], ...], call: CallId = CALLER) -> None:
        self.plane.command(Mix(call, hears))

    def say(self, name: CallId) -> None:
        k = self.k[name]
        self.k[name] += 1
        self.bring(
            rtp(k, k * FRAME, frame_of(self.says[name], k), kind=self.codecs[name].value, ssrc=ord(name[0])),
            port=self.port_of[name],
            at=PLACES[name],
        )

    def talk(self, ticks: int, *who: CallId) -> None:
        for _ in range(ticks):
            for name in who or ALL:
                self.say(name)
            self.turn()

    def packets(self, name: CallId) -> list[bytes]:
        return self.packets_to(PLACES[name], self.port_of[name])

    def all_packets(self) -> list[list[bytes]]:
        """Give what each address was sent."""
        return list(self.heard.values())

    def voice(self, name: CallId, start: int = 0) -> bytes:
        return b"".join(packet[12:] for packet in self.packets(name)[start:])

    def sound_at(self, name: CallId, last: int = 25) -> NDArray[np.int16]:
        """Give what a leg heard in its last packets."""
        octets = np.frombuffer(self.voice(name)[-last * FRAME :], np.uint8)
        return EXPANDED[codec_index(self.codecs[name])][octets]

    def hears(self, name: CallId) -> set[CallId]:
        """Tell whose tones a leg heard in its last half second."""
        sound = self.sound_at(name)
        return {one for one, pitch in PITCHES.items() if loudness(sound, pitch) > 1000}


def heads(packets: list[bytes]) -> list[tuple[int, int, int, int]]:
    """Give marker and type, sequence, timestamp and SSRC of each."""
    return [struct.unpack("!xBHII", packet[:12]) for packet in packets]  # type: ignore[misc]


def is_one_stream(packets: list[bytes]) -> bool:
    """Tell whether no number is left out or comes twice, and time goes on by what each packet holds."""
    told = heads(packets)
    return (
        len({head[3] for head in told}) == 1
        and all((b[1] - a[1]) & 0xFFFF == 1 for a, b in pairwise(told))
        and all(
            (b[2] - a[2]) & 0xFFFFFFFF == len(packet) - 12
            for (a, b), packet in zip(pairwise(told), packets, strict=False)
        )
    )


def steepest(samples: NDArray[np.int16]) -> int:
    """Give the largest step from one sample to the next: a click is one."""
    return int(np.abs(np.diff(samples.astype(np.int32))).max(initial=0))
