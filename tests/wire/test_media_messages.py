"""What is written to the media plane is what it reads."""

import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.media.plan import Codec, FarSide, MediaCommand, MediaEvent, Play, Srtp
from hotline.wire.media_messages import (
    LONGEST_MESSAGE,
    Complained,
    Configure,
    PlaneReady,
    PlaneRefused,
    read_message,
    write_message,
)

KINDS = (
    *typing.get_args(MediaCommand),
    *typing.get_args(MediaEvent),
    Configure,
    PlaneReady,
    PlaneRefused,
    Complained,
)
TEXT = st.text(max_size=40)


def any_of(kind: type) -> st.SearchStrategy:
    """Messages of a kind, built from its annotations; words are tuples, as the reader makes them."""
    by_type = {
        int: st.integers(-(2**40), 2**40),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        Codec: st.sampled_from(Codec),
        int | None: st.none() | st.integers(0, 127),
        Srtp | None: st.none() | st.builds(Srtp, TEXT, st.binary(max_size=30), st.binary(max_size=30)),
        FarSide | None: st.none() | st.builds(FarSide, TEXT, st.sampled_from(Codec), st.integers(0), TEXT),
    }
    fields = {
        name: st.lists(TEXT, max_size=5).map(tuple)
        if typing.get_origin(hint) is not None and hint not in by_type
        else by_type.get(hint, TEXT)
        for name, hint in typing.get_type_hints(kind).items()
    }
    return st.builds(kind, **fields)


@settings(max_examples=300)
@given(st.sampled_from(KINDS).flatmap(any_of))
def test_every_message_survives_the_way(message: object) -> None:
    assert read_message(write_message(message)) == message  # type: ignore[arg-type]


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        read_message(data)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        "{}",
        '{"is":"Nothing"}',
        '{"is":"StopPlaying"}',
        '{"is":"StopPlaying","call_id":"a","more":1}',
    ],
)
def test_what_is_not_quite_a_message_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        read_message(text.encode())


def test_a_message_that_would_not_arrive_is_not_sent() -> None:
    with pytest.raises(LocalProtocolError, match="is the limit"):
        write_message(Play("c", ["zh/x" * 100] * 1000, 1))  # type: ignore[arg-type]
    assert len(write_message(Play("c", ["zh/x"] * 100, 1))) < LONGEST_MESSAGE  # type: ignore[arg-type]
