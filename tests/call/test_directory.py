"""Whom a name leads to: groups, users, and lines out for those who may use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from hotline.call.destinations import Destination, Found, NoDirectory, Shown, only_idle, preferring
from hotline.call.directory import ANONYMOUS, EVERYBODY, HouseDirectory
from hotline.sip.admission import OriginKind
from hotline.sip.dialling import DialTarget
from hotline.sip.flow import Flow
from hotline.sip.phones import Phone, PhoneBook
from hotline.sip.trunk_routes import NoRoute
from hotline.sip.uri import Uri, parse_uri
from hotline.sip.voice_terms import ANY_VOICE, VoicePolicy
from tests.call.bridge_rig import a_destination

CALLER = Shown("+861065241234")


class FakeRegistrar:
    """Telephones of these users are registered, each at one place."""

    def __init__(self, *users: str) -> None:
        self._users = users

    def targets(self, user: str, now: float) -> tuple[tuple[DialTarget, ...], ...]:
        flow = Flow("udp", ("198.51.100.1", 5060), ("192.0.2.50", 5062))
        target = DialTarget(Uri("sip", user, host="192.0.2.50"), flow)
        return ((target,),) if user in self._users else ()


class FakeRoutes:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, bool]] = []
        self.but: list[tuple[str, ...]] = []

    def find(
        self,
        acting: str,
        dialled: str,
        now: float,
        *,
        shown: str = "",
        withheld: bool = False,
        but: Sequence[str] = (),
    ) -> NoRoute:
        self.asked.append((acting, dialled, shown, withheld))
        self.but.append(tuple(but))
        return NoRoute(503, "all channels are taken")


def a_phone(user: str, **changes: Any) -> Phone:
    return Phone(user, cast("Any", None), **changes)


def a_house(*registered: str, routes: FakeRoutes | None = None, **groups: tuple[str, ...]) -> HouseDirectory:
    book = PhoneBook(
        [a_phone("1001", display_name="王"), a_phone("1002"), a_phone("1003", caller_number="+861064000000")]
    )
    registrar = FakeRegistrar(*registered)
    return HouseDirectory(book, registrar, groups=groups, routes=routes, is_own=lambda to: to == "96156")


def users_of(found: Found) -> list[str]:
    return [one.peer for one in found.destinations]


def test_a_user_is_found_where_he_is_registered() -> None:
    (one,) = a_house("1001").find(("1001",), CALLER, 0.0).destinations
    assert (one.origin.kind, one.origin.name, one.local_ip) == (OriginKind.PHONE, "1001", "198.51.100.1")
    assert str(one.from_.uri) == "sip:+861065241234@198.51.100.1"
    assert (one.to.display_name, one.to.uri.user) == ("王", "1001")


def test_the_group_of_everybody_is_all_telephones() -> None:
    assert users_of(a_house("1001", "1003").find((EVERYBODY,), CALLER, 0.0)) == ["1001", "1003"]


def test_a_site_says_who_is_in_a_group() -> None:
    house = a_house("1001", "1002", "1003", night=("1003", "1001", "9999"), agents=("1002",))
    assert users_of(house.find(("night",), CALLER, 0.0)) == ["1003", "1001"]
    assert users_of(house.find(("agents", "night", "1003"), CALLER, 0.0)) == ["1002", "1003", "1001"]
    assert house.is_user("night")


def test_whoever_calls_a_group_that_he_is_in_does_not_ring_himself() -> None:
    assert users_of(a_house("1001", "1002").find((EVERYBODY,), CALLER, 0.0, acting="1001")) == ["1002"]


def test_a_number_that_is_withheld_is_not_shown() -> None:
    for shown in (Shown("+861065241234", withheld=True), Shown("")):
        (one,) = a_house("1001").find(("1001",), shown, 0.0).destinations
        assert one.from_ == ANONYMOUS


def test_a_colleague_is_shown_by_his_name() -> None:
    (one,) = a_house("1002").find(("1002",), Shown("1001"), 0.0, acting="1001").destinations
    assert one.from_.display_name == "王"


def test_a_caller_from_outside_bears_no_colleagues_name() -> None:
    """Her exchange may let her show any number, 1001 as well."""
    (one,) = a_house("1002").find(("1002",), Shown("1001"), 0.0).destinations
    assert (one.from_.display_name, one.from_.uri.user) == ("", "1001")


def test_telephones_are_asked_to_answer_by_themselves() -> None:
    (one,) = a_house("1001").find(("1001",), CALLER, 0.0, answers_itself=True).destinations
    assert [name for name, _ in one.headers] == ["Alert-Info", "Call-Info"]


@pytest.mark.parametrize(
    ("name", "status"), [("1002", 480), (EVERYBODY, 480), ("9999", 404), ("01065241234", 404)]
)
def test_it_tells_why_nobody_is_found(name: str, status: int) -> None:
    assert a_house().find((name,), CALLER, 0.0) == Found((), status)


def test_without_a_telephone_that_acts_no_line_is_even_asked_for() -> None:
    routes = FakeRoutes()
    assert a_house(routes=routes).find(("01065241234",), CALLER, 0.0) == Found((), 404)
    assert routes.asked == []


def test_somebody_unknown_gets_no_line() -> None:
    routes = FakeRoutes()
    assert a_house(routes=routes).find(("01065241234",), CALLER, 0.0, acting="mallory").status == 403
    assert routes.asked == []


def test_a_number_outside_goes_out_with_the_number_that_the_telephone_may_show() -> None:
    routes = FakeRoutes()
    found = a_house(routes=routes).find(("01065241234",), CALLER, 0.0, acting="1003")
    assert routes.asked == [("1003", "01065241234", "+861064000000", False)]
    assert (found.status, found.reason) == (503, "all channels are taken")


def forwarded(to: str, **how: Any) -> str:
    book = PhoneBook([a_phone("1001"), a_phone("1002"), a_phone("王")])
    house = HouseDirectory(book, FakeRegistrar("1001"), groups={"night": ("1002",)}, **how)
    (one,) = house.find(("1001",), CALLER, 0.0).destinations
    return one.forwards_to(parse_uri(to)) if one.forwards_to is not None else "never"


@pytest.mark.parametrize(
    ("to", "user"),
    [
        ("sip:1002@198.51.100.1", "1002"), ("sips:1002@198.51.100.1:5061;transport=tls", "1002"),
        ("sip:night@hotline.example", "night"), ("sip:%E7%8E%8B@hotline.example", "王"),
        ("sip:agents@HOTLINE.example", "agents"),
        ("sip:1002@elsewhere.example", ""), ("sip:9999@hotline.example", ""),
        ("sip:01065241234@hotline.example", ""), ("sip:hotline.example", ""), ("tel:1002", ""),
    ],
)  # fmt: skip
def test_a_telephone_may_send_its_call_to_another_one_of_the_house(to: str, user: str) -> None:
    assert forwarded(to, forwards=True, domains=("hotline.example",)) == user


def test_a_house_without_names_goes_by_the_user_alone() -> None:
    assert forwarded("sip:1002@192.0.2.9", forwards=True) == "1002"


def test_a_site_may_forbid_it() -> None:
    assert forwarded("sip:1002@198.51.100.1") == "never"


def test_trunks_that_failed_are_not_asked_again() -> None:
    routes = FakeRoutes()
    a_house(routes=routes).find(("01065241234",), CALLER, 0.0, acting="1003", but=("unicom",))
    assert routes.but == [("unicom",)]


@pytest.mark.parametrize("acting", ["1003", ""])
def test_a_number_of_the_house_itself_leads_to_no_line_out(acting: str) -> None:
    routes = FakeRoutes()
    found = a_house(routes=routes).find(("96156",), CALLER, 0.0, acting=acting)
    assert (found.destinations, found.status) == ((), 403)
    assert found.reason == "96156 is a number of this house, which leads to no line out"
    assert routes.asked == []


def test_a_house_without_lines_knows_no_number_outside() -> None:
    assert a_house().find(("01065241234",), CALLER, 0.0, acting="1003") == Found((), 404)


def test_a_house_without_telephones_finds_nobody() -> None:
    assert not NoDirectory().is_user("1001")
    assert NoDirectory().find(("1001",), CALLER, 0.0) == Found((), 480)


def test_who_talks_is_left_out() -> None:
    both: tuple[Destination, ...] = (a_destination("1001"), a_destination("1002"))
    assert users_of(only_idle(Found(both), lambda peer: peer == "1001")) == ["1002"]
    assert only_idle(Found(both), lambda _peer: True) == Found((), 486)
    assert only_idle(Found((), 480), lambda _peer: True) == Found((), 480)


def test_the_codec_that_is_spoken_already_comes_first() -> None:
    assert preferring(ANY_VOICE, "G722").codecs[0] == "G722"
    assert set(preferring(ANY_VOICE, "G722").codecs) == set(ANY_VOICE.codecs)
    assert preferring(VoicePolicy(("PCMA",)), "opus").codecs == ("PCMA",)
