"""The main flow with phones that we did not write: heard, pressed, spoken, recorded, understood."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from examples.product import ROOT, Product, free_port, free_port_range
from tests.interop import pcap
from tests.interop.site import (
    DATA,
    PHONE_PYTHON,
    from_alaw,
    likeness,
    only_call,
    prompt,
    read_wav,
    rows,
    run_phone,
    the_recording,
    the_request,
    through_alaw,
    transcribed,
    write_wav,
)

pytestmark = pytest.mark.interop

HUMAN = DATA / "aishell_3.wav"
SPOKEN = "苹果此举是为了节约用电量"
REQUEST = DATA / "request_1.wav"  # pyVoIP is an 8-bit phone: its voice wants a clear speaker
REQUESTED = "北新桥街道草园社区院门口堆了一大堆砖头沙子好几个月没人管"
HEARD_WELL = 0.65
"""Least likeness of a prompt with what the phone recorded; another prompt reaches some 0.3."""
UNDERSTOOD = 0.5
"""Least share of the spoken characters that the transcript must hold."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("site")
    product = Product(folder)
    product.appoint()
    product.start()
    yield product
    product.stop()


@pytest.fixture
def seen(product: Product) -> set[str]:
    return {row["call_id"] for row in rows(product, "select call_id from calls")}


def share_understood(text: str, spoken: str = SPOKEN) -> float:
    return sum((Counter(text) & Counter(spoken)).values()) / len(spoken)


def assert_one_finished_call(product: Product, call_id: str) -> None:
    product.wait_for("call.ended", call_id=call_id, within_s=60)
    (call,) = rows(product, "select * from calls where call_id = ?", call_id)
    assert call["answered_at"]
    assert call["ended_at"]
    assert call["cause"] in {"finished", "caller"}


def test_baresip_presses_a_key_and_is_recorded_bit_exactly(
    product: Product, seen: set[str], tmp_path: Path
) -> None:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    alaw, sound = through_alaw(read_wav(HUMAN))
    speech, heard = write_wav(tmp_path / "speech.wav", sound), tmp_path / "heard.pcm"
    run_phone(
        "tests.interop.baresip_phone", product,
        "--speak", str(speech), "--heard", str(heard), "--press", "8.5:1",
    )  # fmt: skip
    call_id = only_call(product, seen)
    assert_one_finished_call(product, call_id)
    heard_sound = np.frombuffer(heard.read_bytes(), np.int16)
    assert likeness(heard_sound, prompt("zh/greeting")) > HEARD_WELL
    assert likeness(heard_sound, prompt("zh/leave_request")) > HEARD_WELL
    assert alaw in the_recording(product, call_id)
    request = transcribed(product, call_id)
    assert request["transcript_state"] == "done"
    assert share_understood(request["text"]) >= UNDERSTOOD, request["text"]


def test_pyvoip_stays_on_the_line_and_leaves_a_request(
    product: Product, seen: set[str], tmp_path: Path
) -> None:
    if not PHONE_PYTHON.exists():
        pytest.skip("the second phone is not set up (make .venv-phone/.ready)")
    heard = tmp_path / "heard.wav"
    told = run_phone("examples/phone/call.py", product, "--speak", str(REQUEST), "--heard", str(heard))
    assert [fact["event"] for fact in told] == ["dialling", "answered", "speaking", "ended"]
    call_id = only_call(product, seen)
    assert_one_finished_call(product, call_id)
    assert likeness(read_wav(heard), prompt("zh/greeting")) > HEARD_WELL
    request = transcribed(product, call_id)
    # The whole number was read to her, digit by digit, after it was committed.
    for digit in set(request["number"]):
        assert likeness(read_wav(heard), prompt(f"zh/digit_{digit}")) > HEARD_WELL, digit
    assert share_understood(request["text"], REQUESTED) >= UNDERSTOOD, request["text"]


def test_sipp_presses_a_key_and_is_recorded_bit_exactly(
    product: Product, seen: set[str], tmp_path: Path
) -> None:
    if shutil.which("sipp") is None:
        pytest.skip("sipp is not installed (apt install sip-tester)")
    if os.geteuid() != 0:
        pytest.skip("sipp plays audio through a raw socket, for which it must be root")
    alaw, _ = through_alaw(read_wav(HUMAN))
    frames = len(alaw) // pcap.FRAME
    pcap.write_pcap(tmp_path / "key1.pcap", pcap.key(1, 101, sequence=1, timestamp=8000))
    pcap.write_pcap(tmp_path / "speech.pcap", pcap.voice(alaw, sequence=100, timestamp=160000))
    pcap.write_pcap(
        tmp_path / "hash.pcap", pcap.key(11, 101, sequence=100 + frames, timestamp=160000 + len(alaw) + 800)
    )
    waits = {
        "GREETING_MS": 1000 * len(prompt("zh/greeting")) // 8000 + 300,
        "LEAVE_MS": 1000 * (len(prompt("zh/leave_request")) + len(prompt("zh/beep"))) // 8000 + 1000,
        "SPEECH_MS": frames * 20 + 500,
    }
    scenario = (ROOT / "tests" / "interop" / "sipp" / "main_flow.xml").read_text()
    for name, value in (waits | {"FOLDER": tmp_path}).items():
        scenario = scenario.replace(name, str(value))
    (tmp_path / "main_flow.xml").write_text(scenario)
    media_port = free_port_range(4)[0]
    sniffer = pcap.Sniffer(media_port)
    done = subprocess.run(
        [
            "sipp", f"127.0.0.1:{product.sip_port}", "-sf", str(tmp_path / "main_flow.xml"), "-s", "96156",
            "-i", "127.0.0.1", "-p", str(free_port()), "-mi", "127.0.0.1", "-mp", str(media_port),
            "-m", "1", "-nostdin", "-timeout", "90",
            "-trace_err", "-error_file", str(tmp_path / "errors.log"),
        ],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    heard = sniffer.stop()
    errors = tmp_path / "errors.log"
    assert done.returncode == 0, done.stdout[-2000:] + (errors.read_text() if errors.exists() else "")
    call_id = only_call(product, seen)
    assert_one_finished_call(product, call_id)
    assert likeness(from_alaw(heard), prompt("zh/greeting")) > HEARD_WELL
    assert alaw[: frames * pcap.FRAME] in the_recording(product, call_id)
    assert the_request(product, call_id)["language"] == "zh"
    assert share_understood(transcribed(product, call_id)["text"]) >= UNDERSTOOD
