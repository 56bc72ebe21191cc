"""Registrars for tests, and a telephone's answers to their challenges."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from hotline.errors import RemoteProtocolError
from hotline.sip.authentication import Authentication
from hotline.sip.bindings import LocalBindings
from hotline.sip.digest import Secret
from hotline.sip.flow import Flow
from hotline.sip.headers import parse_credentials
from hotline.sip.inspection import Refusal
from hotline.sip.message import Request
from hotline.sip.phones import Phone, PhoneBook
from hotline.sip.registrar import Registrar, RegistrarConfig

REALM = "house.example"


class OpenDoor:
    """Believes what To says; challenges only a scheme that we do not know (RFC 4475, 3.3.7)."""

    def __init__(self, realm: str = REALM) -> None:
        self._asking = an_authentication({}, realm=realm)

    def authenticate(self, request: Request, flow: Flow, now: float) -> Phone | Refusal:
        text = request.headers.get("Authorization")
        try:
            if text is not None and parse_credentials(text).scheme.lower() != "digest":
                return self._asking.authenticate(request, flow, now)
        except RemoteProtocolError as error:
            return Refusal(error.status_hint)
        return Phone(request.to.uri.user_decoded, Secret("", ""))


def a_phone(user: str, password: str, realm: str = REALM, **given: Any) -> Phone:
    return Phone(user, Secret.of(user, realm, password), **given)


def an_authentication(passwords: dict[str, str], realm: str = REALM, **given: Any) -> Authentication:
    tokens = itertools.count(1)
    book = PhoneBook(a_phone(user, password, realm) for user, password in passwords.items())
    return Authentication(realm, book, lambda: f"token{next(tokens):016x}", **given)


def open_registrar(realm: str = REALM, **given: Any) -> Registrar:
    """Build a registrar that takes anybody."""
    return Registrar(RegistrarConfig(**given), OpenDoor(realm), LocalBindings())


def a_registrar(passwords: dict[str, str], **given: Any) -> Registrar:
    """Build a registrar that asks for passwords."""
    return Registrar(RegistrarConfig(**given), an_authentication(passwords), LocalBindings())


def answer(
    challenge: str,
    password: str = "secret",
    user: str = "96156",
    nc: str = "00000001",
    method: str = "REGISTER",
    uri: str = "sip:house.example",
    cnonce: str = "abc",
    nonce: str | None = None,
) -> str:
    """Write the credentials that answer a challenge, from RFC 7616 and not from our code."""
    given = parse_credentials(challenge)
    name = given.param("algorithm") or "MD5"
    nonce = nonce or given.param("nonce")

    def digest(text: str) -> str:
        return hashlib.new(name.replace("-", "").lower(), text.encode()).hexdigest()

    a1, a2 = digest(f"{user}:{given.param('realm')}:{password}"), digest(f"{method}:{uri}")
    response = digest(f"{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}")
    return (
        f'Digest username="{user}", realm="{given.param("realm")}", nonce="{nonce}", '
        f'uri="{uri}", algorithm={name}, qop=auth, nc={nc}, cnonce="{cnonce}", response="{response}"'
    )
