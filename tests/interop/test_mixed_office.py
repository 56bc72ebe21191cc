"""A resident on a trunk and desks of different makes: PJSIP over TLS with SRTP, baresip with every codec."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.flows import CONNECTS
from tests.interop.office import BARESIP, MUSIC_HZ, PJSIP, RINGING_HZ, TONES, Phone, a_tone
from tests.interop.peers import Site, a_site, passed
from tests.interop.site import PHONE_PYTHON, rows, wait_until, write_wav

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CARRIER = "::1"
"""The resident comes by IPv6, the desks are on IPv4."""
TRUNKS = f"""
[trunks.carrier]
networks = ["{CARRIER}"]
codecs = ["PCMA"]
"""
EVERY_CODEC = "pcma,pcmu,g722/16000/1,opus/48000/2"
"""baresip 4 answers with all that it knows of these, and narrows it by a re-INVITE of its own."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Site:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    if not PHONE_PYTHON.exists():
        pytest.skip("the second phone is not set up (make .venv-phone/.test-ready)")
    folder = tmp_path_factory.mktemp("mixed_office")
    site = a_site(folder, TRUNKS, CONNECTS)
    write_wav(folder / "prompts" / "zh" / "ringback.wav", a_tone(RINGING_HZ, 2.0))
    write_wav(folder / "prompts" / "zh" / "hold_music.wav", a_tone(MUSIC_HZ, 2.0))
    return site


@pytest.fixture(scope="module")
def passwords(prepared: Site) -> dict[str, str]:
    phones = {"1001": ["--srtp", "required"], "1002": []}
    return {user: prepared.product.add_phone(user, *words) for user, words in phones.items()}


@pytest.fixture(scope="module")
def site(prepared: Site, passwords: dict[str, str]) -> Iterator[Site]:
    prepared.product.start()
    yield prepared
    prepared.product.stop()


class Office:
    """The resident and the two desks of a test."""

    def __init__(self, site: Site, passwords: dict[str, str], folder: Path) -> None:
        self.site = site
        tls = ["--transport", "tls", "--authority", str(site.authority), "--srtp", "--prack"]
        self.phones: list[Phone] = []
        self.agent = self._phone(site.tls, "1001", passwords, *tls, "--folder", str(folder), program=PJSIP)
        self.colleague = self._phone(site.udp, "1002", passwords, "--codec", EVERY_CODEC)
        self.resident = self._phone(site.udp6, "2001", {"2001": ""}, "--host", CARRIER)

    def _phone(
        self, server: str, user: str, passwords: dict[str, str], *words: str, program: list[str] = BARESIP
    ) -> Phone:
        self.phones.append(Phone(server, user, passwords[user], *words, program=program))
        return self.phones[-1]

    def connect(self) -> None:
        """Bring the resident and the agent together, and let each hear the other."""
        self.resident.do("dial", "96156")
        self.agent.wait("incoming", call=1)
        self.agent.do("answer", 1)
        self.resident.hears(1, TONES["1001"])
        self.agent.hears(1, TONES["2001"])

    def call(self) -> dict[str, Any]:
        """Wait for the record of the resident's call."""
        sql = "select * from calls where called = '96156' order by offered_at desc limit 1"
        wait_until(lambda: (found := rows(self.site.product, sql)) and found[0]["ended_at"], "the end")
        return rows(self.site.product, sql)[0]


@pytest.fixture
def office(site: Site, passwords: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Office]]:
    made: list[Office] = []

    def make() -> Office:
        made.append(Office(site, passwords, tmp_path))
        return made[-1]

    yield make
    for one in made:
        for phone in one.phones:
            phone.close()
    assert site.faults() == []


def test_an_agent_behind_tls_and_srtp_talks_holds_and_resumes(office: Callable[[], Office]) -> None:
    here = office()
    here.connect()
    here.agent.do("hold", 1)
    here.resident.hears(1, MUSIC_HZ)
    here.agent.do("resume", 1)
    here.resident.hears(1, TONES["1001"])
    here.agent.hears(1, TONES["2001"])
    here.agent.do("hang-up", 1)
    here.resident.wait("closed", call=1)  # after "thank you"
    call = here.call()
    assert call["cause"] == "finished"
    assert "!talked with 1001" in json.loads(call["path"])
    messages = passed(here.site.product, call)
    assert "RTP/SAVP" in messages
    assert "< PRACK sip:" not in messages
    assert "> PRACK sip:" in messages  # PJSIP rang reliably


def test_a_blind_transfer_reaches_a_telephone_that_narrows_its_codecs(office: Callable[[], Office]) -> None:
    here = office()
    here.connect()
    here.agent.do("transfer", 1, f"sip:1002@{here.site.tls}")
    here.colleague.wait("incoming", call=1)
    here.colleague.do("answer", 1)
    here.resident.hears(1, TONES["1002"])
    here.colleague.hears(1, TONES["2001"])
    here.agent.wait("closed", call=1)
    here.colleague.do("hang-up", 1)
    here.resident.wait("closed", call=1)
    call = here.call()
    assert json.loads(call["path"])[-2:] == ["!transferring to 1002", "!talked with 1002"]
    reoffers = re.findall(
        r"^< INVITE (?:[^\r\n]+\r\n)+?To: [^\r\n]*;tag=", passed(here.site.product, call), re.M
    )
    assert reoffers, "baresip sent no re-INVITE"


def test_an_attended_transfer_joins_resident_and_colleague(office: Callable[[], Office]) -> None:
    here = office()
    here.connect()
    here.agent.do("hold", 1)
    here.resident.hears(1, MUSIC_HZ)
    here.agent.do("dial", "1002")
    here.colleague.wait("incoming", call=1)
    here.colleague.do("answer", 1)
    here.agent.wait("established", call=2)
    here.agent.hears(2, TONES["1002"])
    here.colleague.hears(1, TONES["1001"])
    here.agent.do("join", 1, 2)
    here.resident.hears(1, TONES["1002"])
    here.colleague.hears(1, TONES["2001"])
    here.agent.wait("closed", call=1)
    here.agent.wait("closed", call=2)
    here.resident.do("hang-up", 1)
    here.colleague.wait("closed", call=1)
    call = here.call()
    assert call["cause"] == "caller"
    assert "!transferred to 1002" in json.loads(call["path"])
