"""Chinese first, English complete, nothing left untranslated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import agent_console
from agent_console import wording
from agent_console.languages import LOCALE_DIR, load_languages, preferred
from hotline.events import record

ROOT = Path(agent_console.__file__).parent
HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def messages() -> set[str]:
    found = extract_from_dir(ROOT, METHODS, {"**.html": {"silent": "false"}}, KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def catalog():
    with (LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / "agent_console.po").open("rb") as file:
        return read_po(file)


def test_every_message_of_the_sources_is_in_chinese() -> None:
    translated = {
        (m.id if isinstance(m.id, str) else m.id[0]) for m in catalog() if m.id and m.string and not m.fuzzy
    }
    assert len(messages()) > 100
    assert messages() - translated == set()


def test_no_translation_is_left_of_a_message_that_is_gone() -> None:
    known = {(m.id if isinstance(m.id, str) else m.id[0]) for m in catalog() if m.id}
    assert known - messages() == set()
    assert not catalog().obsolete


def test_a_translation_fills_in_the_values_of_its_message() -> None:
    for message in catalog():
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = {name for text in ids for name in re.findall(r"%\((\w+)\)[sd]", text)}
        for text in texts:
            assert set(re.findall(r"%\((\w+)\)[sd]", text)) == wanted, message.id


def test_english_holds_no_chinese() -> None:
    assert [message for message in messages() if HAN.search(message)] == []


@pytest.mark.parametrize(
    "path", [p for p in ROOT.rglob("*") if p.suffix in {".html", ".js", ".css", ".svg"}], ids=lambda p: p.name
)
def test_no_chinese_stands_outside_of_the_catalogue(path: Path) -> None:
    assert not HAN.search(path.read_text("utf-8")), "user-visible text goes through gettext"


def test_every_kind_of_event_has_words() -> None:
    kinds = {value for name, value in vars(record).items() if name.isupper() and isinstance(value, str)}
    about_requests = {kind for kind in kinds if not kind.startswith(("user.", "phone."))}
    assert about_requests <= set(wording.EVENTS)


def test_the_default_language_comes_first() -> None:
    assert list(load_languages()) == ["zh", "en"]


@given(st.text(max_size=80))
def test_any_accept_language_chooses_a_language(header: str) -> None:
    assert preferred(header) in {"zh", "en"}


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en", "en"),
        ("en;q=0.3,zh;q=0.4", "zh"),
        ("fr,en;q=0.1", "en"),
        ("en;q=x", "zh"),
    ],
)
def test_the_heaviest_language_wins(header: str, code: str) -> None:
    assert preferred(header) == code
