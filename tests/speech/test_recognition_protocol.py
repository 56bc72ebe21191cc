import io

import pytest
import speech_recognition as sr
from hypothesis import given
from hypothesis import strategies as st
from speech_fakes import a_transcript

from hotline.errors import ConfigError, LocalProtocolError, OutsideError
from hotline.intake.ports import Segment, Transcript
from hotline.media.plan import Codec
from hotline.speech.protocol import Heard, NotHeard, Question, Ready, SetupFailed, read_line, write_line
from hotline.speech.worker import read_recording_blocking, serve

words = st.text(max_size=30)
levels = st.sampled_from(["high", "mid", "low", "none"])
segments = st.builds(Segment, st.integers(0), st.integers(0), words, words, levels, st.floats(-9, 0))
transcripts = st.builds(Transcript, words, st.lists(segments, max_size=3), levels, words, words)
messages = st.one_of(
    st.builds(Question, st.integers(), words, st.sampled_from(Codec), words),
    st.builds(Ready, words),
    st.builds(SetupFailed, words),
    st.builds(Heard, st.integers(), st.none() | transcripts),
    st.builds(NotHeard, st.integers(), words),
)


@given(messages)
def test_every_message_comes_back_from_its_line(message):
    line = write_line(message)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert read_line(line) == message


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b'{"kind":"ask"}', b'{"kind":"heard","id":1}', b"1"]))
def test_other_lines_are_our_own_mistake(line):
    with pytest.raises(LocalProtocolError):
        read_line(line)


def converse(questions, set_up):
    answers = io.BytesIO()
    status = serve(io.BytesIO(b"".join(map(write_line, questions))), answers, set_up)
    return status, [read_line(line) for line in answers.getvalue().splitlines()]


def a_question(path, number=1, codec=Codec.PCMA):
    return Question(number, str(path), codec, "zh")


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "c-1.alaw"
    path.write_bytes(b"\xd5" * 160)
    return path


def recognises(outcome):
    def recognise(audio, language):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return lambda: ("fake", recognise)


def test_a_worker_is_ready_before_it_answers(recording):
    status, said = converse([a_question(recording)], recognises(a_transcript("你好")))
    assert status == 0
    assert said == [Ready("fake"), Heard(1, a_transcript("你好"))]


def test_a_worker_without_a_model_says_so_and_leaves(recording):
    def set_up():
        raise ConfigError("install it")

    assert converse([a_question(recording)], set_up) == (2, [SetupFailed("install it")])


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (sr.UnknownValueError(), Heard(1, None)),
        (sr.RequestError("the model failed"), NotHeard(1, "the model failed")),
        (OutsideError("disk"), NotHeard(1, "disk")),
        (ZeroDivisionError("by none"), NotHeard(1, "ZeroDivisionError: by none")),
    ],
)
def test_whatever_goes_wrong_with_a_recording_is_its_answer(recording, outcome, answer):
    assert converse([a_question(recording)], recognises(outcome))[1][1] == answer


def test_a_recording_that_is_gone_does_not_end_the_worker(recording, tmp_path):
    questions = [a_question(tmp_path / "gone.alaw", 1), a_question(recording, 2)]
    _, (_, first, second) = converse(questions, recognises(a_transcript()))
    assert isinstance(first, NotHeard)
    assert "cannot be read" in first.reason
    assert isinstance(second, Heard)


@pytest.mark.parametrize(("codec", "silence"), [(Codec.PCMA, b"\xd5"), (Codec.PCMU, b"\xff")])
def test_both_laws_are_read_at_eight_kilohertz(tmp_path, codec, silence):
    path = tmp_path / "recording"
    path.write_bytes(silence * 80)
    audio = read_recording_blocking(path, codec)
    assert (audio.sample_rate, audio.sample_width, len(audio.frame_data)) == (8000, 2, 160)
    assert (
        max(abs(int.from_bytes(audio.frame_data[i : i + 2], "little", signed=True)) for i in range(0, 160, 2))
        <= 8
    )
