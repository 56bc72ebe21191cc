"""Before a request costs anything: silence, overload, draining, and what each kind of source may call."""

from __future__ import annotations

import pytest
from sip_bench import OFFER, Bench, a_request, an_invite

from hotline.sip.admission import Origin, OriginKind, Silence
from hotline.sip.events import CallArrived
from hotline.sip.message import Response
from hotline.sip.uri import parse_uri


class Only:
    """Takes everybody for one origin, and notes how often it was asked."""

    def __init__(self, decided: Origin | Silence) -> None:
        self.decided, self.asked, self.standing = decided, 0, 0

    def knows(self, _ip: str, _now: float) -> bool:
        return True

    def admit(self, _request: object, _flow: object, _now: float, standing: object) -> Origin | Silence:
        self.asked += 1
        self.standing = standing(OriginKind.TRUNK, "unicom")  # type: ignore[operator]
        return self.decided

    def hears(self, *_: object) -> bool:
        return not isinstance(self.decided, Silence)


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "BYE", "DANCE"])
def test_silence_says_nothing_and_remembers_nothing(method: str) -> None:
    bench = Bench(admission=Only(Silence.SILENCE))
    assert bench.hear(a_request(method, body=OFFER if method == "INVITE" else "")) == []
    assert (bench.ua.transactions, bench.events()) == (0, [])
    assert bench.ua.counts.silenced == 1


def test_a_repetition_is_not_decided_again() -> None:
    only = Only(Origin(OriginKind.TRUNK, "unicom"))
    bench = Bench(admission=only)
    bench.hear(an_invite())
    bench.hear(an_invite())
    assert (only.asked, bench.ua.counts.repetitions) == (1, 1)


def test_who_is_asked_knows_how_many_calls_stand() -> None:
    only = Only(Origin(OriginKind.TRUNK, "unicom"))
    bench = Bench(admission=only)
    bench.hear(an_invite())
    bench.hear(an_invite(call_id="another", branch="z9hG4bKother"))
    assert only.standing == 1
    assert bench.ua.calls_of("unicom") == 2


def test_a_telephone_may_call_anything() -> None:
    bench = Bench(admission=Only(Origin(OriginKind.PHONE, "1001")))
    bench.hear(an_invite(uri="sip:1002@192.0.2.1"))
    bench.hear(an_invite(uri="sip:01065551234@192.0.2.1", call_id="b", branch="z9hG4bKb"))
    bench.hear(an_invite(uri="sip:+861096156@192.0.2.1", call_id="c", branch="z9hG4bKc"))
    called = [event.called for event in bench.events() if isinstance(event, CallArrived)]
    assert called == ["1002", "01065551234", "96156"]


@pytest.mark.parametrize("dialled", ["*21%23", "a%3E%0D%0AX-Evil:%20b", "a%40b", "%E5%8C%97"])
def test_whatever_a_telephone_dials_our_contact_is_a_uri(dialled: str) -> None:
    bench = Bench(admission=Only(Origin(OriginKind.PHONE, "1001")))
    bench.hear(an_invite(uri=f"sip:{dialled}@192.0.2.1"))
    [arrived] = bench.events()
    bench.ua.accept(arrived.call_id, "192.0.2.1", 20000, bench.now)
    [ok] = [one for one in bench.said() if isinstance(one, Response) and one.status == 200]
    assert ok.contacts[0].uri.user_decoded == parse_uri(f"sip:{dialled}@x").user_decoded
    assert ok.headers.get("X-Evil") is None


def test_a_carrier_reaches_our_numbers_only() -> None:
    bench = Bench(admission=Only(Origin(OriginKind.TRUNK, "unicom")))
    assert bench.statuses(an_invite(uri="sip:1002@192.0.2.1")) == [404]


