import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.speech.numerals import read_numeral, write_numerals


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("三号楼二单元五零一室", "3号楼2单元501室"),
        ("草园胡同十二号院", "草园胡同12号院"),
        ("我今年七十八岁", "我今年78岁"),
        ("晚上十一点", "晚上11点"),
        ("电话是幺三八零零一二三四五六", "电话是13800123456"),
        ("住在二十三层", "住在23层"),
    ],
)
def test_what_counts_something_becomes_digits(spoken, written):
    assert write_numerals(spoken) == written


@pytest.mark.parametrize(
    "text",
    [
        "东四十条",
        "东四北大街",
        "五四大街",
        "第一中学",
        "三里屯",
        "一大堆砖头",
        "好几个月",
        "东四十二号",
        "五号线",
        "差一点儿",
    ],
)
def test_numerals_of_names_and_sayings_stay(text):
    assert write_numerals(text) == text


@pytest.mark.parametrize(
    ("numeral", "value"), [("十", "10"), ("三百零五", "305"), ("二十", "20"), ("一千零一", "1001")]
)
def test_numerals_with_places_are_read(numeral, value):
    assert read_numeral(numeral) == value


@pytest.mark.parametrize("numeral", ["十十", "百", "三三十", "十百"])
def test_what_is_no_numeral_is_not_read(numeral):
    assert read_numeral(numeral) is None


def say(value):
    digits = "零一二三四五六七八九"
    said = ""
    for place, word in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // place % 10
        if digit:
            said += digits[digit] + word
        elif said and not said.endswith("零"):
            said += "零"
    return said.rstrip("零") or "零"


@given(st.integers(0, 9999))
def test_every_number_below_ten_thousand_comes_back(value):
    assert read_numeral(say(value)) == str(value)


@given(st.text(alphabet="零一幺二两三十百千号楼点东", max_size=30))
def test_no_text_breaks_it(text):
    write_numerals(text)
