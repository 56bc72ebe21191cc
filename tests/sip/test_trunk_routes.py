"""Calls out: who may, over which trunk, and how they look there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trunk_bench import ACCOUNT, REGISTERED, STATIC, Bench, Carrier

from hotline.sip.numbers import DialForm, dial_string, normalise_number
from hotline.sip.session_timer import TimerWish
from hotline.sip.trunk import Trunk
from hotline.sip.trunk_calls import TrunkCalls
from hotline.sip.trunk_routes import NoRoute, TrunkRoute, TrunkRoutes, classify
from hotline.sip.uri import parse_uri

OURS = "+861065240000"
OUT = replace(STATIC, caller_numbers=(OURS, "+861096156"))
IMS = replace(REGISTERED, caller_numbers=("+861065240001",), dial_form="e164")


class House:
    """Trunks that were given a second to come up."""

    def __init__(
        self, *trunks: Trunk, carriers: dict[str, Carrier] | None = None, run_s: float = 1.0
    ) -> None:
        self.standing: dict[str, int] = {}
        self.benches = {trunk.name: Bench(trunk, (carriers or {}).get(trunk.name)) for trunk in trunks}
        for bench in self.benches.values():
            bench.run(run_s)
        self.now = max(bench.now for bench in self.benches.values())
        self.calls = TrunkCalls(trunks)
        clients = {name: bench.client for name, bench in self.benches.items()}
        self.routes = TrunkRoutes(clients, self.calls, lambda name: self.standing.get(name, 0), "10")

    def find(self, dialled: str = "65241234", acting: str = "1001", **how: object) -> TrunkRoute | NoRoute:
        return self.routes.find(acting, dialled, self.now, **how)  # type: ignore[arg-type]

    def route(self, dialled: str = "65241234", **how: object) -> TrunkRoute:
        found = self.find(dialled, **how)
        assert isinstance(found, TrunkRoute), found
        return found


@given(st.text(alphabet="0123456789+-*# ", max_size=20))
@settings(max_examples=60)
def test_no_number_leaves_the_house_without_a_telephone_user(dialled: str) -> None:
    found = HOUSE.routes.find("", dialled, HOUSE.now)
    assert isinstance(found, NoRoute)
    assert found.status == 403
    assert HOUSE.calls.counts["unicom"].calls_out == 0


def test_a_call_over_a_static_trunk() -> None:
    route = House(OUT).route("010-6524 1234")
    assert (route.trunk, route.number, route.shown) == ("unicom", "+861065241234", OURS)
    assert [str(target.uri) for target in route.targets] == [
        "sip:65241234@10.0.0.1;user=phone",
        "sip:65241234@10.0.0.2;user=phone",
    ]
    assert [target.route for target in route.targets] == [(), ()]
    assert str(route.from_) == "<sip:65240000@10.0.0.9;user=phone>"
    assert str(route.to) == "<sip:65241234@10.0.0.1;user=phone>"
    assert route.headers == (("P-Asserted-Identity", "<sip:65240000@10.0.0.9;user=phone>"),)
    assert (route.local_ip, route.secret, route.origin.name) == ("10.0.0.9", None, "unicom")
    assert route.timer == TimerWish(1800, 90, None)
    assert route.allows_redirect is None


def test_a_call_over_a_registered_trunk() -> None:
    carrier = Carrier(headers=[("Service-Route", "<sip:scscf.example;lr>")])
    route = House(replace(IMS, identity="preferred"), carriers={"telecom": carrier}).route("13800138000")
    first, second = route.targets
    assert str(first.uri) == "sip:+8613800138000@bj.ims.example;user=phone"
    assert [str(one) for one in first.route] == ["<sip:10.0.0.1;lr>", "<sip:scscf.example;lr>"]
    assert [str(one) for one in second.route] == ["<sip:10.0.0.2;lr>"]
    assert str(route.from_) == "<sip:+861065240001@bj.ims.example;user=phone>"
    assert route.secret == ACCOUNT.secret
    assert route.headers == (("P-Preferred-Identity", "<sip:+861065240001@bj.ims.example;user=phone>"),)


def test_the_proxy_that_answers_is_tried_first() -> None:
    house = House(OUT, carriers={"unicom": Carrier(silent={"10.0.0.1"})}, run_s=60)
    assert [target.flow.remote[0] for target in house.route().targets] == ["10.0.0.2", "10.0.0.1"]


@pytest.mark.parametrize(
    ("shown", "number"),
    [("", OURS), ("96156", "+861096156"), ("01096156", "+861096156"), ("+8613900139000", OURS), ("x", OURS)],
)
def test_only_a_number_of_the_trunk_is_shown(shown: str, number: str) -> None:
    trunk = replace(OUT, dial_form="e164")
    route = House(trunk).route(shown=shown)
    assert route.shown == number
    assert route.from_.uri.user == number


def test_the_account_of_the_number_that_is_shown_signs_the_call() -> None:
    second = replace(ACCOUNT, user="+861065240002", secret=None)
    trunk = replace(IMS, accounts=(ACCOUNT, second), caller_numbers=("+861065240001", "+861065240002"))
    route = House(trunk).route(shown="65240002")
    assert (route.from_.uri.user, route.secret) == ("+861065240002", None)


def test_who_withholds_his_number_shows_it_to_the_carrier_alone() -> None:
    route = House(OUT).route(withheld=True)
    assert str(route.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert dict(route.headers) == {
        "P-Asserted-Identity": "<sip:65240000@10.0.0.9;user=phone>",
        "Privacy": "id",
    }


def test_an_old_exchange_gets_remote_party_id() -> None:
    house = House(replace(OUT, identity="remote_party"))
    assert house.route().headers[0][1].endswith(";party=calling;screen=yes;privacy=off")
    assert house.route(withheld=True).headers[0][1].endswith(";privacy=full")
    assert House(replace(OUT, identity="none")).route().headers == ()


@pytest.mark.parametrize(
    ("form", "mobile_zero", "dialled"),
    [
        ("local", False, ["65241234", "02161234567", "13800138000", "12345", "0085221234567", "4008123456"]),
        (
            "national",
            False,
            ["01065241234", "02161234567", "13800138000", "12345", "0085221234567", "4008123456"],
        ),
        (
            "e164",
            False,
            ["+861065241234", "+862161234567", "+8613800138000", "12345", "+85221234567", "+864008123456"],
        ),
        ("local", True, ["65241234", "02161234567", "013800138000", "12345", "0085221234567", "4008123456"]),
    ],
)
def test_numbers_are_written_as_the_trunk_wants_them(
    form: str, mobile_zero: bool, dialled: list[str]
) -> None:
    trunk = replace(OUT, dial_form=form, mobile_zero=mobile_zero, may_dial=(*OUT.may_dial, "international"))  # type: ignore[arg-type]
    house = House(replace(trunk, calls_per_second=99.0))
    asked = ["010 65241234", "021-61234567", "013800138000", "12345", "+852 21234567", "400-8123456"]
    assert [house.route(number).targets[0].uri.user for number in asked] == dialled


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("110", "service"),
        ("+8695588", "service"),
        ("+861065241234", "local"),
        ("+862161234567", "national"),
        ("+8613800138000", "mobile"),
        ("+864008123456", "free"),
        ("+15551234567", "international"),
        ("1008611", "service"),
        ("+861012345", "service"),
        ("+86100067712345", "international"),  # 010 0067712345: the Solomon Islands, where 010 is left out
        ("+861000852123", "international"),
        ("193006512345678", "international"),  # by the long-distance carrier 193 to Singapore
        ("0100067712345", "international"),
    ],
)
def test_a_number_is_of_one_kind(number: str, kind: str) -> None:
    assert classify(number, "10") == kind


@pytest.mark.parametrize("dialled", ["+86100067712345", "+861000852123", "193006512345678"])
def test_a_call_abroad_does_not_leave_in_disguise(dialled: str) -> None:
    found = House(OUT).find(dialled)
    assert isinstance(found, NoRoute)
    assert found.status == 403
    assert "international" in found.reason


@given(
    st.from_regex(r"\+?(86|0086|0|00|10|010|17951|193)?[0-9]{1,15}", fullmatch=True),
    st.sampled_from(["10", "21", "755"]),
    st.sampled_from(["local", "national", "e164"]),
    st.booleans(),
)
@settings(max_examples=300)
def test_nothing_that_is_not_abroad_is_dialled_with_00(
    dialled: str, area_code: str, form: DialForm, mobile_zero: bool
) -> None:
    number = normalise_number(dialled, area_code)
    if number and classify(number, area_code) != "international":
        written = dial_string(number, area_code, form=form, mobile_zero=mobile_zero)
        assert not written.startswith(("00", "+00"))
        assert number.startswith("+86") or len(written) <= 8


@pytest.mark.parametrize(
    ("dialled", "status", "reason"),
    [
        ("0085221234567", 403, "the trunk unicom may not dial international numbers (may_dial)"),
        ("anna", 404, "'anna' is no telephone number"),
        ("+", 484, "'+' is no telephone number"),
        ("", 484, "'' is no telephone number"),
    ],
)
def test_a_number_that_may_not_be_dialled_is_refused(dialled: str, status: int, reason: str) -> None:
    assert House(OUT).find(dialled) == NoRoute(status, reason)


@pytest.mark.parametrize(
    ("trunk", "status"),
    [(STATIC, 404), (replace(OUT, proxies=()), 404), (replace(OUT, max_calls=0), 503)],
)
def test_a_trunk_that_cannot_carry_the_call_says_why(trunk: Trunk, status: int) -> None:
    found = House(trunk).find()
    assert isinstance(found, NoRoute)
    assert found.status == status
    assert trunk.name in found.reason


def test_a_trunk_that_is_not_registered_carries_no_calls() -> None:
    house = House(IMS, carriers={"telecom": Carrier(says={"REGISTER": 403})})
    assert house.find() == NoRoute(503, "the trunk telecom is not registered")


def test_a_static_trunk_whose_proxies_are_silent_is_tried_as_the_last() -> None:
    both = {"unicom": Carrier(silent={"10.0.0.1", "10.0.0.2"})}
    second = replace(OUT, name="mobile")
    assert House(OUT, second, carriers=both, run_s=60).route().trunk == "mobile"
    assert House(OUT, carriers=both, run_s=60).route().trunk == "unicom"


def test_the_next_trunk_takes_the_call_when_the_first_is_full_or_was_tried() -> None:
    house = House(OUT, replace(OUT, name="mobile"))
    assert house.route().trunk == "unicom"
    assert house.route(but=("unicom",)).trunk == "mobile"
    house.standing["unicom"] = OUT.max_calls
    assert house.route().trunk == "mobile"
    assert house.calls.counts["unicom"].refused_out == 1
    house.standing["mobile"] = OUT.max_calls
    assert house.find() == NoRoute(503, "all 30 channels of the trunk unicom are taken")
    assert house.find(but=("unicom", "mobile")) == NoRoute(404, "no trunk is left")


def test_a_redirection_is_followed_to_the_trunks_own_proxies_alone() -> None:
    allows = House(replace(OUT, redirects="own_proxies")).route().allows_redirect
    assert allows is not None
    target = allows(parse_uri("sip:65241234@10.0.0.2:5062"))
    assert target is not None
    assert (str(target.uri), target.flow.remote[0]) == ("sip:65241234@10.0.0.2:5062", "10.0.0.2")
    assert allows(parse_uri("sip:001900123456@203.0.113.9")) is None
    assert allows(parse_uri("tel:+1900123456")) is None


@pytest.mark.parametrize(("refresher", "word"), [("us", "uac"), ("them", "uas"), ("either", None)])
def test_the_profile_says_who_refreshes(refresher: str, word: str | None) -> None:
    route = House(replace(OUT, refresher=refresher, min_se_s=600, session_expires_s=300)).route()  # type: ignore[arg-type]
    assert route.timer == TimerWish(600, 600, word)
    assert House(replace(OUT, session_expires_s=0)).route().timer is None


HOUSE = House(OUT)
