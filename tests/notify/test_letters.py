"""Letters: what a street reads, and what hostile data cannot do to it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notify_builders import AT, GOLDEN, a_letter, a_writer, parts_of

from hotline.errors import ConfigError, OutsideError
from hotline.notify.letters import LANGUAGES, clean

HOSTILE = (
    "x\r\nBcc: evil@example.org",
    "<script>alert(1)</script>",
    "\u202egnp.exe\u2066",
    "{{ 7 * 7 }}{% raw %}",
    '"><img src=x onerror=alert(1)>',
    "\x00\x1b[31m\x07",
    "\u2028Subject: hi",
    "\ud800",
    "' OR 1=1 --",
    "啊" * 5000,
)
FIELDS = ("unit_name", "request_number", "priority", "kind_label", "region_name")
FIELDS += ("place", "text", "caller", "routed_by", "note")


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.seen = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, tuple(name for name, _ in attrs)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_letter_reads_as_the_golden_one(language):
    parsed, text, html = parts_of(a_writer(language=language).write(a_letter(), AT))
    heading = "".join(f"{name}: {parsed[name]}\n" for name in parsed if name != "Content-Type")
    assert heading + "\n" + text == (GOLDEN / f"letter_{language}.txt").read_text(encoding="utf-8")
    assert html == (GOLDEN / f"letter_{language}.html").read_text(encoding="utf-8")


def test_both_parts_hold_what_the_unit_needs():
    _, *bodies = parts_of(a_writer().write(a_letter(), AT))
    for body in bodies:
        for wanted in (
            "261123000017",
            "乱堆物料",
            "草园社区",
            "一大堆砖头沙子",
            "以录音为准",
            "+861065241234",
            "2026-11-23 14:50",
            "https://hotline.example/inbox",
            "王芳",
            "请先联系社区居委会",
        ):
            assert wanted in body


def test_subject_names_number_and_urgency_and_nothing_private():
    parsed, *_ = parts_of(a_writer().write(a_letter(priority="P1", kind_label="最低生活保障"), AT))
    assert parsed["Subject"] == "【紧急 P1】96156 诉求 261123000017 请签收"
    assert parsed["Importance"] == "high"
    assert parsed["X-Priority"] == "1"


def test_message_id_is_the_same_for_every_try_of_one_notice_only():
    writer = a_writer()
    assert writer.message_id(a_letter(7)) == writer.message_id(a_letter(7, text="edited meanwhile"))
    assert writer.message_id(a_letter(7)) != writer.message_id(a_letter(8))
    assert re.fullmatch(r"<n7\.[0-9a-f]{16}@96156\.example>", writer.message_id(a_letter(7)))


def test_letters_of_one_request_are_one_thread():
    first, *_ = parts_of(a_writer().write(a_letter(7), AT))
    second, *_ = parts_of(a_writer().write(a_letter(8, unit_name="区城管委"), AT))
    assert first["References"] == second["References"] == "<r261123000017@96156.example>"


def test_withheld_number_and_missing_text_are_told():
    _, *bodies = parts_of(a_writer().write(a_letter(caller="", text="", place="", note=""), AT))
    for body in bodies:
        assert "来电人未留号码" in body
        assert "请到工作台听录音" in body
        assert "派单说明" not in body


def test_text_of_an_agent_carries_no_doubt():
    _, *bodies = parts_of(a_writer().write(a_letter(transcript_confidence="high"), AT))
    assert all("以录音为准" not in body for body in bodies)


def test_helping_unit_is_asked_to_help():
    parsed, text, _ = parts_of(a_writer().write(a_letter(is_co=True), AT))
    assert "请协办" in parsed["Subject"]
    assert "主办" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_data_stays_text(language, hostile):
    writer = a_writer(language=language)
    usual = a_letter(text="a", note="b", priority="P2")
    changes = dict.fromkeys(FIELDS, hostile)
    message = writer.write(a_letter(**changes), AT)
    parsed, text, html = parts_of(message)
    tame, _, tame_html = parts_of(writer.write(usual, AT))
    assert [name for name in parsed if name not in ("Importance", "X-Priority")] == list(tame)
    assert "Bcc" not in parsed
    assert [one.addr_spec for one in parsed["To"].addresses] == ["street-005@dongcheng.example"]
    assert set(Tags(html).seen) <= set(Tags(tame_html).seen)
    for part in (text, html, str(parsed["Subject"])):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\ud800]", part)
        assert "49" not in part.replace(hostile, "")
    head = bytes(message).split(b"\r\n\r\n")[0]
    assert head.isascii()
    assert max(map(len, bytes(message).split(b"\r\n"))) <= 998  # RFC 5322, 2.1.1


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(FIELDS), st.text(max_size=60))
def test_no_value_adds_a_header_or_a_tag(field, value):
    writer = a_writer()
    parsed, _, html = parts_of(writer.write(a_letter(**{field: value}), AT))
    names = {"From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"}
    names |= {"Content-Language", "MIME-Version", "Content-Type", "Importance", "X-Priority"}
    assert set(parsed) <= names
    usual = Tags(parts_of(writer.write(a_letter(text="a\nb", priority="P1"), AT))[2]).seen
    assert set(Tags(html).seen) <= set(usual)


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b\r\nBcc: c@d", "街道@例子", "a b@c", "<a@b>", "a@b, c@d"]
)
def test_address_that_cannot_be_used_is_a_lasting_failure(address):
    with pytest.raises(OutsideError, match="北新桥街道办事处") as caught:
        a_writer().write(a_letter(to_address=address), AT)
    assert caught.value.permanent


def test_sender_that_is_no_address_is_the_sites_mistake():
    with pytest.raises(ConfigError, match=r"\[mail\] sender"):
        a_writer(sender="hotline")


def test_clean_keeps_line_ends_and_drops_controls():
    assert clean(" a\r\nb\rc\u2029d\x00\u202ee ") == "a\nb\nc\nde"
