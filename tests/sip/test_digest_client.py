"""Answers to digest challenges."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.dialling import ClientSecret
from hotline.sip.digest_client import ALGORITHMS, DigestClient
from hotline.sip.headers import Credentials, parse_credentials
from hotline.sip.message import Headers, Request, Response, response_to
from hotline.sip.uri import parse_uri

URI = "sip:ims.example"
NONCE = 'realm="ims.example", nonce="n1"'


def a_register(*fields: tuple[str, str]) -> Request:
    headers = Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
            ("From", "<sip:1001@ims.example>;tag=1"),
            ("To", "<sip:1001@ims.example>"),
            ("Call-ID", "1"),
            ("CSeq", "1 REGISTER"),
            *fields,
        ]
    )
    return Request("REGISTER", parse_uri(URI), headers)


def challenged(*challenges: str, status: int = 401) -> Response:
    response = response_to(a_register(), status, to_tag="1")
    for challenge in challenges:
        response.headers.add("WWW-Authenticate" if status == 401 else "Proxy-Authenticate", challenge)
    return response


def a_client(user: str = "1001", password: str = "secret") -> DigestClient:
    count = itertools.count(1)
    return DigestClient(ClientSecret(user, password), lambda: f"c{next(count)}")


def answer(client: DigestClient, method: str = "REGISTER", body: bytes = b"") -> Credentials:
    [(name, value)] = client.headers(method, URI, body)
    assert name == "Authorization"
    return parse_credentials(value)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        # RFC 7616, 3.9.1: both algorithms over the same request of HTTP.
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_rfc_come_out(algorithm: str, response: str) -> None:
    client = DigestClient(
        ClientSecret("Mufasa", "Circle of Life"), lambda: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    )
    assert client.take(
        challenged(
            f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
        ),
        a_register(),
    )
    [(_, text)] = client.headers("GET", "/dir/index.html")
    given = parse_credentials(text)
    assert given.param("response") == response
    assert given.param("opaque") == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    assert (given.param("nc"), given.param("qop"), given.param("algorithm")) == (
        "00000001",
        "auth",
        algorithm,
    )


def test_an_old_server_without_qop_is_answered_as_rfc_2069_says() -> None:
    client = DigestClient(ClientSecret("Mufasa", "CircleOfLife"), lambda: "c")
    client.take(
        challenged('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'),
        a_register(),
    )
    [(_, text)] = client.headers("GET", "/dir/index.html")
    given = parse_credentials(text)
    assert given.param("response") == "1949323746fe6a43ef61f9606e7febea"  # RFC 2069, 2.4 with its erratum 749
    assert [name for name, _ in given.params] == ["username", "realm", "nonce", "uri", "response"]


def test_the_strongest_known_algorithm_is_answered() -> None:
    client = a_client()
    names = ("MD5", "SHA-256", "SHA-512-256", "AES-9000")
    assert client.take(challenged(*(f"Digest {NONCE}, algorithm={name}" for name in names)), a_register())
    given = answer(client)
    assert given.param("algorithm") == "SHA-512-256"
    assert len(given.param("response") or "") == 64


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="x"',
        f"Digest {NONCE}, algorithm=AES-9000",
        f"Digest {NONCE}, algorithm=MD5-sessions",
        f'Digest {NONCE}, qop="auth-conf"',
        'Digest realm="x"',
        'Digest nonce="x"',
        "Digest ???",
        "",
    ],
)
def test_what_cannot_be_answered_is_not_tried(challenge: str) -> None:
    client = a_client()
    assert not client.take(challenged(challenge), a_register())
    assert client.headers("REGISTER", URI) == ()


def test_an_algorithm_without_a_name_is_not_given_back() -> None:
    client = a_client()
    assert client.take(challenged(f'Digest {NONCE}, algorithm=""'), a_register())
    assert answer(client).param("algorithm") is None


def test_no_other_response_is_a_challenge() -> None:
    assert not a_client().take(challenged(f"Digest {NONCE}", status=403), a_register())


def test_a_nonce_is_counted_and_one_cnonce_goes_with_it() -> None:
    client = a_client()
    client.take(challenged(f'Digest {NONCE}, qop="auth"'), a_register())
    given = [answer(client) for _ in range(3)]
    assert [one.param("nc") for one in given] == ["00000001", "00000002", "00000003"]
    assert {one.param("cnonce") for one in given} == {"c1"}
    assert len({one.param("response") for one in given}) == 3


@pytest.mark.parametrize("qop", ["", ', qop="auth"'])
def test_a_wrong_secret_is_tried_once(qop: str) -> None:
    client = a_client()
    assert client.take(challenged(f"Digest {NONCE}{qop}"), a_register())
    second = a_register(*client.headers("REGISTER", URI))
    assert not client.take(challenged(f'Digest realm="ims.example", nonce="n2"{qop}'), second)
    assert client.headers("REGISTER", URI) == ()


def test_a_nonce_that_wore_out_is_renewed_though_nobody_says_stale() -> None:
    client = a_client()
    client.take(challenged(f'Digest {NONCE}, qop="auth"'), a_register())
    client.headers("REGISTER", URI)
    later = a_register(*client.headers("REGISTER", URI))
    assert client.take(challenged('Digest realm="ims.example", nonce="n2", qop="auth"'), later)
    assert answer(client).param("nc") == "00000001"


def test_a_server_that_calls_everything_stale_is_given_up() -> None:
    client, request, rounds = a_client(), a_register(), 0
    while client.take(challenged(f'Digest realm="ims.example", nonce="n{rounds}", stale=TRUE'), request):
        request = a_register(*client.headers("REGISTER", URI))
        rounds += 1
        assert rounds < 10
    assert rounds == 3


def test_proxy_and_server_are_answered_side_by_side() -> None:
    client = a_client()
    assert client.take(challenged('Digest realm="proxy", nonce="p"', status=407), a_register())
    request = a_register(*client.headers("INVITE", URI))
    assert client.take(challenged('Digest realm="home", nonce="h"', status=401), request)
    assert [name for name, _ in client.headers("INVITE", URI)] == ["Proxy-Authorization", "Authorization"]


def test_a_flood_of_realms_is_not_kept() -> None:
    client = a_client()
    for number in range(100):
        client.take(challenged(f'Digest realm="r{number}", nonce="n"'), a_register())
    assert len(client.headers("INVITE", URI)) == 8


def test_auth_int_covers_the_body() -> None:
    client = a_client()
    client.take(challenged(f'Digest {NONCE}, qop="auth-int"'), a_register())
    one, other = answer(client, body=b"a"), answer(client, body=b"b")
    assert one.param("qop") == "auth-int"
    assert one.param("response") != other.param("response")


def test_a_session_key_is_made_of_the_nonce() -> None:
    client = a_client()
    client.take(challenged(f'Digest {NONCE}, algorithm=SHA-256-sess, qop="auth"'), a_register())
    digest = ALGORITHMS["SHA-256"]
    inner = digest(b"1001:ims.example:secret")
    a1, a2 = digest(f"{inner}:n1:c1".encode()), digest(f"REGISTER:{URI}".encode())
    assert answer(client).param("response") == digest(f"{a1}:n1:00000001:c1:auth:{a2}".encode())


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_no_challenge_breaks_the_client(text: str) -> None:
    response = challenged(status=401)
    response.headers.append_parsed("www-authenticate", "WWW-Authenticate", f"Digest {text}")
    client = a_client()
    if client.take(response, a_register()):
        parse_credentials(client.headers("REGISTER", URI)[0][1])
