from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_builders import AGENT, HEAD, MAIN, MENU, PROMPTS, TEXTS, a_flow, checked, complaints

from hotline.errors import ConfigError
from hotline.flows import read_texts
from hotline.ivr.check import check_flow, load_flow
from hotline.ivr.flow import VERBS


def test_the_main_flow_has_no_complaints() -> None:
    result = check_flow(MAIN.read_text(encoding="utf-8"), file="main.toml", texts=read_texts(PROMPTS))
    assert result.complaints == ()
    assert result.flow is not None
    assert result.flow.name == "main"


def test_both_languages_say_the_same_prompts() -> None:
    texts = read_texts(PROMPTS)
    pinned = {"for_english", "for_chinese"}
    assert set(texts["zh"]) - pinned == set(texts["en"]) - pinned


def test_every_prompt_text_is_played_by_the_main_flow() -> None:
    source = MAIN.read_text(encoding="utf-8")
    spoken = {name for language in ("zh", "en") for name in read_texts(PROMPTS)[language]}
    unused = [name for name in spoken if f'"{name}"' not in source and f'/{name}"' not in source]
    assert [name for name in unused if not name.startswith("digit_")] == []


def test_the_small_flow_of_these_tests_is_good() -> None:
    assert checked().complaints == ()


@pytest.mark.parametrize(
    ("instead_of", "stands", "complaint"),
    [
        ('do = "menu"', 'do = "mneu"', "there is no verb “mneu”; did you mean “menu”?"),
        ('do = "menu"', "", 'do = "…" is missing'),
        ('wait = "4s"', 'wiat = "4s"', "“wiat” means nothing to “menu”; did you mean “wait”?"),
        ('wait = "4s"', 'wait = "4 sec"', 'wait must be a time such as "4s" or "500ms"'),
        ('wait = "4s"', "wait = 4", 'wait must be a time such as "4s" or "500ms"'),
        ('wait = "4s"', 'wait = "4h"', "wait must be a time"),
        ('wait = "4s"', 'wait = "90s"', "out of bounds: 0.5s to 30s"),
        ("tries = 3", "tries = 0", "tries = 0 is out of bounds: 1 to 9"),
        ("tries = 3", "tries = true", "tries must be a whole number"),
        ('prompt = "hello"', "", "“menu” needs prompt"),
        ('prompt = "hello"', "prompt = []", "prompt must be a prompt's name"),
        (
            'prompt = "hello"',
            'prompt = "helo"',
            "prompt “helo” has no text in language “zh”; did you mean “hello”?",
        ),
        ('prompt = "hello"', 'prompt = "en/helo"', "no text in language “en”"),
        ('prompt = "hello"', 'prompt = "fr/hello"', "no text in language “fr”"),
        ('nothing = "hello"', "", 'no key was pressed: add nothing = "…"'),
        ('spent = "end"', "", 'the step was tried often enough: add spent = "…"'),
        ("tries = 3", "", "spent never happens without tries"),
        (
            'unknown = "hello"',
            'unknown = "helo"',
            "unknown leads to “helo”, which is no step; did you mean “hello”?",
        ),
        ('1 = "agent"', "", "a menu needs at least one key"),
        ('1 = "agent"', '0 = "agent"', "key 0 leads to a person everywhere"),
        ('1 = "agent"', '12 = "agent"', "“12” means nothing to “menu”"),
        ('tries = 3\n1 = "agent"', 'tries = 3\ntries = 4\n1 = "agent"', "“tries” stands here a second time"),
        (
            'start = "hello"',
            'start = "helo"',
            "start leads to “helo”, which is no step; did you mean “hello”?",
        ),
        ('start = "hello"', "", 'needs start = "…": The first step.'),
        ('person_keys = "0*"', 'person_keys = "7"', "person_keys must be “0”, “*” or both"),
        ('person = "agent"', "", 'needs person = "…"'),
        ('too_long = "bye"', 'too_long = "by"', "prompt “by” has no text"),
        ('languages = ["zh", "en"]', 'languages = ["zh", "fr"]', "the prompt texts have no table [fr]"),
        (
            'fault = "agent"',
            'fualt = "agent"',
            "“fualt” means nothing at the top of a flow; did you mean “fault”?",
        ),
        ('question = "open_request"', 'question = "open_requst"', "did you mean “open_request”?"),
        ('wait = "4s"', 'wait = "4s', "this line is not TOML"),
        ("[steps.end]", "[steps.agent]", "the table [steps.agent] stands here a second time"),
        ("[steps.hello]", "[steps.Hello-1]", "a step's name is made of small letters"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(instead_of: str, stands: str, complaint: str) -> None:
    text = HEAD + MENU + AGENT
    assert instead_of in text
    result = check_flow(text.replace(instead_of, stands, 1), file="test.toml", texts=TEXTS)
    assert result.flow is None
    assert complaint in "\n".join(map(str, result.complaints))


def test_a_complaint_names_file_line_and_step() -> None:
    text = HEAD + MENU.replace('wait = "4s"', 'wait = "4 sec"') + AGENT
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "4 sec" in row)
    assert f"test.toml:{line}: step “hello”: wait" in complaints(
        MENU.replace('wait = "4s"', 'wait = "4 sec"')
    )


def test_all_mistakes_are_told_at_once() -> None:
    bad = MENU.replace('do = "menu"', 'do = "mneu"').replace("tries = 3", "tries = ")
    told = complaints(bad, AGENT and HEAD.replace('fault = "agent"', 'fault = "sorry"'))
    assert "not TOML" in told
    assert "mneu" in told
    assert "fault leads to “sorry”" in told


def test_a_step_that_nobody_reaches_is_named() -> None:
    lonely = '[steps.lonely]\ndo = "say"\nprompt = "bye"\nnext = "end"\n'
    assert "step “lonely”: no caller ever comes here" in complaints(MENU, tail=AGENT + lonely)


def test_a_circle_without_tries_is_named_once() -> None:
    told = complaints(MENU.replace("tries = 3\n", "").replace('spent = "end"\n', ""))
    assert told.count("go round and round") == 1
    assert "hello → hello" in told


def test_a_circle_through_steps_that_only_talk_is_named() -> None:
    talk = '[steps.hello]\ndo = "say"\nprompt = "hello"\nnext = "more"\n'
    more = '[steps.more]\ndo = "say"\nprompt = "again"\nnext = "hello"\n'
    assert "hello → more → hello" in complaints(talk + more)


def test_a_number_that_was_never_given_cannot_be_read() -> None:
    read = '[steps.hello]\ndo = "say_digits"\nprompt = "number"\nvalue = "request_number"\ndone = "end"\n'
    told = complaints(read)
    assert "it needs the number of the request" in told
    assert "come here without: hello" in told


def test_words_that_lead_to_no_request_are_named() -> None:
    record = '[steps.hello]\ndo = "record"\nprompt = "speak"\nrecorded = "end"\nsilent = "agent"\n'
    assert "may lead to no request number" in complaints(record)


def test_digits_need_a_star_to_find_a_person() -> None:
    collect = (
        '[steps.hello]\ndo = "collect"\nprompt = "number"\ndigits = 4\ntries = 2\n'
        'entered = "end"\nincomplete = "hello"\nnothing = "hello"\nspent = "end"\n'
    )
    assert complaints(collect) == ""
    assert "add * to person_keys" in complaints(collect, HEAD.replace("0*", "0"))


def test_missing_audio_is_named_in_each_language() -> None:
    audio = {
        f"{language}/{name}" for language in ("zh", "en") for name in (*TEXTS[language], "beep", "pause")
    }
    assert complaints(audio=audio) == ""
    told = complaints(audio=audio - {"en/hello", "zh/beep"})
    assert "no audio en/hello.wav" in told
    assert "no audio zh/beep.wav" in told
    assert told.count("\n") == 1


def test_loading_a_bad_flow_tells_all_complaints() -> None:
    with pytest.raises(ConfigError) as refused:
        load_flow("start = 1\nsteps = 2", file="bad.toml", texts=TEXTS)
    assert refused.value.file == "bad.toml"
    assert "a flow needs steps" in str(refused.value)


def test_every_change_of_the_text_is_another_version() -> None:
    assert a_flow().version != a_flow(MENU + "# a comment\n").version


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from((HEAD + MENU + AGENT).split()), max_size=60).map("\n".join)
)
def test_no_text_makes_the_check_stumble(text: str) -> None:
    result = check_flow(text, file="any.toml", texts=TEXTS)
    assert result.flow is None
    assert result.complaints


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_flow_with_lines_taken_out_never_makes_the_check_stumble(data: st.DataObject) -> None:
    rows = (HEAD + MENU + AGENT).splitlines()
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=5))
    check_flow("\n".join(row for at, row in enumerate(rows) if at not in gone), file="any.toml", texts=TEXTS)


ANYTHING = st.sampled_from(
    ["5", "-1", "1.5", "true", '""', '"x"', "[]", "[1]", "{}", "{a = 1}", "1979-05-27", '"💥\\u0000"']
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_value_of_any_kind_is_a_complaint_at_most(data: st.DataObject) -> None:
    rows = (HEAD + MENU + AGENT).splitlines()
    at = data.draw(st.sampled_from([at for at, row in enumerate(rows) if "=" in row]))
    rows[at] = f"{rows[at].partition('=')[0]}= {data.draw(ANYTHING)}"
    result = check_flow("\n".join(rows), file="any.toml", texts=TEXTS)
    assert (result.flow is None) == bool(result.complaints)


@pytest.mark.parametrize("table", ["[[steps.hello]]", "[steps]", "[steps.hello.more]", "steps.hello = 1"])
def test_a_step_that_is_no_table_is_named(table: str) -> None:
    assert complaints(MENU.replace("[steps.hello]", table))


def test_every_verb_is_used_by_the_main_flow() -> None:
    source = MAIN.read_text(encoding="utf-8")
    assert [name for name in VERBS if f'"{name}"' not in source] == []
