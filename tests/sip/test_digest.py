"""The server's side of digest authentication."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registrar_rig import REALM, answer

from hotline.errors import RemoteProtocolError
from hotline.sip import digest as digest_module
from hotline.sip.digest import NONCE_LIFE_S, DigestServer, Secret, Verdict
from hotline.sip.headers import parse_credentials
from hotline.sip.uri import parse_uri

IP = "192.0.2.7"
URI = parse_uri("sip:house.example")


def a_server(**given: object) -> DigestServer:
    tokens = itertools.count(1)
    secrets = {"96156": Secret.of("96156", REALM, "secret")}
    return DigestServer(REALM, secrets.get, lambda: f"token{next(tokens)}", **given)  # type: ignore[arg-type]


def look(
    server: DigestServer, text: str, *, method: str = "REGISTER", ip: str = IP, now: float = 100.0
) -> Verdict:
    return server.check(parse_credentials(text), method, URI, ip, now).verdict


def test_the_better_digest_comes_first() -> None:
    algorithms = [parse_credentials(text).param("algorithm") for text in a_server().challenges(IP, 100.0)]
    assert algorithms == ["SHA-256", "MD5"]


def test_a_site_chooses_algorithm_and_order() -> None:
    server = a_server(algorithms=("MD5",))
    [challenge] = server.challenges(IP, 100.0)
    assert look(server, answer(challenge)) is Verdict.RIGHT
    assert look(server, answer(challenge.replace("MD5", "SHA-256"), nc="00000002")) is Verdict.UNFIT


@pytest.mark.parametrize("which", [0, 1])
def test_the_right_password_is_right(which: int) -> None:
    server = a_server()
    assert look(server, answer(server.challenges(IP, 100.0)[which])) is Verdict.RIGHT


def test_an_example_of_the_rfc_comes_out_as_printed() -> None:
    """RFC 7616, 3.9.1: the user Mufasa, whose password is the circle of life."""
    secret = Secret.of("Mufasa", "http-auth@example.org", "Circle of Life")
    nonce, cnonce = (
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    for algorithm, printed in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        digest = digest_module.ALGORITHMS[algorithm]
        a1 = secret.md5 if algorithm == "MD5" else secret.sha256
        a2 = digest(b"GET:/dir/index.html")
        assert digest(f"{a1}:{nonce}:00000001:{cnonce}:auth:{a2}".encode()) == printed


@pytest.mark.parametrize(
    "wrong", [{"password": "guess"}, {"user": "nobody"}, {"user": "", "password": ""}, {"method": "INVITE"}]
)
def test_a_wrong_answer_is_wrong(wrong: dict[str, str]) -> None:
    server = a_server()
    assert look(server, answer(server.challenges(IP, 100.0)[0], **wrong)) is Verdict.WRONG  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('realm="house.example"', 'realm="elsewhere"'),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=-0000001"),
        ('cnonce="abc"', 'cnonce=""'),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ('uri="sip:house.example"', 'uri="sip:mallory@house.example"'),
        ('uri="sip:house.example"', 'uri="no uri"'),
        ('username="96156"', f'username="{"x" * 600}"'),
    ],
)
def test_what_was_not_asked_for_is_unfit(old: str, new: str) -> None:
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0])
    assert old in text
    assert look(server, text.replace(old, new)) is Verdict.UNFIT


def test_a_proxy_may_change_the_host_of_the_request() -> None:
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0], uri="sip:192.0.2.1;transport=udp")
    assert look(server, text) is Verdict.RIGHT


def test_a_count_serves_once() -> None:
    server = a_server()
    challenge = server.challenges(IP, 100.0)[0]
    assert look(server, answer(challenge)) is Verdict.RIGHT
    assert look(server, answer(challenge)) is Verdict.STALE
    assert look(server, answer(challenge, nc="00000003")) is Verdict.RIGHT
    assert look(server, answer(challenge, nc="00000002")) is Verdict.STALE


def test_a_nonce_ages() -> None:
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0])
    assert look(server, text, now=100.0 + NONCE_LIFE_S) is Verdict.STALE


def test_a_nonce_is_good_for_one_source() -> None:
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0])
    assert look(server, text, ip="192.0.2.8") is Verdict.STALE
    assert look(server, text) is Verdict.RIGHT


@pytest.mark.parametrize("password", ["secret", "guess"])
@pytest.mark.parametrize("nonce", ["0", "f" * 40, "", "....", "北"])
def test_a_nonce_of_our_own_making_tells_nothing_about_the_password(nonce: str, password: str) -> None:
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0], password=password, nonce=nonce or " ")
    assert look(server, text) is Verdict.STALE


def test_a_nonce_of_another_process_is_stale() -> None:
    text = answer(a_server().challenges(IP, 100.0)[0])
    other = DigestServer(REALM, {}.get, lambda: "another")
    assert look(other, text) is Verdict.STALE


def test_not_believing_leaves_no_trace() -> None:
    """Else the right password, given twice, would be stale the second time, and so be known."""
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0])
    given = parse_credentials(text)
    for _ in range(2):
        checked = server.check(given, "REGISTER", URI, IP, 100.0, believes=False)
        assert checked.verdict is Verdict.WRONG
    assert len(server) == 0


def test_challenges_leave_nothing_in_memory() -> None:
    server = a_server()
    for _ in range(1000):
        server.challenges(IP, 100.0)
    assert len(server) == 0


def test_forgotten_nonces_cannot_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_module, "MAX_USED_NONCES", 4)
    server = a_server()
    texts = [answer(server.challenges(IP, 100.0 + n)[0]) for n in range(10)]
    assert [look(server, text, now=110.0) for text in texts] == [Verdict.RIGHT] * 10
    assert len(server) == 4
    assert [look(server, text, now=110.0) for text in texts] == [Verdict.STALE] * 10


def test_used_nonces_are_forgotten_with_their_life() -> None:
    server = a_server()
    look(server, answer(server.challenges(IP, 100.0)[0]))
    look(server, answer(server.challenges(IP, 900.0)[0]), now=900.0)
    assert len(server) == 1


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret.of("1001", REALM, "pw")
    assert secret.md5 not in f"{secret!r} {secret}"


@settings(max_examples=200)
@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.sampled_from(["username", "nonce", "uri", "nc", "response"]),
)
def test_no_credentials_break_the_check(value: str, user: str, name: str) -> None:
    server = a_server()
    text = answer(server.challenges(IP, 100.0)[0], user=user.replace('"', ""))
    try:
        found = parse_credentials(f'{text}, {name}="{value}"')
    except RemoteProtocolError:
        return
    params = tuple((key, f'"{value}"' if key == name else old) for key, old in found.params)
    checked = server.check(type(found)("Digest", params), "REGISTER", URI, IP, 100.0)
    assert checked.verdict in Verdict
    assert checked.verdict is not Verdict.RIGHT or user == "96156"
