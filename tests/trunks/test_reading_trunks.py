"""``config/trunks.toml``: what is read, and how each mistake is told."""

from __future__ import annotations

import re
import tomllib
from ipaddress import ip_network
from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.sip.dialling import ClientSecret
from hotline.sip.trunk import ProxyAddress, Trunk
from hotline.trunks import parse_trunks, read_trunks

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "config" / "trunks.toml"
HOUSE = ("96156", "12345")


def read(text: str, folder: Path = Path()) -> tuple[Trunk, ...]:
    return parse_trunks(text, file="trunks.toml", folder=folder, area_code="10", numbers=HOUSE)


def complaint(text: str, folder: Path = Path()) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, folder)
    return str(caught.value)


def uncommented() -> str:
    """Switch the examples of the shipped file on."""
    return re.sub(r"^# (?=\[|[a-z_]+ +=)", "", SHIPPED.read_text(), flags=re.MULTILINE)


def test_the_shipped_file_lets_this_machine_call() -> None:
    [local] = read_trunks(SHIPPED, area_code="10", numbers=HOUSE)
    assert (local.name, local.mode, local.proxies) == ("local", "static", ())
    assert local.networks == (ip_network("127.0.0.0/8"), ip_network("::1"))


def test_the_examples_of_the_shipped_file_are_right(tmp_path: Path) -> None:
    for name in ("telecom", "telecom-1", "telecom-2"):
        (tmp_path / f"{name}.password").write_text(f"secret of {name}\n")
    _, unicom, telecom = read(uncommented(), tmp_path)
    assert (unicom.mode, unicom.proxies) == ("static", (ProxyAddress("10.33.0.1"), ProxyAddress("10.33.0.2")))
    assert unicom.accounts == ()
    assert unicom.caller_numbers == ("+861065240000",)
    assert unicom.voice.codecs == ("PCMA",)
    assert telecom.mode == "registered"
    assert [account.contact_user for account in telecom.accounts] == ["96156", "96156"]
    assert telecom.accounts[1].secret == ClientSecret(
        "+861065240002@bj.ctcims.example", "secret of telecom-2"
    )
    assert telecom.accounts[0].registrar == "bj.ctcims.example"
    assert telecom.dns_servers == (("10.1.1.53", 53), ("10.1.1.54", 53))


def test_an_account_needs_no_table_of_its_own() -> None:
    [trunk] = read(
        '[trunks.t]\nmode = "registered"\nproxies = ["p.example"]\nuser = "+861065240001"\n'
        'password = "x"\nregistrar = "r.example"\ndomain = "d.example"\ncontact_user = "96156"'
    )
    [account] = trunk.accounts
    assert str(account.address_of_record) == "sip:+861065240001@d.example"
    assert (account.registrar, account.contact_user) == ("r.example", "96156")
    assert account.secret == ClientSecret("+861065240001", "x")


def test_the_domain_is_the_proxy_when_nothing_else_is_named() -> None:
    [trunk] = read('[trunks.t]\nmode = "registered"\nproxies = ["10.0.0.9"]\nuser = "96156"')
    assert (trunk.accounts[0].domain, trunk.accounts[0].registrar) == ("10.0.0.9", "10.0.0.9")


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("10.0.0.1", ProxyAddress("10.0.0.1")),
        ("10.0.0.1:5070", ProxyAddress("10.0.0.1", 5070)),
        ("sbc.example;tls", ProxyAddress("sbc.example", None, "tls")),
        ("[2001:db8::1]:5080;TCP", ProxyAddress("2001:db8::1", 5080, "tcp")),
    ],
)
def test_a_proxy_is_read(text: str, proxy: ProxyAddress) -> None:
    [trunk] = read(f'[trunks.t]\nproxies = ["{text}"]')
    assert trunk.proxies == (proxy,)
    assert str(proxy).lower() == text.lower()


