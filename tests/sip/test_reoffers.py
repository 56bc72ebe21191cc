"""Re-INVITEs of ours: hold, resume, glare, refusal, and what they cross."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sip_bench import OFFER, Bench, a_request, an_invite, crlf
from two_agents import Pair

from hotline.events.ids import CallId
from hotline.sip.dialling import ClientSecret
from hotline.sip.events import CallEnded, MediaMoved, ReofferFailed
from hotline.sip.headers import SessionExpires
from hotline.sip.message import Request, Response, response_to
from hotline.sip.reoffers import standing_wish
from hotline.sip.session_timer import Agreed
from hotline.sip.voice_terms import VoicePolicy


def test_a_call_is_held_with_music_and_taken_up_again() -> None:
    pair = Pair()
    ours, theirs = pair.talking()
    assert pair.alice.reoffer(ours, pair.now, receives=False)
    pair.settle()
    assert pair.names() == ["alice INVITE", "bob 200", "alice ACK"]
    [held], [heard] = pair.take("alice"), pair.take("bob")
    assert isinstance(held, MediaMoved)
    assert (held.call_id, held.terms.sends, held.terms.receives) == (ours, True, False)
    assert isinstance(heard, MediaMoved)
    assert (heard.call_id, heard.terms.sends, heard.terms.receives) == (theirs, False, True)
    pair.alice.reoffer(ours, pair.now)
    pair.settle()
    [resumed] = pair.take("alice")
    assert isinstance(resumed, MediaMoved)
    assert (resumed.terms.sends, resumed.terms.receives) == (True, True)
    assert [type(event) for event in pair.take("bob")] == [MediaMoved]


def test_the_called_side_holds_as_well_and_in_silence() -> None:
    pair = Pair()
    _, theirs = pair.talking()
    pair.bob.reoffer(theirs, pair.now, sends=False, receives=False)
    pair.settle()
    [heard] = pair.take("alice")
    assert isinstance(heard, MediaMoved)
    assert (heard.terms.sends, heard.terms.receives) == (False, False)


def test_voice_moves_to_another_address_and_codec() -> None:
    pair = Pair()
    ours, _ = pair.talking()
    voice = VoicePolicy(("PCMU",), "never")
    pair.alice.reoffer(ours, pair.now, local_ip="192.0.2.99", local_port=12000, voice=voice)
    pair.settle()
    [moved] = pair.take("bob")
    assert isinstance(moved, MediaMoved)
    assert (moved.terms.remote_ip, moved.terms.remote_port, moved.terms.codec) == (
        "192.0.2.99",
        12000,
        "PCMU",
    )


def test_a_wish_that_changes_nothing_is_told_all_the_same() -> None:
    pair = Pair()
    ours, _ = pair.talking()
    pair.alice.reoffer(ours, pair.now)
    pair.settle()
    assert [type(event) for event in pair.take("alice")] == [MediaMoved]
    assert pair.take("bob") == []


def test_when_both_offer_at_once_both_wait_and_come_through() -> None:
    pair = Pair()
    ours, theirs = pair.talking()
    pair.alice.reoffer(ours, pair.now, receives=False)
    pair.bob.reoffer(theirs, pair.now, local_port=20400)
    pair.settle()
    assert sorted(name for name in pair.names() if "491" in name) == ["alice 491", "bob 491"]
    assert pair.take("alice") == pair.take("bob") == []
    start = pair.now
    pair.wait(2.0)
    invites = [name for name in pair.names() if name.endswith("INVITE")]
    assert invites == ["bob INVITE"]  # who did not make the Call-ID waits up to 2 s (14.1)
    pair.wait(2.1)
    assert [name for name in pair.names() if name.endswith("INVITE")] == ["alice INVITE"]
    assert pair.now - start <= 4.2
    moved = [event.terms for event in pair.take("alice") if isinstance(event, MediaMoved)]
    assert (moved[-1].remote_port, moved[-1].receives) == (20400, False)
    assert pair.alice.counts.glare == 2


@pytest.mark.parametrize("status", [491, 422])
def test_a_refresh_that_comes_due_meanwhile_does_not_drive_a_change_out(status: int) -> None:
    bench, call_id, _, reinvite = reoffering()
    leg = bench.ua._book.get(call_id)
    assert leg is not None
    leg.session_timer.start(Agreed(SessionExpires(90, "uas")), bench.now)
    bench.ua._book.reoffers.wish(leg, standing_wish(leg, is_refresh=True), bench.now)
    refusal = answered(reinvite, status, body="")
    bench.hear(refusal.replace(b"Content-Length", b"Min-SE: 600\r\nContent-Length"))
    bench.wait(4.1)
    again = bench.last
    assert isinstance(again, Request)
    assert (again.method, again.cseq.number) == ("INVITE", reinvite.cseq.number + 1)
    assert b"a=sendonly" in again.body


def answered(reinvite: Request, status: int = 200, body: str = OFFER) -> bytes:
    response = response_to(reinvite, status)
    response.headers.add("Contact", "<sip:1001@192.0.2.7:5060>")
    if body and status == 200:
        response.headers.add("Content-Type", "application/sdp")
        response.body = crlf(body).encode()
    return response.to_bytes()


def reoffering() -> tuple[Bench, CallId, str, Request]:
    bench = Bench()
    call_id, tag = bench.talking()
    assert bench.ua.reoffer(call_id, bench.now, receives=False)
    [reinvite] = bench.said()
    assert isinstance(reinvite, Request)
    assert b"a=sendonly" in reinvite.body
    return bench, call_id, tag, reinvite


@pytest.mark.parametrize("status", [488, 606, 500, 403])
def test_a_refused_change_leaves_everything_as_it_was(status: int) -> None:
    bench, call_id, _, reinvite = reoffering()
    assert bench.statuses(answered(reinvite, status)) == ["ACK"]
    assert bench.events() == [ReofferFailed(call_id, status)]
    bench.ua.reoffer(call_id, bench.now)
    [again] = bench.said()
    assert b"a=sendrecv" in again.body
    assert int(_version(again)) > int(_version(reinvite))  # RFC 3264, 8: what we say changed twice


def _version(message: Request | Response) -> bytes:
    return message.body.split(b"o=")[1].split()[2]


@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_lost_the_dialog_ends_the_call(status: int) -> None:
    bench, call_id, _, reinvite = reoffering()
    assert bench.statuses(answered(reinvite, status)) == ["ACK", "BYE"]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_a_peer_that_says_nothing_ends_the_call() -> None:
    bench, call_id, _, _ = reoffering()
    assert bench.wait(32.0)[-1] == (32.0, "BYE")
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_a_peer_that_says_trying_for_ever_ends_the_call() -> None:
    bench, call_id, _, reinvite = reoffering()
    bench.hear(answered(reinvite, 100, ""))
    assert bench.wait(64.0) == [(64.0, "BYE")]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_an_unusable_answer_ends_the_call() -> None:
    bench, call_id, _, reinvite = reoffering()
    assert bench.statuses(answered(reinvite, 200, "")) == ["ACK", "BYE"]
    assert bench.events() == [CallEnded(call_id, "failed", 488, "No usable answer")]


def test_their_offer_while_ours_is_open_is_pending() -> None:
    bench, _, tag, reinvite = reoffering()
    assert bench.statuses(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre")) == [491]
    update = a_request("UPDATE", to_tag=tag, cseq=3, branch="z9hG4bKup", body=OFFER)
    assert bench.statuses(update) == [491]
    assert bench.statuses(answered(reinvite)) == ["ACK"]
    assert [type(event) for event in bench.events()] == [MediaMoved]


def test_an_ack_that_comes_again_is_no_answer_to_our_offer() -> None:
    bench = Bench()
    call_id, tag = bench.answered(body="")
    ack = a_request("ACK", to_tag=tag, branch="z9hG4bKack1", body=OFFER)
    bench.hear(ack)
    bench.events()
    bench.ua.reoffer(call_id, bench.now, receives=False)
    bench.said()
    bench.hear(ack)
    assert bench.events() == []
    [leg] = bench.ua.legs
    assert leg.awaits_answer


def test_bye_while_our_offer_is_open() -> None:
    bench, call_id, tag, reinvite = reoffering()
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKb")) == [200]
    assert bench.events() == [CallEnded(call_id, "bye")]
    assert bench.statuses(answered(reinvite)) == ["ACK"]  # 13.2.2.4 knows no exception
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


def test_our_bye_while_our_offer_is_open() -> None:
    bench, call_id, _, reinvite = reoffering()
    bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert bench.statuses(answered(reinvite)) == ["ACK"]
    assert bench.events() == [CallEnded(call_id, "hung_up")]
    bench.hear(response_to(bye, 200).to_bytes())
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


def test_a_200_that_comes_again_is_acknowledged_again() -> None:
    bench, _, _, reinvite = reoffering()
    bench.hear(answered(reinvite))
    first = bench.outgoing[-1].data
    bench.events()
    assert bench.statuses(answered(reinvite)) == ["ACK"]
    assert bench.outgoing[-1].data == first
    assert bench.events() == []


def test_a_change_waits_until_the_call_stands() -> None:
    bench = Bench()
    call_id, tag = bench.answered()
    assert bench.ua.reoffer(call_id, bench.now, receives=False)
    assert bench.said() == []
    assert bench.statuses(a_request("ACK", to_tag=tag, branch="z9hG4bKack1")) == ["INVITE"]


def test_a_change_waits_until_theirs_is_done() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    assert bench.statuses(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre")) == [200]
    assert bench.ua.reoffer(call_id, bench.now, receives=False)
    assert bench.said() == []
    assert bench.statuses(a_request("ACK", to_tag=tag, cseq=2, branch="z9hG4bKack2")) == ["INVITE"]


def test_a_newer_wish_takes_the_place_of_one_that_waits() -> None:
    bench, call_id, _, reinvite = reoffering()
    bench.ua.reoffer(call_id, bench.now)
    assert bench.said() == []
    assert bench.statuses(answered(reinvite, 491)) == ["ACK"]
    assert "INVITE" in [name for _, name in bench.wait(2.0)]
    again = bench.last
    assert isinstance(again, Request)
    assert b"a=sendrecv" in again.body
    bench.hear(answered(again))
    assert len(bench.events()) == 1


def test_a_call_that_was_not_answered_has_nothing_to_change() -> None:
    bench = Bench()
    call_id = bench.offer()
    assert not bench.ua.reoffer(call_id, bench.now)
    assert not bench.ua.reoffer(CallId("nobody"), bench.now)


def test_a_challenge_to_a_re_invite_is_answered() -> None:
    pair = Pair()
    ours, _ = pair.talking(secret=ClientSecret("1001", "x"))
    pair.drops = lambda who, message: who == "alice" and isinstance(message, Request)
    pair.alice.reoffer(ours, pair.now)
    pair.settle()
    reinvite = pair.said[-1][1]
    assert isinstance(reinvite, Request)
    challenge = response_to(reinvite, 407, to_tag="x")
    challenge.headers.add("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    [leg] = pair.alice.legs
    pair.alice.handle_message(challenge, replace(leg.flow), pair.now)
    pair.settle()
    again = pair.said[-1][1]
    assert isinstance(again, Request)
    assert again.headers.get("Proxy-Authorization") is not None
    assert again.cseq.number == reinvite.cseq.number + 1


def test_a_re_invite_that_a_bye_overtook_leaves_nothing_behind() -> None:
    bench, _, tag, reinvite = reoffering()
    bench.hear(answered(reinvite, 100, ""))
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKb")) == [200]
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)
