import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.speech import judging

levels = st.sampled_from(judging.LEVELS)
texts = st.text(alphabet="一二三好的你，。 ab\ufffd", max_size=40)


@pytest.mark.parametrize(
    ("heard", "kept"),
    [
        ("没人管没人管没人管。", "没人管。"),
        ("院门口堆了砖头。院门口堆了砖头。", "院门口堆了砖头。"),
        ("啊啊啊啊啊啊啊", "啊"),
        ("谢谢谢谢", "谢谢谢谢"),
        ("天天打电话", "天天打电话"),
        ("垃圾\ufffd清运", "垃圾清运"),
    ],
)
def test_what_the_model_repeats_is_kept_once(heard, kept):
    assert judging.without_repeats(heard) == kept


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("草园社区,院门口堆了砖头.", "草园社区，院门口堆了砖头。"),
        ("为什么?快点!", "为什么？快点！"),
        ("有3.5米高,在No.8", "有3.5米高，在No.8"),
        ("", ""),
    ],
)
def test_chinese_stops_are_full_width_but_not_within_numbers(heard, written):
    assert judging.with_chinese_stops(heard) == written


@given(st.text())
def test_writing_stops_changes_no_length(text):
    assert len(judging.with_chinese_stops(text)) == len(text)


@given(texts)
def test_taking_out_repeats_never_makes_a_text_longer(text):
    assert len(judging.without_repeats(text)) <= len(text)


def test_texts_that_sound_alike_agree():
    assert judging.agreement("北新桥草原社区", "北新桥草园社区") == 1.0


def test_an_echo_of_the_prompt_does_not_agree():
    echo = "垃圾清运，乱停车，噪音扰民，违章建筑"
    assert judging.agreement("我国的经济处在重要关口", echo) < judging.AGREEMENT_TO_ACCEPT


def test_english_agrees_by_words():
    assert judging.agreement("The light is broken.", "the light is broken") == 1.0
    assert judging.agreement("the light is broken", "a tree fell") == 0.0


@given(texts, texts)
def test_agreement_is_a_share_and_has_no_direction(one, other):
    assert 0 <= judging.agreement(one, other) <= 1
    assert judging.agreement(one, other) == judging.agreement(other, one)


@pytest.mark.parametrize(
    "text", ["字幕由志愿者提供", "请不吝点赞 订阅 转发 打赏支持", "Thanks for watching!"]
)
def test_subtitle_credits_are_known(text):
    assert judging.is_stock_phrase(text)


@pytest.mark.parametrize("text", ["谢谢你们来看一看", "我订了一份报纸没有人送", "路灯不亮，谢谢"])
def test_what_a_caller_says_is_no_stock_phrase(text):
    assert not judging.is_stock_phrase(text)


@pytest.mark.parametrize(
    ("score", "agreed", "no_speech", "level"),
    [
        (-0.1, 1.0, 0.0, "high"),
        (-0.3, 1.0, 0.0, "mid"),
        (-0.1, 0.8, 0.0, "mid"),
        (-0.61, 1.0, 0.0, "low"),
        (-0.1, 0.49, 0.0, "low"),
        (-1.31, 1.0, 0.0, "none"),
        (-0.81, 1.0, 0.61, "none"),
        (-0.1, 1.0, 0.99, "high"),
    ],
)
def test_confidence_follows_score_agreement_and_silence(score, agreed, no_speech, level):
    assert judging.confidence(score, agreed, no_speech) == level


def test_a_short_segment_does_not_decide_about_the_whole():
    assert judging.overall([("high", 20.0), ("low", 1.0)]) == "high"


def test_an_unclear_segment_makes_a_clear_recording_low():
    assert judging.overall([("high", 5.0), ("none", 5.0)]) == "low"


@given(st.lists(st.tuples(levels, st.floats(0.1, 60)), max_size=8))
def test_the_whole_is_never_surer_than_its_surest_part(parts):
    whole = judging.overall(parts)
    if parts:
        assert judging.LEVELS.index(whole) >= min(judging.LEVELS.index(level) for level, _ in parts)
    else:
        assert whole == "none"


def test_few_characters_for_much_speech_are_incomplete():
    assert judging.is_incomplete("院门口", 8.0, "zh")
    assert not judging.is_incomplete("院门口堆了一大堆砖头沙子好几个月没人管", 5.0, "zh")
