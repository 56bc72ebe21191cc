"""Telephones that we did not write call the hotline: heard, recorded, their keys counted, over every road.

All of them call one product at once, four at a time; each test looks at one call.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from examples.product import Product
from hotline.media.g711 import decode, encode
from hotline.media.plan import Codec
from tests.interop.peers import (
    PRESSES_AT_S,
    TRUNKS,
    Site,
    Talk,
    a_site,
    by_baresip,
    by_linphone,
    by_old_baresip,
    by_pjsip,
    by_pyvoip,
    facts_of,
    passed,
    read_any_wav,
    run,
    the_speech,
)
from tests.interop.site import PHONE_PYTHON, ROOT, likeness, prompt, rows, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

HEARD_WELL = 0.65
"""Least likeness of what came through a codec with what was sent; other words reach some 0.5."""
AT_A_TIME = 4
STEPS = ["greeting", "once", "leave", "open", "thanks", "end"]
"""The path of a caller whose key counted once."""

Call = Callable[[Site, Path, str], Talk]


def baresip(*words: str, over: str = "udp") -> Call:
    def call(site: Site, folder: Path, caller: str) -> Talk:
        more = [*words]
        if over == "tls":
            more += ["--transport", "tls", "--srtp", "--authority", str(site.authority)]
        elif over == "tcp":
            more += ["--transport", "tcp"]
        place = {"udp": site.udp, "tcp": site.udp, "udp6": site.udp6, "tls": site.tls}[over]
        return by_baresip(site, folder, caller, place, *more)

    return call


def pjsip(*words: str, over: str = "udp") -> Call:
    def call(site: Site, folder: Path, caller: str) -> Talk:
        place = {"udp": site.udp, "tcp": site.udp, "tls": site.tls}[over]
        more = [*words, "--transport", over]
        uri = f"sip:96156@{place};transport={over}"
        return by_pjsip(site, folder, caller, uri, *more)

    return call


CALLS: dict[str, Call] = {
    "baresip with A-law": baresip("--codec", "pcma"),
    "baresip with mu-law": baresip("--codec", "pcmu"),
    "baresip with G.722": baresip("--codec", "g722"),
    "baresip with Opus": baresip("--codec", "opus"),
    "baresip over TCP": baresip("--codec", "pcma", over="tcp"),
    "baresip over IPv6": baresip("--codec", "pcma", over="udp6"),
    "baresip over TLS with SRTP": baresip("--codec", "pcma", over="tls"),
    "baresip over TLS with SRTP and Opus": baresip("--codec", "opus", over="tls"),
    "old baresip": lambda site, folder, caller: by_old_baresip(site, folder, caller, site.udp),
    "linphone": lambda site, folder, caller: by_linphone(site, folder, caller, site.udp),
    "PJSIP with session timer, hold and UPDATE": pjsip(
        *("--timer", "90", "--do", f"{PRESSES_AT_S + 0.3}:hold", "--do", f"{PRESSES_AT_S + 0.9}:resume"),
        *("--do", f"{PRESSES_AT_S + 1.5}:update"),
    ),
    "PJSIP with mu-law and 100rel required": pjsip("--codec", "PCMU/8000", "--prack"),
    "PJSIP over TCP with G.722": pjsip("--codec", "G722/16000", over="tcp"),
    "PJSIP over TLS with SRTP": pjsip("--srtp", over="tls"),
    "pyVoIP": by_pyvoip,
}
BIT_EXACT = {
    "baresip with A-law",
    "baresip with mu-law",
    "baresip over TCP",
    "baresip over IPv6",
    "baresip over TLS with SRTP",
    "old baresip",
}
"""Telephones that send a file of 8,000 samples a second as it is; the others mix, or convert its rate."""
WITHOUT_KEYS = {"pyVoIP"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    if not PHONE_PYTHON.exists():
        pytest.skip("the second phone is not set up (make .venv-phone/.test-ready)")
    for program in ("baresip", "linphonec"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: baresip, linphone-cli)")
    site = a_site(tmp_path_factory.mktemp("peers"))
    site.product.start()
    yield site
    site.product.stop()


@pytest.fixture(scope="module")
def talks(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Talk]]]:
    folder = tmp_path_factory.mktemp("phones")
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        futures = {}
        for number, (name, call) in enumerate(CALLS.items()):
            own = folder / str(number)
            own.mkdir()
            futures[name] = threads.submit(partial(call, site, own, f"010640010{number:02}"))
        yield futures
        threads.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", CALLS)
def test_a_telephone_is_greeted_and_recorded(
    name: str, site: Site, talks: dict[str, Future[Talk]], tmp_path: Path
) -> None:
    talk = talks[name].result()
    assert likeness(talk.heard, prompt("zh/greeting")[:16_000]) > HEARD_WELL, talk.said
    steps = [step for step in STEPS if step != "once"] if name in WITHOUT_KEYS else STEPS
    assert json.loads(talk.call["path"])[1:] == steps, talk.said
    assert talk.call["cause"] == "finished"
    assert talk.call["answered_at"]
    _, speech = the_speech()
    codec = Codec[talk.codec]
    assert likeness(decode(np.frombuffer(talk.recording, np.uint8), codec), speech) > HEARD_WELL
    if name in BIT_EXACT:
        said = encode(speech, codec).tobytes()
        if said not in talk.recording:  # a telephone skips what the busy machine made it send too late
            talk = CALLS[name](site, tmp_path, "01064002000")
        assert said in talk.recording


SEEN = {
    "baresip with mu-law": "m=audio [0-9]+ RTP/AVP 0 ",
    "baresip with G.722": "m=audio [0-9]+ RTP/AVP 9 ",
    "baresip with Opus": "a=rtpmap:[0-9]+ opus/48000/2",
    "baresip over TCP": "Via: SIP/2.0/TCP",
    "baresip over IPv6": "c=IN IP6 ::1",
    "baresip over TLS with SRTP": "m=audio [0-9]+ RTP/SAVP 8 ",
    "baresip over TLS with SRTP and Opus": "m=audio [0-9]+ RTP/SAVP ",
    "PJSIP with session timer, hold and UPDATE": "Session-Expires: 90;refresher=",
    "PJSIP with mu-law and 100rel required": "Require: 100rel",
    "PJSIP over TCP with G.722": "m=audio [0-9]+ RTP/AVP 9 ",
    "PJSIP over TLS with SRTP": "a=crypto:",
}
"""What stands in a call's messages when the telephone did as it was told."""


