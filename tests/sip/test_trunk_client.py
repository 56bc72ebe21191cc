"""A trunk's client against a carrier in memory: proxies watched, accounts registered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trunk_bench import ACCOUNT, FIRST, REGISTERED, STATIC, Bench, Carrier, way

from hotline.errors import LocalProtocolError
from hotline.sip import proxy_watch, registration
from hotline.sip.dialling import ClientSecret
from hotline.sip.message import Request
from hotline.sip.trunk import ProxyAddress
from hotline.sip.trunk_events import (
    TrunkDown,
    TrunkHeard,
    TrunkLost,
    TrunkRefused,
    TrunkRegistered,
    TrunkSilent,
    TrunkUnknownName,
    TrunkUp,
)

AOR = "sip:+861065240001@bj.ims.example"
CONTACT = "sip:+861065240001@10.0.0.9:5060"
HOUR = 3600


def kinds(events: list[object]) -> list[str]:
    return [type(event).__name__ for event in events]


def through(bench: Bench) -> list[str]:
    return [way.destination.ip for way in bench.client.ways()]


# -- OPTIONS --------------------------------------------------------------------------------------


def test_a_static_trunk_is_up_when_a_proxy_answers() -> None:
    bench = Bench(STATIC)
    assert bench.run(1) == [
        TrunkHeard("unicom", "10.0.0.1"),
        TrunkUp("unicom", "10.0.0.1"),
        TrunkHeard("unicom", "10.0.0.2"),
    ]
    assert bench.client.view(bench.now).state == "up"


def test_options_go_to_every_proxy_at_the_pace_of_the_profile() -> None:
    bench = Bench(STATIC)
    bench.run(100)
    asked = [ip for ip, _ in bench.requests("OPTIONS")]
    assert (asked.count("10.0.0.1"), asked.count("10.0.0.2")) == (4, 4)
    bench.run(25)
    _, request = bench.requests("OPTIONS")[0]
    assert str(request.uri) == "sip:10.0.0.1"
    assert request.headers.get("Max-Forwards") == "70"
    assert str(request.contacts[0].uri) == "sip:hotline@10.0.0.9:5060"


@pytest.mark.parametrize("status", [200, 403, 404, 405, 481, 501])
def test_any_answer_counts_as_alive(status: int) -> None:
    bench = Bench(STATIC, Carrier(says={"OPTIONS": status}))
    bench.run(1)
    assert bench.client.is_up(bench.now)


def test_a_proxy_that_answers_503_comes_last_without_being_silent() -> None:
    bench = Bench(STATIC)
    bench.run(1)
    bench.carrier.says["OPTIONS"] = 503
    assert kinds(bench.run(60)) == ["TrunkDown"]
    assert [proxy.state for proxy in bench.client.view(bench.now).proxies] == ["busy", "busy"]
    assert through(bench) == ["10.0.0.1", "10.0.0.2"]
    bench.carrier.says.clear()
    assert kinds(bench.run(60)) == ["TrunkHeard", "TrunkUp", "TrunkHeard"]


def test_a_proxy_that_goes_silent_is_told_within_a_minute_and_comes_last() -> None:
    bench = Bench(STATIC)
    bench.run(1)
    bench.carrier.silent.add("10.0.0.1")
    [silent] = bench.run(60)
    assert isinstance(silent, TrunkSilent)
    assert (silent.proxy, 20 < silent.silent_s < 45) == ("10.0.0.1", True)
    assert through(bench) == ["10.0.0.2", "10.0.0.1"]
    view = bench.client.view(bench.now)
    assert view.state == "degraded"
    assert view.alarms[0].startswith("10.0.0.1 answers nothing since")
    bench.carrier.silent.clear()
    assert bench.run(60) == [TrunkHeard("unicom", "10.0.0.1")]
    assert through(bench) == ["10.0.0.1", "10.0.0.2"]


def test_one_lost_answer_is_no_alarm() -> None:
    bench = Bench(STATIC)
    bench.run(20)
    bench.carrier.silent = {"10.0.0.1", "10.0.0.2"}
    bench.run(10)
    bench.carrier.silent = set()
    assert not {"TrunkSilent", "TrunkDown"} & set(kinds(bench.run(100)))
    assert bench.client.view(bench.now).state == "up"


def test_a_trunk_whose_proxies_are_all_silent_is_down() -> None:
    bench = Bench(STATIC, Carrier(silent={"10.0.0.1", "10.0.0.2"}))
    assert kinds(bench.run(60)) == ["TrunkSilent", "TrunkSilent", "TrunkDown"]
    assert bench.client.view(bench.now).state == "down"


def test_a_trunk_without_proxies_has_nobody_to_ask() -> None:
    bench = Bench(replace(STATIC, proxies=()))
    assert (bench.run(HOUR), bench.client.next_timer()) == ([], None)
    assert bench.client.view(bench.now).state == "open"


def test_without_keepalive_nothing_is_asked_and_calls_go_out() -> None:
    bench = Bench(replace(STATIC, keepalive_s=0.0))
    assert bench.run(HOUR) == [] or kinds(bench.events) == ["TrunkUp"]
    assert bench.requests("OPTIONS") == []
    assert bench.client.is_up(bench.now)


# -- names ----------------------------------------------------------------------------------------


def test_a_name_that_leads_nowhere_is_told_once_and_tried_again() -> None:
    bench = Bench(STATIC, resolves=False)
    assert kinds(bench.events) == ["TrunkUnknownName", "TrunkDown", "TrunkUnknownName"]
    assert bench.run(100) == []
    bench.resolves = True
    assert "TrunkUp" in kinds(bench.run(31))


def test_the_ways_known_before_stay_in_use_when_a_name_is_lost() -> None:
    bench = Bench(STATIC)
    bench.run(1)
    bench.client.located(FIRST, [], 0.0, bench.now, "no name server answers")
    assert bench.client.take_events() == [TrunkUnknownName("unicom", "10.0.0.1", "no name server answers")]
    assert through(bench) == ["10.0.0.1", "10.0.0.2"]
    assert bench.client.view(bench.now).alarms == ("10.0.0.1: no name server answers",)


def test_a_name_is_looked_up_again_when_it_is_too_old() -> None:
    bench = Bench(STATIC)
    bench.client.located(FIRST, [way(FIRST)], 300.0, bench.now)
    assert bench.client.take_look_ups() == []
    bench.client.handle_timer(bench.now + 301)
    assert FIRST in bench.client.take_look_ups()


def test_a_proxy_that_moved_is_followed() -> None:
    bench = Bench()
    bench.run(1)
    moved = ProxyAddress("10.0.0.3")
    bench.client.located(FIRST, [way(moved)], 300.0, bench.now)
    assert "TrunkRegistered" in kinds(bench.run(1))
    assert through(bench) == ["10.0.0.3", "10.0.0.2"]
    assert bench.requests("REGISTER")[-1][0] == "10.0.0.3"


def test_an_address_of_ours_that_changed_is_registered_at_once() -> None:
    bench = Bench()
    bench.run(10)
    bench.requests("REGISTER")
    here = way(FIRST)
    moved = replace(here, flow=replace(here.flow, local=("10.0.0.77", 5060)))
    bench.client.located(FIRST, [moved], float("inf"), bench.now)
    bench.run(1)
    assert bench.carrier.bindings[AOR][0] == "sip:+861065240001@10.0.0.77:5060"


def test_numeric_proxies_are_looked_at_again_for_our_own_address() -> None:
    bench = Bench(STATIC)
    bench.client.handle_timer(bench.now + 301)
    assert bench.client.take_look_ups() == list(STATIC.proxies)


# -- REGISTER -------------------------------------------------------------------------------------


def test_the_five_names_of_a_registration_are_kept_apart() -> None:
    account = replace(ACCOUNT, domain="from.example", registrar="registrar.example", contact_user="96156")
    bench = Bench(replace(REGISTERED, accounts=(account,)))
    bench.run(1)
    _, request = bench.requests("REGISTER")[-1]
    assert str(request.uri) == "sip:registrar.example"
    assert [str(route) for route in request.routes] == ["<sip:10.0.0.1;lr>"]
    assert str(request.from_.uri) == str(request.to.uri) == "sip:+861065240001@from.example"
    assert str(request.contacts[0].uri) == "sip:96156@10.0.0.9:5060"
    assert 'username="+861065240001@private.example"' in (request.headers.get("Authorization") or "")
    assert 'uri="sip:registrar.example"' in (request.headers.get("Authorization") or "")


def test_a_registrar_that_is_the_proxy_gets_no_route() -> None:
    account = replace(ACCOUNT, registrar="10.0.0.1")
    bench = Bench(replace(REGISTERED, accounts=(account,), proxies=(FIRST,)))
    assert bench.requests("REGISTER")[0][1].routes == ()


def test_a_challenge_is_answered_and_the_registration_told() -> None:
    bench = Bench()
    events = bench.run(1)
    assert TrunkRegistered("telecom", AOR, "udp:10.0.0.1:5060", 3600) in events
    assert events[-1] == TrunkUp("telecom", "10.0.0.1")
    assert bench.carrier.bindings == {AOR: (CONTACT, 3600)}
    numbers = [request.cseq.number for _, request in bench.requests("REGISTER")]
    assert numbers == [1, 2]


def test_a_long_registration_is_renewed_ten_minutes_before_its_end() -> None:
    bench = Bench()
    bench.run(2990)
    assert len(bench.requests("REGISTER")) == 2
    bench.run(20)
    [(_, renewed)] = bench.requests("REGISTER")
    assert renewed.headers.get("Authorization") is not None  # the nonce is still good: no second round
    assert "TrunkLost" not in kinds(bench.run(10 * HOUR))


def test_a_short_registration_is_renewed_at_half_time() -> None:
    bench = Bench(carrier=Carrier(expires_s=60))
    bench.run(305)
    assert len(bench.requests("REGISTER")) == 2 + 10
    assert "TrunkLost" not in kinds(bench.events)


def test_a_registrar_that_wants_longer_gets_it() -> None:
    bench = Bench(replace(REGISTERED, register_expires_s=60), Carrier(min_expires_s=1800, expires_s=1800))
    bench.run(1)
    assert bench.carrier.bindings[AOR][1] == 1800
    assert bench.requests("REGISTER")[-1][1].expires == 1800


def test_a_wrong_password_is_told_and_tried_again_slowly() -> None:
    bench = Bench(carrier=Carrier(password="other"))
    assert TrunkRefused("telecom", AOR, 401, "Unauthorized") in bench.run(1)
    assert bench.client.view(bench.now).state == "down"
    assert len(bench.requests("REGISTER")) == 2
    bench.run(145)
    assert bench.requests("REGISTER") == []
    bench.run(200)
    assert len(bench.requests("REGISTER")) in {1, 2}
    bench.carrier.password = "secret"
    assert "TrunkRegistered" in kinds(bench.run(4000))


def test_a_challenge_without_a_password_says_so() -> None:
    bench = Bench(replace(REGISTERED, accounts=(replace(ACCOUNT, secret=None),)))
    [refused] = [event for event in bench.run(1) if isinstance(event, TrunkRefused)]
    assert refused.reason == "Unauthorized, and no password is set"


@pytest.mark.parametrize("status", [403, 404, 405, 302, 606])
def test_a_refusal_is_told_and_tried_again_slowly(status: int) -> None:
    bench = Bench(carrier=Carrier(says={"REGISTER": status}))
    assert "TrunkRefused" in kinds(bench.run(140))
    assert len(bench.requests("REGISTER")) == 1
    assert bench.client.view(bench.now).accounts[0].state == "refused"


def test_the_second_proxy_registers_us_when_the_first_is_silent() -> None:
    bench = Bench(carrier=Carrier(silent={"10.0.0.1"}))
    events = bench.run(20)
    assert TrunkRegistered("telecom", AOR, "udp:10.0.0.2:5060", 3600) in events
    assert bench.requests("REGISTER")[-1][0] == "10.0.0.2"


def test_a_registration_moves_when_its_proxy_goes_silent() -> None:
    bench = Bench()
    bench.run(10)
    bench.requests("REGISTER")
    bench.carrier.silent.add("10.0.0.1")
    events = bench.run(60)
    assert kinds(events) == ["TrunkSilent", "TrunkRegistered"]
    assert {ip for ip, _ in bench.requests("REGISTER")} == {"10.0.0.2"}


def test_pauses_grow_and_differ_while_no_registrar_answers() -> None:
    bench = Bench(carrier=Carrier(silent={"10.0.0.1", "10.0.0.2"}))
    bench.run(HOUR)
    # 5 to 300 s between rounds of two proxies, each waited for 8 s: not a storm, and not asleep
    assert 2 * 3600 / 316 - 2 < len(bench.requests("REGISTER")) < 60
    bench.carrier.silent.clear()
    assert "TrunkRegistered" in kinds(bench.run(60)), "a proxy that is back ends the pause"


def test_a_registrar_in_trouble_is_asked_when_it_says() -> None:
    carrier = Carrier(says={"REGISTER": 503})
    bench = Bench(carrier=carrier)
    bench.run(4)
    assert [ip for ip, _ in bench.requests("REGISTER")][:2] == ["10.0.0.1", "10.0.0.2"]
    carrier.says.clear()
    assert "TrunkRegistered" in kinds(bench.run(20))


def test_a_registration_that_runs_out_is_told() -> None:
    bench = Bench(carrier=Carrier(expires_s=120))
    bench.run(10)
    bench.carrier.says["REGISTER"] = 500
    events = bench.run(200)
    assert TrunkLost("telecom", AOR, "500 Server Internal Error") in events
    assert isinstance(events[-1], TrunkDown)
    assert "is not registered: 500" in bench.client.view(bench.now).alarms[0]


def test_several_accounts_of_one_trunk_are_registered_each() -> None:
    second = replace(
        ACCOUNT,
        user="+861065240002",
        contact_user="02",
        secret=ClientSecret("second@private.example", "secret"),
    )
    bench = Bench(replace(REGISTERED, accounts=(ACCOUNT, second)))
    bench.run(1)
    assert set(bench.carrier.bindings) == {AOR, "sip:+861065240002@bj.ims.example"}
    assert len({request.call_id for _, request in bench.requests("REGISTER")}) == 2


def test_the_route_that_the_registrar_told_is_for_calls_through_the_same_proxy() -> None:
    bench = Bench(carrier=Carrier(headers=[("Service-Route", "<sip:orig@scscf.example;lr>")]))
    bench.run(1)
    first, second = bench.client.ways()
    assert [str(route) for route in bench.client.service_route(first, bench.now)] == [
        "<sip:orig@scscf.example;lr>"
    ]
    assert bench.client.service_route(second, bench.now) == ()


def test_a_service_route_that_cannot_be_read_is_passed_over() -> None:
    bench = Bench(carrier=Carrier(headers=[("Service-Route", "<sip:")]))
    assert "TrunkRegistered" in kinds(bench.run(1))


def test_the_house_takes_its_registration_back_when_it_closes() -> None:
    bench = Bench()
    bench.run(10)
    bench.client.leave(bench.now)
    bench.run(1)
    assert (bench.carrier.bindings, bench.client.is_gone, bench.client.next_timer()) == ({}, True, None)


def test_closing_does_not_wait_for_a_silent_registrar() -> None:
    bench = Bench()
    bench.run(10)
    bench.carrier.silent = {"10.0.0.1", "10.0.0.2"}
    bench.client.leave(bench.now)
    bench.run(10)
    assert bench.client.is_gone


# -- the tables -----------------------------------------------------------------------------------


def test_every_state_of_a_registration_has_a_way_out_and_may_be_left_for_good() -> None:
    table, S = registration.TABLE, registration.State  # noqa: N806 - as in the table
    for state in S:
        if state is S.GONE:
            assert not any(given for given in registration.Given if (state, given) in table)
        else:
            assert any(row[1] is not state for (start, _), row in table.items() if start is state), state
    assert {state for _, state in table.values()} == set(S) - {S.IDLE}


def test_every_move_of_a_watched_proxy_is_in_its_table() -> None:
    S, G = proxy_watch.State, proxy_watch.Given  # noqa: N806
    for state in S:
        for said in (G.ANSWER, G.BUSY, G.SILENCE):
            assert (state, said) in proxy_watch.TABLE
    assert {state for (state, said) in proxy_watch.TABLE if said is G.LAST_SILENCE} == {S.SUSPECT, S.SILENT}


def test_a_move_that_is_in_no_table_is_our_own_fault() -> None:
    bench = Bench()
    with pytest.raises(LocalProtocolError, match="knows no 'time to renew'"):
        bench.client.registrations[0]._move(registration.Given.RENEW, bench.now)


step = st.tuples(
    st.sampled_from(["silent", "says", "expires", "clear", "forget"]),
    st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    st.sampled_from([200, 302, 401, 403, 423, 480, 500, 503]),
    st.floats(0.001, 700),
)


@given(st.lists(step, max_size=15))
@settings(max_examples=40, deadline=None)
def test_whatever_the_carrier_does_we_are_registered_again_when_it_is_well(
    steps: list[tuple[str, str, int, float]],
) -> None:
    bench = Bench()
    carrier = bench.carrier
    for what, ip, status, seconds in steps:
        match what:
            case "silent":
                carrier.silent ^= {ip}
            case "says":
                carrier.says["REGISTER" if seconds < 350 else "OPTIONS"] = status
            case "expires":
                carrier.expires_s = status
            case "clear":
                carrier.says.clear()
            case "forget":
                carrier.bindings.clear()
        bench.run(seconds)
    carrier.silent.clear()
    carrier.says.clear()
    bench.run(2 * HOUR)
    view = bench.client.view(bench.now)
    assert (view.state, view.alarms) == ("up", ())
    assert AOR in carrier.bindings
    asked = [request for _, request in carrier.heard if isinstance(request, Request)]
    assert len(asked) < 4000
    bench.client.leave(bench.now)
    bench.run(40)
    assert (carrier.bindings, bench.client.next_timer()) == ({}, None)
    assert not bench.client._waits
