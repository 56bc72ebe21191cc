"""A resident and three desks with telephones that we did not write: who hears whom, measured by tones."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from examples.product import ROOT, Product
from tests.interop.site import PROMPTS, rows, write_wav

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TONES = {"2001": 400.0, "1001": 700.0, "1002": 1100.0, "1003": 1500.0}
"""What each telephone sends; 2001 is the resident's."""
MUSIC_HZ, RINGING_HZ = 250.0, 450.0
FLOW = """
start = "ring"
languages = ["zh"]
person = "message"
person_keys = "0*"
fault = "sorry"
too_long = "goodbye"
[steps.ring]
do = "connect"
to = ["1001"]
ring = "20s"
tries = 2
ended = "thanks"
busy = "message"
no_answer = "message"
failed = "message"
spent = "goodbye"
[steps.message]
do = "record"
prompt = "leave_for_agent"
for_agent = true
tries = 3
recorded = "open"
silent = "goodbye"
spent = "goodbye"
[steps.open]
do = "ask"
question = "open_request"
opened = "thanks"
failed = "goodbye"
[steps.thanks]
do = "say"
prompt = "thanks"
next = "end"
[steps.goodbye]
do = "say"
prompt = "goodbye"
next = "end"
[steps.sorry]
do = "say"
prompt = "fault"
next = "end"
[steps.end]
do = "hang_up"
"""


class Phone:
    """A telephone program, told and asked by the test."""

    def __init__(self, product: Product, user: str, password: str, *words: str) -> None:
        self.user = user
        self.told: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "tests.interop.office_phone",
                "--server", f"127.0.0.1:{product.sip_port}", "--user", user, "--password", password,
                "--tone", str(TONES[user]), *words,
            ],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait("registered")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for row in self._process.stdout:
            if row.startswith("{"):
                self._news.put(json.loads(row))

    def do(self, *words: object, waits: bool = True) -> None:
        """Give a command, and wait until it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        if waits:
            self.wait("done", command=[str(word) for word in words])

    def wait(self, event: str, within_s: float = 20.0, **facts: object) -> dict[str, Any]:
        """Wait until it tells something; what was told before counts once."""
        until = time.monotonic() + within_s
        while True:
            for one in self.told:
                if one["event"] == event and all(one.get(key) == value for key, value in facts.items()):
                    self.told.remove(one)
                    return one
            left = until - time.monotonic()
            try:
                self.told.append(self._news.get(timeout=max(left, 0.01)))
            except queue.Empty:
                raise AssertionError(f"{self.user} told no {event!r} {facts}; it told {self.told}") from None
            assert not (event != "failed" and self.told[-1]["event"] == "failed"), self.told[-1]

    def hears(self, call: int, hz: float, within_s: float = 8.0) -> None:
        """Wait until a tone, and nothing else, is heard on a call."""
        until = time.monotonic() + within_s
        while True:
            self.do("hear", call, 0.6)
            heard = self.wait("heard", call=call)
            if hz == 0 and heard["rms"] < 50:
                return
            if hz and heard["purity"] > 0.9 and abs(heard["hz"] - hz) < 8 and heard["rms"] > 500:
                return
            assert time.monotonic() < until, f"{self.user} hears {heard} on {call}, not {hz} Hz"

    def close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("quit\n")
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


def a_tone(hz: float, seconds: float) -> np.ndarray:
    return 8000 * np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    folder = tmp_path_factory.mktemp("office")
    config, prompts = folder / "config", folder / "prompts"
    shutil.copytree(ROOT / "config", config)
    (config / "trunks.toml").write_text('[trunks.carrier]\nnetworks = ["10.255.0.0/24"]\n')
    shutil.copytree(PROMPTS, prompts)
    write_wav(prompts / "zh" / "ringback.wav", a_tone(RINGING_HZ, 2.0))
    write_wav(prompts / "zh" / "hold_music.wav", a_tone(MUSIC_HZ, 2.0))
    (folder / "office.toml").write_text(FLOW)
    product = Product(
        folder / "site",
        speech__workers=0,
        site__config_dir=config,
        media__prompts_dir=prompts,
        ivr__flow=folder / "office.toml",
    )
    product.run("user", "add", "boss", "--role", "admin", text_in="long-enough-for-a-test\n")
    product.start()
    yield product
    product.stop()


@pytest.fixture(scope="module")
def passwords(product: Product) -> dict[str, str]:
    found = {}
    for user in TONES:
        (found[user],) = re.findall(r"^password: (\S+)$", product.run("phone", "add", user), re.MULTILINE)
    time.sleep(3)  # the running product looks for new accounts every two seconds
    return found


@pytest.fixture
def phone(product: Product, passwords: dict[str, str]) -> Iterator[Callable[..., Phone]]:
    phones: list[Phone] = []

    def start(user: str, *words: str) -> Phone:
        phones.append(Phone(product, user, passwords[user], *words))
        return phones[-1]

    yield start
    for one in phones:
        one.close()


def the_call(product: Product, **facts: object) -> dict[str, Any]:
    """Wait until the last call of the hotline's own number has ended, and give its row."""
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
    (call,) = rows(product, "select * from calls where called = '1003'")
    assert (call["direction"], call["origin"]) == ("inside", "1002")


def test_nobody_at_the_desk_leaves_her_a_message(product: Product, phone: Callable[..., Phone]) -> None:
    resident = phone("2001")
    resident.do("dial", "96156")
    resident.wait("established", call=1)
    product.wait_for("call.nobody", to=["1001"])
    resident.do("hang-up", 1)
    assert json.loads(the_call(product)["path"])[1:] == ["ring", "message"]