@pytest.mark.parametrize("name", SEEN)
def test_a_telephone_spoke_as_it_was_told_to(name: str, talks: dict[str, Future[Talk]], site: Site) -> None:
    assert re.search(SEEN[name], passed(site.product, talks[name].result().call))


def test_hold_and_update_are_answered(talks: dict[str, Future[Talk]], site: Site) -> None:
    call = talks["PJSIP with session timer, hold and UPDATE"].result().call
    messages = passed(site.product, call)
    assert "a=sendonly" in messages
    assert "a=recvonly" in messages
    assert "< UPDATE sip:" in messages
    assert re.search(r"> SIP/2\.0 200 OK\r\n(?:[^\r\n]+\r\n)*CSeq: [0-9]+ UPDATE\r\n", messages)


def test_no_call_left_a_fault_behind(talks: dict[str, Future[Talk]], site: Site) -> None:
    for future in talks.values():
        future.result()
    assert site.faults() == []


FREE = """
start = "greeting"
languages = ["zh"]
person = "greeting"
person_keys = "0"
fault = "greeting"
too_long = "greeting"
free = true
[steps.greeting]
do = "say"
prompt = "greeting"
next = "end"
[steps.end]
do = "hang_up"
"""


@pytest.fixture
def free_line(tmp_path: Path) -> Iterator[Product]:
    trunks = TRUNKS + 'early_media = true\nreliable = "required"\n'
    site = a_site(tmp_path, trunks, FREE)
    site.product.start()
    yield site.product
    assert site.faults() == []
    site.product.stop()


def test_a_free_announcement_is_heard_before_the_answer(free_line: Product, tmp_path: Path) -> None:
    """183 with a description, reliably: PRACK comes from PJSIP (RFC 3262)."""
    heard = tmp_path / "heard.wav"
    written = run(
        [
            str(PHONE_PYTHON), str(ROOT / "tests" / "interop" / "pjsua_phone.py"), "--prack",
            "--dial", f"sip:96156@127.0.0.1:{free_line.sip_port}", "--heard", str(heard), "--longest", "20",
        ]
    )  # fmt: skip
    assert 183 in {fact.get("status") for fact in facts_of(written)}
    [call] = wait_until(
        lambda: rows(free_line, "select * from calls where ended_at is not null"), "the record"
    )
    assert call["answered_at"] is None
    assert likeness(read_any_wav(heard), prompt("zh/greeting")[:16_000]) > HEARD_WELL
    messages = passed(free_line, call)
    assert "> SIP/2.0 183 " in messages
    assert "\r\nRSeq: " in messages
    assert "< PRACK sip:" in messages
