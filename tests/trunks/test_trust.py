"""Trunks whose addresses others can use as well."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from hotline.sip.trunk import ProxyAddress, Trunk
from hotline.trunks.reading import parse_trunks
from hotline.trunks.trust import doubts_of


def read(text: str) -> Trunk:
    [trunk] = parse_trunks(f"[trunks.t]\n{text}", file="trunks.toml", folder=Path(), area_code="10")
    return trunk


def own_ip_towards(ip: str) -> str | None:
    """Stand for a machine with 10.33.0.20 on 10.33.0.0/24, and a way to everywhere but IPv6."""
    if ":" in ip:
        return None
    return ip if ip == "192.0.2.5" else "10.33.0.20"


@pytest.mark.parametrize(
    ("networks", "is_believed"),
    [
        ("10.33.0.0/28", True),
        ("10.0.0.0/8", True),
        ("2001:db8::/32", True),
        ("127.0.0.0/8", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0/0", False),
        ("::/0", False),
    ],
)
def test_who_can_be_anybody_is_not_believed_unless_the_site_says_so(networks: str, is_believed: bool) -> None:
    assert read(f'networks = ["{networks}"]').trusts_identity is is_believed
    assert read(f'networks = ["{networks}"]\ntrusts_identity = true').trusts_identity
    assert not read(f'networks = ["{networks}"]\ntrusts_identity = false').trusts_identity


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        (Trunk("t", networks=(ip_network("10.34.0.0/28"),)), []),
        (Trunk("t", proxies=(ProxyAddress("sbc.example"),)), []),
        (Trunk("t", networks=(ip_network("2001:db8::/32"),)), []),
        (Trunk("t", networks=(ip_network("10.33.0.0/24"),)), ["10.33.0.0/24, and with it this machine"]),
        (Trunk("t", networks=(ip_network("127.0.0.0/8"),)), ["127.0.0.0/8, and with it this machine"]),
        (Trunk("t", proxies=(ProxyAddress("192.0.2.5"),)), ["192.0.2.5/32, and with it this machine"]),
        (Trunk("t", networks=(ip_network("0.0.0.0/0"),)), ["nearly everybody"]),
    ],
)
def test_who_else_calls_as_a_trunk_is_said(trunk: Trunk, said: list[str]) -> None:
    found = list(doubts_of(trunk, own_ip_towards))
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence
        assert sentence.startswith("[trunks.t] networks holds")


def test_the_remedy_depends_on_whether_it_is_believed() -> None:
    network = (ip_network("127.0.0.1"),)
    [believed] = doubts_of(Trunk("t", networks=network, trusts_identity=True), own_ip_towards)
    [doubted] = doubts_of(Trunk("t", networks=network, trusts_identity=False), own_ip_towards)
    assert "set trusts_identity = false" in believed
    assert "not believed" in doubted
