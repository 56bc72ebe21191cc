"""A site that any telephone may call, a short flow that tells what it heard, and the telephones.

The flow greets, takes one key in a menu that a second copy of it would lead elsewhere, records what is
said after the beep, and says thanks: some eight seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from examples.product import ROOT, Product, free_port
from hotline.wire.signalling_files import find_blocking
from tests.interop.certificates import Authority
from tests.interop.flows import RECORDS
from tests.interop.site import (
    DATA,
    PHONE_PYTHON,
    PROMPTS,
    RATE_HZ,
    prompt,
    read_wav,
    rows,
    through_alaw,
    wait_until,
    write_wav,
)

TRUNKS = """
[trunks.local]
networks = ["127.0.0.1", "::1"]
codecs = ["opus", "G722", "PCMA", "PCMU"]
srtp = "optional"
max_calls = 50
calls_per_second = 100
"""
LENGTHS_S = {"greeting": 2.4, "one_moment": 0.5, "leave_for_agent": 0.5, "thanks": 1.0, "goodbye": 0.8}
"""How much of each prompt is kept."""
PRESSES_AT_S, SPEAKS_AT_S, FINISHES_AT_S = 2.6, 6.0, 8.6
"""After the answer; the beep ends some 4.8 s after it, and a phone that hears no beep goes by the clock."""
FAULTS = frozenset(
    {"sip.fault", "switchboard.bug", "media.bug", "text", "sip.protocol_error", "media.child_died"}
)
"""What may not stand in the log; ``text`` is what came past it, as a traceback does."""


@dataclass(slots=True)
class Site:
    """A running product that listens everywhere, and the authority of its certificate."""

    product: Product
    authority: Path
    udp: str
    udp6: str
    tls: str
    """Places as they stand in a URI."""

    def faults(self) -> list[dict[str, Any]]:
        """Give the lines of the log that tell of a fault."""
        return [
            line
            for line in self.product.log
            if line["event"] in FAULTS or line.get("level") in {"error", "critical"} or "exception" in line
        ]


@dataclass(slots=True)
class Talk:
    """One call, from both ends."""

    said: list[dict[str, Any]]
    """What the telephone told."""
    heard: np.ndarray
    """What it heard, 8,000 samples a second."""
    call: dict[str, Any] = field(default_factory=dict)
    """The record."""
    recording: bytes = b""
    codec: str = ""


def a_site(folder: Path, trunks: str = TRUNKS, flow: str = RECORDS, **settings: object) -> Site:
    """Prepare a product on UDP, TCP and TLS, of both families; it is not started."""
    authority = Authority(folder)
    certificate, key = authority.issue("127.0.0.1", "::1")
    config, prompts = folder / "config", folder / "prompts"
    shutil.copytree(ROOT / "config", config)
    (config / "trunks.toml").write_text(trunks)
    shutil.copytree(PROMPTS, prompts)
    for name, seconds in LENGTHS_S.items():
        write_wav(prompts / "zh" / f"{name}.wav", prompt(f"zh/{name}")[: int(seconds * RATE_HZ)])
    (folder / "flow.toml").write_text(flow)
    port, port6, tls = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM), free_port()
    places = (
        f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}", f"tls:127.0.0.1:{tls}",
        f"udp:[::1]:{port6}", f"tcp:[::1]:{port6}",
    )  # fmt: skip
    product = Product(
        folder / "site",
        **{
            "speech__workers": 0,
            "site__config_dir": config,
            "media__prompts_dir": prompts,
            "ivr__flow": folder / "flow.toml",
            "sip__listen": ",".join(places),
            "sip__tls_certificate": certificate,
            "sip__tls_key": key,
        }
        | settings,
    )
    product.appoint()
    return Site(product, authority.file, f"127.0.0.1:{port}", f"[::1]:{port6}", f"127.0.0.1:{tls}")


def the_speech() -> tuple[bytes, np.ndarray]:
    """Give what every telephone says: 2 s of a man's voice, as A-law and as what that decodes to."""
    return through_alaw(read_wav(DATA / "aishell_3.wav")[12_000:28_000])


def speech_by_the_clock(folder: Path) -> Path:
    """Write the speech with silence before it, for telephones that cannot hear the beep."""
    silence = np.zeros(int(SPEAKS_AT_S * RATE_HZ), np.int16)
    rest = np.zeros(10 * RATE_HZ, np.int16)
    return write_wav(folder / "by_the_clock.wav", np.concatenate([silence, the_speech()[1], rest]))


