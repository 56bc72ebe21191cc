import pytest
from speech_fakes import FakeModel, decodes, some_samples

from hotline.speech.listening import Listener, choose
from hotline.speech.windows import Stretch


def a_listener(model, *seconds, **changes):
    found = [Stretch(int(start * 16000), int(end * 16000)) for start, end in seconds]
    return Listener(model, find=lambda _: found, **changes)


def test_without_speech_there_is_no_transcript():
    assert a_listener(FakeModel(decodes("字幕由志愿者提供"))).transcribe(some_samples(3), "zh") is None


def test_a_segment_keeps_its_place_in_the_audio():
    transcript = a_listener(FakeModel(decodes("垃圾没人清运")), (1, 3)).transcribe(some_samples(5), "zh")
    (segment,) = transcript.segments
    assert (segment.start_ms, segment.end_ms, segment.text) == (1000, 3000, "垃圾没人清运")
    assert (transcript.confidence, transcript.model, transcript.language) == ("high", "fake", "zh")


def test_the_decode_that_was_shown_our_words_counts_where_it_agrees():
    text, agreed = choose(*decodes("北新桥草原社区", "北新桥草园社区"))
    assert (text, agreed) == ("北新桥草园社区", 1.0)


def test_an_echo_of_the_prompt_is_not_taken():
    text, agreed = choose(*decodes("今天的天气很好", "垃圾清运，乱停车，噪音"))
    assert text == "今天的天气很好"
    assert agreed < 0.5


def test_place_names_are_corrected_while_the_raw_text_stays():
    listener = a_listener(
        FakeModel(decodes("草原社区三号楼")), (0, 2), fix=lambda text: text.replace("草原", "草园")
    )
    (segment,) = listener.transcribe(some_samples(2), "zh").segments
    assert (segment.raw_text, segment.text) == ("草原社区三号楼", "草园社区3号楼")


def test_an_unclear_segment_is_kept_without_text():
    model = FakeModel(decodes("听得清的一句话"), decodes("胡言乱语", score=-1.5))
    transcript = a_listener(model, (0, 2), (4, 6)).transcribe(some_samples(6), "zh")
    assert [segment.text for segment in transcript.segments] == ["听得清的一句话", ""]
    assert [segment.confidence for segment in transcript.segments] == ["high", "none"]
    assert (transcript.text, transcript.confidence) == ("听得清的一句话", "low")


def test_subtitle_credits_become_an_unclear_segment():
    transcript = a_listener(FakeModel(decodes("请不吝点赞订阅")), (0, 2)).transcribe(some_samples(2), "zh")
    assert (transcript.text, transcript.confidence) == ("", "none")


def test_a_window_that_lost_words_is_read_again_in_halves():
    model = FakeModel(decodes("好"), decodes("院门口堆了一大堆砖头"), decodes("好几个月没有人来管"))
    transcript = a_listener(model, (0, 2), (2.5, 4.5)).transcribe(some_samples(5), "zh")
    assert transcript.text == "院门口堆了一大堆砖头好几个月没有人来管"
    assert len(model.windows) == 3


def test_halves_that_hold_no_more_are_not_believed():
    model = FakeModel(decodes("慢慢说的话"), decodes("慢慢的"), decodes("说话"))
    transcript = a_listener(model, (0, 2), (2.5, 4.5)).transcribe(some_samples(5), "zh")
    assert [segment.text for segment in transcript.segments] == ["慢慢说的话"]


def test_a_text_that_fits_its_speech_is_not_read_again():
    model = FakeModel(decodes("院门口堆了一大堆砖头好几个月没有人来管"))
    a_listener(model, (0, 2), (2.5, 4.5)).transcribe(some_samples(5), "zh")
    assert len(model.windows) == 1


def test_reading_again_comes_to_an_end():
    model = FakeModel(decodes("好"))
    assert a_listener(model, (0, 12)).transcribe(some_samples(12), "zh").text == "好"
    assert len(model.windows) < 16


def test_english_segments_are_joined_with_spaces():
    model = FakeModel(decodes("The light is broken."), decodes("Please help."))
    said = a_listener(model, (0, 2), (4, 6)).transcribe(some_samples(6), "en")
    assert said.text == "The light is broken. Please help."


def test_english_is_not_corrected_as_mandarin():
    said = a_listener(FakeModel(decodes("hello")), (0, 2), fix=str.upper).transcribe(some_samples(2), "en")
    assert said.text == "hello"


@pytest.mark.parametrize("language", ["", "fr", "zh"])
def test_another_language_is_heard_as_mandarin(language):
    said = a_listener(FakeModel(decodes("你好")), (0, 2)).transcribe(some_samples(2), language)
    assert said.language == "zh"
