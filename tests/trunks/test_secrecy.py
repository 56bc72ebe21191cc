"""Trunks whose encrypted voice anybody on the way can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.trunks.reading import parse_trunks
from hotline.trunks.secrecy import open_keys_of


def said_of(text: str) -> str | None:
    [trunk] = parse_trunks(f"[trunks.t]\n{text}", file="trunks.toml", folder=Path(), area_code="10")
    return open_keys_of(trunk)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('proxies = ["192.0.2.1;tls", "192.0.2.2:5070;udp"]\nsrtp = "optional"', "192.0.2.2:5070;udp"),
        ('proxies = ["192.0.2.1;tcp"]\nsrtp = "optional"', "192.0.2.1;tcp: reach each proxy by ;tls"),
        ('proxies = ["sbc.example"]\nsrtp = "required"', "leads sbc.example to TLS"),
        ('networks = ["192.0.2.0/28"]\nsrtp = "required"', "over TLS alone"),
    ],
)
def test_keys_in_the_clear_are_told_with_the_remedy(text: str, word: str) -> None:
    said = said_of(text)
    assert said is not None
    assert word in said
    assert said.startswith("[trunks.t] srtp = ")


@pytest.mark.parametrize(
    "text",
    [
        'proxies = ["192.0.2.1"]',
        'proxies = ["192.0.2.1"]\nsrtp = "never"',
        'proxies = ["192.0.2.1;tls"]\nsrtp = "required"',
        'proxies = ["192.0.2.1;tls", "sbc.example;tls"]\nsrtp = "optional"',
    ],
)
def test_keys_that_nobody_reads_are_no_matter(text: str) -> None:
    assert said_of(text) is None
