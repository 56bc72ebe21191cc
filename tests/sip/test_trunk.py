"""The profile of a trunk, and which trunk an address belongs to."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.sip.admission import OriginKind
from hotline.sip.trunk import AccessList, ProxyAddress, Trunk, TrunkAccount
from hotline.sip.voice_terms import VoicePolicy

WIDE = Trunk("wide", networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
NARROW = Trunk("narrow", networks=(ip_network("10.1.2.0/24"), ip_network("2001:db8:1::/48")))
NAMED = Trunk("named", proxies=(ProxyAddress("sbc.example"), ProxyAddress("192.0.2.7")))


def name_of(access: AccessList, ip: str) -> str:
    trunk = access.trunk_of(ip)
    return trunk.name if trunk else ""


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        ("10.9.9.9", "wide"),
        ("10.1.2.3", "narrow"),
        ("::ffff:10.1.2.3", "narrow"),
        ("2001:db8:1::5", "narrow"),
        ("2001:db8:2::5", "wide"),
        ("192.0.2.1", ""),
        ("no address", ""),
    ],
)
def test_the_most_exact_network_wins(ip: str, name: str) -> None:
    assert name_of(AccessList([WIDE, NARROW]), ip) == name


def test_the_addresses_of_a_proxy_count_once_they_are_known() -> None:
    access = AccessList([NAMED, WIDE])
    assert name_of(access, "192.0.2.7") == "named", "a numeric proxy is its own address"
    assert name_of(access, "10.0.0.5") == "wide"
    access.learn("named", "sbc.example", ["10.0.0.5", "10.0.0.6"])
    assert (name_of(access, "10.0.0.5"), name_of(access, "10.0.0.6")) == ("named", "named")
    access.learn("named", "sbc.example", ["10.0.0.6"])
    assert (name_of(access, "10.0.0.5"), name_of(access, "10.0.0.6")) == ("wide", "named")


def test_trunks_are_found_by_their_names() -> None:
    access = AccessList([WIDE, NARROW])
    assert access.named("narrow") is NARROW
    assert access.named("none") is None
    assert access.trunks == (WIDE, NARROW)


@given(st.ip_addresses())
def test_every_address_belongs_to_the_trunk_of_its_network_or_to_none(address: object) -> None:
    name = name_of(AccessList([WIDE, NARROW]), str(address))
    inside = {trunk.name for trunk in (WIDE, NARROW) if any(address in network for network in trunk.networks)}
    assert (name in inside) if inside else not name


def test_a_trunk_tells_the_gate_what_its_calls_may() -> None:
    voice = VoicePolicy(("PCMA",), "required")
    origin = Trunk(
        "t", voice=voice, reliable="required", early_media=True, trusts_identity=False, area_code="21"
    ).origin
    assert (origin.kind, origin.name, origin.voice) == (OriginKind.TRUNK, "t", voice)
    assert (origin.reliable, origin.early_media, origin.trusts_identity) == ("required", True, False)
    assert origin.area_code == "21"


def test_a_caller_is_called_back_as_her_trunk_dials() -> None:
    assert Trunk("t").dial_string("+861065241234") == "65241234"
    assert Trunk("t", dial_form="national").dial_string("+861065241234") == "01065241234"
    assert Trunk("t", mobile_zero=True).dial_string("+8613800138000") == "013800138000"


@pytest.mark.parametrize(
    ("proxy", "uri"),
    [
        (ProxyAddress("sbc.example"), "sip:sbc.example"),
        (ProxyAddress("2001:db8::1", 5070, "tcp"), "sip:[2001:db8::1]:5070;transport=tcp"),
    ],
)
def test_a_proxy_is_a_uri(proxy: ProxyAddress, uri: str) -> None:
    assert str(proxy.uri) == uri


def test_an_account_has_an_address_of_record() -> None:
    account = TrunkAccount("+861096156", "ims.example", "registrar.example", "96156")
    assert str(account.address_of_record) == "sip:+861096156@ims.example"
