"""The registrar and its digest."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from registrar_rig import a_registrar, open_registrar
from sip_bench import Bench, a_request

from hotline.sip.digest import MAX_NONCES, NONCE_LIFE_S, DigestServer
from hotline.sip.headers import Credentials, parse_credentials
from hotline.sip.message import Response

count = itertools.count(1)


def open_house(**given: object) -> Bench:
    return Bench(registrar=open_registrar(**given))  # type: ignore[arg-type]


def closed_house() -> Bench:
    return Bench(registrar=a_registrar(passwords={"96156": "secret"}))


def register(
    bench: Bench, headers: str = "", contact: str | None = "<sip:1001@192.0.2.7>", cseq: int = 1
) -> Response:
    data = a_request(
        "REGISTER",
        uri="sip:house.example",
        branch=f"z9hG4bKr{next(count)}",
        call_id="phone",
        cseq=cseq,
        contact=contact,
        headers=headers,
    )
    [response] = bench.hear(data)
    assert isinstance(response, Response)
    return response


def contacts(response: Response) -> list[str]:
    return [str(contact) for contact in response.contacts]


def test_a_binding_is_made_and_listed_with_its_life() -> None:
    bench = open_house()
    assert contacts(register(bench)) == ["<sip:1001@192.0.2.7>;expires=3600"]
    bench.wait(600.0)
    assert contacts(register(bench, contact=None, cseq=2)) == ["<sip:1001@192.0.2.7>;expires=3000"]
    assert [str(b.contact.uri) for b in bench.ua.registrar.bindings("96156", bench.now)] == [
        "sip:1001@192.0.2.7"
    ]  # type: ignore[union-attr]


def test_a_binding_expires() -> None:
    bench = open_house()
    register(bench, "Expires: 60")
    bench.wait(60.0)
    assert contacts(register(bench, contact=None, cseq=2)) == []


def test_a_binding_is_renewed_and_not_doubled() -> None:
    bench = open_house()
    register(bench)
    assert len(register(bench, cseq=2).contacts) == 1


def test_a_binding_is_taken_back() -> None:
    bench = open_house()
    register(bench)
    assert contacts(register(bench, contact="<sip:1001@192.0.2.7>;expires=0", cseq=2)) == []


def test_a_star_takes_all_bindings_back() -> None:
    bench = open_house()
    register(bench)
    register(bench, contact="<sip:1002@192.0.2.8>", cseq=2)
    assert register(bench, "Expires: 0", contact="*", cseq=3).status == 200
    assert contacts(register(bench, contact=None, cseq=4)) == []


def test_a_star_that_does_not_expire_is_refused() -> None:
    assert register(open_house(), contact="*").status == 400


def test_the_best_contact_comes_first() -> None:
    listed = register(open_house(), contact="<sip:a@192.0.2.7>;q=0.3, <sip:b@192.0.2.7>;q=0.7")
    assert [contact.uri.user for contact in listed.contacts] == ["b", "a"]


def test_a_late_request_of_the_same_telephone_changes_nothing() -> None:
    bench = open_house()
    register(bench, cseq=5)
    assert register(bench, contact="<sip:other@192.0.2.9>", cseq=4).status == 500
    assert len(register(bench, contact=None, cseq=6).contacts) == 1


def test_too_short_a_life_is_refused_with_the_shortest() -> None:
    refusal = register(open_house(), "Expires: 5")
    assert (refusal.status, refusal.headers.get("Min-Expires")) == (423, "60")


def test_too_many_contacts_are_refused() -> None:
    many = ", ".join(f"<sip:{n}@192.0.2.7>" for n in range(4))
    assert register(open_house(most_contacts=3), contact=many).status == 403


def test_a_stranger_is_challenged_with_the_better_digest_first() -> None:
    refusal = register(closed_house())
    challenges = [parse_credentials(text) for text in refusal.headers.get_all("WWW-Authenticate")]
    assert refusal.status == 401
    assert [challenge.param("algorithm") for challenge in challenges] == ["SHA-256", "MD5"]
    assert {challenge.param("realm") for challenge in challenges} == {"house.example"}


def authorization(
    challenge: str,
    password: str = "secret",
    user: str = "96156",
    nc: str = "00000001",
    method: str = "REGISTER",
) -> str:
    given = parse_credentials(challenge)
    name = given.param("algorithm") or "MD5"

    def digest(text: str) -> str:
        return hashlib.new(name.replace("-", "").lower(), text.encode()).hexdigest()

    a1, a2 = digest(f"{user}:{given.param('realm')}:{password}"), digest(f"{method}:sip:house.example")
    response = digest(f"{a1}:{given.param('nonce')}:{nc}:abc:auth:{a2}")
    return (
        f'Digest username="{user}", realm="{given.param("realm")}", nonce="{given.param("nonce")}", '
        f'uri="sip:house.example", algorithm={name}, qop=auth, nc={nc}, cnonce="abc", response="{response}"'
    )


@pytest.mark.parametrize("which", [0, 1])
def test_the_right_password_opens(which: int) -> None:
    bench = closed_house()
    challenge = register(bench).headers.get_all("WWW-Authenticate")[which]
    assert register(bench, f"Authorization: {authorization(challenge)}", cseq=2).status == 200


@pytest.mark.parametrize(
    "wrong", [{"password": "guess"}, {"user": "nobody", "password": ""}, {"nc": "xyz"}, {"method": "INVITE"}]
)
def test_anything_wrong_is_challenged_again(wrong: dict[str, str]) -> None:
    bench = closed_house()
    challenge = register(bench).headers.get_all("WWW-Authenticate")[0]
    assert register(bench, f"Authorization: {authorization(challenge, **wrong)}", cseq=2).status == 401


def test_credentials_serve_once() -> None:
    bench = closed_house()
    challenge = register(bench).headers.get_all("WWW-Authenticate")[0]
    text = f"Authorization: {authorization(challenge)}"
    assert register(bench, text, cseq=2).status == 200
    assert register(bench, text, cseq=3).status == 401
    assert register(bench, f"Authorization: {authorization(challenge, nc='00000002')}", cseq=4).status == 200


def test_an_old_nonce_is_called_stale() -> None:
    bench = closed_house()
    challenge = register(bench).headers.get_all("WWW-Authenticate")[0]
    bench.wait(NONCE_LIFE_S)
    refusal = register(bench, f"Authorization: {authorization(challenge)}", cseq=2)
    assert "stale=true" in refusal.headers.get_all("WWW-Authenticate")[0]


def test_nobody_registers_for_another() -> None:
    bench = Bench(registrar=a_registrar(passwords={"mallory": "secret"}))
    challenge = register(bench).headers.get_all("WWW-Authenticate")[0]
    assert register(bench, f"Authorization: {authorization(challenge, user='mallory')}", cseq=2).status == 403


def test_broken_credentials_are_no_credentials() -> None:
    assert register(closed_house(), "Authorization: Digest ,,,").status == 400


def test_nonces_do_not_pile_up() -> None:
    numbers = itertools.count()
    server = DigestServer("r", {}, lambda: f"n{next(numbers)}")
    for _ in range(MAX_NONCES + 100):
        server.challenges(0.0)
    assert not server.is_stale(Credentials("Digest", (("nonce", "n0"),)), NONCE_LIFE_S + 1)
    assert server.is_stale(Credentials("Digest", (("nonce", f"n{MAX_NONCES}"),)), NONCE_LIFE_S + 1)
