"""What the service and its recognition processes tell each other: one JSON object a line.

The process says ``ready`` once its model is loaded (or ``setup`` when it cannot be), then answers each
question with one line, in order.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from hotline.errors import LocalProtocolError
from hotline.intake.ports import Segment, Transcript
from hotline.media.plan import Codec

LONGEST_LINE_BYTES: Final = 8 << 20
"""An hour of fast speech is about 100 kB."""


@dataclass(frozen=True, slots=True)
class Question:
    """One recording to be written down."""

    id: int
    path: str
    """Header-less G.711."""
    codec: Codec
    language: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    model: str


@dataclass(frozen=True, slots=True)
class SetupFailed:
    """There will be no answers: the model is missing or damaged."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to a question."""

    id: int
    transcript: Transcript | None
    """None when nobody spoke."""


@dataclass(frozen=True, slots=True)
class NotHeard:
    """The recording could not be read, or the model failed on it."""

    id: int
    reason: str


Message = Question | Ready | SetupFailed | Heard | NotHeard
_KINDS: Final = {"ask": Question, "ready": Ready, "setup": SetupFailed, "heard": Heard, "failed": NotHeard}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def write_line(message: Message) -> bytes:
    """Write a message as one line."""
    tree: dict[str, Any] = {"kind": _NAMES[type(message)], **asdict(message)}
    if isinstance(message, Question):
        tree["codec"] = message.codec.name
    return json.dumps(tree, ensure_ascii=True).encode() + b"\n"


def read_line(line: bytes) -> Message:
    """Read a message.

    :raises LocalProtocolError: for anything that the other end does not write.
    """
    try:
        tree: dict[str, Any] = json.loads(line)
        kind = _KINDS[tree.pop("kind")]
        if kind is Question:
            tree["codec"] = Codec[tree["codec"]]
        elif kind is Heard and tree["transcript"] is not None:
            said = tree["transcript"]
            said["segments"] = [Segment(**segment) for segment in said["segments"]]
            tree["transcript"] = Transcript(**said)
        message: Message = kind(**tree)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalProtocolError(f"not a line of the recognition protocol: {line[:200]!r}") from error
    return message
