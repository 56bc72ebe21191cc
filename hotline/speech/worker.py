"""A recognition process: ``python -m hotline.speech.worker``, started by the service.

Loads the model once, then answers one question a line until its input ends, which it does when
the product is gone. It has the lowest priority: recognition waits, voices do not. What libraries
print goes to the error output, never between the answers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import speech_recognition as sr
from speech_recognition.exceptions import SetupError

from hotline.errors import ConfigError, OutsideError
from hotline.intake.ports import Transcript
from hotline.media import g711
from hotline.media.plan import Codec
from hotline.speech.band import TELEPHONE_RATE_HZ
from hotline.speech.protocol import (
    Heard,
    Message,
    NotHeard,
    Question,
    Ready,
    SetupFailed,
    read_line,
    write_line,
)

NICENESS: Final = 10
Recognise = Callable[[sr.AudioData, str], Transcript]
"""Give the transcript of some audio in a language, by the rules of SpeechRecognition."""


def read_recording_blocking(path: Path, codec: Codec) -> sr.AudioData:
    """Read a header-less G.711 recording as 16-bit audio at 8 kHz.

    :raises OutsideError: when the file is gone or cannot be read.
    """
    try:
        octets = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise OutsideError(f"the recording cannot be read: {error.strerror}", permanent=True) from error
    pcm = g711.decode(octets, codec).astype("<i2").tobytes()
    return sr.AudioData(pcm, TELEPHONE_RATE_HZ, 2)


def answer(question: Question, recognise: Recognise) -> Heard | NotHeard:
    """Answer one question; whatever goes wrong with it is the answer."""
    try:
        audio = read_recording_blocking(Path(question.path), question.codec)
        return Heard(question.id, recognise(audio, question.language))
    except sr.UnknownValueError:
        return Heard(question.id, None)
    except (OutsideError, sr.RequestError) as error:
        return NotHeard(question.id, str(error))
    except Exception as error:  # noqa: BLE001 - the worker loop: one bad recording must not end it
        return NotHeard(question.id, f"{type(error).__name__}: {error}")


def serve(questions: BinaryIO, answers: BinaryIO, set_up: Callable[[], tuple[str, Recognise]]) -> int:
    """Load, then answer until the questions end.

    :param set_up: gives the model's name and what recognises.
    :returns: exit status.
    """

    def tell(message: Message) -> None:
        answers.write(write_line(message))
        answers.flush()

    try:
        name, recognise = set_up()
    except (ConfigError, SetupError) as error:
        tell(SetupFailed(str(error)))
        return 2
    tell(Ready(name))
    for line in questions:
        question = read_line(line)
        assert isinstance(question, Question)
        tell(answer(question, recognise))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a recognition process on standard input and output."""
    parser = argparse.ArgumentParser(prog="python -m hotline.speech.worker", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, default=None)
    parser.add_argument("--config-dir", type=Path, default=None)
    options = parser.parse_args(arguments)
    with suppress(OSError):
        os.nice(NICENESS)

    def set_up() -> tuple[str, Recognise]:
        from hotline.speech.recogniser import get_listener_blocking

        listener = get_listener_blocking(options.data_dir, options.model_dir, options.config_dir)
        recogniser: Any = sr.Recognizer()

        def recognise(audio: sr.AudioData, language: str) -> Transcript:
            said: Transcript = recogniser.recognize_hotline(
                audio, language=language, show_all=True, listener=listener
            )
            return said

        return listener.model.name, recognise

    return serve_on_standard_streams(set_up)


def serve_on_standard_streams(set_up: Callable[[], tuple[str, Recognise]]) -> int:
    """Serve on the standard streams, keeping them clear of what libraries print."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        return serve(sys.stdin.buffer, answers, set_up)
    except (BrokenPipeError, KeyboardInterrupt):
        return 1  # the product is gone, and with it whoever wanted the answer


if __name__ == "__main__":
    sys.exit(main())