def read_any_wav(path: Path) -> np.ndarray:
    """Read what a telephone wrote: any rate that 8,000 divides, any number of channels."""
    data = path.read_bytes()
    channels, rate_hz = int.from_bytes(data[22:24], "little"), int.from_bytes(data[24:28], "little")
    body = data[data.index(b"data") + 8 :]
    samples = np.frombuffer(body[: len(body) // 2 * 2], np.int16)
    return samples[::channels][:: rate_hz // RATE_HZ]


def finished(site: Site, caller: str, talk: Talk) -> Talk:
    """Wait until the product has closed the call of a caller, and add its side of it."""
    sql = "select * from calls where caller like ? and ended_at is not null"
    [talk.call] = wait_until(lambda: rows(site.product, sql, f"%{caller[-8:]}"), f"the record of {caller}")
    sql = "select * from recordings where call_id = ?"
    kept = rows(site.product, sql, talk.call["call_id"])
    assert len(kept) == 1, f"{len(kept)} recordings of {caller}: {talk.call}, the phone told {talk.said}"
    talk.recording = (site.product.data_dir / "recordings" / kept[0]["path"]).read_bytes()
    talk.codec = kept[0]["codec"]
    return talk


def passed(product: Product, call: dict[str, Any]) -> str:
    """Give all messages of a call as the product has kept them: ``<`` came, ``>`` went."""
    folder = product.data_dir / "signalling"
    seen = find_blocking(folder, [call["sip_call_id"], call["call_id"]])
    return "\n".join(f"{'>' if one.is_sent else '<'} {one.data.decode()}" for one in seen)


def run(command: list[str], said: str = "", within_s: float = 60.0, **more: Any) -> str:
    """Run a telephone to its end; returns what it wrote."""
    done = subprocess.run(
        command, cwd=ROOT, input=said, capture_output=True, text=True, timeout=within_s, check=False, **more
    )
    return done.stdout + done.stderr


def facts_of(written: str) -> list[dict[str, Any]]:
    """Read the JSON lines of a telephone program of ours."""
    facts = [json.loads(row) for row in written.splitlines() if row.startswith("{")]
    assert facts, written[-3000:]
    return facts


def by_baresip(site: Site, folder: Path, caller: str, place: str, *words: str) -> Talk:
    """Call with baresip 4 (libre 4.10), which hears the beep."""
    speech, heard = write_wav(folder / "speech.wav", the_speech()[1]), folder / "heard.pcm"
    written = run(
        [
            sys.executable, "-m", "tests.interop.baresip_phone", "--server", place, "--caller", caller,
            "--speak", str(speech), "--heard", str(heard), "--press", f"{PRESSES_AT_S}:1",
            "--longest", "30", *words,
        ]
    )  # fmt: skip
    said = facts_of(written)
    assert heard.exists(), written[-3000:]
    return finished(site, caller, Talk(said, np.frombuffer(heard.read_bytes(), np.int16)))


def by_pjsip(site: Site, folder: Path, caller: str, uri: str, *words: str) -> Talk:
    """Call with PJSIP 2.15."""
    heard = folder / "heard.wav"
    written = run(
        [
            str(PHONE_PYTHON), str(ROOT / "tests" / "interop" / "pjsua_phone.py"),
            "--dial", uri, "--caller", caller, "--speak", str(speech_by_the_clock(folder)),
            "--heard", str(heard), "--press", f"{PRESSES_AT_S}:1", "--press", f"{FINISHES_AT_S}:#",
            "--longest", "30", *words,
        ]
    )  # fmt: skip
    said = facts_of(written)
    assert heard.exists(), written[-3000:]
    return finished(site, caller, Talk(said, read_any_wav(heard)))


def by_pyvoip(site: Site, folder: Path, caller: str) -> Talk:
    """Call with pyVoIP 1.6.8, which hears the beep and cannot send keys."""
    speech, heard = write_wav(folder / "speech.wav", the_speech()[1]), folder / "heard.wav"
    written = run(
        [
            str(PHONE_PYTHON), str(ROOT / "examples" / "phone" / "call.py"), "--server", site.udp,
            "--caller", caller, "--speak", str(speech), "--heard", str(heard), "--longest", "40",
        ]
    )  # fmt: skip
    said = facts_of(written)
    assert heard.exists(), written[-3000:]
    return finished(site, caller, Talk(said, read_any_wav(heard)))


def by_old_baresip(site: Site, folder: Path, caller: str, place: str) -> Talk:
    """Call with Debian's baresip (libre of 2020), which plays and keeps sound files."""
    modules = "".join(
        f"module {name}.so\n" for name in ("account", "menu", "g711", "aufile", "sndfile", "stdio")
    )
    (folder / "config").write_text(
        f"module_path /usr/lib/baresip/modules\n{modules}"
        f"audio_source aufile,{speech_by_the_clock(folder)}\naudio_player aufile,{folder / 'unused.wav'}\n"
        f"ausrc_srate {RATE_HZ}\nauplay_srate {RATE_HZ}\nsnd_path {folder}\n"
    )
    (folder / "accounts").write_text(
        f"<sip:{caller}@{place}>;regint=0;audio_codecs=PCMA/8000/1;answermode=manual\n"
    )
    with subprocess.Popen(
        ["baresip", "-4", "-n", "127.0.0.1", "-f", str(folder), "-e", f"/dial sip:96156@{place}", "-t", "14"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
    ) as phone:  # fmt: skip
        written = _keys_by_the_clock(phone, {PRESSES_AT_S: "1", FINISHES_AT_S: "#"}, "established")
    found = sorted(folder.glob("dump-*-dec.wav"))
    assert found, written[-3000:]
    return finished(site, caller, Talk([{"event": "told", "text": written}], read_any_wav(found[0])))


def by_linphone(site: Site, folder: Path, caller: str, place: str) -> Talk:
    """Call with linphonec 5.1, which plays and keeps sound files."""
    heard = folder / "heard.wav"
    (folder / ".local" / "share" / "linphone").mkdir(parents=True)  # without its data base it never listens
    (folder / "linphonerc").write_text(
        f"[sip]\nauto_net_state_mon=0\nbind_address=127.0.0.1\nipv6_migration_done=1\nuse_ipv6=0\nsip_port={free_port(socket.SOCK_DGRAM)}\nsip_tcp_port=0\nsip_tls_port=0\n"
        f'contact="{caller}" <sip:{caller}@127.0.0.1>\nguess_hostname=0\n'
        f"[rtp]\naudio_rtp_port={free_port(socket.SOCK_DGRAM)}\n"
        "[net]\nfirewall_policy=0\n[sound]\nechocancellation=0\nagc=0\n"
    )
    with subprocess.Popen(
        ["linphonec", "-c", str(folder / "linphonerc"), "-d", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env=os.environ | {"HOME": str(folder)},
    ) as phone:  # fmt: skip
        assert phone.stdin is not None
        for line in (
            "soundcard use files",
            f"record {heard}",
            f"play {speech_by_the_clock(folder)}",
            f"call sip:96156@{place}",
        ):
            phone.stdin.write(line + "\n")
            phone.stdin.flush()
            time.sleep(0.2)
        written = _keys_by_the_clock(
            phone, {PRESSES_AT_S: "1\n", FINISHES_AT_S: "#\n", FINISHES_AT_S + 3: "quit\n"}, "connected"
        )
    assert heard.exists(), written[-3000:]
    return finished(site, caller, Talk([{"event": "told", "text": written}], read_any_wav(heard)))


def _keys_by_the_clock(phone: subprocess.Popen[str], keys: dict[float, str], sign: str) -> str:
    """Type keys into a telephone so long after it told that it is answered; returns what it wrote."""
    assert phone.stdin is not None
    assert phone.stdout is not None
    read: list[str] = []
    stdout = phone.stdout
    reading = threading.Thread(target=lambda: read.extend(iter(lambda: stdout.read(1), "")), daemon=True)
    reading.start()
    began, answered, left = time.monotonic(), 0.0, dict(keys)
    while phone.poll() is None and time.monotonic() - began < 40:
        now = time.monotonic()
        if not answered and sign in "".join(read).lower():
            answered = now
        for at in [at for at in left if answered and now - answered >= at]:
            phone.stdin.write(left.pop(at))
            phone.stdin.flush()
        time.sleep(0.02)
    phone.kill()
    reading.join(5)
    return "".join(read)
