"""Bodies taken apart, and keys told by INFO: any octets do no harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bench import a_request

from hotline.sip.body import MAX_PARTS, Part, find_sdp, parts_of
from hotline.sip.dtmf_info import PLAIN, RELAY, read_dtmf, write_dtmf
from hotline.sip.message import Request, parse_message


def a_body(body: bytes, media_type: str | None) -> Request:
    request = parse_message(a_request("INFO"))
    assert isinstance(request, Request)
    request.body = body
    if media_type is not None:
        request.headers.set("Content-Type", media_type)
    return request


PIECES = st.lists(
    st.sampled_from(
        [
            b"--b",
            b"--",
            b"\r\n",
            b"Content-Type: application/sdp",
            b"Content-Type",
            b"v=0",
            b":",
            b"\xff",
            b"b",
        ]
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), PIECES.map(b"".join)))
def test_any_octets_come_apart(body: bytes) -> None:
    parts = parts_of(a_body(body, "multipart/mixed;boundary=b"))
    assert len(parts) <= MAX_PARTS
    assert all(part.body in body for part in parts)


@settings(max_examples=100, deadline=None)
@given(
    bodies=st.lists(st.binary(max_size=50).filter(lambda body: b"--b" not in body), min_size=1, max_size=4),
    preamble=st.sampled_from([b"", b"to be passed over\r\n"]),
)
def test_written_parts_are_read_as_they_were(bodies: list[bytes], preamble: bytes) -> None:
    written = preamble + b"".join(
        b"--b\r\nContent-Type: application/x\r\n\r\n" + body + b"\r\n" for body in bodies
    )
    parts = parts_of(a_body(written + b"--b--\r\n", "multipart/mixed;boundary=b"))
    assert [part.body for part in parts] == bodies
    assert {part.essence for part in parts} == {"application/x"}


def test_a_body_without_a_type_is_taken_as_sdp() -> None:
    request = a_body(b"v=0\r\n", None)
    assert find_sdp(parts_of(request)) == b"v=0\r\n"


def test_a_multipart_body_without_a_boundary_is_one_part() -> None:
    assert [part.essence for part in parts_of(a_body(b"x", "multipart/mixed"))] == ["multipart/mixed"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([RELAY, PLAIN]), st.binary(max_size=60))
def test_any_octets_name_a_key_or_none(essence: str, body: bytes) -> None:
    key = read_dtmf([Part(essence, is_optional=False, body=body)])
    assert key is None or (key[0] in "0123456789*#ABCD" and 0 <= key[1] <= 60_000)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_each_key_is_read(digit: str) -> None:
    assert read_dtmf([Part(RELAY, is_optional=False, body=f"Signal={digit}\r\n".encode())]) == (digit, 250)
    assert read_dtmf([Part(PLAIN, is_optional=False, body=digit.lower().encode())]) == (digit, 250)


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_a_key_that_we_tell_is_read_back(key: str) -> None:
    assert read_dtmf([Part(RELAY, is_optional=False, body=write_dtmf(key, 160))]) == (key, 160)