def test_a_line_that_requires_100rel_refuses_who_cannot() -> None:
    bench = Bench(admission=Only(Origin(OriginKind.TRUNK, "unicom", reliable="required")))
    refused = [m for m in bench.hear(an_invite()) if isinstance(m, Response) and m.status >= 200]
    assert [(one.status, one.require) for one in refused] == [(421, ("100rel",))]
    assert bench.events() == []
    for call_id, header in (("b", "Supported: timer, 100Rel"), ("c", "Require: 100rel")):
        bench.hear(an_invite(headers=header, call_id=call_id, branch=f"z9hG4bK{call_id}"))
    assert len(bench.events()) == 2


def test_an_identity_that_is_not_trusted_does_not_count() -> None:
    bench = Bench(admission=Only(Origin(OriginKind.PHONE, "1001", trusts_identity=False)))
    bench.hear(an_invite(headers="P-Asserted-Identity: <sip:+861099999999@192.0.2.7>"))
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.caller == "+861065241234"


def test_overload_sheds_new_requests_before_anybody_is_asked() -> None:
    only = Only(Origin())
    bench = Bench(admission=only)
    _, tag = bench.talking()
    bench.ua.sheds = lambda method, _now: method == "INVITE"
    [refusal] = bench.hear(an_invite(call_id="more", branch="z9hG4bKmore"))
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")
    assert refusal.to_tag
    assert only.asked == 1
    assert bench.ua.counts.shed == 1
    assert bench.statuses(a_request("OPTIONS", branch="z9hG4bKopt")) == [200]
    assert bench.statuses(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre")) == [200]  # a call goes on


def test_overload_spares_a_call_for_help() -> None:
    bench = Bench(admission=Only(Origin()))
    bench.ua.sheds = lambda _method, _now: True
    assert bench.statuses(an_invite(headers="Priority: emergency", branch="z9hG4bKsos"))[0] == 100
    assert bench.statuses(an_invite(call_id="more", branch="z9hG4bKmore")) == [503]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_house_that_drains_takes_nothing_new(method: str) -> None:
    bench = Bench()
    _, tag = bench.talking()
    bench.ua.draining = True
    request = a_request(
        method, call_id="more", branch="z9hG4bKmore", body=OFFER if method == "INVITE" else ""
    )
    refusal = bench.hear(request)[-1]
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")
    assert bench.statuses(a_request("INFO", to_tag=tag, cseq=2, branch="z9hG4bKi")) == [200]
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=3, branch="z9hG4bKb")) == [200]


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "BYE"])
def test_whom_we_do_not_answer_is_not_told_that_we_are_full_or_leaving(method: str) -> None:
    only = Only(Silence.SILENCE)
    bench = Bench(admission=only)
    request = a_request(method, body=OFFER if method == "INVITE" else "")
    bench.ua.sheds = lambda _method, _now: True
    assert bench.hear(request) == []
    bench.ua.sheds, bench.ua.draining = lambda _method, _now: False, True
    assert bench.hear(request) == []
    assert (bench.ua.counts.silenced, bench.ua.counts.shed, bench.ua.transactions) == (2, 0, 0)


def test_a_tag_in_the_to_of_a_registration_opens_no_door() -> None:
    only = Only(Silence.SILENCE)
    bench = Bench(admission=only)
    assert bench.hear(a_request("REGISTER", to_tag="guessed")) == []
    assert (only.asked, bench.ua.transactions) == (1, 0)
    bench = Bench(admission=Only(Origin(OriginKind.PHONE, "1001")))
    assert bench.statuses(a_request("REGISTER", to_tag="kept")) == [405]  # we have no registrar here


def test_who_looks_after_us_is_noted() -> None:
    bench = Bench()
    bench.talking()
    assert bench.ua.probed_at == float("-inf")
    bench.hear(a_request("OPTIONS", branch="z9hG4bKprobe", call_id="probe"))
    assert bench.ua.probed_at == bench.now
    bench.now += 9.0
    stranger = Bench(admission=Only(Silence.SILENCE))
    stranger.hear(a_request("OPTIONS"))
    assert stranger.ua.probed_at == float("-inf")
