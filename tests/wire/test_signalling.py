"""Kept signalling: written, found again, bounded, and never in the way of a call."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotline.sip.flow import Flow
from hotline.sip.glimpse import SeenMessage
from hotline.wire import signalling, signalling_files
from hotline.wire.signalling import Signalling
from hotline.wire.signalling_files import MIN_FILE_BYTES, KeptFiles, find_blocking
from hotline.wire.sip_edge import Passed
from tests.sip.seen import CARRIER, START, US, a_connected_call, request, response, seen
from tests.sip.test_hep import decoded

DAY_S = 86_400
FLOW = Flow("udp", US, CARRIER, 1)


def files_in(folder: Path, suffix: str = ".sip") -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == suffix)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptFiles]:
    files = KeptFiles(tmp_path / "s", days=3, room_bytes=64 << 20)
    yield files
    files.close()


# -- files --------------------------------------------------------------------------------------------


def test_a_call_is_found_again_by_its_call_ids(kept: KeptFiles, tmp_path: Path) -> None:
    call = sorted(a_connected_call(), key=lambda one: one.at)
    kept.write([seen(0, request("INVITE", 1, call="another"))])
    kept.write(call[:5])
    kept.write(call[5:])
    assert [round_off(one) for one in find_blocking(tmp_path / "s", {"a@carrier", "leg-2@house"})] == [
        round_off(one) for one in call
    ]
    assert find_blocking(tmp_path / "s", {"nobody"}) == []


def round_off(one: SeenMessage) -> SeenMessage:
    return one._replace(at=round(one.at, 6))


def test_our_own_id_finds_all_legs_of_a_call(kept: KeptFiles, tmp_path: Path) -> None:
    kept.write(
        [
            seen(0, request("INVITE", 1)),
            seen(1, response(200, "OK", "INVITE", 1), sent=True)._replace(call="20261102-1004-0a"),
            seen(2, request("INVITE", 1, call="second"), sent=True)._replace(call="20261102-1004-0a-leg1"),
            seen(3, response(180, "Ringing", "INVITE", 1, call="second")),
            seen(4, request("INVITE", 1, call="other"), sent=True)._replace(call="20261102-1004-0b-leg1"),
        ]
    )
    for names in ({"20261102-1004-0a"}, {"20261102-1004-0a", "a@carrier"}):
        found = find_blocking(tmp_path / "s", names)
        assert [round(one.at - START) for one in found] == [0, 1, 2, 3]


def test_the_file_reads_like_what_passed(kept: KeptFiles, tmp_path: Path) -> None:
    kept.write([seen(0, request("INVITE", 1)), seen(1, response(200, "OK", "INVITE", 1), sent=True)])
    (name,) = files_in(tmp_path / "s")
    text = (tmp_path / "s" / name).read_text()
    assert name == "2026-11-02.001.sip"
    assert text.startswith(f"@ {START:.6f} < udp 10.0.0.1:5060 192.0.2.7:5060 ")
    assert "\nINVITE sip:96156@10.0.0.1 SIP/2.0\n" in text
    assert "\nSIP/2.0 200 OK\n" in text


def test_only_their_user_may_read_them(kept: KeptFiles, tmp_path: Path) -> None:
    kept.write([seen(0, b"x")])
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "s").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_each_day_has_its_file_and_old_days_go(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "s", days=3, room_bytes=64 << 20)
    for day in range(6):
        kept.write([seen(day * DAY_S, request("INVITE", 1, call=f"day-{day}"))])
    kept.close()
    assert files_in(tmp_path / "s") == [f"2026-11-0{day}.001.sip" for day in (5, 6, 7)]
    assert files_in(tmp_path / "s", ".idx") == [f"2026-11-0{day}.001.idx" for day in (5, 6, 7)]
    assert find_blocking(tmp_path / "s", {"day-0"}) == []
    assert len(find_blocking(tmp_path / "s", {"day-5"})) == 1


def test_a_new_start_begins_a_new_file(tmp_path: Path) -> None:
    for start in range(3):
        kept = KeptFiles(tmp_path / "s", days=3, room_bytes=64 << 20)
        kept.write([seen(start, request("INVITE", 1, call="c"))])
        kept.close()
    assert files_in(tmp_path / "s") == [f"2026-11-02.00{n}.sip" for n in (1, 2, 3)]
    assert len(find_blocking(tmp_path / "s", {"c"})) == 3


def test_they_take_no_more_room_than_given(tmp_path: Path) -> None:
    room = 8 * MIN_FILE_BYTES
    kept = KeptFiles(tmp_path / "s", days=3, room_bytes=room)
    for at in range(600):
        kept.write([seen(at, request("INVITE", 1, call=f"c{at}", body=b"x" * 50_000))])
        if at % 50 == 0:
            assert sum(path.stat().st_size for path in (tmp_path / "s").iterdir()) <= room + 60_000
    kept.close()
    assert len(find_blocking(tmp_path / "s", {"c599"})) == 1
    assert find_blocking(tmp_path / "s", {"c0"}) == []


def test_a_day_that_goes_backwards_stays_in_its_file(kept: KeptFiles, tmp_path: Path) -> None:
    kept.write([seen(0, b"x")])
    kept.write([seen(-DAY_S, b"y")])
    assert len(files_in(tmp_path / "s")) == 1


@pytest.mark.parametrize(("cut", "left"), [(1, [1, 2]), (10, [1, 2]), (60, [1, 2]), (400, [1])])
def test_what_a_crash_cut_off_is_passed_over(tmp_path: Path, cut: int, left: list[int]) -> None:
    kept = KeptFiles(tmp_path / "s", days=3, room_bytes=64 << 20)
    kept.write([seen(at, request("INVITE", at, call="c")) for at in (1, 2, 3)])
    kept.close()
    (name,) = files_in(tmp_path / "s")
    for path in (tmp_path / "s" / name, (tmp_path / "s" / name).with_suffix(".idx")):
        os.truncate(path, path.stat().st_size - cut if path.suffix == ".sip" else 7)
    assert [one.at - START for one in find_blocking(tmp_path / "s", {"c"})] == pytest.approx(left)


def test_a_lost_index_costs_time_only(kept: KeptFiles, tmp_path: Path) -> None:
    kept.write([seen(at, request("INVITE", at, call="c")) for at in (1, 2, 3)])
    for path in (tmp_path / "s").glob("*.idx"):
        path.unlink()
    assert len(find_blocking(tmp_path / "s", {"c"})) == 3


def test_foreign_files_are_left_alone(kept: KeptFiles, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for name in ("notes.txt", "2026-99-99.001.txt"):
        (tmp_path / "s" / name).write_text("mine")
    kept.write([seen(0, request("INVITE", 1))])
    assert (tmp_path / "s" / "notes.txt").read_text() == "mine"
    assert len(find_blocking(tmp_path / "s", {"a@carrier"})) == 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.binary(max_size=120), st.booleans(), st.sampled_from(["192.0.2.7", "2001:db8::7"])),
        min_size=1,
        max_size=6,
    )
)
def test_any_octets_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, passed: list[tuple[bytes, bool, str]]
) -> None:
    folder = tmp_path_factory.mktemp("s")
    kept = KeptFiles(folder, days=3, room_bytes=64 << 20)
    written = [
        SeenMessage(START + at, sent, "tcp", US, (ip, 5060), b"INVITE\r\nCall-ID: c\r\n\r\n" + data)
        for at, (data, sent, ip) in enumerate(passed)
    ]
    kept.write(written)
    kept.close()
    assert find_blocking(folder, {"c"}) == [round_off(one) for one in written]
    for index in folder.glob("*.idx"):
        index.unlink()
    assert find_blocking(folder, {"c"}) == [round_off(one) for one in written]


# -- the tap and its thread -----------------------------------------------------------------------------


def of(files: KeptFiles | None, capture: tuple[str, int] | None = None) -> Signalling:
    return Signalling(files, capture, seconds=lambda: 100.0, wall=lambda: datetime.fromtimestamp(START, UTC))


def passed(data: bytes, at: float = 100.0) -> Passed:
    return Passed(at, False, FLOW, data)


def test_what_is_tapped_is_kept_with_the_time_of_day(kept: KeptFiles, tmp_path: Path) -> None:
    tap = of(kept)
    tap.start()
    tap.tap(passed(request("INVITE", 1), at=99.5))
    tap.stop_blocking()
    (found,) = find_blocking(tmp_path / "s", {"a@carrier"})
    assert found.at == pytest.approx(START - 0.5)
    assert (found.local, found.remote, found.transport) == (US, CARRIER, "udp")
    assert tap.counts.kept == 1


def test_no_secret_reaches_the_disk(kept: KeptFiles, tmp_path: Path) -> None:
    tap = of(kept)
    tap.start()
    secret = 'Authorization: Digest username="1001", response="5ec4e7", realm="r"\r\n'
    tap.tap(passed(request("REGISTER", 1, extra=secret)))
    tap.stop_blocking()
    octets = b"".join(path.read_bytes() for path in (tmp_path / "s").glob("*.sip"))
    assert b"1001" in octets
    assert b"5ec4e7" not in octets


def test_more_than_the_thread_can_take_is_lost_and_counted(
    kept: KeptFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signalling, "MAX_WAITING", 3)
    tap = of(kept)
    for _ in range(5):
        tap.tap(passed(b"x"))
    tap.start()
    tap.stop_blocking()
    assert (tap.counts.kept, tap.counts.lost) == (3, 2)


def test_a_full_disk_loses_messages_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    kept = KeptFiles(tmp_path / "s", days=3, room_bytes=64 << 20)
    tap = Signalling(
        kept, None, seconds=lambda: clock[0], wall=lambda: datetime.fromtimestamp(START + clock[0] - 100, UTC)
    )
    whole = signalling_files._append

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(signalling_files, "_append", full)
    for at in (100.0, 101.0):
        clock[0] = at
        tap.tap(passed(b"x", at))
        tap._work_off_blocking()
    assert (tap.counts.kept, tap.counts.lost) == (0, 2)
    monkeypatch.setattr(signalling_files, "_append", whole)
    clock[0] = 111.0  # it is tried again after ten seconds
    tap.tap(passed(request("INVITE", 1), 111.0))
    tap._work_off_blocking()
    kept.close()
    assert (tap.counts.kept, tap.counts.lost) == (1, 2)
    assert len(find_blocking(tmp_path / "s", {"a@carrier"})) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_fault_of_ours_costs_a_batch_and_not_the_thread(
    kept: KeptFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, faults = kept.write, [ValueError("what nobody thought of")]

    def broken(batch: list[SeenMessage]) -> None:
        if faults:
            raise faults.pop()
        write(batch)

    monkeypatch.setattr(kept, "write", broken)
    watching = of(kept)
    watching.tap(Passed(1.0, False, FLOW, request("OPTIONS", 1)))
    watching._work_off_blocking()
    watching.tap(Passed(2.0, False, FLOW, request("OPTIONS", 2)))
    watching._work_off_blocking()
    assert (watching.counts.lost, watching.counts.kept) == (1, 1)


def test_a_write_that_the_disk_takes_in_part_is_an_error(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        signalling_files._append(full, b"x")


def test_copies_go_to_the_capture_server() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        tap = of(None, server.getsockname())
        assert not tap.is_idle
        tap.start()
        tap.tap(passed(request("INVITE", 1)))
        tap.stop_blocking()
        chunks = decoded(server.recv(65536))
    assert chunks[0x000F] == request("INVITE", 1)
    assert tap.counts.copied == 1


def test_there_is_nothing_to_do_where_nothing_is_kept_or_copied() -> None:
    assert of(None).is_idle
