"""RTP as pcap files for sipp's play_pcap_audio, and a sniffer for what is sent to it (needs root)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence
from pathlib import Path

FRAME = 160
ETHERNET = bytes(12) + b"\x08\x00"


def _record(at_s: float, rtp: bytes) -> bytes:
    udp = struct.pack(">HHHH", 4000, 4002, 8 + len(rtp), 0) + rtp
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1])
    )
    packet = ETHERNET + ip + udp
    return struct.pack("<IIII", int(at_s), int(at_s % 1 * 1e6), len(packet), len(packet)) + packet


def write_pcap(path: Path, packets: Sequence[tuple[float, bytes]]) -> None:
    """Write RTP packets with the seconds at which each is sent."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    path.write_bytes(head + b"".join(_record(1 + at, rtp) for at, rtp in packets))


def voice(alaw: bytes, *, sequence: int, timestamp: int, ssrc: int = 7) -> list[tuple[float, bytes]]:
    """Cut A-law into 20 ms packets of payload type 8."""
    packets = []
    for n in range(len(alaw) // FRAME):
        header = struct.pack(
            ">BBHII", 0x80, 8, (sequence + n) & 0xFFFF, (timestamp + n * FRAME) & 0xFFFFFFFF, ssrc
        )
        packets.append((n * 0.02, header + alaw[n * FRAME : (n + 1) * FRAME]))
    return packets


def key(
    event: int, payload_type: int, *, sequence: int, timestamp: int, ssrc: int = 7
) -> list[tuple[float, bytes]]:
    """Press a key for 100 ms (RFC 4733): five packets while it is held, three at its end."""
    packets = []
    for n in range(8):
        is_end, held = n >= 5, min(n + 1, 6) * FRAME
        marker = 0x80 if n == 0 else 0
        header = struct.pack(">BBHII", 0x80, marker | payload_type, sequence + n, timestamp, ssrc)
        packets.append((n * 0.02, header + struct.pack(">BBH", event, 0x80 * is_end | 10, held)))
    return packets


class Sniffer:
    """Keeps the RTP payloads that are sent to a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.payloads: dict[int, bytes] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.2)
        self._is_open = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> bytes:
        """Stop listening; return what was heard, in order of its timestamps."""
        self._is_open = False
        self._thread.join(2)
        self._socket.close()
        if not self.payloads:
            return b""
        first = min(self.payloads)
        sound = bytearray(b"\xd5" * (max(self.payloads) - first + FRAME))
        for timestamp, payload in self.payloads.items():
            sound[timestamp - first : timestamp - first + len(payload)] = payload
        return bytes(sound)

    def _read(self) -> None:
        while self._is_open:
            try:
                packet = self._socket.recv(2048)
            except TimeoutError:
                continue
            start = (packet[0] & 15) * 4
            if packet[9] != 17 or struct.unpack_from(">H", packet, start + 2)[0] != self.port:
                continue
            rtp = packet[start + 8 :]
            if len(rtp) > 12 and rtp[1] & 0x7F == 8:
                self.payloads[struct.unpack_from(">I", rtp, 4)[0]] = rtp[12:]
