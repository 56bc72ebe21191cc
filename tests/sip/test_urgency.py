"""Which requests go before the others."""

from __future__ import annotations

import pytest

from hotline.sip.message import Request, parse_message
from hotline.sip.urgency import SPARED_PER_S, Spared, is_urgent


def an_invite(uri: str = "sip:96156@192.0.2.1", *headers: str) -> Request:
    lines = [
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1",
        "From: <sip:1@x>;tag=1",
        "To: <sip:96156@x>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        *headers,
        "Content-Length: 0",
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("uri", "headers"),
    [
        ("sip:110@192.0.2.1", ()),
        ("tel:119;phone-context=+8610", ()),
        ("urn:service:sos", ()),
        ("URN:service:SOS.fire", ()),
        ("sip:96156@192.0.2.1", ("Priority: Emergency",)),
        ("sip:96156@192.0.2.1", ("Resource-Priority: dsn.flash, esnet.0",)),
        ("sip:96156@192.0.2.1", ("Resource-Priority: dsn.flash", "Resource-Priority: ets.0")),
    ],
)
def test_a_call_for_help_is_urgent(uri: str, headers: tuple[str, ...]) -> None:
    assert is_urgent(an_invite(uri, *headers))


@pytest.mark.parametrize(
    ("uri", "headers"),
    [
        ("sip:96156@192.0.2.1", ()),
        ("sip:1100@192.0.2.1", ()),
        ("urn:service:sosfire", ()),
        ("urn:service:counseling", ()),
        ("sip:96156@192.0.2.1", ("Priority: urgent",)),
        ("sip:96156@192.0.2.1", ("Resource-Priority: dsn.flash",)),
    ],
)
def test_everything_else_is_not(uri: str, headers: tuple[str, ...]) -> None:
    assert not is_urgent(an_invite(uri, *headers))


def test_only_a_few_are_spared() -> None:
    spared, request = Spared(), an_invite("sip:110@192.0.2.1")
    assert sum(spared.spares(request, 1.0) for _ in range(1000)) == SPARED_PER_S
    assert sum(spared.spares(request, 2.0) for _ in range(1000)) == SPARED_PER_S
    assert not spared.spares(an_invite(), 3.0)
