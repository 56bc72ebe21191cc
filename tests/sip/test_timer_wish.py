"""Session timers of calls that we make, and of refreshes in both roles (RFC 4028)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.headers import SessionExpires
from hotline.sip.inspection import Refusal
from hotline.sip.message import Headers, Request, Response
from hotline.sip.session_timer import Due, SessionTimer, TimerWish, headers_of, negotiate, takes_update
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
    ((False, None), None),
    ((False, "uac"), None),
    ((True, None), "uac"),
    ((True, "uac"), "uac"),
    ((True, "uas"), "uas"),
]


@pytest.mark.parametrize(("asked", "answered"), TABLE)
def test_the_table_of_the_rfc(asked: tuple[bool, str | None], answered: str | None) -> None:
    knows, refresher = asked
    request = a_request(
        ("Session-Expires", str(SessionExpires(1800, refresher))),
        *([("Supported", "timer")] if knows else []),
    )
    agreed = negotiate(request, may_reinvite=True)
    assert not isinstance(agreed, Refusal)
    assert (agreed and agreed.refresher) == answered


def test_without_update_and_re_invite_we_do_not_promise_to_refresh() -> None:
    wish = (("Session-Expires", "1800;refresher=uas"), ("Supported", "timer"))
    assert negotiate(a_request(*wish)) is None
    assert negotiate(a_request(*wish, ("Allow", "INVITE, UPDATE"))) == SessionExpires(1800, "uas")
    assert negotiate(a_request(*wish), may_reinvite=True) == SessionExpires(1800, "uas")


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
    timer.start(SessionExpires(1800, refresher), 0.0, we_are_uas=we_are_uas)
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
    timer.start(SessionExpires(300, "uac"), 0.0, we_are_uas=False)
    refusal = a_response(("Min-SE", "900"), status=422)
    assert timer.raise_minimum(refusal)
    assert timer.headers_of_request() == (("Session-Expires", "900;refresher=uac"), ("Min-SE", "900"))
    assert not timer.raise_minimum(refusal)


def test_a_refused_refresh_is_tried_again_until_the_interval_ends() -> None:
    timer, now, tries = SessionTimer(), 0.0, 0
    timer.start(SessionExpires(90, "uac"), 0.0, we_are_uas=False)
    timer.refresh_failed(0.0)
    assert timer.next_timer() == 45.0, "one is due anyway"
    while (due := timer.next_timer()) is not None:
        now = due
        if timer.handle_timer(now) is Due.EXPIRED:
            break
        tries += 1
        timer.refresh_failed(now)
    assert (now, tries) == (60.0, 7)


def test_who_does_not_refresh_does_not_try_again() -> None:
    timer = SessionTimer()
    timer.start(SessionExpires(90, "uas"), 0.0, we_are_uas=False)
    timer.refresh_failed(10.0)
    assert timer.next_timer() == 60.0


def test_the_minimum_of_the_other_side_is_remembered() -> None:
    timer = SessionTimer()
    for text in ("600", "300", "never"):
        timer.hear(a_request(("Min-SE", text)))
    timer.hear(a_request())
    timer.start(SessionExpires(1800, "uas"), 0.0)
    assert timer.headers_of_request() == (("Session-Expires", "1800;refresher=uac"), ("Min-SE", "600"))


@settings(max_examples=100, deadline=None)
@given(st.integers(90, 100_000), st.sampled_from(["uac", "uas", None]), st.booleans())
def test_one_side_refreshes_before_the_other_hangs_up(interval: int, wish: str | None, ends: bool) -> None:
    asked = TimerWish(interval, refresher=wish)
    request = a_request(*asked.headers(), ("Supported", "timer"), ("Allow", "UPDATE"))
    agreed = negotiate(request)
    assert isinstance(agreed, SessionExpires)
    caller, called = SessionTimer(), SessionTimer()
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
