"""The recogniser as a method of SpeechRecognition: ``Recognizer.recognize_hotline``.

Added the way that library adds its own: a function assigned to its class. Ours keeps the model
between calls (its faster-whisper method loads it anew each time) and doubles the rate of telephone
audio with a proper filter. The product's own path goes through here as well, so what a site measures
with SpeechRecognition is what its callers get.

    import speech_recognition as sr
    from hotline.speech import recogniser  # adds the method

    text = sr.Recognizer().recognize_hotline(audio)
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import speech_recognition as sr
from speech_recognition.exceptions import SetupError

from hotline.errors import ConfigError, OutsideError
from hotline.intake.ports import Transcript
from hotline.speech.band import RECOGNISER_RATE_HZ, TELEPHONE_RATE_HZ, double_rate, from_pcm16
from hotline.speech.listening import Listener
from hotline.speech.local_words import read_local_words_blocking
from hotline.speech.model_files import find_model_blocking
from hotline.speech.whisper import Whisper

DEFAULT_DATA_DIR: Final = Path("var")


@functools.lru_cache(maxsize=2)
def get_listener_blocking(data_dir: Path, model_dir: Path | None, config_dir: Path | None) -> Listener:
    """Load a listener, or give the one that was loaded before.

    :param data_dir: the joined model is kept in ``models`` below it.
    :param model_dir: a model of the site's own; None for the packaged Whisper base.
    :param config_dir: the district's places, for correction; None for none.
    :raises ConfigError: when there is no model, or it is damaged.
    """
    words = read_local_words_blocking(config_dir)
    model = Whisper(find_model_blocking(data_dir / "models", model_dir))
    return Listener(model, fix=words.fix, service=words.service)


def recognize_hotline(
    recognizer: sr.Recognizer,  # noqa: ARG001 - the library's calling convention
    audio_data: sr.AudioData,
    *,
    language: str = "zh",
    show_all: bool = False,
    data_dir: Path = DEFAULT_DATA_DIR,
    model_dir: Path | None = None,
    config_dir: Path | None = None,
    listener: Listener | None = None,
) -> str | Transcript:
    """Write down what was said.

    :param audio_data: mono; telephone audio as it is, 8 kHz.
    :param language: ``zh`` or ``en``.
    :param show_all: give the whole transcript in place of its text.
    :param listener: an own one, in place of that of the three folders.
    :raises UnknownValueError: when nobody spoke, or nothing could be understood.
    :raises SetupError: when the model is missing or damaged.
    :raises RequestError: when the model failed.
    """
    try:
        hears = listener or get_listener_blocking(data_dir, model_dir, config_dir)
    except ConfigError as error:
        raise SetupError(str(error)) from error
    if audio_data.sample_rate == TELEPHONE_RATE_HZ:
        samples = double_rate(from_pcm16(audio_data.get_raw_data(convert_width=2)))
    else:
        pcm = audio_data.get_raw_data(convert_rate=RECOGNISER_RATE_HZ, convert_width=2)
        samples = from_pcm16(pcm)
    try:
        transcript = hears.transcribe(samples, language)
    except OutsideError as error:
        raise sr.RequestError(str(error)) from error
    if transcript is None or (not transcript.text and not show_all):
        raise sr.UnknownValueError
    return transcript if show_all else transcript.text


recogniser_class: Any = sr.Recognizer
recogniser_class.recognize_hotline = recognize_hotline