def test_a_short_code_shown_by_our_calls_gets_the_area_code() -> None:
    [trunk] = read('[trunks.t]\nproxies = ["10.0.0.1"]\ncaller_numbers = ["96156", "65240000", "01096156"]')
    assert trunk.caller_numbers == ("+861096156", "+861065240000", "+861096156")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[trunks.t]\nproxy = '10.0.0.1'",
            "trunks.toml:2: [trunks.t] proxy: unknown key; did you mean 'proxies'?",
        ),
        ("[trunk.t]", "trunks.toml:1: unknown table 'trunk'; each trunk is a table [trunks.NAME]"),
        ("[trunks]\nt = 1", "'t' is a trunk: write [trunks.t]"),
        ("trunks = 3", "write each trunk as a table"),
        ("[trunks.'A b']\nproxies=['10.0.0.1']", "small letters"),
        ("[trunks.t]", "trunks.toml:1: [trunks.t] networks: name the networks"),
        ("[trunks.t]\nproxies = ['sip:10.0.0.1']", "[trunks.t] proxies: 'sip:10.0.0.1' is no proxy"),
        ("[trunks.t]\nproxies = ['300.1.1.1']", "'300.1.1.1' is no address"),
        ("[trunks.t]\nproxies = ['a.example:99999']", "99999 is no port"),
        ("[trunks.t]\nproxies = ['a.example;sctp']", "'sctp' is no transport; write ;udp, ;tcp or ;tls"),
        ("[trunks.t]\nproxies = ['[fe80::zz]']", "no IPv6 address"),
        ("[trunks.t]\nproxies = ['a b']", "'a b' is no host"),
        ("[trunks.t]\nnetworks = ['10.0.0.1/24']", "did you mean 10.0.0.0/24?"),
        ("[trunks.t]\nnetworks = ['office']", "'office' is no network"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\n[trunks.u]\nnetworks = ['10.0.0.1']", "trunk 't' already"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\nnumbers = ['110']", "'110' is no number of the house"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\ncaller_numbers = ['Beijing']", "'Beijing' is no number"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\nmode = 'dynamic'", "[trunks.t] mode: Input should be"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\nmax_calls = 0", "max_calls: Input should be greater"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\ncodecs = []", "codecs: name at least one"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\nlocal_ip = 'eth0'", "'eth0' is no address"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\ndns_servers = ['ns.example']", "'ns.example' is no address"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\ndns_servers = ['10.0.0.1:0']", "'0' is no port"),
        ("[trunks.t]\nproxies = ['10.0.0.1']\nmode = 'registered'", "user: a registered trunk needs"),
        ("[trunks.t]\nnetworks = ['10.0.0.1']\nmode = 'registered'\nuser = 'a'", "domain of its registrar"),
        ("[trunks.t]\nproxies = ['10.0.0.1']\nuser = 'a@b'", "an @ and a domain go elsewhere"),
        ("[trunks.t]\nproxies = ['10.0.0.1']\nuser = 'a'\ndomain = 'sip:x'", "is no domain"),
        ("[trunks.t]\nproxies = ['10.0.0.1']\nuser = 'a'\npreferred_identity = '10'", "no SIP or tel URI"),
        ("[trunks.t]\nproxies = ['10.0.0.1;udp']\nsrtp = 'required'", "srtp: the keys"),
        (
            "[trunks.t]\nproxies = ['10.0.0.1']\nuser = 'a'\npassword = 'x'\npassword_file = 'y'",
            "password: there is a password_file as well",
        ),
        ("[trunks.t]\nproxies = ['10.0.0.1']\nuser = 'a'\npassword_file = 'none'", "none cannot be read"),
        (
            "[trunks.t]\nproxies = ['10.0.0.1']\n[[trunks.t.accounts]]\nuser = 'a'\nauth = 'b'",
            "trunks.toml:5: [trunks.t] auth: unknown key; did you mean 'auth_user'?",
        ),
        (
            "[trunks.t]\nproxies = ['10.0.0.1']\nmode = 'registered'\nuser = '65240001'",
            "contact_user: calls would come to '65240001', which is no number of ours: write contact_user",
        ),
        ("[trunks.t]\nnetworks = [", "this is not TOML"),
    ],
)
def test_each_mistake_is_named_with_its_remedy(text: str, said: str) -> None:
    assert said in complaint(text)


def test_an_empty_password_file_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("\n")
    text = "[trunks.t]\nproxies = ['10.0.0.1']\nuser = 'a'\npassword_file = 'p'"
    assert "p is empty" in complaint(text, tmp_path)


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="copy the one that came with"):
        read_trunks(tmp_path / "trunks.toml", area_code="10")


def test_every_key_of_the_shipped_file_is_known() -> None:
    tables = tomllib.loads(uncommented())["trunks"]
    assert set(tables) == {"local", "unicom", "telecom"}
