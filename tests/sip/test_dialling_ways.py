"""A call of ours among several places: next ones, forks, redirections, challenges, timers, all at once."""

from __future__ import annotations

import itertools

import pytest
from sip_bench import OFFER, crlf
from two_agents import ALICE, a_target, an_agent, an_order

from hotline.events.ids import CallId
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.dialler import MOST_FORKS
from hotline.sip.dialling import ClientSecret, DialTarget
from hotline.sip.events import CallAnswered, CallEnded, CallRinging, MediaMoved, SipEvent
from hotline.sip.flow import Flow
from hotline.sip.headers import NameAddr
from hotline.sip.message import Request, Response, parse_message, response_to
from hotline.sip.session_timer import TimerWish
from hotline.sip.uri import Uri, parse_uri

FIRST, SECOND, THIRD = ("192.0.2.11", 5060), ("192.0.2.12", 5060), ("192.0.2.13", 5060)
Answer = tuple[Request, Response]


class Caller:
    """One user agent that calls; the test plays everybody else."""

    def __init__(self, **config: object) -> None:
        self.ua = an_agent("a", **config)
        self.now = 0.0
        self._tags = itertools.count(1)

    def dial(self, *branches: tuple[DialTarget, ...], **given: object) -> list[Request]:
        self.ua.dial(an_order(branches=branches, **given), self.now)
        return self.sent()

    def sent(self) -> list[Request]:
        """Give the requests that were sent since last asked."""
        found = [parse_message(outgoing.data) for outgoing in self.ua.take_outbox()]
        return [message for message in found if isinstance(message, Request)]

    def hear(
        self,
        request: Request,
        status: int,
        *,
        tag: str = "",
        sdp: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> list[Request]:
        response = response_to(
            request, status, to_tag=(tag or f"t{next(self._tags)}") if status > 100 else None
        )
        if 100 < status < 300:
            response.headers.add("Contact", "<sip:96156@192.0.2.2:5060>")
        for name, value in headers:
            response.headers.add(name, value)
        if sdp:
            response.headers.add("Content-Type", "application/sdp")
            response.body = crlf(sdp).encode()
        self.ua.handle_message(parse_message(response.to_bytes()), Flow("udp", ALICE, FIRST, 1), self.now)
        return self.sent()

    def events(self) -> list[SipEvent]:
        return self.ua.take_events()

    def wait(self, seconds: float) -> list[Request]:
        end, sent = self.now + seconds, []
        while (due := self.ua.next_timer()) is not None and due <= end:
            self.now = max(due, self.now)
            self.ua.handle_timer(self.now)
            sent += self.sent()
        self.now = end
        return sent

    def run_out(self) -> None:
        self.wait(4000.0)
        assert (self.ua.calls, self.ua.transactions, self.ua.next_timer()) == (0, 0, None)


def methods(requests: list[Request]) -> list[str]:
    return [request.method for request in requests]


OURS = CallId("out-1")


# -- one after another ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [503, 408, 430])
def test_the_next_place_is_tried_when_the_way_is_at_fault(status: int) -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST), a_target(SECOND)))
    ack, again = caller.hear(invite, status)
    assert methods([ack, again]) == ["ACK", "INVITE"]
    assert again.uri.host == SECOND[0]
    assert again.call_id == invite.call_id
    assert again.cseq.number == invite.cseq.number + 1
    assert again.top_via.branch != invite.top_via.branch
    caller.hear(again, 200, sdp=OFFER)
    assert isinstance(caller.events()[-1], CallAnswered)


def test_the_next_place_is_tried_when_one_is_silent() -> None:
    caller = Caller()
    caller.dial((a_target(FIRST), a_target(SECOND)))
    sent = caller.wait(32.0)
    assert sent[-1].uri.host == SECOND[0]
    assert caller.events() == []


def test_the_next_place_is_tried_when_there_is_no_way() -> None:
    caller = Caller()
    target = a_target(FIRST)
    caller.dial((target, a_target(SECOND)))
    caller.ua.lose_flow(target.flow, caller.now)
    assert [request.uri.host for request in caller.sent()] == [SECOND[0]]


@pytest.mark.parametrize("status", [486, 404, 500, 603])
def test_no_other_place_is_tried_when_somebody_decided(status: int) -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST), a_target(SECOND)))
    assert methods(caller.hear(invite, status)) == ["ACK"]
    [ended] = caller.events()
    assert isinstance(ended, CallEnded)
    assert (ended.cause, ended.status) == ("failed", status)
    caller.run_out()


# -- all at once ----------------------------------------------------------------------------------


