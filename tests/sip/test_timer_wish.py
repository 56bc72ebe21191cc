"""Session timers of calls that we make, and of refreshes in both roles (RFC 4028)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.headers import SessionExpires
from hotline.sip.inspection import Refusal
from hotline.sip.message import Headers, Request, Response
from hotline.sip.session_timer import (
    MIN_SE_S,
    NO_SIGN_OF_LIFE,
    USUAL_TIMER,
    Agreed,
    Due,
    SessionTimer,
    TimerWish,
    headers_of,
    negotiate,
    takes_update,
)
from hotline.sip.timers import PATIENCE
from hotline.sip.uri import parse_uri


def a_request(*fields: tuple[str, str]) -> Request:
    return Request("INVITE", parse_uri("sip:a@b"), Headers(fields))


def a_response(*fields: tuple[str, str], status: int = 200) -> Response:
    return Response(status, "", Headers(fields))


def test_a_wish_leaves_the_refresher_to_the_other_side() -> None:
    assert TimerWish().headers() == (("Session-Expires", "1800"),)
    assert TimerWish(600, 300, "uas").headers() == (
        ("Session-Expires", "600;refresher=uas"),
        ("Min-SE", "300"),
    )


@pytest.mark.parametrize(
    ("min_se", "raised"),
    [
        ("3600", TimerWish(3600, 3600)),
        ("1000", TimerWish(1800, 1000)),
        ("90", None),
        ("10", None),
        ("999999", None),
        ("soon", None),
        (None, None),
    ],
)
def test_too_small_an_interval_is_asked_for_again_once(min_se: str | None, raised: TimerWish | None) -> None:
    refusal = a_response(*([("Min-SE", min_se)] if min_se else []), status=422)
    wish = TimerWish().raised(refusal)
    assert wish == raised
    assert wish is None or wish.raised(refusal) is None


# RFC 4028, section 9, table 2: (UAC knows timers, refresher in the request) -> refresher in our 2xx.
TABLE = [
    ((False, None), "uas"),
    ((False, "uac"), "uas"),
    ((False, "uas"), "uas"),
    ((True, None), "uac"),
    ((True, "uac"), "uac"),
    ((True, "uas"), "uas"),
]


@pytest.mark.parametrize(("asked", "answered"), TABLE)
@pytest.mark.parametrize("wish", [None, USUAL_TIMER])
def test_the_table_of_the_rfc(
    asked: tuple[bool, str | None], answered: str | None, wish: TimerWish | None
) -> None:
    knows, refresher = asked
    request = a_request(
        ("Session-Expires", str(SessionExpires(1800, refresher))),
        *([("Supported", "timer")] if knows else []),
    )
    agreed = negotiate(request, SessionTimer(wish))
    assert isinstance(agreed, Agreed)
    assert (agreed.expires, agreed.is_shared) == (SessionExpires(1800, answered), knows)
    assert (("Require", "timer") in headers_of(agreed)) is knows


@pytest.mark.parametrize(("supported", "refresher"), [("", "uas"), ("100rel", "uas"), ("Timer", "uac")])
@pytest.mark.parametrize(("min_se", "interval_s"), [(None, 1800), (600, 1800), (7200, 7200)])
def test_who_asks_for_no_timer_gets_ours(
    supported: str, refresher: str, min_se: int | None, interval_s: int
) -> None:
    fields = [("Supported", supported)] if supported else []
    request = a_request(*fields, *([("Min-SE", str(min_se))] if min_se else []))
    timer = SessionTimer(USUAL_TIMER)
    timer.hear(request)
    agreed = negotiate(request, timer)
    assert agreed == Agreed(SessionExpires(interval_s, refresher), refresher == "uac")
    assert negotiate(request, SessionTimer(None)) is None


def test_who_refreshed_goes_on_to_when_a_re_invite_does_not_speak_of_it() -> None:
    timer = SessionTimer(USUAL_TIMER)
    timer.start(Agreed(SessionExpires(1800, "uas")), 0.0)
    assert negotiate(a_request(("Supported", "timer")), timer) == Agreed(SessionExpires(1800, "uas"))


@pytest.mark.parametrize(
    ("asked_s", "min_se_s", "wish", "agreed_s"),
    [
        (36_000, None, USUAL_TIMER, 1800),
        (36_000, 7200, USUAL_TIMER, 7200),
        (600, None, USUAL_TIMER, 600),
        (36_000, None, TimerWish(300), 300),
        (36_000, None, None, 36_000),
    ],
)
def test_a_long_interval_is_shortened_but_not_below_what_is_asked_at_least(
    asked_s: int, min_se_s: int | None, wish: TimerWish | None, agreed_s: int
) -> None:
    fields = [("Min-SE", str(min_se_s))] if min_se_s else []
    request = a_request(("Supported", "timer"), ("Session-Expires", str(asked_s)), *fields)
    timer = SessionTimer(wish)
    timer.hear(request)
    assert negotiate(request, timer) == Agreed(SessionExpires(agreed_s, "uac"))


def test_a_proxy_that_asks_for_too_little_does_not_cost_the_caller_her_call() -> None:
    asked = negotiate(a_request(("Session-Expires", "30")), SessionTimer())
    assert asked == Agreed(SessionExpires(90, "uas"), is_shared=False)
    assert isinstance(
        negotiate(a_request(("Session-Expires", "30"), ("Supported", "timer")), SessionTimer()), Refusal
    )


@pytest.mark.parametrize(
    ("allow", "takes"), [("INVITE, UPDATE", True), ("INVITE", False), ("(", False), (None, False)]
)
def test_update_is_sent_only_to_who_takes_it(allow: str | None, takes: bool) -> None:
    assert takes_update(a_response(*([("Allow", allow)] if allow else []))) is takes


@pytest.mark.parametrize(
    ("text", "interval", "we_refresh"),
    [
        ("1800;refresher=uac", 1800, True),
        ("1800;refresher=uas", 1800, False),
        ("1800", 1800, True),
        ("1;refresher=uac", 90, True),
        ("???", 1800, True),
        (None, 0, False),
    ],
)
def test_the_answer_to_our_call_decides(text: str | None, interval: int, we_refresh: bool) -> None:
    timer = SessionTimer()
    timer.refreshed(a_response(*([("Session-Expires", text)] if text else [])), 0.0)
    assert (timer.interval_s, timer.we_refresh) == (interval, we_refresh)
    assert (timer.next_timer() is not None) is bool(interval)


@pytest.mark.parametrize("we_are_uas", [True, False])
@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_who_refreshed_goes_on_to_in_every_request_of_ours(we_are_uas: bool, refresher: str) -> None:
    timer = SessionTimer()
    timer.start(Agreed(SessionExpires(1800, refresher)), 0.0, we_are_uas=we_are_uas)
    [(_, text)] = timer.headers_of_request()
    assert text == f"1800;refresher={'uac' if timer.we_refresh else 'uas'}"
    before = timer.we_refresh
    timer.refreshed(a_response(("Session-Expires", text)), 10.0)
    assert timer.we_refresh is before


def test_a_call_without_a_timer_sends_no_header() -> None:
    timer = SessionTimer()
    assert timer.headers_of_request() == ()
    assert not timer.raise_minimum(a_response(("Min-SE", "3600"), status=422))


def test_a_refresh_that_is_too_short_is_sent_again_with_the_minimum() -> None:
    timer = SessionTimer()
    timer.start(Agreed(SessionExpires(300, "uac")), 0.0, we_are_uas=False)
    refusal = a_response(("Min-SE", "900"), status=422)
    assert timer.raise_minimum(refusal)
    assert timer.headers_of_request() == (("Session-Expires", "900;refresher=uac"), ("Min-SE", "900"))
    assert not timer.raise_minimum(refusal)


def test_who_asked_for_a_timer_keeps_it_alone_when_the_other_side_does_not() -> None:
    timer = SessionTimer(TimerWish(600))
    timer.refreshed(a_response(), 0.0)
    assert (timer.interval_s, timer.we_refresh, timer.is_shared) == (600, True, False)
    timer.refreshed(a_response(), 300.0)
    assert timer.next_timer() == 600.0


def test_a_refresh_that_nobody_hears_is_tried_again_until_the_interval_ends() -> None:
    timer, now, tries = SessionTimer(), 0.0, 0
    timer.start(Agreed(SessionExpires(90, "uac")), 0.0, we_are_uas=False)
    timer.refresh_refused(503, 0.0)
    assert timer.next_timer() == 45.0, "one is due anyway"
    while (due := timer.next_timer()) is not None:
        now = due
        if timer.handle_timer(now) is Due.EXPIRED:
            break
        tries += 1
        timer.refresh_refused(503, now)
    assert (now, tries) == (88.0, 10)


def test_the_answer_to_a_refresh_may_take_its_whole_transaction() -> None:
    timer = SessionTimer()
    timer.start(Agreed(SessionExpires(MIN_SE_S, "uac")), 0.0, we_are_uas=False)
    assert timer.handle_timer(45.0) is Due.REFRESH
    due = timer.next_timer()
    assert due is not None
    assert due > 45.0 + PATIENCE


def test_who_does_not_refresh_does_not_try_again() -> None:
    timer = SessionTimer()
    timer.start(Agreed(SessionExpires(90, "uas")), 0.0, we_are_uas=False)
    timer.refresh_refused(503, 10.0)
    assert timer.next_timer() == 60.0
    timer.refresh_refused(488, 10.0)  # but it lives
    assert timer.next_timer() == 70.0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(90, 7200),
    st.booleans(),
    st.sampled_from([400, 405, 415, 420, 423, 488, 491, 500, 501, 600]),
    st.floats(0.0, 1.0),
)
def test_a_peer_that_refuses_every_refresh_lives_and_is_not_drowned(
    interval: int, is_shared: bool, status: int, answers_after: float
) -> None:
    """Whoever says no is there; both the questions and the silence between them are bounded."""
    assert status not in NO_SIGN_OF_LIFE
    timer = SessionTimer()
    timer.start(Agreed(SessionExpires(interval, "uac"), is_shared), 0.0, we_are_uas=False)
    asked, now = [0.0], 0.0
    while now < 4 * interval:
        due = timer.next_timer()
        assert due is not None
        now = due
        assert timer.handle_timer(now) is Due.REFRESH, "it was there a moment ago"
        asked.append(now)
        timer.refresh_refused(status, now + answers_after)
        now += answers_after
    assert len(asked) < 4 * 40
    assert max(later - one for one, later in itertools.pairwise(asked)) <= interval / 2 + 2


def test_the_minimum_of_the_other_side_is_remembered() -> None:
    timer = SessionTimer()
    for text in ("600", "300", "never"):
        timer.hear(a_request(("Min-SE", text)))
    timer.hear(a_request())
    timer.start(Agreed(SessionExpires(1800, "uas")), 0.0)
    assert timer.headers_of_request() == (("Session-Expires", "1800;refresher=uac"), ("Min-SE", "600"))


@settings(max_examples=100, deadline=None)
@given(st.integers(90, 100_000), st.sampled_from(["uac", "uas", None]), st.booleans())
def test_one_side_refreshes_before_the_other_hangs_up(interval: int, wish: str | None, ends: bool) -> None:
    asked = TimerWish(interval, refresher=wish)
    request = a_request(*asked.headers(), ("Supported", "timer"), ("Allow", "UPDATE"))
    caller, called = SessionTimer(asked), SessionTimer()
    agreed = negotiate(request, called)
    assert isinstance(agreed, Agreed)
    called.start(agreed, 0.0)
    caller.refreshed(a_response(*headers_of(agreed)), 0.0)
    assert caller.we_refresh is not called.we_refresh
    refreshing, waiting = (caller, called) if caller.we_refresh else (called, caller)
    first, last = refreshing.next_timer(), waiting.next_timer()
    assert first is not None
    assert last is not None
    assert first < last < interval
    assert refreshing.handle_timer(first) is Due.REFRESH
    assert waiting.handle_timer(last) is Due.EXPIRED
    if ends:
        refreshing.start(None, first)
        assert refreshing.next_timer() is None


@settings(max_examples=100, deadline=None)
@given(
    st.none() | st.integers(90, 100_000),
    st.sampled_from(["uac", "uas", None]),
    st.booleans(),
    st.none() | st.integers(90, 86_400),
    st.none() | st.integers(90, 7200),
    st.none() | st.integers(90, 7200),
)
def test_whatever_the_two_sides_know_no_call_that_vanished_lives_for_ever(
    asked_s: int | None,
    refresher: str | None,
    knows: bool,
    min_se: int | None,
    theirs_s: int | None,
    ours_s: int | None,
) -> None:
    """A side that wishes a timer has one, and both sides mean the same by it."""
    fields = [("Supported", "timer")] if knows else []
    fields += [("Session-Expires", str(SessionExpires(asked_s, refresher)))] if asked_s else []
    fields += [("Min-SE", str(min_se))] if min_se else []
    request = a_request(*fields)
    called = SessionTimer(TimerWish(ours_s) if ours_s else None)
    caller = SessionTimer(TimerWish(theirs_s) if theirs_s and knows else None)
    called.hear(request)
    agreed = negotiate(request, called)
    assert agreed is None or isinstance(agreed, Agreed)
    assert (agreed is None) == (asked_s is None and ours_s is None)
    called.start(agreed, 0.0)
    if agreed is not None:
        least = max(min_se or 0, 90)
        assert agreed.expires.interval_s >= min(least, asked_s or least)
        assert asked_s is None or agreed.expires.interval_s <= asked_s
        assert agreed.expires.refresher == "uas" or knows
        assert called.next_timer() is not None
    if knows:
        caller.refreshed(a_response(*headers_of(agreed)), 0.0)
        if agreed is not None:
            assert caller.interval_s == called.interval_s
            assert caller.we_refresh is not called.we_refresh
        else:
            assert caller.we_refresh is (theirs_s is not None)
