"""Session timers (RFC 4028): who refreshes, and what happens when nobody does."""

from __future__ import annotations

import pytest
from sip_bench import OFFER, Bench, a_request, an_invite, crlf, names

from hotline.events.ids import CallId
from hotline.sip.admission import Origin
from hotline.sip.events import CallEnded
from hotline.sip.message import Request, Response, response_to

CALLER_REFRESHES = "Supported: timer\nSession-Expires: 1800"
WE_REFRESH = "Supported: timer\nSession-Expires: 1800;refresher=uas\nAllow: INVITE, UPDATE, BYE"


def accepted(bench: Bench, headers: str) -> tuple[CallId, Response]:
    """Bring a call to where it stands; give its id and our 200."""
    call_id = bench.offer(headers=headers)
    bench.ua.accept(call_id, "", 16000, bench.now)
    [ok] = bench.said()
    assert isinstance(ok, Response)
    bench.hear(a_request("ACK", to_tag=ok.to_tag, branch="z9hG4bKack1"))
    bench.events()
    return call_id, ok


class Only:
    """Takes everybody for one origin."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def knows(self, *_: object) -> bool:
        return True

    def hears(self, *_: object) -> bool:
        return True

    def admit(self, *_: object) -> Origin:
        return self._origin


def a_200(reinvite: Request) -> bytes:
    """Answer a re-INVITE of ours as it was offered, without a session timer."""
    answer = response_to(reinvite, 200)
    for name, value in (("Contact", "<sip:1001@192.0.2.7>"), ("Content-Type", "application/sdp")):
        answer.headers.add(name, value)
    answer.body = crlf(OFFER).encode()
    return answer.to_bytes()


def last_request(bench: Bench) -> Request:
    """Give the request of ours that was sent last."""
    found = bench.last
    assert isinstance(found, Request)
    return found


def refresh_of(bench: Bench) -> Request:
    """Let half the interval pass; give our UPDATE."""
    bench.now += 900.0
    bench.ua.handle_timer(bench.now)
    [update] = bench.said()
    assert isinstance(update, Request)
    assert update.method == "UPDATE"
    return update


def test_the_caller_is_asked_to_refresh() -> None:
    _, ok = accepted(Bench(), CALLER_REFRESHES)
    assert ok.headers.get("Session-Expires") == "1800;refresher=uac"
    assert ok.require == ("timer",)


@pytest.mark.parametrize("headers", ["", "Session-Expires: 1800", "Session-Expires: 1800;refresher=uac"])
def test_for_a_caller_who_knows_no_timers_we_keep_one_alone(headers: str) -> None:
    bench = Bench()
    call_id, ok = accepted(bench, headers)
    assert ok.headers.get("Session-Expires") == "1800;refresher=uas"
    assert ok.require == ()
    assert bench.wait(900.0) == [(900.0, "INVITE")]
    assert bench.statuses(a_200(last_request(bench))) == ["ACK"]  # without Session-Expires
    assert bench.wait(900.0) == [(900.0, "INVITE")]
    assert bench.statuses(response_to(last_request(bench), 488).to_bytes()) == ["ACK"]
    assert bench.wait(899.0) == []  # she refuses, therefore she is
    assert bench.wait(1.0) == [(1.0, "INVITE")]
    assert [name for _, name in bench.wait(33.0)][-1] == "BYE"  # and is no more
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_a_caller_who_knows_timers_and_asks_for_none_is_asked_to_refresh() -> None:
    bench = Bench()
    call_id, ok = accepted(bench, "Supported: timer")
    assert (ok.headers.get("Session-Expires"), ok.require) == ("1800;refresher=uac", ("timer",))
    assert bench.wait(1768.0) == [(1768.0, "BYE")]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


@pytest.mark.parametrize("headers", ["", "Supported: timer"])
def test_a_line_may_go_without_a_timer(headers: str) -> None:
    bench = Bench(admission=Only(Origin(timer=None)))
    _, ok = accepted(bench, headers)
    assert ok.headers.get("Session-Expires") is None
    bench.wait(40.0)
    assert bench.ua.next_timer() is None


def test_too_short_an_interval_is_refused_with_the_shortest() -> None:
    bench = Bench()
    refusal = bench.hear(an_invite(headers="Supported: timer\nSession-Expires: 60"))[-1]
    assert names([refusal]) == [422]
    assert refusal.headers.get("Min-SE") == "90"


def test_a_call_that_is_not_refreshed_ends_before_the_interval_does() -> None:
    bench = Bench()
    call_id, _ = accepted(bench, CALLER_REFRESHES)
    assert bench.wait(1767.0) == []
    assert bench.wait(1.0) == [(1.0, "BYE")]
    assert bench.events() == [CallEnded(call_id, "hung_up")]
    bench.run_out()
    assert bench.ua.calls == 0


def test_a_short_interval_keeps_a_third_in_hand() -> None:
    bench = Bench()
    accepted(bench, "Supported: timer\nSession-Expires: 90")
    assert bench.wait(60.0)[-1] == (60.0, "BYE")


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_of_the_caller_begins_the_interval_anew(method: str) -> None:
    bench = Bench()
    _, first = accepted(bench, CALLER_REFRESHES)
    bench.wait(900.0)
    make = an_invite if method == "INVITE" else lambda **given: a_request("UPDATE", **given)
    ok = bench.hear(make(to_tag=first.to_tag, cseq=2, branch="z9hG4bKrefresh", headers=CALLER_REFRESHES))[-1]
    assert ok.headers.get("Session-Expires") == "1800;refresher=uac"
    if method == "INVITE":
        bench.hear(a_request("ACK", to_tag=first.to_tag, cseq=2, branch="z9hG4bKack2"))
    assert bench.wait(1767.0) == []
    assert bench.wait(1.0) == [(1.0, "BYE")]


def test_a_caller_who_stops_asking_for_a_timer_is_refreshed_by_us() -> None:
    bench = Bench()
    _, first = accepted(bench, CALLER_REFRESHES)
    ok = bench.hear(a_request("UPDATE", to_tag=first.to_tag, cseq=2, branch="z9hG4bKrefresh"))[-1]
    assert (ok.headers.get("Session-Expires"), ok.require) == ("1800;refresher=uas", ())
    assert bench.wait(900.0) == [(900.0, "INVITE")]


def test_where_the_line_wants_none_a_refresh_without_the_header_switches_the_timer_off() -> None:
    bench = Bench(admission=Only(Origin(timer=None)))
    _, first = accepted(bench, CALLER_REFRESHES)
    bench.hear(a_request("UPDATE", to_tag=first.to_tag, cseq=2, branch="z9hG4bKrefresh"))
    assert bench.wait(7200.0) == []


def test_a_refresh_that_is_too_short_is_refused_and_the_call_goes_on() -> None:
    bench = Bench()
    _, first = accepted(bench, CALLER_REFRESHES)
    short = "Supported: timer\nSession-Expires: 10"
    assert bench.statuses(
        a_request("UPDATE", to_tag=first.to_tag, cseq=2, branch="z9hG4bKrefresh", headers=short)
    ) == [422]
    assert bench.ua.calls == 1


def test_we_refresh_at_half_the_interval_when_we_are_asked_to() -> None:
    bench = Bench()
    _, ok = accepted(bench, WE_REFRESH)
    assert ok.headers.get("Session-Expires") == "1800;refresher=uas"
    update = refresh_of(bench)
    assert update.headers.get("Session-Expires") == "1800;refresher=uac"
    assert update.contacts
    answer = response_to(update, 200)
    answer.headers.add("Session-Expires", "1800;refresher=uac")
    bench.hear(answer.to_bytes())
    assert refresh_of(bench).cseq.number == update.cseq.number + 1


def test_a_peer_may_take_the_refreshing_over() -> None:
    bench = Bench()
    accepted(bench, WE_REFRESH)
    answer = response_to(refresh_of(bench), 200)
    answer.headers.add("Session-Expires", "600;refresher=uas")
    bench.hear(answer.to_bytes())
    assert bench.wait(568.0) == [(568.0, "BYE")]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_the_interval_counts_from_when_our_refresh_was_sent(method: str) -> None:
    """The other side counts from when it heard it: a late answer must not make the next refresh late."""
    bench = Bench()
    accepted(bench, "Supported: timer\nSession-Expires: 90;refresher=uas\nAllow: INVITE, UPDATE")
    if method == "INVITE":
        bench = Bench()
        accepted(bench, "Supported: timer\nSession-Expires: 90;refresher=uas")
    assert bench.wait(45.0)[0] == (45.0, method)
    bench.wait(16.0)  # the first answers got lost
    refresh = last_request(bench)
    answer = a_200(refresh).replace(
        b"\r\nContent-Type", b"\r\nSession-Expires: 90;refresher=uac\r\nContent-Type"
    )
    bench.hear(answer)
    assert bench.wait(28.9) == []
    assert bench.wait(0.2) == [(0.1, method)]


@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_lost_the_call_gets_our_bye(status: int) -> None:
    bench = Bench()
    call_id, _ = accepted(bench, WE_REFRESH)
    assert bench.statuses(response_to(refresh_of(bench), status).to_bytes()) == ["BYE"]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    bench = Bench()
    call_id, _ = accepted(bench, WE_REFRESH)
    refresh_of(bench)
    sent = bench.wait(32.0)
    assert [name for _, name in sent] == ["UPDATE"] * 10 + ["BYE"]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_a_refresh_that_only_a_proxy_refuses_is_not_the_end_until_the_interval_is() -> None:
    bench = Bench()
    accepted(bench, WE_REFRESH)
    assert bench.statuses(response_to(refresh_of(bench), 500).to_bytes()) == []
    (after, name), *_ = bench.wait(2.0)  # once more, as a re-INVITE
    assert name == "INVITE"
    assert 0.0 < after <= 2.0
    began, tried = bench.now, ["INVITE"]
    while tried[-1] != "BYE":
        bench.hear(response_to(last_request(bench), 503).to_bytes())
        while not (sent := bench.wait((bench.ua.next_timer() or 0.0) - bench.now)):
            pass
        tried.append(str(sent[0][1]))
    assert 4 < len(tried) < 40
    assert bench.now - began == pytest.approx(1800.0 - 2.0 - 2.0)  # from the 500, which was hers


def test_a_caller_who_takes_no_update_is_refreshed_by_a_re_invite() -> None:
    bench = Bench()
    call_id, ok = accepted(bench, WE_REFRESH.replace("UPDATE, ", ""))
    assert ok.headers.get("Session-Expires") == "1800;refresher=uas"
    assert bench.wait(900.0) == [(900.0, "INVITE")]
    reinvite = last_request(bench)
    assert reinvite.headers.get("Session-Expires") == "1800;refresher=uac"
    answer = response_to(reinvite, 200)
    for name, value in (("Contact", "<sip:1001@192.0.2.7>"), ("Content-Type", "application/sdp")):
        answer.headers.add(name, value)
    answer.headers.add("Session-Expires", "1800;refresher=uac")
    answer.body = crlf(OFFER).encode()
    assert bench.statuses(answer.to_bytes()) == ["ACK"]
    assert bench.events() == []  # nothing moved, and nobody asked
    assert bench.wait(899.9) == []
    assert bench.wait(0.2) == [(0.1, "INVITE")]
    assert bench.ua.is_offered(call_id) is False


def test_who_refuses_update_is_refreshed_by_a_re_invite() -> None:
    bench = Bench()
    accepted(bench, WE_REFRESH)
    assert bench.statuses(response_to(refresh_of(bench), 405).to_bytes()) == ["INVITE"]


def test_a_call_that_ends_takes_its_timer_along() -> None:
    bench = Bench()
    _, ok = accepted(bench, WE_REFRESH)
    bench.hear(a_request("BYE", to_tag=ok.to_tag, cseq=2, branch="z9hG4bKbye"))
    bench.wait(40.0)
    assert bench.ua.next_timer() is None
