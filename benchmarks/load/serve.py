"""Lay out a site for the load bench, then become `hotline serve` (see start.sh)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

from hotline.app import open_store
from hotline.settings import Settings, read_settings
from hotline.sip.digest import Secret
from hotline.sip.phones import Phone

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TEXTS = """\
[zh]
prompt1 = "一"
prompt2 = "二"
silence = "。"
beep = "。"
pause = "。"
"""
TRUNKS = """\
[trunks.load]  # one address sends everything, and buys as many channels as it likes
networks         = ["127.0.0.0/8"]
max_calls        = 10000
calls_per_second = 1000
"""
ADMIN_PASSWORD = "bench-bench-bench"
PHONES = range(1001, 1101)


def lay_out(run_dir: Path, prompt_dir: Path, rec_dir: Path) -> dict[str, str]:
    """Make prompts and folders; return the settings as environment variables."""
    site = run_dir / "site"
    shutil.rmtree(site, ignore_errors=True)
    prompts = site / "prompts" / "zh"
    prompts.mkdir(parents=True)
    (prompts.parent / "texts.toml").write_text(TEXTS, encoding="utf-8")
    for number in (1, 2):
        shutil.copy(prompt_dir / f"prompt{number}-16bit.wav", prompts / f"prompt{number}.wav")
    for name in ("beep", "pause"):
        shutil.copy(ROOT / "ivr_flows" / "prompts" / "zh" / f"{name}.wav", prompts / f"{name}.wav")
    with wave.open(str(prompts / "silence.wav"), "wb") as silence:
        silence.setnchannels(1)
        silence.setsampwidth(2)
        silence.setframerate(8000)
        silence.writeframes(bytes(2 * 160))
    config = shutil.copytree(ROOT / "config", site / "config")
    (config / "trunks.toml").write_text(TRUNKS, encoding="utf-8")
    data = site / "var"
    data.mkdir()
    rec_dir.mkdir(parents=True, exist_ok=True)
    (data / "recordings").symlink_to(rec_dir.resolve())
    calls, port = int(os.environ.get("CALLS", "2500")), int(os.environ.get("VOICE_PORT", "20000"))
    settings = {
        "site__data_dir": data,
        "site__config_dir": config,
        "sip__listen_ip": "127.0.0.1",
        "sip__port": os.environ["SIP_PORT"],
        "sip__numbers": "96156,short",
        "sip__max_calls": calls // 2,
        "sip__messages_per_second": 100_000,
        "media__prompts_dir": prompts.parent,
        "media__port_low": port,
        "media__port_high": port + 2 * calls,
        "ivr__flow": HERE / "job.toml",
        "ivr__flows": f"short={HERE / 'short.toml'}",
        "phones__digest": "MD5",  # all that sipp knows
        "console__port": 0,
        "speech__workers": 0,
    }
    return {f"HOTLINE__{name.upper()}": str(value) for name, value in settings.items()}


async def add_phones(settings: Settings) -> None:
    """Make the accounts, with passwords that `hotline phone` would refuse."""
    realm = settings.phones.realm
    async with open_store(settings) as (store, _desk):
        for user in map(str, PHONES):
            await store.add_phone(Phone(user, Secret.of(user, realm, f"pw{user}")), realm, by="bench")


def main() -> None:
    """Make the site, its administrator and its telephones, and start."""
    run_dir = Path(os.environ["RUN_DIR"])
    settings = lay_out(run_dir, Path(os.environ["PROMPT_DIR"]), Path(os.environ["REC_DIR"]))
    environment = os.environ | settings
    hotline = [sys.executable, "-m", "hotline"]
    subprocess.run(
        [*hotline, "user", "add", "boss", "--role", "admin"],
        env=environment,
        cwd=ROOT,
        input=ADMIN_PASSWORD + "\n",
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    os.chdir(ROOT)
    asyncio.run(add_phones(read_settings("", environment, file="the environment")))
    os.execve(sys.executable, [*hotline, "serve"], environment)


if __name__ == "__main__":
    main()
