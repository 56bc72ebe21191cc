"""What is counted of the calls of a trunk."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bench import Bench, a_request, an_invite
from two_agents import Pair

from hotline.events.ids import CallId
from hotline.sip.admission import ANYBODY, Origin, OriginKind
from hotline.sip.events import CallAnswered, CallArrived, CallConfirmed, CallEnded, SipEvent
from hotline.sip.message import Response
from hotline.sip.missing_acks import LOOKED_BACK_S
from hotline.sip.trunk_calls import TrunkCounts
from hotline.sip.trunk_events import TrunkAcknowledged, TrunkUnacknowledged
from hotline.sip.trunk_traffic import TrunkTraffic
from hotline.sip.voice_terms import VoiceTerms
from tests.sip.test_placing import Only

UNICOM = Origin(OriginKind.TRUNK, "unicom")
PHONE = Origin(OriginKind.PHONE, "unicom")
TERMS = VoiceTerms("192.0.2.7", 4000)


def arrived(call: str, origin: Origin = UNICOM) -> CallArrived:
    return CallArrived(CallId(call), "1@x", "", "", False, "96156", "udp:192.0.2.7:5060", None, origin)


def counted(*events: tuple[float, SipEvent]) -> TrunkCounts:
    counts = {"unicom": TrunkCounts()}
    traffic = TrunkTraffic(counts)
    for now, event in events:
        traffic.handle(event, now)
    assert len(traffic) == 0
    return counts["unicom"]


def test_a_call_in_lasts_from_its_answer_to_its_end() -> None:
    a = CallId("a")
    found = counted((1.0, arrived("a")), (3.0, CallConfirmed(a, UNICOM)), (63.5, CallEnded(a, "bye")))
    assert found == TrunkCounts(answered_in=1, talked_in_seconds=60.5)


@pytest.mark.parametrize(("cause", "field"), [("cancel", "abandoned_in"), ("refused", "failed_in")])
def test_a_call_in_that_was_not_answered(cause: str, field: str) -> None:
    found = counted((1.0, arrived("a")), (3.0, CallEnded(CallId("a"), cause, origin=UNICOM)))
    assert found == replace(TrunkCounts(), **{field: 1})


def test_an_answered_call_that_nobody_acknowledged_is_counted_apart() -> None:
    found = counted((1.0, arrived("a")), (33.0, CallEnded(CallId("a"), "no_ack", origin=UNICOM)))
    assert found == TrunkCounts(failed_in=1, unacknowledged_in=1)


def bring(traffic: TrunkTraffic, number: int, now: float, *, is_lost: bool) -> None:
    call = CallId(f"c{number}")
    traffic.handle(arrived(call), now)
    if not is_lost:
        traffic.handle(CallConfirmed(call, UNICOM), now)
    traffic.handle(CallEnded(call, "no_ack" if is_lost else "bye", origin=UNICOM), now)


def test_a_trunk_whose_acks_do_not_come_is_an_alarm_until_they_come_again() -> None:
    traffic = TrunkTraffic({"unicom": TrunkCounts()})
    for number in range(2):
        bring(traffic, number, 1000.0 + number, is_lost=True)
    assert (traffic.take_events(), traffic.alarms_of("unicom", 1002.0)) == ([], ())  # may be chance
    bring(traffic, 2, 1002.0, is_lost=True)
    [begun] = traffic.take_events()
    assert isinstance(begun, TrunkUnacknowledged)
    assert (begun.trunk, begun.lost, begun.of) == ("unicom", 3, 3)
    [alarm] = traffic.alarms_of("unicom", 1003.0)
    assert alarm == begun.remedy
    assert alarm.startswith("3 of its last 3 answered calls were never acknowledged")
    for number in range(3, 20):
        bring(traffic, number, 1010.0, is_lost=False)
    assert traffic.take_events() == []
    for number in range(20, 23):
        bring(traffic, number, 1011.0, is_lost=False)
    assert traffic.take_events() == [TrunkAcknowledged("unicom")]
    assert traffic.alarms_of("unicom", 1011.0) == ()


def test_a_few_lost_acks_among_many_are_none_and_old_ones_are_forgotten() -> None:
    traffic = TrunkTraffic({"unicom": TrunkCounts()})
    for number in range(16):
        bring(traffic, number, 1000.0, is_lost=number % 6 == 0)
    assert traffic.alarms_of("unicom", 1000.0) == ()
    for number in range(16, 20):
        bring(traffic, number, 1000.0, is_lost=True)
    assert traffic.alarms_of("unicom", 1000.0 + LOOKED_BACK_S - 1.0) != ()
    assert traffic.alarms_of("unicom", 1000.0 + LOOKED_BACK_S) == ()


def test_a_call_out_that_was_answered() -> None:
    a = CallId("a")
    found = counted((1.0, CallAnswered(a, TERMS, UNICOM)), (31.0, CallEnded(a, "hung_up", origin=UNICOM)))
    assert found == TrunkCounts(answered_out=1, talked_out_seconds=30.0)


@pytest.mark.parametrize(
    ("cause", "status", "field"),
    [
        ("failed", 486, "busy_out"),
        ("failed", 600, "busy_out"),
        ("failed", 408, "no_answer_out"),
        ("failed", 480, "no_answer_out"),
        ("failed", 404, "unknown_out"),
        ("failed", 503, "server_failed_out"),
        ("failed", 500, "server_failed_out"),
        ("failed", 403, "rejected_out"),
        ("failed", 603, "rejected_out"),
        ("hung_up", 0, "abandoned_out"),
    ],
)
def test_a_call_out_that_was_not_answered_counts_by_its_reason(cause: str, status: int, field: str) -> None:
    assert counted((1.0, CallEnded(CallId("a"), cause, status, "", UNICOM))) == replace(
        TrunkCounts(), **{field: 1}
    )


@pytest.mark.parametrize("origin", [PHONE, ANYBODY, Origin(OriginKind.TRUNK, "another")])
def test_calls_of_others_are_passed_over(origin: Origin) -> None:
    a = CallId("a")
    events = (arrived("a", origin), CallConfirmed(a, origin), CallEnded(a, "bye", origin=origin))
    assert counted(*((1.0, event) for event in events)) == TrunkCounts()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["arrived", "confirmed", "answered", "ended", "failed"]),
            st.sampled_from("abc"),
            st.sampled_from([UNICOM, PHONE]),
            st.sampled_from([0, 200, 404, 486, 503, 699]),
        ),
        max_size=60,
    )
)
def test_no_order_of_events_counts_more_answers_and_ends_than_calls(
    steps: list[tuple[str, str, Origin, int]],
) -> None:
    counts = TrunkCounts()
    traffic, began, ends = TrunkTraffic({"unicom": counts}), 0, 0
    for now, (what, name, origin, status) in enumerate(steps):
        call_id = CallId(name)
        event: SipEvent = {
            "arrived": arrived(name, origin),
            "confirmed": CallConfirmed(call_id, origin),
            "answered": CallAnswered(call_id, TERMS, origin),
            "ended": CallEnded(call_id, "bye", 0, "", origin),
            "failed": CallEnded(call_id, "failed", status, "", origin),
        }[what]
        began += what in {"arrived", "answered", "confirmed"}
        ends += what in {"ended", "failed"}
        traffic.handle(event, float(now))
    assert counts.answered_in + counts.answered_out <= began
    failed = counts.busy_out + counts.no_answer_out + counts.unknown_out + counts.rejected_out
    failed += counts.server_failed_out + counts.abandoned_out + counts.abandoned_in + counts.failed_in
    assert failed <= ends
    assert len(traffic) <= 3


def test_what_the_user_agent_tells_of_calls_names_their_trunk() -> None:
    bench, counts = Bench(admission=Only(UNICOM)), TrunkCounts()
    traffic = TrunkTraffic({"unicom": counts})

    def step(seconds: float) -> None:
        for event in bench.events():
            traffic.handle(event, bench.now)
        bench.now += seconds

    bench.ua_hear(an_invite())
    [arrived] = bench.ua.take_events()
    traffic.handle(arrived, bench.now)
    bench.ua.accept(arrived.call_id, "192.0.2.1", 16000, bench.now)
    [ok] = [one for one in bench.said() if isinstance(one, Response) and one.status == 200]
    bench.ua_hear(a_request("ACK", to_tag=ok.to_tag, branch="z9hG4bKack1"))
    step(20.0)
    bench.ua_hear(a_request("BYE", to_tag=ok.to_tag, cseq=2, branch="z9hG4bKbye"))
    step(0.0)
    assert counts == TrunkCounts(answered_in=1, talked_in_seconds=20.0)
    assert len(traffic) == 0


def test_a_call_of_ours_names_its_trunk_from_its_answer_or_its_failure() -> None:
    pair, counts = Pair(), TrunkCounts()
    traffic = TrunkTraffic({"unicom": counts})
    for number, status in enumerate((200, 486)):
        pair.dial(origin=UNICOM, call_id=CallId(f"out-{number}"))
        [arrived] = pair.take("bob")
        if status == 200:
            pair.bob.accept(arrived.call_id, "192.0.2.2", 20000, pair.now)
            pair.settle()
            pair.bob.hang_up(arrived.call_id, pair.now)
        else:
            pair.bob.refuse(arrived.call_id, status, pair.now)
        pair.settle()
        pair.take("bob")
        for event in pair.take("alice"):
            traffic.handle(event, pair.now)
    assert (counts.answered_out, counts.busy_out) == (1, 1)
