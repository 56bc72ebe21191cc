"""The registrar."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registrar_rig import a_registrar, answer, open_registrar
from sip_bench import Bench, a_request

from hotline.sip.flow import Flow
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request, Response, parse_message
from hotline.sip.registrar import FLOW_TIMER_S, Registrar

US, PHONE = ("192.0.2.1", 5060), ("192.0.2.7", 5060)
UDP = Flow("udp", US, PHONE, 1)
TLS = Flow("tls", ("192.0.2.1", 5061), ("192.0.2.7", 41234), 7)
URN = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
NOW = 1000.0
count = itertools.count(1)


def register(
    registrar: Registrar,
    headers: str = "",
    contact: str | None = "<sip:1001@192.0.2.7>",
    cseq: int = 1,
    *,
    now: float = NOW,
    flow: Flow = UDP,
    call_id: str = "phone",
    via: str = "SIP/2.0/UDP 192.0.2.7:5060",
) -> Refusal | HeaderFields:
    data = a_request(
        "REGISTER",
        uri="sip:house.example",
        branch=f"z9hG4bKr{next(count)}",
        call_id=call_id,
        cseq=cseq,
        contact=contact,
        headers=headers,
        via=via,
    )
    request = parse_message(data.replace(b"OCTETS", b"\xff\xfe"))
    assert isinstance(request, Request)
    return registrar.register(request, flow, now)


def all_of(done: Refusal | HeaderFields, name: str) -> list[str]:
    headers = done.headers if isinstance(done, Refusal) else done
    return [value for key, value in headers if key == name]


def contacts(done: Refusal | HeaderFields) -> list[str]:
    assert not isinstance(done, Refusal), done
    return all_of(done, "Contact")


def status(done: Refusal | HeaderFields) -> int:
    return done.status if isinstance(done, Refusal) else 200


# -- RFC 3261, 10.3 ---------------------------------------------------------------------------------


def test_a_binding_is_made_before_it_is_listed_with_its_life() -> None:
    registrar = open_registrar()
    assert contacts(register(registrar)) == ["<sip:1001@192.0.2.7>;expires=120"]
    assert contacts(register(registrar, contact=None, cseq=2, now=NOW + 50)) == [
        "<sip:1001@192.0.2.7>;expires=70"
    ]
    assert [str(binding.contact.uri) for binding in registrar.bindings("96156", NOW)] == [
        "sip:1001@192.0.2.7"
    ]


@pytest.mark.parametrize(
    ("flow", "wish", "granted"),
    [
        (UDP, "", 120),
        (UDP, "Expires: 3600", 120),
        (UDP, "Expires: 90", 90),
        (TLS, "", 300),
        (TLS, "Expires: 60", 60),
    ],
)
def test_lives_are_short_so_that_a_crash_is_soon_forgotten(flow: Flow, wish: str, granted: int) -> None:
    assert contacts(register(open_registrar(), wish, flow=flow)) == [
        f"<sip:1001@192.0.2.7>;expires={granted}"
    ]


def test_a_contact_may_have_its_own_life() -> None:
    assert contacts(register(open_registrar(), "Expires: 100", "<sip:1001@192.0.2.7>;expires=61")) == [
        "<sip:1001@192.0.2.7>;expires=61"
    ]


def test_a_binding_expires() -> None:
    registrar = open_registrar()
    register(registrar, "Expires: 60")
    assert contacts(register(registrar, contact=None, cseq=2, now=NOW + 60)) == []


def test_a_binding_is_renewed_instead_of_doubled() -> None:
    registrar = open_registrar()
    register(registrar)
    assert len(contacts(register(registrar, cseq=2))) == 1
    assert (registrar.counts.registered, registrar.counts.refreshed) == (1, 1)


def test_several_telephones_of_a_user_stand_side_by_side() -> None:
    registrar = open_registrar()
    register(registrar)
    register(registrar, contact="<sip:1001@192.0.2.8>", call_id="other")
    branches = registrar.targets("96156", NOW)
    assert [[target.uri.host for target in branch] for branch in branches] == [["192.0.2.7"], ["192.0.2.8"]]


def test_a_binding_is_taken_back() -> None:
    registrar = open_registrar()
    register(registrar)
    assert contacts(register(registrar, contact="<sip:1001@192.0.2.7>;expires=0", cseq=2)) == []
    assert registrar.targets("96156", NOW) == ()
    assert registrar.counts.removed == 1


def test_a_star_takes_all_bindings_back() -> None:
    registrar = open_registrar()
    register(registrar)
    register(registrar, contact="<sip:1002@192.0.2.8>", cseq=2)
    assert contacts(register(registrar, "Expires: 0", contact="*", cseq=3)) == []
    assert registrar.bindings("96156", NOW) == []


def test_a_star_that_does_not_expire_is_refused() -> None:
    assert status(register(open_registrar(), contact="*")) == 400


def test_a_star_that_came_late_changes_nothing() -> None:
    registrar = open_registrar()
    register(registrar, cseq=5)
    assert status(register(registrar, "Expires: 0", contact="*", cseq=4)) == 500
    assert registrar.targets("96156", NOW)


def test_the_best_contact_comes_first() -> None:
    listed = contacts(register(open_registrar(), contact="<sip:a@192.0.2.7>;q=0.3, <sip:b@192.0.2.7>;q=0.7"))
    assert listed == ["<sip:b@192.0.2.7>;q=0.7;expires=120", "<sip:a@192.0.2.7>;q=0.3;expires=120"]


def test_a_late_request_of_the_same_telephone_changes_nothing() -> None:
    registrar = open_registrar()
    register(registrar, cseq=5)
    assert status(register(registrar, contact="<sip:other@192.0.2.9>", cseq=4)) == 500
    assert len(contacts(register(registrar, contact=None, cseq=6))) == 1


def test_too_short_a_life_is_refused_with_the_shortest() -> None:
    refusal = register(open_registrar(), "Expires: 5")
    assert (status(refusal), all_of(refusal, "Min-Expires")) == (423, ["60"])


def test_too_many_contacts_are_refused() -> None:
    many = ", ".join(f"<sip:{n}@192.0.2.7>" for n in range(4))
    registrar = open_registrar(most_contacts=3)
    assert status(register(registrar, contact=many)) == 403
    assert registrar.bindings("96156", NOW) == []


def test_a_contact_that_cannot_be_rung_is_refused() -> None:
    assert status(register(open_registrar(), contact="<mailto:agent@house.example>")) == 400


def test_the_same_contact_twice_is_one() -> None:
    twice = "<sip:1001@192.0.2.7>;q=0.1, <sip:1001@192.0.2.7>;q=0.9"
    assert contacts(register(open_registrar(), contact=twice)) == ["<sip:1001@192.0.2.7>;q=0.9;expires=120"]


def test_what_a_telephone_calls_itself_is_fit_to_show() -> None:
    registrar = open_registrar()
    register(registrar, "User-Agent: Fran\u00e7ais\u202e OCTETS" + "x" * 200)
    [binding] = registrar.bindings("96156", NOW)
    assert binding.user_agent.isprintable()
    assert len(binding.user_agent) == 80
    binding.user_agent.encode()


# -- who may -----------------------------------------------------------------------------------------


def challenge_of(refusal: Refusal | HeaderFields) -> str:
    assert status(refusal) == 401
    return all_of(refusal, "WWW-Authenticate")[0]


def test_the_right_password_opens() -> None:
    registrar = a_registrar({"96156": "secret"})
    challenge = challenge_of(register(registrar))
    assert len(contacts(register(registrar, f"Authorization: {answer(challenge)}", cseq=2))) == 1


def test_nobody_registers_for_another() -> None:
    registrar = a_registrar({"mallory": "secret"})
    challenge = challenge_of(register(registrar))
    done = register(registrar, f"Authorization: {answer(challenge, user='mallory')}", cseq=2)
    assert status(done) == 403
    assert registrar.users(NOW) == []


def test_a_registration_is_renewed_without_a_new_challenge() -> None:
    registrar = a_registrar({"96156": "secret"})
    challenge = challenge_of(register(registrar))
    for number in range(1, 4):
        text = f"Authorization: {answer(challenge, nc=f'{number:08x}')}"
        assert status(register(registrar, text, cseq=number + 1, now=NOW + 60 * number)) == 200


def test_broken_credentials_are_told_so() -> None:
    assert status(register(a_registrar({}), "Authorization: Digest ,,,")) == 400


def test_a_forgotten_user_is_nowhere() -> None:
    registrar = open_registrar()
    register(registrar)
    registrar.forget("96156", NOW)
    assert registrar.targets("96156", NOW) == ()


# -- NAT, proxies, outbound --------------------------------------------------------------------------


def test_a_telephone_behind_a_nat_is_reached_where_it_registered_from() -> None:
    registrar = open_registrar()
    nat = Flow("udp", US, ("203.0.113.9", 33000), 1)
    register(registrar, contact="<sip:1001@10.0.0.5>", via="SIP/2.0/UDP 10.0.0.5:5060;rport", flow=nat)
    [[target]] = registrar.targets("96156", NOW)
    assert (str(target.uri), target.flow) == ("sip:1001@10.0.0.5", nat)


def test_the_proxies_on_the_way_are_kept_as_a_route_before_they_are_told_back() -> None:
    registrar = open_registrar()
    proxies = "Path: <sip:192.0.2.50;lr>\nPath: <sip:10.0.0.1;lr>\nSupported: path"
    done = register(registrar, proxies, flow=Flow("udp", US, ("192.0.2.50", 5066), 1))
    assert all_of(done, "Path") == ["<sip:192.0.2.50;lr>", "<sip:10.0.0.1;lr>"]
    [[target]] = registrar.targets("96156", NOW)
    assert [str(hop) for hop in target.route] == ["<sip:192.0.2.50;lr>", "<sip:10.0.0.1;lr>"]
    assert target.flow.remote == ("192.0.2.50", 5060)


def test_a_path_without_end_is_refused() -> None:
    assert status(register(open_registrar(), "\n".join(["Path: <sip:192.0.2.50;lr>"] * 6))) == 400


def test_a_flow_of_a_device_takes_the_place_of_its_former_one() -> None:
    registrar = open_registrar()
    outbound = "Supported: path, outbound"
    register(registrar, outbound, f"<sip:1001@10.0.0.5:1>;reg-id=1;{URN}", flow=TLS)
    again = Flow("tls", TLS.local, ("192.0.2.7", 41999), 8)
    done = register(
        registrar, outbound, f"<sip:1001@10.0.0.5:2>;reg-id=1;{URN}", flow=again, call_id="restarted"
    )
    [[target]] = registrar.targets("96156", NOW)
    assert target.flow == again
    assert (all_of(done, "Require"), all_of(done, "Flow-Timer")) == (["outbound"], [str(FLOW_TIMER_S)])


def test_two_flows_of_a_device_are_one_branch() -> None:
    registrar = open_registrar()
    for number, connection in ((1, 7), (2, 8)):
        flow = Flow("tls", TLS.local, ("192.0.2.7", 41000 + connection), connection)
        contact = f"<sip:1001@10.0.0.5:{number}>;reg-id={number};{URN}"
        register(registrar, "Supported: outbound", contact, flow=flow, call_id=f"flow{number}")
    [branch] = registrar.targets("96156", NOW)
    assert [target.flow.connection for target in branch] == [8, 7]


def test_a_lost_connection_takes_its_binding() -> None:
    registrar = open_registrar()
    register(registrar, flow=TLS)
    register(registrar, contact="<sip:1001@192.0.2.8>", call_id="other", flow=UDP)
    registrar.lose_connection(TLS.connection, NOW)
    [[target]] = registrar.targets("96156", NOW)
    assert target.uri.host == "192.0.2.8"
    assert registrar.counts.lost == 1


def test_a_flow_id_without_support_for_outbound_means_nothing() -> None:
    registrar = open_registrar()
    contact = f"<sip:1001@10.0.0.5:{{}}>;reg-id=1;{URN}"
    for number in (1, 2):
        done = register(registrar, contact=contact.format(number), call_id=f"c{number}")
    assert len(registrar.targets("96156", NOW)) == 2
    assert all_of(done, "Require") == []


@pytest.mark.parametrize("reg_id", ["0", "x", "-1", "99999999999"])
def test_a_flow_id_that_is_none_is_refused(reg_id: str) -> None:
    contact = f"<sip:1001@10.0.0.5>;reg-id={reg_id};{URN}"
    assert status(register(open_registrar(), "Supported: outbound", contact)) == 400


def test_one_flow_has_one_contact() -> None:
    two = f"<sip:1001@10.0.0.5>;reg-id=1;{URN}, <sip:1001@10.0.0.6>"
    assert status(register(open_registrar(), "Supported: outbound", two)) == 400


def test_a_proxy_that_keeps_no_flows_is_named() -> None:
    contact = f"<sip:1001@10.0.0.5>;reg-id=1;{URN}"
    behind = "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKphone\nSupported: outbound"
    assert status(register(open_registrar(), behind, contact)) == 439
    with_ob = f"{behind}\nPath: <sip:192.0.2.50;lr;ob>"
    assert status(register(open_registrar(), with_ob, contact)) == 200


def test_a_telephone_may_insist_on_what_we_know() -> None:
    for tag, status_wanted in (("path", 200), ("outbound", 200), ("gruu", 420)):
        bench = Bench(registrar=open_registrar())
        [response] = bench.hear(a_request("REGISTER", uri="sip:house.example", headers=f"Require: {tag}"))
        assert isinstance(response, Response)
        assert response.status == status_wanted


def test_a_connection_that_the_user_agent_lost_takes_its_binding() -> None:
    registrar = open_registrar()
    bench = Bench(registrar=registrar)
    bench.hear(a_request("REGISTER", uri="sip:house.example"), TLS)
    assert registrar.users(bench.now) == ["96156"]
    bench.ua.lose_connection(TLS.connection, bench.now)
    assert registrar.users(bench.now) == []


CONTACTS = st.sampled_from(
    [
        None,
        "*",
        "<sip:1001@192.0.2.7>",
        "<sip:1001@192.0.2.8>;q=0.5, <sip:1001@192.0.2.9>",
        "<sip:1001@192.0.2.7>;expires=0",
        f"<sip:1001@10.0.0.5:1>;reg-id=1;{URN}",
        f"<sip:1001@10.0.0.5:2>;reg-id=1;{URN}",
        f"<sip:1001@10.0.0.5:3>;reg-id=2;{URN}",
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            CONTACTS,
            st.sampled_from(["", "Expires: 0", "Expires: 60", "Expires: 5", "Supported: outbound"]),
            st.sampled_from(["a", "b"]),
            st.integers(1, 6),
            st.sampled_from([UDP, TLS]),
            st.floats(0, 70),
        ),
        max_size=25,
    )
)
def test_whatever_telephones_send_no_place_is_doubled_or_outlives_its_time(story: list[tuple]) -> None:
    registrar, now = open_registrar(most_contacts=3), NOW
    for contact, headers, call_id, cseq, flow, wait in story:
        now += wait
        before = registrar.bindings("96156", now)
        done = register(registrar, headers, contact, cseq, now=now, flow=flow, call_id=call_id)
        after = registrar.bindings("96156", now)
        if isinstance(done, Refusal):
            assert after == before, "a refused request changes nothing (RFC 3261, 10.3)"
        else:
            assert len(contacts(done)) == len(after)
        assert len(after) <= 3
        assert all(now < binding.expires <= now + 300 for binding in after)
        assert not any(one.is_same_place(other) for one, other in itertools.combinations(after, 2))
        assert sum(map(len, registrar.targets("96156", now))) == len(after)
        if wait > 60:
            registrar.lose_connection(TLS.connection, now)
            assert all(binding.flow != TLS for binding in registrar.bindings("96156", now))