def test_all_telephones_ring_and_the_first_that_answers_has_the_call() -> None:
    caller = Caller()
    one, two, three = caller.dial((a_target(FIRST),), (a_target(SECOND),), (a_target(THIRD),))
    assert len({one.call_id, two.call_id, three.call_id}) == 3
    caller.hear(one, 180)
    caller.hear(two, 180)
    sent = caller.hear(two, 200, tag="b", sdp=OFFER)
    assert methods(sent) == ["ACK", "CANCEL"]
    cancel = sent[1]
    assert cancel.top_via.branch == one.top_via.branch
    assert "elsewhere" in (cancel.headers.get("Reason") or "")
    assert methods(caller.hear(three, 180)) == ["CANCEL"]  # nobody had spoken there before (9.1)
    kinds = [type(event) for event in caller.events()]
    assert kinds == [CallRinging, CallAnswered]
    caller.hear(one, 487)
    late = caller.hear(three, 200, tag="c", sdp=OFFER)
    assert methods(late) == ["ACK", "BYE"]  # it crossed our CANCEL
    caller.hear(late[1], 200)
    assert caller.ua.hang_up(OURS, caller.now)
    caller.run_out()


def test_a_refusal_of_one_lets_the_others_ring() -> None:
    caller = Caller()
    one, two = caller.dial((a_target(FIRST),), (a_target(SECOND),))
    caller.hear(one, 486)
    assert caller.events() == []
    caller.hear(two, 480)
    [ended] = caller.events()
    assert isinstance(ended, CallEnded)
    assert ended.status == 486  # busy tells more than nobody there (16.7, step 6)


def test_a_6xx_ends_all() -> None:
    caller = Caller()
    one, two = caller.dial((a_target(FIRST),), (a_target(SECOND),))
    caller.hear(two, 180)
    caller.events()
    assert methods(caller.hear(one, 603)) == ["ACK", "CANCEL"]
    assert caller.events() == [CallEnded(OURS, "failed", 603, "Decline")]
    caller.hear(two, 487)
    caller.run_out()


# -- forks ----------------------------------------------------------------------------------------


def test_every_further_2xx_of_a_fork_is_acknowledged_and_ended() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    caller.hear(invite, 180, tag="x")
    caller.hear(invite, 180, tag="y")
    assert methods(caller.hear(invite, 200, tag="x", sdp=OFFER)) == ["ACK"]
    second = caller.hear(invite, 200, tag="y", sdp=OFFER)
    assert methods(second) == ["ACK", "BYE"]
    assert {request.to_tag for request in second} == {"y"}
    assert methods(caller.hear(invite, 200, tag="y", sdp=OFFER)) == ["ACK"]  # no second BYE
    assert methods(caller.hear(invite, 200, tag="x", sdp=OFFER)) == ["ACK"]
    assert methods(caller.hear(invite, 200, tag="z", sdp=OFFER)) == ["ACK", "BYE"]
    answered = [event for event in caller.events() if isinstance(event, CallAnswered)]
    assert len(answered) == 1
    assert caller.ua.calls == 1


def test_a_peer_that_forks_without_end_costs_no_memory_without_end() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    for number in range(500):
        caller.hear(invite, 180, tag=f"early{number}")
    assert len(caller.ua.legs) == MOST_FORKS
    assert methods(caller.hear(invite, 200, tag="late", sdp=OFFER)) == ["ACK"]  # a call all the same
    ended = [methods(caller.hear(invite, 200, tag=f"more{number}", sdp=OFFER)) for number in range(500)]
    assert ended.count(["ACK", "BYE"]) == MOST_FORKS - 1
    assert ended.count([]) == 500 - (MOST_FORKS - 1)
    assert any(isinstance(event, CallAnswered) for event in caller.events())
    caller.ua.hang_up(OURS, caller.now)
    caller.run_out()


def test_each_fork_has_its_own_early_media() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    reliable = (("Require", "100rel"), ("RSeq", "7"))
    assert methods(caller.hear(invite, 183, tag="x", sdp=OFFER, headers=reliable)) == ["PRACK"]
    other = OFFER.replace("40000", "40400")
    [prack] = caller.hear(invite, 183, tag="y", sdp=other, headers=reliable)
    assert (prack.to_tag, prack.headers.get("RAck")) == ("y", "7 1 INVITE")
    ports = [
        event.terms.remote_port for event in caller.events() if isinstance(event, CallRinging) and event.terms
    ]
    assert ports == [40000, 40400]
    caller.hear(invite, 200, tag="y")
    [answered] = caller.events()
    assert isinstance(answered, CallAnswered)
    assert answered.terms.remote_port == 40400


def test_a_reliable_response_out_of_order_waits_for_the_one_before() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    for number, expected in (("5", ["PRACK"]), ("5", []), ("7", []), ("6", ["PRACK"]), ("7", ["PRACK"])):
        headers = (("Require", "100rel"), ("RSeq", number))
        assert methods(caller.hear(invite, 180, tag="x", headers=headers)) == expected


