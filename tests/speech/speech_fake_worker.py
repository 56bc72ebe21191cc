"""A recognition process without a model: what it does with a recording, the recording's text says."""

import os
import sys
import time

import speech_recognition as sr

from hotline.errors import ConfigError, OutsideError
from hotline.intake.ports import Segment, Transcript
from hotline.speech.worker import serve_on_standard_streams

POISON_BYTES = 7
"""A recording of this length ends the process."""


def recognise(audio, language):
    order = os.environ.get("FAKE_WORKER_ORDER", "text")
    if order == "abort" or len(audio.frame_data) == 2 * POISON_BYTES:
        os.abort()
    if order == "hang":
        time.sleep(60)
    if order == "silence":
        raise sr.UnknownValueError
    if order == "fail":
        raise OutsideError("the model failed")
    if order == "bug":
        raise ZeroDivisionError("one by none")
    text = f"{language} {len(audio.frame_data)}"
    print("a library talks on standard output")
    return Transcript(text, [Segment(0, 10, text, text, "high", -0.1)], "high", language, "fake")


def set_up():
    order = os.environ.get("FAKE_WORKER_ORDER", "text")
    if order == "no model":
        raise ConfigError("the model is not installed: install it")
    if order == "dies":
        sys.exit(3)
    return "fake", recognise


if __name__ == "__main__":
    sys.exit(serve_on_standard_streams(set_up))
