"""Recovery against remains that die at any step: it is begun again until it comes through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import OutsideError
from hotline.events.ids import RequestNumber
from hotline.intake.recovery import Fate, FoundRecording, fate, recover
from hotline.media.plan import Codec

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
FOUND = FoundRecording("c-1", "2026-11-23/c-1.alaw", Codec.PCMA, False, 32_000, 2_000, AT, None, False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Fate.REQUEST),
        ({"length_bytes": 0, "speech_ms": 0}, Fate.REMOVE),
        ({"speech_ms": 0}, Fate.REQUEST),  # nobody had seen how the call went
        ({"speech_ms": 0, "call_cause": "fault"}, Fate.REQUEST),
        ({"speech_ms": 0, "is_open": True, "call_cause": "caller"}, Fate.REQUEST),
        ({"speech_ms": 0, "call_cause": "finished"}, Fate.KEEP),
        ({"speech_ms": 1_000, "call_cause": "finished", "call_has_request": True}, Fate.REQUEST),
        ({"speech_ms": 980, "call_cause": "finished", "call_has_request": True}, Fate.KEEP),
        ({"speech_ms": 20, "call_cause": "caller"}, Fate.REQUEST),
        ({"speech_ms": 20, "call_cause": "caller", "length_bytes": 23_999}, Fate.KEEP),
    ],
)
def test_fate_of_a_found_recording(changes: dict[str, object], expected: Fate) -> None:
    assert fate(replace(FOUND, **changes)) is expected


class DiedError(Exception):
    """The process died here."""


@dataclass
class DyingRemains:
    """Remains in memory; the process dies after so many steps."""

    found: list[FoundRecording]
    steps: int
    requests: dict[str, int] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    unreadable: frozenset[str] = frozenset()

    def step(self) -> None:
        if self.steps == 0:
            raise DiedError
        self.steps -= 1

    async def check(self) -> None:
        return

    async def found_recordings(self) -> tuple[Sequence[FoundRecording], Sequence[str]]:
        done = self.requests.keys() | self.kept | self.removed
        return [f for f in self.found if f.recording_id not in done], []

    async def adopt(
        self, found: FoundRecording, *, cut_short: bool, with_request: bool
    ) -> RequestNumber | None:
        self.step()
        if found.recording_id in self.unreadable:
            raise OutsideError("input/output error")
        assert found.length_bytes > 0
        if not with_request:
            self.kept.add(found.recording_id)
            return None
        self.requests[found.recording_id] = self.requests.get(found.recording_id, 0) + 1
        self.step()  # dies after the commit, before anybody heard of it
        return RequestNumber("261123000017")

    async def remove_empty(self, found: FoundRecording) -> None:
        self.step()
        assert found.length_bytes == 0
        self.removed.add(found.recording_id)

    async def close_open_calls(self, cause: str) -> int:
        self.step()
        return 0

    async def release_jobs(self) -> int:
        self.step()
        return 0


founds = st.lists(
    st.builds(
        lambda n, length, sound, is_open, cause: FoundRecording(
            f"c{n}-1", f"c{n}-1", Codec.PCMA, is_open, length, sound if length else 0, AT, cause, False
        ),
        st.integers(0, 10_000),
        st.sampled_from([0, 8_000]),
        st.sampled_from([0, 1_000]),
        st.booleans(),
        st.sampled_from([None, "fault", "caller"]),
    ),
    max_size=6,
    unique_by=lambda found: found.recording_id,
)


@settings(max_examples=60)
@given(founds, st.lists(st.integers(0, 6), max_size=4))
def test_every_recording_with_sound_gets_exactly_one_request(
    found: list[FoundRecording], deaths: list[int]
) -> None:
    remains = DyingRemains(found, 0)
    for steps in [*deaths, 1_000]:
        remains.steps = steps
        try:
            asyncio.run(recover(remains))
        except DiedError:
            continue
    assert set(remains.requests.values()) <= {1}
    for recording in found:
        if recording.length_bytes == 0:
            assert recording.recording_id in remains.removed
        elif recording.speech_ms >= 1_000:
            assert recording.recording_id in remains.requests
        else:
            assert recording.recording_id in remains.requests.keys() | remains.kept


def test_unreadable_file_does_not_stop_the_others() -> None:
    found = [replace(FOUND, recording_id=f"c{n}-1", path=f"c{n}-1.alaw") for n in range(3)]
    remains = DyingRemains(found, 99, unreadable=frozenset({"c1-1"}))
    report = asyncio.run(recover(remains))
    assert set(remains.requests) == {"c0-1", "c2-1"}
    assert report.odd == ["c1-1.alaw: input/output error"]


def test_running_product_adopts_what_a_dead_media_plane_left() -> None:
    left = replace(FOUND, is_open=True, call_cause="fault", is_quiet=True)
    talking = replace(left, recording_id="d-1", call_cause=None)
    remains = DyingRemains([left, talking], 99)
    asyncio.run(recover(remains, running=True))
    assert set(remains.requests) == {"c-1"}


def test_running_product_keeps_its_open_files() -> None:
    found = [replace(FOUND, is_open=True, call_cause="caller"), replace(FOUND, recording_id="d-1")]
    remains = DyingRemains(found, 0)  # would die at the first step
    report = asyncio.run(recover(remains, running=True))
    assert (report.requests, report.closed_calls) == ([], 0)
