"""Session descriptions."""

from __future__ import annotations

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.sip.sdp import MAX_MEDIA, MAX_SDP_BYTES, Connection, RtpMap, SessionDescription, parse_sdp

HEAD = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


@given(sip_strategies.descriptions)
@settings(max_examples=150)
def test_a_written_description_reads_as_it_was(description: SessionDescription) -> None:
    assert parse_sdp(description.to_bytes()) == description


@given(
    st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda octets: HEAD + b"m=audio 1 RTP/AVP 8\r\n" + octets)
)
@settings(max_examples=300)
def test_no_octets_bring_out_another_error(octets: bytes) -> None:
    try:
        description = parse_sdp(octets)
    except RemoteProtocolError:
        return
    assert parse_sdp(description.to_bytes()) == description


def test_the_parts_of_a_description() -> None:
    description = parse_sdp(
        HEAD
        + b"b=AS:80\r\na=recvonly\r\n"
        + b"m=audio 49170/2 RTP/AVP 8 101\r\ni=voice\r\nc=IN IP6 2001:db8::1\r\nb=RS:625\r\n"
        + b"a=rtpmap:8 PCMA/8000/1\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
        + b"m=video 0 RTP/AVP 31\r\n"
    )
    assert (description.origin.session_id, description.origin.session_version) == ("1", "2")
    assert description.others == (("b", "AS:80"),)
    audio, video = description.media
    assert (audio.kind, audio.port, audio.port_count, audio.formats) == ("audio", 49170, 2, ("8", "101"))
    assert audio.rtpmaps() == {"8": RtpMap("PCMA", 8000), "101": RtpMap("TELEPHONE-EVENT", 8000)}
    assert audio.others == (("i", "voice"), ("b", "RS:625"))
    assert description.connection_of(audio) == Connection("IN", "IP6", "2001:db8::1")
    assert description.connection_of(video) == Connection("IN", "IP4", "192.0.2.1")
    assert (description.direction_of(audio), description.direction_of(video)) == ("sendonly", "recvonly")


def test_attributes_behind_the_direction_are_read() -> None:
    media = parse_sdp(
        HEAD + b"m=audio 1 RTP/AVP 18 8\r\na=sendrecv\r\na=curr:qos local none\r\na=rtpmap:8 PCMA/8000\r\n"
    )
    assert media.media[0].rtpmaps()["8"] == RtpMap("PCMA", 8000)
    assert media.media[0].attribute("curr") == "qos local none"
    assert media.media[0].attribute("sendrecv") == ""
    assert media.media[0].attribute("ptime") is None


def test_session_attributes_are_found() -> None:
    description = parse_sdp(HEAD + b"a=tool:x\r\na= group : BUNDLE\r\n")
    assert description.attribute("tool") == "x"
    assert description.attribute("group") == " BUNDLE"
    assert description.attribute("sendrecv") is None


def test_bare_line_feeds_are_line_ends() -> None:
    assert parse_sdp(HEAD.replace(b"\r\n", b"\n")) == parse_sdp(HEAD)


def test_a_missing_name_and_time_are_filled_in() -> None:
    description = parse_sdp(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\r\n")
    assert (description.name, description.times, description.media) == ("-", ("0 0",), ())


def test_unknown_lines_are_left_out() -> None:
    assert parse_sdp(HEAD + b"x=what\r\n") == parse_sdp(HEAD)


def test_an_unreadable_rtpmap_maps_to_nothing() -> None:
    media = parse_sdp(HEAD + b"m=audio 1 RTP/AVP 8\r\na=rtpmap:8 PCMA\r\n").media[0]
    assert media.rtpmaps() == {"8": None}


def test_octets_that_are_no_utf8_do_no_harm() -> None:
    assert parse_sdp(HEAD.replace(b"s=-", b"s=\xb1\xb1\xbe\xa9")).name != "-"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"v=1\r\n",
        HEAD.replace(b"v=0", b"v=1"),
        HEAD.replace(b"v=0", b"x=0"),
        b"v=0\r\n",
        b"o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n",
        b"v=0\r\no=- 1 1 IN IP4\r\n",
        HEAD + b"hello\r\n",
        HEAD + b"c=IN IP4\r\n",
        HEAD + b"m=audio\r\n",
        HEAD + b"m=audio 1 RTP/AVP\r\n",
        HEAD + b"m=audio x RTP/AVP 8\r\n",
        HEAD + b"m=audio -1 RTP/AVP 8\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 8\r\n",
        HEAD + b"m=audio 1/x RTP/AVP 8\r\n",
        HEAD + b"a=x\0y\r\n",
        HEAD + b"a=x\ry\r\n",
    ],
)
def test_what_is_no_description_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_sdp(data)
    assert raised.value.status_hint == 400


@pytest.mark.parametrize(
    "data", [HEAD + b"a=x\r\n" * MAX_SDP_BYTES, HEAD + b"m=audio 1 RTP/AVP 8\r\n" * (MAX_MEDIA + 1)]
)
def test_too_large_a_description_is_told_apart(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_sdp(data)
    assert raised.value.status_hint == 413


def test_an_error_names_its_line() -> None:
    with pytest.raises(RemoteProtocolError, match="SDP line 6: cannot read m=audio"):
        parse_sdp(HEAD + b"m=audio\r\n")


def test_lines_out_of_order_are_written_in_order_and_read_the_same() -> None:
    read = parse_sdp(
        b"v=0\nz=0 0\nb=AS:1\no=- 1 1 IN IP4 x\ni=a\nb=AS:2\nm=audio 1 RTP/AVP 8\nk=x\nb=AS:3\ni=b\n"
    )
    assert read.others == (("i", "a"), ("b", "AS:1"), ("b", "AS:2"), ("z", "0 0"))
    assert read.media[0].others == (("i", "b"), ("b", "AS:3"), ("k", "x"))
    assert parse_sdp(read.to_bytes()) == read
