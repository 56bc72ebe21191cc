"""Recordings over HTTP: WAV, ranges, permission."""

from __future__ import annotations

import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_console.sound import HEADER_BYTES, ByteRange, NotSatisfiable, parse_range, wav_header
from console.fake_desk import RATE_HZ, RECORDING_S, read_tone
from hotline.desk.views import RecordingFile

SAMPLES = int(RECORDING_S * RATE_HZ)
TOTAL = HEADER_BYTES + 2 * SAMPLES
WHOLE = wav_header(SAMPLES) + read_tone(RecordingFile("", ".alaw", SAMPLES), 0, SAMPLES)


@pytest.fixture
def address(desk) -> str:
    return f"/recordings/call-{desk.open_request()}-1.wav"


@pytest.mark.anyio
async def test_a_recording_is_a_wav_file(visit, address) -> None:
    answer = await visit("wang").get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.content == WHOLE
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
        assert sound.getnframes() == SAMPLES


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, TOTAL - 1), ("bytes=0-1", 0, 1), ("bytes=43-46", 43, 46), ("bytes=45-45", 45, 45),
        ("bytes=-3", TOTAL - 3, TOTAL - 1), ("bytes=1001-70002", 1001, 70002),
        ("bytes=100-99999999", 100, TOTAL - 1),
    ],
)  # fmt: skip
async def test_a_range_is_exactly_that_part_of_the_file(visit, address, asked, first, last) -> None:
    answer = await visit("wang").get(address, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{TOTAL}"
    assert answer.content == WHOLE[first : last + 1]


@pytest.mark.anyio
@pytest.mark.parametrize("asked", [f"bytes={TOTAL}-", "bytes=-0"])
async def test_a_range_outside_of_the_file_is_refused(visit, address, asked) -> None:
    answer = await visit("wang").get(address, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{TOTAL}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=0-1,4-5", "bytes=-", "bytes=²-"]
)
async def test_a_range_that_makes_no_sense_is_ignored(visit, address, asked) -> None:
    answer = await visit("wang").get(address, headers={"Range": asked.encode()})
    assert (answer.status_code, len(answer.content)) == (200, TOTAL)


@pytest.mark.anyio
async def test_asking_for_the_length_reads_no_sound(visit, address) -> None:
    answer = await visit("wang").head(address)
    assert answer.headers["content-length"] == str(TOTAL)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.content == b""


@pytest.mark.anyio
async def test_looking_at_a_page_is_not_listening(visit, desk) -> None:
    number = desk.open_request()
    assert 'preload="none"' in (await visit("wang").get(f"/requests/{number}")).text
    assert desk.listened == []


@pytest.mark.anyio
async def test_one_listening_is_noted_once_however_many_ranges(visit, desk, address) -> None:
    browser = visit("wang")
    for first in range(0, 4000, 1000):
        await browser.get(address, headers={"Range": f"bytes={first}-{first + 999}"})
    assert len(desk.listened) == 1
    await visit("li").get(address)
    assert len(desk.listened) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(("user_name", "status"), [("root", 403), ("street", 403), ("zhao", 200)])
async def test_the_desk_decides_who_may_listen(visit, address, user_name, status) -> None:
    assert (await visit(user_name).get(address)).status_code == status


@pytest.mark.anyio
async def test_a_session_that_ended_hears_no_more(visit, desk, address) -> None:
    browser = visit("wang")
    assert (await browser.get(address)).status_code == 200
    desk.sessions.clear()
    assert (await browser.get(address)).status_code == 401


@given(
    st.text(max_size=40) | st.from_regex(r"bytes=[0-9]{0,6}-[0-9]{0,6}", fullmatch=True),
    st.integers(1, 10**6),
)
def test_whatever_is_asked_the_range_lies_in_the_file(header: str, total: int) -> None:
    try:
        part = parse_range(header, total)
    except NotSatisfiable:
        return
    assert part is None or 0 <= part.first <= part.last < total


@given(st.integers(1, 10**6), st.data())
def test_a_written_range_is_read_back(total: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, total - 1))
    last = data.draw(st.integers(first, total - 1))
    assert parse_range(f"bytes={first}-{last}", total) == ByteRange(first, last)


# -- both sides, and their shape ----------------------------------------------------------------------


@pytest.fixture
def talk(desk) -> str:
    number = desk.open_request()
    desk.talks.add(number)
    return f"/recordings/call-{number}-1"


@pytest.mark.anyio
async def test_a_talk_is_heard_on_two_channels(visit, talk) -> None:
    answer = await visit("wang").get(f"{talk}.wav")
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getnframes()) == (2, 2, SAMPLES)
    assert len(answer.content) == HEADER_BYTES + 4 * SAMPLES


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("first", "last"), [(0, 50), (43, 45), (44, 47), (46, 131_200), (47, 49), (300_001, 320_043)]
)
async def test_a_range_of_two_channels_is_exactly_that_part(visit, talk, first, last) -> None:
    whole = (await visit("wang").get(f"{talk}.wav")).content
    answer = await visit("wang").get(f"{talk}.wav", headers={"Range": f"bytes={first}-{last}"})
    assert answer.status_code == 206
    assert answer.content == whole[first : last + 1]


@pytest.mark.anyio
async def test_looking_at_the_shape_of_a_recording_is_not_listening(visit, desk, talk) -> None:
    answer = await visit("wang").get(f"{talk}.peaks")
    assert answer.status_code == 200
    assert answer.content[:2] == b"\x01\x02"
    assert desk.listened == []
    page = (await visit("wang").get(f"/requests/{talk.split('-')[1]}")).text
    assert f'data-peaks="{talk}.peaks"' in page


@pytest.mark.anyio
@pytest.mark.parametrize("who", ["root", "street"])
async def test_who_may_not_listen_sees_no_shape_either(visit, talk, who) -> None:
    assert (await visit(who).get(f"{talk}.peaks")).status_code == 403
