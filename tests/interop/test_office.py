"""A resident and three desks with telephones that we did not write: who hears whom, measured by tones."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from examples.demo import Browser
from examples.product import ROOT, Product
from hotline.media.rtp import FRAME
from tests.interop.flows import CONNECTS
from tests.interop.office import MUSIC_HZ, RINGING_HZ, TONES, Phone, a_tone
from tests.interop.office_phone import level_of
from tests.interop.site import PROMPTS, from_alaw, rows, wait_until, write_wav

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PASSWORD = "long-enough-for-a-test"
ALAW_SILENCE = 0xD5


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Product:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    folder = tmp_path_factory.mktemp("office")
    config, prompts = folder / "config", folder / "prompts"
    shutil.copytree(ROOT / "config", config)
    (config / "trunks.toml").write_text('[trunks.carrier]\nnetworks = ["10.255.0.0/24"]\n')
    shutil.copytree(PROMPTS, prompts)
    write_wav(prompts / "zh" / "ringback.wav", a_tone(RINGING_HZ, 2.0))
    write_wav(prompts / "zh" / "hold_music.wav", a_tone(MUSIC_HZ, 2.0))
    (folder / "office.toml").write_text(CONNECTS)
    product = Product(
        folder / "site",
        speech__workers=0,
        site__config_dir=config,
        media__prompts_dir=prompts,
        ivr__flow=folder / "office.toml",
    )
    product.appoint()
    product.run("user", "add", "wang", "--role", "agent", text_in=PASSWORD + "\n")
    return product


@pytest.fixture(scope="module")
def passwords(site: Product) -> dict[str, str]:
    return {user: site.add_phone(user, *(["--user", "wang"] if user == "1001" else [])) for user in TONES}


@pytest.fixture(scope="module")
def product(site: Product, passwords: dict[str, str]) -> Iterator[Product]:
    site.start()
    yield site
    site.stop()


@pytest.fixture
def phone(product: Product, passwords: dict[str, str]) -> Iterator[Callable[..., Phone]]:
    phones: list[Phone] = []

    def start(user: str, *words: str) -> Phone:
        phones.append(Phone(f"127.0.0.1:{product.sip_port}", user, passwords[user], *words))
        return phones[-1]

    yield start
    for one in phones:
        one.close()


def the_call(product: Product, **facts: object) -> dict[str, Any]:
    """Wait until the last call of the hotline's own number has ended, and give its row."""
    time.sleep(0.5)  # notes of a call gather before they are written: the last row may be of the call before
    for _ in range(150):
        found = rows(product, "select * from calls where called = '96156' order by offered_at desc limit 1")
        if found and found[0]["ended_at"]:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("the call did not end")


def connected(phone: Callable[..., Phone], *words: str) -> tuple[Phone, Phone]:
    """Bring the resident and the first agent together, through the flow."""
    agent, resident = phone("1001", *words), phone("2001")
    resident.do("dial", "96156")
    resident.hears(1, RINGING_HZ)
    agent.wait("incoming", call=1)
    agent.do("answer", 1)
    resident.hears(1, TONES["1001"])
    agent.hears(1, TONES["2001"])
    return resident, agent


def test_a_resident_is_connected_held_and_resumed(product: Product, phone: Callable[..., Phone]) -> None:
    resident, agent = connected(phone)
    agent.do("hold", 1)
    resident.hears(1, MUSIC_HZ)
    agent.do("resume", 1)
    resident.hears(1, TONES["1001"])
    agent.hears(1, TONES["2001"])
    agent.do("hang-up", 1)
    resident.wait("closed", call=1)  # after "thank you"
    call = the_call(product)
    assert call["cause"] == "finished"
    assert "!talked with 1001" in json.loads(call["path"])
    legs = rows(product, "select * from call_legs where call_id = ?", call["call_id"])
    assert [(leg["peer"], leg["cause"]) for leg in legs] == [("1001", "bye")]
    assert legs[0]["answered_at"]
    (recording,) = rows(product, "select * from recordings where call_id = ?", call["call_id"])
    assert recording["length_samples"] > 8000 * 2


