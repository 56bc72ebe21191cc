"""At three in the morning: every mistake ends in one clear sentence with the place and the remedy.

Commands run in this process; what only `hotline serve` can meet (ports, damaged files) is one process
for each, all at the same time.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from examples.product import ROOT, Product, free_port_range
from hotline import cli

PASSWORD = "long-enough-for-a-test"
SERVE_S = 60.0
PORTS = 4
"""For the voice of each product here."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an administrator, to be copied."""
    site = tmp_path_factory.mktemp("base")
    product = Product(site)
    product.appoint(PASSWORD)
    return product.data_dir


@pytest.fixture
def site(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own for the commands that run in this process."""
    shutil.copytree(base, tmp_path / "var")
    monkeypatch.chdir(ROOT)
    for name in list(os.environ):
        if name.startswith("HOTLINE__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOTLINE__SITE__DATA_DIR", str(tmp_path / "var"))
    return tmp_path


Hotline = Callable[..., tuple[int, str]]


@pytest.fixture
def hotline(site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hotline:
    def run(*words: str, text_in: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["hotline", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(text_in))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


def copy_of(folder: str, site: Path) -> Path:
    return Path(shutil.copytree(ROOT / folder, site / Path(folder).name))


# -- settings and files of the site -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("SIP__PORT", "abc", ["HOTLINE__SIP__PORT in the environment", "[sip] port", "'abc'"]),
        ("SIP__PORTT", "1", ["HOTLINE__SIP__PORTT", "did you mean 'port'"]),
        ("SIP__LISTEN_IP", "here", ["[sip] listen_ip", "'here'"]),
        ("SITE__TIME_ZONE", "Mars/Crater", ["[site] time_zone", "Asia/Shanghai"]),
        ("IVR__FLOW", "/none/main.toml", ["/none/main.toml", "no such file"]),
        ("MEDIA__PROMPTS_DIR", "/none", ["/none/texts.toml", "media.prompts_dir"]),
        ("SITE__CONFIG_DIR", "/none", ["/none/catalogue.csv", "No such file"]),
        ("SPEECH__MODEL_DIR", "/none", ["/none", "[speech] model_dir", "faster-whisper"]),
        ("MAIL__SENDER", "nobody", ["[mail] sender", "hotline@example.org"]),
        ("MAIL__USER", "me", ["[mail] user", "password_file"]),
        ("CONSOLE__LISTEN_IP", "0.0.0.0", ["[console]", "secure_cookies = true"]),
    ],
)
def test_a_wrong_setting(
    hotline: Hotline, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(f"HOTLINE__{setting}", value)
    code, said = hotline("config", "check")
    assert code == cli.MISTAKE, said
    for word in words:
        assert word in said


def test_a_settings_file_that_is_none(hotline: Hotline, site: Path) -> None:
    (site / "gbk.toml").write_bytes('name = "东城"'.encode("gbk"))
    for name, word in (("none.toml", "no such settings file"), ("", "cannot be read"), ("gbk.toml", "UTF-8")):
        code, said = hotline("config", "check", "--config", str(site / name))
        assert code == cli.MISTAKE, said
        assert str(site / name) in said
        assert word in said


def spoil(site: Path, monkeypatch: pytest.MonkeyPatch, folder: str, setting: str) -> Path:
    copied = copy_of(folder, site)
    monkeypatch.setenv(f"HOTLINE__{setting}", str(copied))
    return copied


def test_a_broken_table_of_the_district(
    hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = spoil(site, monkeypatch, "config", "SITE__CONFIG_DIR") / "catalogue.csv"
    whole = file.read_text()
    for text, line, word in (
        (whole + '"', "", "quotation marks"),
        ("a,b\n1,2\n", ":1", "column 'code' is missing"),
    ):
        file.write_text(text)
        code, said = hotline("config", "check")
        assert code == cli.MISTAKE, said
        assert f"{file}{line}" in said
        assert word in said
    file.write_bytes(whole.encode("gbk", "replace"))
    code, said = hotline("config", "check")
    assert code == cli.MISTAKE
    assert f"{file}:" in said
    assert "UTF-8" in said


def test_a_broken_table_keeps_nobody_from_looking(
    hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = spoil(site, monkeypatch, "config", "SITE__CONFIG_DIR") / "catalogue.csv"
    file.write_text("")
    assert hotline("user", "list")[0] == 0
    assert hotline("events")[0] == 0
    code, said = hotline("user", "add", "li", "--role", "agent", text_in=PASSWORD)
    assert code == cli.MISTAKE
    assert str(file) in said


def test_a_broken_line_of_the_district_is_left_out_and_named(
    hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = spoil(site, monkeypatch, "config", "SITE__CONFIG_DIR") / "catalogue.csv"
    rows = file.read_text().splitlines()
    file.write_text("\n".join([*rows[:5], "x,y", *rows[5:]]) + "\n")
    code, said = hotline("config", "check")
    assert code == 0
    assert f"left out: {file}:6" in said


def test_a_missing_prompt(hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = spoil(site, monkeypatch, "ivr_flows/prompts", "MEDIA__PROMPTS_DIR")
    (prompts / "zh" / "number_again.wav").unlink()
    code, said = hotline("config", "check")
    assert code == cli.MISTAKE
    assert "zh/number_again.wav" in said
    assert "hotline prompts render" in said


def test_a_broken_flow(hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = site / "main.toml"
    monkeypatch.setenv("HOTLINE__IVR__FLOW", str(flow))
    whole = (ROOT / "ivr_flows" / "main.toml").read_text()
    for text in (whole.replace("\ndo ", "\ndoo ", 1), "not = = toml"):
        flow.write_text(text)
        code, said = hotline("config", "check")
        assert code == cli.MISTAKE, said
        assert f"{flow}:" in said


# -- people ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [
        (["add", "li", "--role", "king"], PASSWORD, "choose agent, "),
        (["add", "li", "--role", "agent"], "short", "10 characters"),
        (["add", "li", "--role", "agent"], "", "10 characters"),
        (["add", "li", "--role", "unit"], PASSWORD, "unit's code"),
        (["add", "li", "--role", "unit", "--unit", "X9"], PASSWORD, "no unit X9"),
        (["add", "li", "--role", "agent", "--language", "fr"], PASSWORD, "zh and en"),
        (["add", "boss", "--role", "admin"], PASSWORD, "boss is taken"),
        (["password", "li"], PASSWORD, "no user li"),
        (["password", "boss"], "short", "10 characters"),
        (["disable", "li"], "", "no user li"),
        (["disable", "boss"], "", "last administrator"),
        (["add"], "", "Missing argument"),
        (["ad"], "", "No such command"),
    ],
)
def test_a_wrong_user_command(hotline: Hotline, words: list[str], typed: str, told: str) -> None:
    code, said = hotline("user", *words, text_in=typed + "\n")
    assert code == cli.MISTAKE, said
    assert told in said


def test_people_come_get_a_new_password_and_go(hotline: Hotline) -> None:
    assert hotline("user", "add", "li", "--role", "agent", "--shown-as", "李话务员", text_in=PASSWORD)[0] == 0
    assert "li\tagent\t-\t李话务员\n" in hotline("user", "list")[1]
    assert hotline("user", "password", "li", text_in="something-else-now\r\n")[0] == 0
    assert hotline("user", "disable", "li") == (0, "li may not log in any more\n")
    assert "li\t" not in hotline("user", "list")[1]


def test_set_up_with_nobody_to_ask(hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE__SITE__DATA_DIR", str(site / "new"))
    code, said = hotline("setup")
    assert code == cli.MISTAKE
    assert "hotline user add NAME --role admin" in said


# -- the store --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nothing", "no SQLAlchemy URL"),
        ("mysql://x/y", "runs on sqlite and postgresql"),
        ("sqlite://", "must name a file"),
        ("postgresql+nodriver://x/y", "nodriver"),
        ("sqlite+nodriver:///x", "nodriver"),
        ("sqlite:////none/x.sqlite3", "/none/x.sqlite3"),
    ],
)
def test_a_wrong_store(hotline: Hotline, monkeypatch: pytest.MonkeyPatch, url: str, told: str) -> None:
    monkeypatch.setenv("HOTLINE__STORE__URL", url)
    code, said = hotline("user", "list")
    assert code == cli.MISTAKE, said
    assert told in said
    assert "Traceback" not in said


def test_the_passwords_of_a_database_are_not_shown(hotline: Hotline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE__STORE__URL", "postgresql+nodriver://me:secret@db/hotline")
    for words in (("config", "show"), ("user", "list")):
        said = hotline(*words)[1]
        assert "me:***@db" in said
        assert "secret" not in said


def test_a_data_folder_that_cannot_be(hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "file").write_text("")
    monkeypatch.setenv("HOTLINE__SITE__DATA_DIR", str(site / "file"))
    code, said = hotline("setup")
    assert code == cli.MISTAKE
    assert str(site / "file") in said
    assert "[site] data_dir" in said


def test_a_file_that_is_no_database(hotline: Hotline, site: Path) -> None:
    file = site / "var" / "hotline.sqlite3"
    file.write_bytes(b"this is a letter" * 1000)
    code, said = hotline("user", "list")
    assert code == cli.MISTAKE
    assert f"{file}: the store's file is damaged" in said
    assert "restore the last backup" in said
    assert file.read_bytes() == b"this is a letter" * 1000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk(hotline: Hotline, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = site / "small"
    small.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        shutil.copytree(site / "var", small / "var")
        monkeypatch.setenv("HOTLINE__SITE__DATA_DIR", str(small / "var"))
        ballast = small / "ballast"
        free = os.statvfs(small)
        ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize))
        code, said = hotline("user", "add", "li", "--role", "agent", text_in=PASSWORD)
        assert code == cli.MISTAKE, said
        assert "disk is full" in said
        assert "make room" in said
        assert str(small / "var" / "hotline.sqlite3") in said
        ballast.unlink()
        assert hotline("user", "list") == (0, "boss\tadmin\t-\tboss\n")  # nothing was lost
        assert hotline("user", "add", "li", "--role", "agent", text_in=PASSWORD)[0] == 0
    finally:
        subprocess.run(["umount", str(small)], check=True)


# -- the running product ----------------------------------------------------------------------------------


@dataclass
class Served:
    """One `hotline serve` that is to fail."""

    product: Product
    words: list[str]
    holds: list[socket.socket] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    said: str = ""


def _holding(kind: int) -> tuple[socket.socket, int]:
    held = socket.socket(socket.AF_INET, kind)
    held.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        held.listen()
    return held, held.getsockname()[1]


def _served(name: str, folder: Path, low: int) -> Served:
    product = Product(folder, speech__workers=0, media__port_low=low, media__port_high=low + PORTS - 1)
    match name:
        case "sip_udp" | "sip_tcp":
            held, port = _holding(socket.SOCK_DGRAM if name == "sip_udp" else socket.SOCK_STREAM)
            product.set(sip__port=port)
            return Served(product, [f"{name[4:]} port {port}", "[sip] port", "ss -l"], [held])
        case "console":
            held, port = _holding(socket.SOCK_STREAM)
            product.set(console__port=port)
            return Served(product, [f"port {port}", "[console] port"], [held])
        case "voice":
            held, port = _holding(socket.SOCK_DGRAM)
            product.set(media__port_low=port & ~1, media__port_high=(port & ~1) + 1)
            if port % 2:  # only even ports carry voice
                held.close()
                held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                held.bind(("127.0.0.1", port - 1))
            return Served(product, [f"UDP port {port & ~1}", "media.port_low"], [held])
        case "prompt":
            prompts = Path(shutil.copytree(ROOT / "ivr_flows" / "prompts", folder / "prompts"))
            (prompts / "zh" / "greeting.wav").write_bytes(b"no sound")
            product.set(media__prompts_dir=prompts)
            return Served(product, [str(prompts / "zh" / "greeting.wav"), "not a WAV file"])
        case "damage":
            file = product.data_dir / "hotline.sqlite3"
            octets = bytearray(file.read_bytes())
            octets[4096:] = bytes(len(octets) - 4096)
            file.write_bytes(octets)
            return Served(product, [str(file), "restore the last backup"])
        case _:
            shutil.rmtree(product.data_dir)
            return Served(product, ["no administrator", "hotline setup"])


SERVED = ("sip_udp", "sip_tcp", "console", "voice", "prompt", "damage", "nobody")


@pytest.fixture(scope="module")
def served(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """All of them at once: the machine waits for sockets and files most of the time."""
    all_of_them: dict[str, Served] = {}
    try:
        low, _ = free_port_range(PORTS * len(SERVED))
        for name in SERVED:
            folder = tmp_path_factory.mktemp(name)
            shutil.copytree(base, folder / "var")
            one = all_of_them[name] = _served(name, folder, low)
            low += PORTS
            one.process = subprocess.Popen(
                one.product.command("serve"),
                env=one.product.environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        for one in all_of_them.values():
            assert one.process is not None
            one.said, _ = one.process.communicate(timeout=SERVE_S)
        yield all_of_them
    finally:
        for one in all_of_them.values():
            if one.process is not None and one.process.poll() is None:
                os.killpg(one.process.pid, signal.SIGKILL)
                one.process.communicate()
            for held in one.holds:
                held.close()


@pytest.mark.parametrize("name", SERVED)
def test_a_product_that_cannot_start(served: dict[str, Served], name: str) -> None:
    one = served[name]
    assert one.process is not None
    assert one.process.returncode == cli.MISTAKE, one.said
    (sentence,) = [row for row in one.said.splitlines() if row.startswith("hotline: ")]
    for word in one.words:
        assert word in sentence
    assert "Traceback" not in one.said
    with pytest.raises(ProcessLookupError):  # no child of it lives on
        os.killpg(one.process.pid, 0)


@pytest.mark.slow
def test_a_second_product_on_one_data_folder_leaves_the_first_alone(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "var")
    first, second = Product(tmp_path, speech__workers=0), Product(tmp_path, speech__workers=0)
    first.start()
    try:
        done = subprocess.run(
            second.command("serve"), env=second.environment, cwd=ROOT, capture_output=True, text=True,
            timeout=SERVE_S,
        )  # fmt: skip
        assert done.returncode == cli.MISTAKE
        assert f"hotline is running already with the data folder {tmp_path / 'var'} (process " in done.stderr
        assert first.stop() == 0
        assert not [line for line in first.log if line.get("level") in {"error", "critical"}]
    finally:
        first.kill() if first.process and first.process.poll() is None else None
