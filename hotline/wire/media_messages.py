"""How the product and its media plane process write to each other: one JSON object a datagram.

The socket pair is of type SOCK_SEQPACKET, so a message is a datagram and the end of the stream is
the death, or the goodbye, of the other side. Both ends are this module of the same version.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

from hotline.errors import LocalProtocolError
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    ExpectVoice,
    FarSide,
    FinishRecording,
    KeyUnsent,
    LegQuality,
    LevelHeard,
    MediaCommand,
    MediaEvent,
    MediaFailed,
    Mix,
    NoteKey,
    OpenPort,
    PauseRecording,
    Play,
    PortMoved,
    PortOpened,
    PromptEnded,
    Record,
    RecordingClosed,
    RecordingPaused,
    RecordingResumed,
    ResumeRecording,
    SpeechEnded,
    SpeechStarted,
    Srtp,
    StopPlaying,
    StopRecording,
    Tap,
    Unbridge,
    VoiceFound,
    VoiceMissing,
    WatchLevel,
)

LONGEST_MESSAGE: Final = 65_536  # bytes
KIND: Final = "is"


@dataclass(frozen=True, slots=True)
class Configure:
    """The first message to a new plane: all it needs to know of the site."""

    recordings_dir: str
    prompts_dir: str
    listen_ips: tuple[str, ...]
    port_low: int
    port_high: int
    time_zone: str
    reserve_bytes: int
    lock_wait_s: float
    calls_per_port: int
    hears_tones: bool
    number: int
    """Of the plane, where the product has several; from 0."""


@dataclass(frozen=True, slots=True)
class PlaneReady:
    """The plane's first message: its ports are open and its prompts loaded."""

    ports: int
    prompts: int
    scheduling: str
    """How the system lets it run: ``SCHED_RR 10``, or ``nice -15``."""
    refused: tuple[str, ...]
    """What the system did not allow (real-time priority, locked memory), in words."""


@dataclass(frozen=True, slots=True)
class PlaneRefused:
    """Or this: the site's settings do not let it start. It exits next."""

    message: str
    file: str


@dataclass(frozen=True, slots=True)
class PlaneStatus:
    """How the plane is, every second; where none comes for long, it hangs."""

    legs: int
    steps: tuple[int, ...]
    """Of the last second that had work to do, by how late their packets left (``media.lateness``)."""
    most_late_ms: float
    dropped: dict[str, int]
    """Packets that were not heard since the plane began, by reason."""
    unwritten_bytes: int
    """Of recordings, waiting for the disk."""
    held_up_s: float
    """How long in all the plane was not let run at all."""


@dataclass(frozen=True, slots=True)
class Complained:
    """Something for the log."""

    call_id: str
    text: str


PlaneMessage = MediaCommand | MediaEvent | Configure | PlaneReady | PlaneRefused | PlaneStatus | Complained

_KINDS: Final[dict[str, type[PlaneMessage]]] = {
    kind.__name__: kind
    for kind in (
        OpenPort, Aim, ExpectVoice, Bridge, Mix, Unbridge, Play, NoteKey, WatchLevel, Tap,
        StopPlaying, ClosePort,
        Record, FinishRecording, StopRecording, PauseRecording, ResumeRecording,
        RecordingPaused, RecordingResumed,
        PortOpened, PortMoved, PromptEnded, DigitPressed, KeyUnsent, LevelHeard, SpeechStarted, SpeechEnded,
        LegQuality, VoiceMissing, VoiceFound,
        RecordingClosed, MediaFailed,
        Configure, PlaneReady, PlaneRefused, PlaneStatus, Complained,
    )
}  # fmt: skip


_FIELDS: Final = {kind: dict.fromkeys(field.name for field in fields(kind)) for kind in _KINDS.values()}
"""Names of each kind's fields, in order: calls by the hundred a second pass here."""


def write_message(message: PlaneMessage) -> bytes:
    """Write a message as one datagram.

    :raises LocalProtocolError: when it is longer than LONGEST_MESSAGE.
    """
    kind = type(message)
    tree: dict[str, Any] = {KIND: kind.__name__}
    for name in _FIELDS[kind]:
        tree[name] = getattr(message, name)
    datagram = _WRITER.encode(tree).encode("utf-8", "surrogatepass")
    if len(datagram) > LONGEST_MESSAGE:
        raise LocalProtocolError(
            f"{tree[KIND]} is {len(datagram)} bytes long; {LONGEST_MESSAGE} is the limit"
        )
    return datagram


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Srtp | FarSide):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _tuples(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuples(value) if isinstance(value, list) else value for value in values)


_WRITER: Final = json.JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":"))


def read_message(datagram: bytes) -> PlaneMessage:
    """Read what ``write_message`` wrote.

    :raises LocalProtocolError: for anything else.
    """
    try:
        tree: dict[str, Any] = json.loads(datagram.decode("utf-8", "surrogatepass"))
        kind = _KINDS[tree.pop(KIND)]
        known = _FIELDS[kind].keys()
        if tree.keys() != known:
            raise LocalProtocolError(f"{kind.__name__} has the fields {sorted(known)}, not {sorted(tree)}")
        if "codec" in tree:
            tree["codec"] = Codec[tree["codec"]]
        if tree.get("srtp") is not None:
            keys = tree["srtp"]
            tree["srtp"] = Srtp(
                str(keys["suite"]), bytes.fromhex(keys["send_key"]), bytes.fromhex(keys["receive_key"])
            )
        if tree.get("far") is not None:
            tree["far"] = FarSide(**tree["far"] | {"codec": Codec[tree["far"]["codec"]]})
        values: Any = {
            name: _tuples(value) if isinstance(value, list) else value for name, value in tree.items()
        }
        return kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalProtocolError(f"the media plane's message is not understood: {error!r}") from error