def test_a_bye_that_overtakes_its_own_200_ends_the_call() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    caller.hear(invite, 180, tag="x")
    bye = (
        f"BYE sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKbye\r\n"
        f"From: <sip:96156@192.0.2.2>;tag=x\r\nTo: {invite.headers.get('From')}\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    )
    caller.ua.handle_message(parse_message(bye.encode()), Flow("udp", ALICE, FIRST, 1), caller.now)
    caller.sent()
    caller.events()
    assert methods(caller.hear(invite, 200, tag="x", sdp=OFFER)) == ["ACK"]
    assert caller.events() == [CallEnded(OURS, "bye")]
    caller.run_out()


def test_a_2xx_without_a_usable_answer_is_acknowledged_and_ended() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    sent = caller.hear(invite, 200, tag="x")
    assert methods(sent) == ["ACK", "BYE"]
    assert caller.events() == [CallEnded(OURS, "failed", 488, "No usable answer")]
    caller.hear(sent[1], 200)
    caller.run_out()


def test_an_update_in_an_early_dialog_moves_early_media() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    caller.hear(invite, 183, tag="x", sdp=OFFER, headers=(("Require", "100rel"), ("RSeq", "1")))
    caller.events()
    body = crlf(OFFER.replace("40000", "40400"))
    update = (
        f"UPDATE sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKup\r\n"
        f"From: <sip:96156@192.0.2.2>;tag=x\r\nTo: {invite.headers.get('From')}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:96156@192.0.2.2>\r\nContent-Type: application/sdp\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: 1 UPDATE\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    caller.ua.handle_message(parse_message(update.encode()), Flow("udp", ALICE, FIRST, 1), caller.now)
    [ok] = [parse_message(outgoing.data) for outgoing in caller.ua.take_outbox()]
    assert isinstance(ok, Response)
    assert ok.status == 200
    [ringing] = caller.events()
    assert isinstance(ringing, CallRinging)
    assert ringing.terms is not None
    assert ringing.terms.remote_port == 40400
    assert not isinstance(ringing, MediaMoved)


# -- redirections ---------------------------------------------------------------------------------

CONTACTS = (("Contact", "<sip:b@192.0.2.12>;q=0.5, <sip:c@192.0.2.13>;q=0.9, <sip:evil@203.0.113.1>"),)


def allowed(uri: Uri) -> DialTarget | None:
    return a_target((uri.address, 5060), uri.user) if uri.address.startswith("192.0.2.") else None


def test_a_redirection_is_followed_where_it_is_allowed_best_first() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),), allows_redirect=allowed)
    _, second = caller.hear(invite, 302, headers=CONTACTS)
    assert str(second.uri) == "sip:c@192.0.2.13:5060"
    _, third = caller.hear(second, 503)
    assert str(third.uri) == "sip:b@192.0.2.12:5060"


def test_a_redirection_is_refused_by_default() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    assert methods(caller.hear(invite, 302, headers=CONTACTS)) == ["ACK"]
    [ended] = caller.events()
    assert isinstance(ended, CallEnded)
    assert (ended.cause, ended.status, ended.reason) == ("failed", 302, "Moved Temporarily")
    told = [str(uri) for uri in ended.redirects]
    assert told == ["sip:evil@203.0.113.1", "sip:c@192.0.2.13", "sip:b@192.0.2.12"], "best first"


def test_places_that_point_at_each_other_come_to_an_end() -> None:
    caller = Caller()
    requests = caller.dial((a_target(FIRST),), allows_redirect=allowed)
    for _ in range(20):
        requests = caller.hear(requests[-1], 302, headers=(("Contact", "<sip:b@192.0.2.12>"),))
        if methods(requests) == ["ACK"]:
            break
    places = (Uri("sip", "b", host="192.0.2.12"),)
    assert caller.events() == [CallEnded(OURS, "failed", 302, "Moved Temporarily", redirects=places)]


# -- challenges and timers ------------------------------------------------------------------------

CHALLENGE = (("WWW-Authenticate", 'Digest realm="ims", nonce="n1", qop="auth", algorithm=SHA-256'),)


def test_a_challenge_is_answered_once() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),), secret=ClientSecret("+8610", "pass"))
    _, again = caller.hear(invite, 401, headers=CHALLENGE)
    assert 'username="+8610"' in (again.headers.get("Authorization") or "")
    assert (again.call_id, again.from_tag, again.cseq.number) == (invite.call_id, invite.from_tag, 2)
    assert again.to_tag is None
    assert methods(caller.hear(again, 401, headers=CHALLENGE)) == ["ACK"]
    assert caller.events() == [CallEnded(OURS, "failed", 401, "Unauthorized")]
    assert caller.ua.counts.failed_authentications == 1


