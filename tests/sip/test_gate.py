"""The gate: who may do what."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pytest
from registrar_rig import REALM, a_phone, answer
from sip_bench import Bench, a_request, an_invite

from hotline.sip.admission import Origin, OriginKind, Silence
from hotline.sip.authentication import Authentication
from hotline.sip.bindings import LocalBindings
from hotline.sip.events import CallArrived
from hotline.sip.flow import Flow
from hotline.sip.gate import MOST_CALLS_OF_A_PHONE, NOTE_EVERY_S, Gate, GateConfig
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request, Response, parse_message
from hotline.sip.phones import PhoneBook
from hotline.sip.registrar import Registrar, RegistrarConfig
from hotline.sip.trunk import AccessList, Trunk
from hotline.sip.voice_terms import VoicePolicy

US = ("192.0.2.1", 5060)
CARRIER = Flow("udp", US, ("10.33.0.1", 5060), 1)
DESK = Flow("udp", US, ("192.0.2.7", 5060), 1)
DESK_TLS = Flow("tls", ("192.0.2.1", 5061), ("192.0.2.7", 41234), 9)
STRANGER = Flow("udp", US, ("203.0.113.9", 5060), 1)
PHONE_VOICE = VoicePolicy(("G722", "PCMA"), "required")
count = itertools.count(1)


class House:
    """A gate and a registrar, with a phone 1001 and a trunk."""

    def __init__(self, domains: tuple[str, ...] = (), **trunk: Any) -> None:
        tokens = itertools.count(1)
        carrier = Trunk("carrier", networks=(ipaddress.ip_network("10.33.0.0/24"),), **trunk)
        self.phones = PhoneBook(
            [a_phone("1001", "secret", voice=PHONE_VOICE), a_phone("1002", "other secret")]
        )
        self.bindings = LocalBindings()
        self.door = Authentication(REALM, self.phones, lambda: f"token{next(tokens):016x}")
        self.registrar = Registrar(RegistrarConfig(), self.door, self.bindings)
        self.notices: list[tuple[str, str, str]] = []
        self.gate = Gate(
            GateConfig(("96156",), frozenset(domains)),
            AccessList([carrier]),
            self.phones,
            self.bindings,
            self.door,
            lambda *notice: self.notices.append(notice),
        )
        self.now = 1000.0

    def ask(
        self, data: bytes, flow: Flow, *, standing: int = 0, credentials: str = ""
    ) -> Origin | Refusal | Silence:
        request = parse_message(data)
        assert isinstance(request, Request)
        if credentials:
            request.headers.add("Authorization", credentials)
        return self.gate.admit(request, flow, self.now, lambda _kind, _name: standing)

    def register(self, flow: Flow = DESK, user: str = "1001", password: str = "secret") -> None:
        challenge = self._register(flow, user)
        assert isinstance(challenge, Refusal)
        credentials = answer(challenge.headers[0][1], user=user, password=password)
        assert not isinstance(self._register(flow, user, credentials), Refusal)

    def _register(self, flow: Flow, user: str, credentials: str = "") -> Refusal | HeaderFields:
        headers = f"Authorization: {credentials}" if credentials else ""
        request = parse_message(
            request_of("REGISTER", user, uri="sip:house.example", to=user, headers=headers)
        )
        assert isinstance(request, Request)
        admitted = self.gate.admit(request, flow, self.now, lambda _kind, _name: 0)
        if isinstance(admitted, Refusal):
            return admitted
        assert isinstance(admitted, Origin)
        return self.registrar.register(request, flow, self.now)

    def call(
        self,
        flow: Flow = DESK,
        user: str = "1001",
        password: str = "secret",
        standing: int = 0,
        **given: Any,
    ) -> object:
        """Call as a telephone does: without a password, then with it."""
        data = invite_of(user, **given)
        first = self.ask(data, flow)
        if not isinstance(first, Refusal) or first.status != 401:
            return first
        uri = given.get("uri", "sip:96156@192.0.2.1")
        credentials = answer(first.headers[0][1], user=user, password=password, method="INVITE", uri=uri)
        return self.ask(data, flow, standing=standing, credentials=credentials)


def request_of(method: str, user: str, *, to: str = "96156", **given: Any) -> bytes:
    data = a_request(method, branch=f"z9hG4bKg{next(count)}", **given)
    return data.replace(b"From: <sip:65241234@", f"From: <sip:{user}@".encode()).replace(
        b"To: <sip:96156@", f"To: <sip:{to}@".encode()
    )


def invite_of(user: str, **given: Any) -> bytes:
    return an_invite(**given).replace(b"From: <sip:65241234@", f"From: <sip:{user}@".encode())


# -- strangers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER", "FOO"])
def test_a_stranger_hears_nothing(method: str) -> None:
    house = House()
    assert house.ask(request_of(method, "1001"), STRANGER) is Silence.SILENCE
    assert house.gate.counts.silenced == 1


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
@pytest.mark.parametrize("flow", [STRANGER, DESK, CARRIER], ids=["stranger", "desk", "carrier"])
@pytest.mark.parametrize("domain", ["house.example", "elsewhere.example"])
def test_who_would_be_answered_can_be_asked_without_a_trace(method: str, flow: Flow, domain: str) -> None:
    house = House(domains=("house.example",))
    house.register(DESK)
    counted, noted = repr(house.gate.counts), repr(house.gate._noted)
    request = parse_message(request_of(method, "1001", uri=f"sip:1001@{domain}"))
    assert isinstance(request, Request)
    hears = house.gate.hears(request, flow, house.now)
    assert (repr(house.gate.counts), repr(house.gate._noted)) == (counted, noted)
    decided = house.gate.admit(request, flow, house.now, lambda _kind, _name: 0)
    assert hears is (decided is not Silence.SILENCE)


def test_a_stranger_with_a_right_password_hears_nothing_until_he_registered() -> None:
    house = House()
    [challenge, _] = house.door._digest.challenges(STRANGER.remote[0], house.now)
    credentials = answer(challenge, user="1001", method="INVITE", uri="sip:96156@192.0.2.1")
    assert house.ask(invite_of("1001"), STRANGER, credentials=credentials) is Silence.SILENCE
    house.register(STRANGER)
    assert isinstance(house.call(STRANGER), Origin)


def test_whoever_registers_is_asked_for_a_password() -> None:
    house = House()
    refusal = house.ask(request_of("REGISTER", "1001", uri="sip:house.example"), STRANGER)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    assert house.gate.counts.registrations == 1


def test_who_registers_at_another_domain_hears_nothing() -> None:
    house = House(domains=("house.example",))
    assert house.ask(request_of("REGISTER", "x", uri="sip:192.0.2.1"), STRANGER) is Silence.SILENCE
    assert isinstance(house.ask(request_of("REGISTER", "x", uri="sip:House.Example"), STRANGER), Refusal)
    assert house.gate.counts.foreign_domain == 1


def test_known_are_trunks_besides_addresses_that_telephones_registered_from() -> None:
    house = House()
    assert house.gate.knows("10.33.0.200", house.now)
    assert not house.gate.knows("192.0.2.7", house.now)
    house.register()
    assert house.gate.knows("192.0.2.7", house.now)
    assert not house.gate.knows("192.0.2.7", house.now + 120)


# -- trunks -------------------------------------------------------------------------------------------


def test_a_trunk_reaches_the_number_of_the_house() -> None:
    house = House()
    origin = house.ask(an_invite(), CARRIER)
    assert isinstance(origin, Origin)
    assert (origin.kind, origin.name, origin.trusts_identity) == (OriginKind.TRUNK, "carrier", True)


@pytest.mark.parametrize("number", ["1001", "01065241234", "0085212345678", "anything"])
def test_a_trunk_reaches_nothing_else(number: str) -> None:
    house = House()
    refusal = house.ask(an_invite(uri=f"sip:{number}@192.0.2.1"), CARRIER)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 404
    assert house.gate.counts.other_numbers == 1


def test_a_trunk_that_calls_by_a_scheme_we_do_not_know_is_told_so() -> None:
    house = House()
    refusal = house.ask(an_invite(uri="http://example.com/96156"), CARRIER)
    assert refusal == Refusal(416)  # RFC 3261, 8.2.2.1: not 404, which a carrier takes for a wrong number
    assert (house.gate.counts.other_numbers, house.gate.counts.trunk_requests) == (0, 0)


def test_a_trunk_may_be_kept_to_fewer_numbers() -> None:
    house = House(numbers=("01065240000",))
    assert isinstance(house.ask(an_invite(), CARRIER), Refusal)
    assert isinstance(house.ask(an_invite(uri="sip:+861065240000@192.0.2.1"), CARRIER), Origin)


def test_a_trunk_with_a_telephones_name_in_from_stays_a_trunk() -> None:
    house = House()
    house.register()
    origin = house.ask(invite_of("1001"), CARRIER)
    assert isinstance(origin, Origin)
    assert origin.kind is OriginKind.TRUNK


def test_a_trunk_whose_channels_are_taken_is_told_to_try_soon() -> None:
    house = House(max_calls=2)
    assert isinstance(house.ask(an_invite(), CARRIER, standing=1), Origin)
    refusal = house.ask(an_invite(), CARRIER, standing=2)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.headers[0][0]) == (503, "Retry-After")
    assert house.gate.counts.trunk_full == 1


def test_a_trunk_that_calls_too_fast_is_slowed_down() -> None:
    house = House(calls_per_second=2.0)
    answers = [house.ask(an_invite(), CARRIER) for _ in range(5)]
    assert [isinstance(answer, Origin) for answer in answers] == [True, True, False, False, False]
    house.now += 0.5
    assert isinstance(house.ask(an_invite(), CARRIER), Origin)
    assert house.gate.counts.trunk_too_fast == 3


def test_a_person_is_told_once_an_hour() -> None:
    house = House(calls_per_second=1.0)
    for _ in range(3):
        house.ask(an_invite(), CARRIER)
    assert house.notices == [("trunk.too_fast", "carrier", "more than 1 calls/s")]
    house.now += NOTE_EVERY_S
    for _ in range(3):
        house.ask(an_invite(), CARRIER)
    assert len(house.notices) == 2


def test_the_keep_alive_of_a_trunk_is_answered() -> None:
    assert isinstance(House().ask(request_of("OPTIONS", "x", uri="sip:192.0.2.1"), CARRIER), Origin)


# -- telephones ---------------------------------------------------------------------------------------


def test_a_telephone_calls_with_its_password() -> None:
    house = House()
    house.register()
    origin = house.call(uri="sip:01065241234@192.0.2.1")
    assert isinstance(origin, Origin)
    assert (origin.kind, origin.name, origin.voice) == (OriginKind.PHONE, "1001", PHONE_VOICE)
    assert not origin.trusts_identity


def test_a_registration_alone_makes_no_call() -> None:
    house = House()
    house.register()
    refusal = house.ask(invite_of("1001"), DESK)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401


def test_a_wrong_password_makes_no_call() -> None:
    house = House()
    house.register()
    refusal = house.call(password="guess")
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401


def test_a_telephone_calls_in_its_own_name_only() -> None:
    house = House()
    house.register()
    first = house.ask(invite_of("1002"), DESK)
    assert isinstance(first, Refusal)
    credentials = answer(first.headers[0][1], user="1001", method="INVITE", uri="sip:96156@192.0.2.1")
    refusal = house.ask(invite_of("1002"), DESK, credentials=credentials)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403
    assert house.notices[0][0] == "phone.wrong_identity"


def test_on_tls_the_registration_speaks_for_the_call() -> None:
    house = House()
    house.register(DESK_TLS)
    origin = house.ask(invite_of("1001"), DESK_TLS)
    assert isinstance(origin, Origin)
    assert origin.name == "1001"


def test_another_name_on_that_connection_needs_its_own_password() -> None:
    house = House()
    house.register(DESK_TLS)
    refusal = house.ask(invite_of("1002"), DESK_TLS)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401


def test_another_connection_from_there_needs_the_password() -> None:
    house = House()
    house.register(DESK_TLS)
    other = Flow("tls", DESK_TLS.local, ("192.0.2.7", 41235), 10)
    assert isinstance(house.ask(invite_of("1001"), other), Refusal)


def test_what_a_proxy_sends_on_over_that_connection_needs_a_password() -> None:
    """A telephone may register through a proxy on TLS that says no Path; strangers use it as well."""
    house = House()
    house.register(DESK_TLS)
    through = invite_of("1001", uri="sip:01065551234@192.0.2.1").replace(
        b"\r\nMax-Forwards", b"\r\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKstranger\r\nMax-Forwards", 1
    )
    assert through.count(b"Via:") == 2
    refusal = house.ask(through, DESK_TLS)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401


def test_plain_tcp_is_not_believed() -> None:
    house = House()
    tcp = Flow("tcp", US, ("192.0.2.7", 41234), 9)
    house.register(tcp)
    assert isinstance(house.ask(invite_of("1001"), tcp), Refusal)


def test_a_telephone_that_lost_its_account_is_a_stranger_to_tls() -> None:
    house = House()
    house.register(DESK_TLS)
    house.phones.replace([])
    assert isinstance(house.ask(invite_of("1001"), DESK_TLS), Refusal)


def test_options_of_a_telephone_are_answered_without_a_password() -> None:
    house = House()
    house.register()
    origin = house.ask(request_of("OPTIONS", "1001"), DESK)
    assert isinstance(origin, Origin)
    assert origin.name == "1001"


def test_unknown_users_look_like_known_ones() -> None:
    house = House()
    house.register()
    answers = [house.ask(invite_of(user), DESK) for user in ("1001", "1002", "1003", "x")]
    assert all(isinstance(one, Refusal) for one in answers)
    shapes = {
        (one.status, tuple(name for name, _ in one.headers)) for one in answers if isinstance(one, Refusal)
    }
    assert len(shapes) == 1


def test_a_telephone_at_a_trunks_address_is_told_apart() -> None:
    """A softphone beside the server, where the whole machine is a trunk."""
    house = House()
    beside = Flow("udp", US, ("10.33.0.50", 5066), 1)
    house.register(beside)
    origin = house.call(beside, uri="sip:1002@192.0.2.1")
    assert isinstance(origin, Origin)
    assert (origin.kind, origin.name) == (OriginKind.PHONE, "1001")
    trunk = house.ask(invite_of("1001"), Flow("udp", US, ("10.33.0.50", 5067), 1))
    assert isinstance(trunk, Origin)
    assert trunk.kind is OriginKind.TRUNK


def test_credentials_for_us_make_a_telephone_of_a_trunks_address() -> None:
    house = House()
    refusal = house.ask(
        invite_of("1001", uri="sip:1002@192.0.2.1"), CARRIER, credentials="Digest realm=x, a=b"
    )
    assert isinstance(refusal, Refusal)
    assert refusal.status == 404
    credentials = f'Digest realm="{REALM}", username="1001"'
    refusal = house.ask(invite_of("1001", uri="sip:1002@192.0.2.1"), CARRIER, credentials=credentials)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401


def test_guessing_at_the_gate_locks_out_at_the_registrar_as_well() -> None:
    house = House()
    house.register()
    for _ in range(6):
        house.call(password="guess")
    assert house.door.counts.locks == 1
    refusal = house.call()
    assert isinstance(refusal, Refusal)
    assert house.door.counts.locked_out >= 1


# -- through the user agent -----------------------------------------------------------------------------


def test_what_a_stranger_sends_amiss_is_not_answered() -> None:
    """svmap registers with a Contact that is none; a 400 would tell it that somebody is here."""
    house = House()
    bench = Bench(admission=house.gate, registrar=house.registrar)
    amiss = a_request("REGISTER", uri="sip:192.0.2.1", contact="None")
    assert bench.hear(amiss, STRANGER) == []
    [refused] = bench.hear(amiss, CARRIER)
    assert isinstance(refused, Response)
    assert refused.status == 400


def test_a_flood_of_registrations_leaves_nothing_in_memory() -> None:
    house = House()
    bench = Bench(admission=house.gate, registrar=house.registrar)
    for number in range(200):
        [challenged] = bench.hear(
            a_request("REGISTER", uri="sip:house.example", branch=f"z9hG4bK{number}", call_id=f"{number}"),
            STRANGER,
        )
        assert isinstance(challenged, Response)
        assert challenged.status == 401
    assert bench.ua.transactions == 0


def test_a_telephones_call_goes_through_with_its_password() -> None:
    house = House()
    house.register(user="1002", password="other secret")
    bench = Bench(admission=house.gate, registrar=house.registrar)
    [challenged] = bench.hear(invite_of("1002"), DESK)
    assert isinstance(challenged, Response)
    challenge = challenged.headers.get_all("WWW-Authenticate")[0]
    credentials = answer(
        challenge, password="other secret", user="1002", method="INVITE", uri="sip:96156@192.0.2.1"
    )
    [trying] = bench.hear(invite_of("1002", headers=f"Authorization: {credentials}", cseq=2), DESK)
    assert isinstance(trying, Response)
    assert trying.status == 100
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.origin.name == "1002"


@pytest.mark.parametrize("flow", [DESK, DESK_TLS])
def test_a_telephone_has_only_so_many_calls(flow: Flow) -> None:
    house = House()
    house.register(flow)
    assert isinstance(house.call(flow, standing=MOST_CALLS_OF_A_PHONE - 1), Origin)
    standing = MOST_CALLS_OF_A_PHONE
    data = invite_of("1001")
    refusal = (
        house.ask(data, flow, standing=standing) if flow.is_secure else house.call(flow, standing=standing)
    )
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.headers[0][0]) == (503, "Retry-After")
    assert house.gate.counts.phone_full == 1
    assert [notice[:2] for notice in house.notices] == [("phone.full", "1001")]
