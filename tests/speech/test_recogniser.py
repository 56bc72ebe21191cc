import numpy as np
import pytest
import speech_recognition as sr
from speech_fakes import FakeModel, decodes
from speech_recognition.exceptions import SetupError

from hotline.errors import OutsideError
from hotline.speech import recogniser
from hotline.speech.listening import Listener
from hotline.speech.windows import Stretch

SECOND = sr.AudioData(np.zeros(8000, "<i2").tobytes(), 8000, 2)


def hear(model, audio=SECOND, found=((0, 16000),), **options):
    listener = Listener(model, find=lambda _: [Stretch(*one) for one in found])
    return sr.Recognizer().recognize_hotline(audio, listener=listener, **options)


def test_the_method_is_there_once_the_module_is_imported():
    assert sr.Recognizer.recognize_hotline is recogniser.recognize_hotline


def test_the_text_is_given():
    assert hear(FakeModel(decodes("你好"))) == "你好"


def test_the_whole_transcript_is_given_on_wish():
    assert hear(FakeModel(decodes("你好")), show_all=True).segments[0].text == "你好"


def test_telephone_audio_is_doubled_to_the_rate_of_the_model():
    model = FakeModel(decodes("你好"))
    hear(model)
    assert model.windows == [16000]


def test_wide_audio_is_taken_at_the_rate_of_the_model():
    model = FakeModel(decodes("你好"))
    hear(model, sr.AudioData(np.zeros(16000, "<i2").tobytes(), 16000, 2))
    assert model.windows == [16000]


def test_silence_is_an_unknown_value():
    with pytest.raises(sr.UnknownValueError):
        hear(FakeModel(decodes("字幕由志愿者提供")), found=())


def test_what_nobody_can_understand_is_an_unknown_value():
    with pytest.raises(sr.UnknownValueError):
        hear(FakeModel(decodes("胡", score=-2.0)))


def test_a_model_that_fails_is_a_request_error():
    class Broken(FakeModel):
        def decode(self, samples, language, prompts):
            raise OutsideError("the model failed")

    with pytest.raises(sr.RequestError, match="the model failed"):
        hear(Broken())


def test_a_missing_model_is_a_setup_error_that_names_the_folder(tmp_path):
    with pytest.raises(SetupError, match=r"nowhere: no faster-whisper model: model\.bin, config\.json"):
        sr.Recognizer().recognize_hotline(SECOND, model_dir=tmp_path / "nowhere")
