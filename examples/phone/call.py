"""A second phone: dials a number with pyVoIP, waits for the beep, speaks a WAV file, hears the rest.

pyVoIP is GPLv3, so this program runs in an environment and a process of its own; nothing of it is
imported by the product. It says what happens as one JSON object a line.

    python call.py --server 127.0.0.1:5060 --speak request.wav [--heard heard.wav] [--hang-up-after S]

Three things of pyVoIP 1.6.8 are worked around here, none of them in the product:
it must not register (there is no registrar to ask), it cannot tell what it heard when (so the RTP
payloads are kept as they arrive), and it is an 8-bit phone (so the speech is brought to 8 bits).
"""

from __future__ import annotations

import argparse
import audioop
import json
import math
import socket
import sys
import time
import warnings
import wave
from pathlib import Path

import pyVoIP
from pyVoIP import RTP
from pyVoIP.VoIP.VoIP import CallState, VoIPPhone
from sound_file import ALAW, RATE_HZ, read_sound

warnings.simplefilter("ignore")

FRAME = 160  # samples of 20 ms
BEEP_HZ = 1000
BEEP_FRAMES = 10  # 200 ms of the tone are a beep; speech never holds a pure tone so long
BEEP_RMS = 400  # of 32,768; far below the beep's level, far above a silent line


class Heard:
    """What came from the other side: mu-law payloads by RTP timestamp."""

    def __init__(self) -> None:
        self.payloads: dict[int, bytes] = {}
        self._tone = 0
        self.beeped_at: float | None = None

    def take(self, packet: bytes) -> None:
        """Keep one RTP packet's payload and listen for the beep in it."""
        timestamp, payload = int.from_bytes(packet[4:8], "big"), packet[12:]
        if timestamp in self.payloads or packet[1] & 0x7F != 0:
            return
        self.payloads[timestamp] = payload
        self._tone = self._tone + 1 if _is_beep(audioop.ulaw2lin(payload, 2)) else 0
        if self._tone >= BEEP_FRAMES:
            self.beeped_at = time.monotonic()

    def save(self, path: Path) -> float:
        """Write all that was heard as a 16-bit WAV, gaps as silence; return its length in seconds."""
        if not self.payloads:
            return 0.0
        first = min(self.payloads)
        sound = bytearray(2 * (max(self.payloads) - first + FRAME))
        for timestamp, payload in self.payloads.items():
            at = 2 * (timestamp - first)
            sound[at : at + 2 * len(payload)] = audioop.ulaw2lin(payload, 2)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(bytes(sound))
        return len(sound) / 2 / RATE_HZ


def _is_beep(frame: bytes) -> bool:
    """Goertzel at the beep's frequency: is nearly all of the frame's energy there?"""
    if audioop.rms(frame, 2) < BEEP_RMS:
        return False
    samples = memoryview(frame).cast("h")
    factor = 2 * math.cos(2 * math.pi * BEEP_HZ / RATE_HZ)
    before = now = 0.0
    for sample in samples:
        before, now = now, sample + factor * now - before
    tone = before * before + now * now - factor * before * now
    energy = sum(sample * sample for sample in samples)
    return tone > 0.8 * energy * len(samples) / 2


def say(**facts: object) -> None:
    """Print one line of the story."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def read_speech(path: Path) -> bytes:
    """Read a sound file as the unsigned 8-bit samples that pyVoIP takes."""
    tag, sound = read_sound(path)
    linear = audioop.alaw2lin(sound, 2) if tag == ALAW else sound
    return audioop.bias(audioop.lin2lin(linear, 2, 1), 1, 128)


def free_port() -> int:
    """Find a UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Make the call; exit 0 when it was answered and everything was spoken."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--server", required=True, help="address:port of the hotline")
    arguments.add_argument("--number", default="96156")
    arguments.add_argument("--caller", default="13800138000", help="our own number")
    arguments.add_argument("--speak", type=Path, required=True, help="what to say after the beep")
    arguments.add_argument("--heard", type=Path, help="where to save what was heard")
    arguments.add_argument(
        "--hang-up-after", type=float, default=None, help="seconds after speaking; else stay"
    )
    arguments.add_argument("--longest", type=float, default=120.0, help="seconds after which to give up")
    options = arguments.parse_args()
    speech, heard = read_speech(options.speak), Heard()

    parse_packet = RTP.RTPClient.parse_packet

    def keep(client: RTP.RTPClient, packet: bytes) -> None:
        heard.take(packet)
        parse_packet(client, packet)

    RTP.RTPClient.parse_packet = keep
    host, _, port = options.server.rpartition(":")
    rtp_port = free_port()
    phone = VoIPPhone(
        host,
        int(port),
        options.caller,
        "",
        myIP="127.0.0.1",
        sipPort=free_port(),
        rtpPortLow=rtp_port,
        rtpPortHigh=rtp_port,
    )
    phone.sip.register = lambda: True
    phone.start()
    say(event="dialling", number=options.number, phone=f"pyVoIP {pyVoIP.__version__}")
    call = phone.call(options.number)
    began = time.monotonic()
    answered = spoken_until = None
    while time.monotonic() - began < options.longest:
        now = time.monotonic()
        if call.state is CallState.ANSWERED and answered is None:
            answered = now
            say(event="answered", after_s=round(now - began, 2))
        if answered and spoken_until is None and heard.beeped_at:
            if now - heard.beeped_at > 0.3:  # the beep is over
                say(event="speaking", after_s=round(now - answered, 2), length_s=len(speech) / RATE_HZ)
                call.write_audio(speech)
                spoken_until = now + len(speech) / RATE_HZ * 1.02  # pyVoIP sends a little slowly
        elif spoken_until and now > spoken_until + (options.hang_up_after or math.inf):
            call.hangup()
        if call.state is CallState.ENDED:
            break
        time.sleep(0.02)
    length_s = heard.save(options.heard) if options.heard else 0.0
    say(
        event="ended",
        spoke=bool(spoken_until and time.monotonic() >= spoken_until),
        heard_s=round(length_s, 2),
    )
    if call.state is CallState.ANSWERED:
        call.hangup()
    phone.stop()
    return 0 if answered and spoken_until else 1


if __name__ == "__main__":
    sys.exit(main())
