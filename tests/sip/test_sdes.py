"""Keys of SRTP in the session description."""

from __future__ import annotations

import contextlib
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.sip.sdes import KEY_BYTES, SUITES, Crypto, parse_crypto, usable_cryptos

A80, A32 = SUITES
KEY = bytes(range(KEY_BYTES))
INLINE = f"inline:{b64encode(KEY).decode()}"

cryptos = st.builds(
    Crypto,
    st.integers(0, 999_999_999),
    st.sampled_from([*SUITES, "F8_128_HMAC_SHA1_80"]),
    st.binary(min_size=1, max_size=64),
    st.none() | st.integers(0, 2**48),
    st.none()
    | st.tuples(st.integers(0, 2**32), st.integers(1, 128)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    st.lists(st.sampled_from(["KDR=1", "UNENCRYPTED_SRTP", "WSH=128", "-x"]), max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(cryptos)
def test_a_line_is_read_as_it_was_written(crypto: Crypto) -> None:
    assert parse_crypto(str(crypto)) == crypto


def test_the_example_of_rfc_4568() -> None:
    # Section 5.1, line folded there.
    crypto = parse_crypto(
        "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32"
    )
    assert (crypto.tag, crypto.suite, crypto.lifetime, crypto.mki) == (1, A80, 2**20, "1:32")
    assert len(crypto.key) == KEY_BYTES
    assert not crypto.is_usable  # for its MKI alone:
    assert parse_crypto(
        "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20"
    ).is_usable


@pytest.mark.parametrize(
    ("line", "usable"),
    [
        (f"1 {A80} {INLINE}", True),
        (f"1 {A32} {INLINE}", True),
        (f"1  {A80}\t{INLINE}  ", True),
        (f"1 {A80} {INLINE}|2^48", True),
        (f"1 {A80} {INLINE}|1048576", True),
        (f"1 {A80} {INLINE}|2^10", False),
        (f"1 {A80} {INLINE}|1:4", False),
        (f"1 {A80} {INLINE} WSH=64", True),
        (f"1 {A80} {INLINE} -anything", True),
        (f"1 {A80} {INLINE} KDR=1", False),
        (f"1 {A80} {INLINE} UNENCRYPTED_SRTP", False),
        (f"1 {A80} {INLINE} UNAUTHENTICATED_SRTP", False),
        (f"1 {A80} inline:AAAA", False),
        (f"1 AES_256_CM_HMAC_SHA1_80 {INLINE}", False),
        (f"1 {A80} {INLINE};{INLINE}", False),
        (f"1 {A80} uri:https://keys.example/1", False),
        (f"1 {A80} inline:A", False),
        (f"x {A80} {INLINE}", False),
        ("", False),
    ],
)
def test_what_would_change_the_protection_is_passed_over(line: str, usable: bool) -> None:
    assert bool(usable_cryptos([line])) is usable


def test_the_usable_lines_keep_their_order() -> None:
    lines = [f"3 {A32} {INLINE}", "broken", f"1 {A80} {INLINE}"]
    assert [crypto.tag for crypto in usable_cryptos(lines)] == [3, 1]


def test_an_error_does_not_tell_the_key() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_crypto(f"1 {A80} {INLINE}|never")
    assert str(caught.value) == f"a=crypto: cannot read '1 {A80} inline:...'"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.text("1 AES_CM128inline:|^=+/", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RemoteProtocolError):
        parse_crypto(text)