@pytest.mark.parametrize("codec", ["pcmu", "g722", "opus"])
def test_telephones_of_other_codecs_talk_as_well(phone: Callable[..., Phone], codec: str) -> None:
    resident, agent = connected(phone, "--codec", codec)
    resident.do("hold", 1)
    agent.hears(1, MUSIC_HZ)
    resident.do("hang-up", 1)
    agent.wait("closed", call=1)


def test_a_blind_transfer_goes_to_the_colleague(product: Product, phone: Callable[..., Phone]) -> None:
    colleague = phone("1002")
    resident, agent = connected(phone)
    agent.do("transfer", 1, f"sip:1002@127.0.0.1:{product.sip_port}", waits=False)
    colleague.wait("incoming", call=1)
    resident.hears(1, MUSIC_HZ)
    colleague.do("answer", 1)
    resident.hears(1, TONES["1002"])
    colleague.hears(1, TONES["2001"])
    agent.wait("closed", call=1)
    resident.do("hang-up", 1)
    colleague.wait("closed", call=1)
    call = the_call(product)
    assert call["cause"] == "caller"
    assert "!transferring to 1002" in json.loads(call["path"])


def test_a_blind_transfer_that_is_declined_comes_back(product: Product, phone: Callable[..., Phone]) -> None:
    colleague = phone("1002")
    resident, agent = connected(phone)
    agent.do("transfer", 1, f"sip:1002@127.0.0.1:{product.sip_port}", waits=False)
    colleague.wait("incoming", call=1)
    colleague.do("hang-up", 1)
    assert "486" in agent.wait("failed")["error"]
    resident.hears(1, TONES["1001"])
    resident.do("hang-up", 1)
    agent.wait("closed", call=1)
    assert the_call(product)["cause"] == "caller"


def test_an_attended_transfer_goes_to_the_colleague(product: Product, phone: Callable[..., Phone]) -> None:
    colleague = phone("1002")
    resident, agent = connected(phone)
    agent.do("hold", 1)
    resident.hears(1, MUSIC_HZ)
    agent.do("dial", "1002")
    colleague.wait("incoming", call=1)
    colleague.do("answer", 1)
    agent.wait("established", call=2)
    agent.hears(2, TONES["1002"])
    colleague.hears(1, TONES["1001"])
    agent.do("join", 1, 2, waits=False)
    resident.hears(1, TONES["1002"])
    colleague.hears(1, TONES["2001"])
    agent.wait("closed", call=1)
    agent.wait("closed", call=2)
    colleague.do("hang-up", 1)
    resident.wait("closed", call=1)
    call = the_call(product)
    assert "!transferred to 1002" in json.loads(call["path"])
    assert len(rows(product, "select * from call_legs where call_id = ?", call["call_id"])) == 2


def test_telephones_call_each_other(product: Product, phone: Callable[..., Phone]) -> None:
    near, far = phone("1002"), phone("1003")
    near.do("dial", "1003")
    far.wait("incoming", call=1)
    far.do("answer", 1)
    near.wait("established", call=1)
    near.hears(1, TONES["1003"])
    far.hears(1, TONES["1002"])
    near.do("hold", 1)
    far.hears(1, MUSIC_HZ)
    near.do("resume", 1)
    far.hears(1, TONES["1002"])
    far.do("hang-up", 1)
    near.wait("closed", call=1)
    (call,) = wait_until(lambda: rows(product, "select * from calls where called = '1003'"), "the record")
    assert (call["direction"], call["origin"]) == ("inside", "1002")


def test_nobody_at_the_desk_leaves_her_a_message(product: Product, phone: Callable[..., Phone]) -> None:
    resident = phone("2001")
    resident.do("dial", "96156")
    resident.wait("established", call=1)
    product.wait_for("call.nobody", to=["1001"])
    resident.do("hang-up", 1)
    assert json.loads(the_call(product)["path"])[1:] == ["ring", "message"]


