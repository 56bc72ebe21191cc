"""Headers about a call as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.sip.call_headers import (
    ANSWERED_ELSEWHERE,
    Alert,
    Reason,
    auto_answer_headers,
    diversions,
    parse_alerts,
    parse_early_media,
    parse_reasons,
)

others = st.lists(
    st.tuples(sip_strategies.words.map(lambda word: f"x-{word}"), st.none() | sip_strategies.tokens),
    max_size=2,
).map(tuple)
reasons = st.builds(
    Reason, sip_strategies.tokens, st.none() | st.integers(0, 999), sip_strategies.texts, others
)
alerts = st.builds(
    Alert,
    st.text("abcxyz:/.@-", min_size=1, max_size=12),
    sip_strategies.params,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(reasons, min_size=1, max_size=4))
def test_reasons_are_read_as_they_were_written(given_reasons: list[Reason]) -> None:
    one_line = ", ".join(map(str, given_reasons))
    assert parse_reasons([one_line]) == parse_reasons(map(str, given_reasons)) == tuple(given_reasons)


@settings(max_examples=100, deadline=None)
@given(st.lists(alerts, min_size=1, max_size=3))
def test_alerts_are_read_as_they_were_written(given_alerts: list[Alert]) -> None:
    assert parse_alerts([", ".join(map(str, given_alerts))]) == tuple(given_alerts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('Q.850;cause=16;text="Normal call clearing"', Reason("Q.850", 16, "Normal call clearing")),
        ("SIP ;cause=200", Reason("SIP", 200)),
        ("Q.850;cause=sixteen", Reason("Q.850")),
        ("SIP;cause=99999999999", Reason("SIP")),
        ('SIP;text="a\x01b\u202ec"', Reason("SIP", None, "abc")),
    ],
)
def test_a_reason_is_read(text: str, reason: Reason) -> None:
    assert parse_reasons([text]) == (reason,)


def test_a_call_answered_elsewhere_is_told_as_rfc_3326_does() -> None:
    assert str(ANSWERED_ELSEWHERE) == 'SIP;cause=200;text="Call completed elsewhere"'


def test_a_flood_of_reasons_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_reasons(["SIP"] * 17)


def test_a_telephone_is_asked_to_answer_by_itself() -> None:
    headers = dict(auto_answer_headers("[2001:db8::1]"))
    [alert] = parse_alerts([headers["Alert-Info"]])
    assert (alert.param("info"), alert.param("delay")) == ("alert-autoanswer", "0")
    [info] = parse_alerts([headers["Call-Info"]], "Call-Info")
    assert (info.uri, info.param("answer-after")) == ("sip:[2001:db8::1]", "0")


def test_early_media_is_a_set_of_words() -> None:
    assert parse_early_media(["Supported, sendRecv", "gated"]) == {"supported", "sendrecv", "gated"}


def test_diversions_come_newest_first() -> None:
    found = diversions(
        ['"B" <sip:2@x>;reason=user-busy;counter=1, <tel:+861>;reason="no-answer"'],
        ["<sip:ignored@x>;index=1"],
    )
    assert [(one.address.uri.user, one.reason) for one in found] == [
        ("2", "user-busy"),
        ("+861", "no-answer"),
    ]


def test_history_tells_the_same() -> None:
    found = diversions(
        [],
        [
            "<sip:1@x?Reason=SIP%3Bcause%3D302>;index=1, <sip:2@x;cause=486>;index=1.1",
            "<sip:3@x?Reason=SIP%3Bcause%3D480%3Btext%3D%22later%22>;index=1.1.1",
        ],
    )
    assert [(str(one.address.uri), one.reason) for one in found] == [
        ("sip:2@x;cause=486", "480"),
        ("sip:1@x", "486"),
    ]


@pytest.mark.parametrize("history", [["<sip:only@x>;index=1"], ["broken"], []])
def test_a_call_may_come_straight(history: list[str]) -> None:
    assert diversions(["also broken"], history) == ()


def _diversions(values: list[str]) -> object:
    return diversions(values, values)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([parse_reasons, parse_alerts, parse_early_media, _diversions]),
    st.lists(st.text(max_size=40) | st.text('<>sip:@a?=;,&%3B"\\ cause', max_size=40), max_size=3),
)
def test_any_text_is_read_or_refused(parse: Callable[[list[str]], object], values: list[str]) -> None:
    with contextlib.suppress(RemoteProtocolError):
        parse(values)