def test_the_ack_repeats_the_credentials() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),), secret=ClientSecret("+8610", "pass"))
    _, again = caller.hear(invite, 401, headers=CHALLENGE)
    [ack] = caller.hear(again, 200, sdp=OFFER)
    assert ack.headers.get("Authorization") == again.headers.get("Authorization")


def test_without_a_secret_a_challenge_fails_the_call() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    caller.hear(invite, 407, headers=CHALLENGE)
    assert caller.events() == [CallEnded(OURS, "failed", 407, "Proxy Authentication Required")]


def test_a_longer_session_interval_is_asked_for_when_422_wants_it() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),), timer=TimerWish(90))
    assert invite.headers.get("Session-Expires") == "90"
    _, again = caller.hear(invite, 422, headers=(("Min-SE", "600"),))
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("600", "600")
    assert methods(caller.hear(again, 422, headers=(("Min-SE", "600"),))) == ["ACK"]
    assert caller.events() == [CallEnded(OURS, "failed", 422, "Session Interval Too Small")]


def test_we_refresh_a_call_of_ours() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    assert "timer" in invite.supported
    timer = (("Require", "timer"), ("Session-Expires", "1800;refresher=uac"), ("Allow", "UPDATE"))
    caller.hear(invite, 200, sdp=OFFER, headers=timer)
    assert methods(caller.wait(899.0)) == []
    assert methods(caller.wait(1.1)) == ["UPDATE"]


def test_a_call_whose_refresher_vanished_ends() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    timer = (("Require", "timer"), ("Session-Expires", "1800;refresher=uas"))
    caller.hear(invite, 200, sdp=OFFER, headers=timer)
    caller.events()
    assert methods(caller.wait(1800.0))[0] == "BYE"
    assert caller.events() == [CallEnded(OURS, "hung_up")]


# -- the rest -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "required", "supported"),
    [("never", False, False), ("supported", False, True), ("required", True, True)],
)
def test_reliable_responses_go_by_policy(policy: str, required: bool, supported: bool) -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),), origin=Origin(reliable=policy))
    assert ("100rel" in invite.require, "100rel" in invite.supported) == (required, supported)


def test_a_pre_loaded_route_is_followed() -> None:
    caller = Caller()
    proxy = parse_uri("sip:192.0.2.50;lr")
    target = DialTarget(
        parse_uri("sip:96156@ims.example"), Flow("udp", ALICE, FIRST, 1), (NameAddr("", proxy),)
    )
    [invite] = caller.dial((target,))
    assert str(invite.uri) == "sip:96156@ims.example"
    assert [str(route) for route in invite.routes] == ["<sip:192.0.2.50;lr>"]
    caller.hear(invite, 180)
    caller.ua.hang_up(OURS, caller.now)
    [cancel] = caller.sent()
    assert cancel.headers.get_all("Route") == invite.headers.get_all("Route")


def test_a_cancel_that_nobody_answers_is_forgotten() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    caller.hear(invite, 180)
    caller.ua.hang_up(OURS, caller.now)
    caller.run_out()


def test_the_calls_of_an_origin_are_counted_both_ways() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),), origin=Origin(OriginKind.TRUNK, "unicom"))
    assert caller.ua.calls_of("unicom") == 1
    caller.hear(invite, 200, sdp=OFFER)
    assert caller.ua.calls_of("unicom") == 1
    caller.ua.hang_up(OURS, caller.now)
    [bye] = caller.sent()
    caller.hear(bye, 200)
    assert caller.ua.calls_of("unicom") == 0


def test_a_trunk_and_a_telephone_of_one_name_are_counted_apart() -> None:
    caller = Caller()
    caller.dial((a_target(FIRST),), origin=Origin(OriginKind.PHONE, "unicom"))
    assert caller.ua.calls_of("unicom") == 0
    assert caller.ua.calls_of("unicom", OriginKind.PHONE) == 1


def test_a_telephone_that_lists_talk_is_asked_to_answer() -> None:
    caller = Caller()
    one, two = caller.dial((a_target(FIRST),), (a_target(SECOND),))
    assert not caller.ua.notify_talk(OURS, caller.now)
    caller.hear(one, 180, headers=(("Allow-Events", "talk, hold"),))
    caller.hear(two, 180)
    assert caller.ua.notify_talk(OURS, caller.now)
    [notify] = caller.sent()
    assert (notify.method, notify.headers.get("Event"), notify.call_id) == ("NOTIFY", "talk", one.call_id)
    caller.hear(notify, 200)
    assert not caller.ua.notify_talk(CallId("nobody"), caller.now)