def test_what_is_said_in_a_pause_is_silence_on_both_sides_of_the_recording(
    product: Product, phone: Callable[..., Phone]
) -> None:
    resident, agent = connected(phone)
    console = Browser(product.console_url)
    console.post("/login", user_name="wang", password=PASSWORD)
    time.sleep(1)
    assert "/talk/resume" in console.post("/talk/pause", reason="number")
    agent.hears(1, TONES["2001"])  # they talk on
    resident.hears(1, TONES["1001"])
    assert "/talk/pause" in console.post("/talk/resume")
    time.sleep(1.5)
    agent.do("hang-up", 1)
    resident.wait("closed", call=1)
    call_id = the_call(product)["call_id"]
    (row,) = rows(product, "select * from recordings where call_id = ?", call_id)
    notes = [
        (event["actor"], json.loads(event["payload"]))
        for event in rows(
            product,
            "select * from events where call_id = ? and kind like 'recording.%ed' and payload like '%at_ms%' "
            "order by position",
            call_id,
        )
    ]
    assert [actor for actor, _ in notes] == ["wang", "wang"]
    assert notes[0][1]["reason"] == "number"
    begin, end = (note["at_ms"] * 8 for _, note in notes)
    assert end - begin > 8000
    for path, user in ((row["path"], "2001"), (row["far_path"], "1001")):
        sound = (product.data_dir / "recordings" / path).read_bytes()
        # the place is the near side's; the far side's file is as exact as two clocks and a busy machine are
        assert set(sound[begin + 5 * FRAME : end - 5 * FRAME]) == {ALAW_SILENCE}
        for part in (sound[begin - 5000 : begin - 1000], sound[end + 1000 : end + 5000]):
            assert abs(level_of(from_alaw(part))["hz"] - TONES[user]) < 8
        silence = bytes([ALAW_SILENCE])
        for part in (sound[begin - 5 * FRAME : begin], sound[end : end + 5 * FRAME]):
            assert part.strip(silence), "no more than the pause is silent"


def test_a_supervisor_listens_whispers_and_barges_in_and_a_third_takes_part(
    product: Product, phone: Callable[..., Phone]
) -> None:
    resident, agent = connected(phone)
    boss, clerk = phone("1003", "--codec", "opus"), phone("1002", "--codec", "g722")
    (row,) = [line for line in product.run("call", "talks").splitlines() if "1001" in line]
    call_id = row.split()[0]
    product.run("call", "monitor", call_id, "--phone", "1003")
    boss.wait("incoming", call=1)
    boss.do("answer", 1)
    boss.hears_all(1, "2001", "1001")
    resident.hears_all(1, "1001")
    agent.hears_all(1, "2001")
    product.run("call", "whisper", call_id, "--phone", "1003")
    agent.hears_all(1, "2001", "1003")
    resident.hears_all(1, "1001")
    product.run("call", "barge", call_id, "--phone", "1003")
    resident.hears_all(1, "1001", "1003")
    boss.do("hang-up", 1)
    resident.hears_all(1, "1001")
    agent.hears_all(1, "2001")
    product.run("call", "invite", call_id, "1002")
    clerk.wait("incoming", call=1)
    clerk.do("answer", 1)
    resident.hears_all(1, "1001", "1002")
    clerk.hears_all(1, "1001", "2001")
    heard = product.run("call", "listen", call_id, "--seconds", "2")
    assert len(re.findall(r"-\d+ dBov", heard)) == 3, heard
    agent.do("hang-up", 1)
    resident.hears_all(1, "1002")
    clerk.hears_all(1, "2001")
    resident.do("hang-up", 1)
    call = the_call(product)
    kinds = [
        (event["kind"], json.loads(event["payload"])["part"])
        for event in rows(
            product,
            "select * from events where call_id = ? and kind like 'call.guest%' order by position",
            call["call_id"],
        )
    ]
    assert kinds[:4] == [
        ("call.guest_came", "monitor"),
        ("call.guest_came", "whisper"),
        ("call.guest_came", "barge"),
        ("call.guest_left", "barge"),
    ]
    assert ("call.guest_came", "member") in kinds
    assert ("call.guest_left", "tap") in kinds
