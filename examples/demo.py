"""The demo: one call through the whole product, told as it happens.

    python -m examples.demo [--once] --phone PYTHON [--speak FILE.wav]

It starts the product on free ports with a folder of its own, a small mail server that catches what is
sent, and a second phone (pyVoIP in its own environment) that dials 96156, waits for the beep and speaks
a Mandarin request. When the transcript stands on the request, an agent's browser session routes it to
the suggested unit, over the same HTTP as a person's. Then the console stays open until Ctrl-C; with
--once the demo ends, with exit code 0 only if all of it happened.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from email import message_from_bytes, policy
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, Any

from aiosmtpd.controller import Controller
from rich.console import Console
from rich.panel import Panel

from examples.product import ROOT, Product, free_port

AGENT = "demo"
SPEECH = ROOT / "tests" / "data" / "speech" / "request_1.wav"
NEEDS_FREE_MB = 500
WAITS_S = 120.0
screen = Console(highlight=False)


class DemoError(Exception):
    """Something that the demo promises did not happen; the text says what and what to do."""


class MailCatcher:
    """An SMTP server that keeps what it is given."""

    def __init__(self, port: int | None = None) -> None:
        self.letters: list[Any] = []
        self._come = threading.Event()
        self._server = Controller(self, hostname="127.0.0.1", port=port or free_port())

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a letter."""
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        self._come.set()
        return "250 caught"

    def start(self) -> int:
        """Listen; return the port."""
        self._server.start()
        return int(self._server.port)

    def wait(self) -> Any:
        """Wait for the first letter."""
        if not self._come.wait(WAITS_S):
            raise DemoError("no letter came; see the request's page for the state of its notice")
        return self.letters[0]

    def stop(self) -> None:
        """Stop listening; harmless when it never began."""
        self._server.stop(no_assert=True)


class Browser:
    """An agent's session over HTTP, without a window."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """Fetch a page."""
        return self._open(urllib.request.Request(self.base_url + path))

    def post(self, path: str, **form: str) -> str:
        """Send a form as the console's own pages do."""
        data = urllib.parse.urlencode(form).encode()
        headers = {"Origin": self.base_url, "Sec-Fetch-Site": "same-origin"}
        return self._open(urllib.request.Request(self.base_url + path, data=data, headers=headers))

    def _open(self, request: urllib.request.Request) -> str:
        try:
            with self._opener.open(request, timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise DemoError(f"{request.full_url}: {error.code}\n{error.read().decode()[:2000]}") from error


def step(sign: str, text: str) -> None:
    """Tell one thing that happened."""
    screen.print(f"[bold cyan]{sign}[/] {text}")


class Story:
    """What the product says happens, followed live with `hotline events --follow`."""

    def __init__(self, product: Product) -> None:
        self.events: list[dict[str, Any]] = []
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            product.command("events", "--follow"),
            env=product.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, kind: str, *, other: str = "") -> dict[str, Any]:
        """Wait for an event of a kind; ``other`` is a kind that means it will not come."""
        until = time.monotonic() + WAITS_S
        with self._grown:
            while True:
                for event in self.events:
                    if event["kind"] == kind:
                        return event
                    if event["kind"] == other:
                        raise DemoError(f"{other}: {json.dumps(event, ensure_ascii=False)}")
                if time.monotonic() > until:
                    raise DemoError(f"nothing of kind {kind} within {WAITS_S:.0f} s")
                self._grown.wait(0.5)

    def stop(self) -> None:
        """Stop following."""
        self._process.terminate()
        self._process.wait(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for row in self._process.stdout:
            with self._grown:
                self.events.append(json.loads(row))
                self._grown.notify_all()


def check_machine() -> None:
    """Say early what would fail late."""
    free_mb = shutil.disk_usage(ROOT).free // 2**20
    if free_mb < NEEDS_FREE_MB:
        raise DemoError(f"only {free_mb} MB are free on this disk; the demo wants {NEEDS_FREE_MB} MB")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        raise DemoError(
            f"this machine has no usable IPv4 loopback ({error}); the second phone needs it"
        ) from error
    if not SPEECH.exists():
        raise DemoError(f"{SPEECH} is missing; restore it with `git checkout -- tests/data/speech`")


def hold_folder(folder: Path) -> IO[str]:
    """Keep a second demo from emptying the folder of the first, until the file is closed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise DemoError("another demo is running in this folder; end it first (Ctrl-C)") from error
    return lock


def dial(product: Product, python: Path, speech: Path) -> None:
    """Have the second phone call and speak, telling what it reports."""
    phone = subprocess.Popen(
        [
            str(python), str(ROOT / "examples" / "phone" / "call.py"),
            "--server", f"127.0.0.1:{product.sip_port}", "--speak", str(speech),
            "--heard", str(product.folder / "heard.wav"),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert phone.stdout is not None
    lines = []
    for row in phone.stdout:
        lines.append(row)
        if not row.startswith("{"):
            continue
        fact = json.loads(row)
        match fact["event"]:
            case "dialling":
                step("☎", f"a second phone ({fact['phone']}) dials [bold]{fact['number']}[/]")
            case "answered":
                step("☎", f"answered after {fact['after_s']} s; it hears the greeting and stays on the line")
            case "speaking":
                step("●", f"the beep came after {fact['after_s']} s; it speaks for {fact['length_s']:.1f} s")
            case "ended":
                step("☎", f"the call is over; it heard {fact['heard_s']} s of prompts")
    if phone.wait(30) != 0:
        raise DemoError("the phone did not get through:\n" + "".join(lines[-15:]))


class RequestPage(HTMLParser):
    """What an agent reads and fills in on the page of a request."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words = ""
        self.fields: dict[str, str] = {}
        self.units: list[tuple[str, str]] = []
        self.kinds: list[str] = []
        self._is_spoken = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the transcript, the form's fields and the suggested units."""
        values = {name: value or "" for name, value in attrs}
        if values.get("class") == "words":
            self._is_spoken = True
        elif tag == "small":
            self._is_spoken = False  # what was heard before place names were corrected
        elif tag == "input" and values.get("name"):
            self.fields.setdefault(values["name"], values.get("value", ""))
        elif values.get("data-field") == "kind":
            self.kinds.append(values["data-value"])
        elif values.get("data-field") == "unit":
            self.units.append((values["data-value"], values["data-label"]))

    def handle_endtag(self, tag: str) -> None:
        """Leave the spoken words again."""
        self._is_spoken = self._is_spoken and tag != "span"

    def handle_data(self, data: str) -> None:
        """Keep the spoken words."""
        self.words += data.strip() if self._is_spoken else ""


def story(product: Product, mail: MailCatcher, options: argparse.Namespace, password: str) -> None:
    """The whole way of one call."""
    follow = Story(product)
    try:
        dial(product, options.phone, options.speak)
        recording = follow.wait("recording.closed")
        step(
            "●", f"recorded: {recording['length_samples'] / 8000:.1f} s, SHA-256 {recording['sha256'][:16]}…"
        )
        opened = follow.wait("request.opened")
        number = str(opened["request"])
        step("✎", f"service request [bold]{number}[/] is open; its number was read to the caller")
        follow.wait("request.transcribed", other="request.not_transcribed")
        browser = Browser(product.console_url)
        browser.post("/login", user_name=AGENT, password=password)
        page = RequestPage(browser.get(f"/requests/{number}"))
        if not page.words:
            raise DemoError(f"the page of request {number} shows no transcript")
        step("✎", f"its transcript: [bold]{page.words}[/]")
        if not page.units:
            raise DemoError(f"the page of request {number} suggests no unit to route to")
        unit, name = page.units[0]
        kind = page.kinds[0] if page.kinds else "0102"
        decided = {"kind_code": kind, "unit_code": unit, "note": ""}
        browser.post(f"/requests/{number}/route", **{**page.fields, **decided})
        follow.wait("request.routed")
        step("➤", f"an agent routed it to the unit suggested first, [bold]{name}[/]")
        letter = mail.wait()
        step("✉", f"a letter was caught for {letter['To']}: [bold]{letter['Subject']}[/]")
        follow.wait("notice.sent")
    finally:
        follow.stop()


def main() -> int:
    """Run the demo."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--once", action="store_true", help="end when all of it has happened")
    arguments.add_argument(
        "--phone", type=Path, required=True, help="Python of the second phone's environment"
    )
    arguments.add_argument("--speak", type=Path, default=SPEECH, help="8 kHz mono 16-bit WAV with a request")
    options = arguments.parse_args()
    for signal_number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal ends the product as well
        signal.signal(signal_number, signal.default_int_handler)
    mail, password = MailCatcher(), f"96156-{secrets.token_hex(4)}"
    lock: IO[str] = io.StringIO()
    product = Product(ROOT / "var" / "demo")
    try:
        check_machine()
        lock = hold_folder(product.folder)
        shutil.rmtree(product.folder, ignore_errors=True)
        product.set(mail__host="127.0.0.1", mail__port=mail.start())
        step("⚙", "preparing a store, an agent and an administrator")
        product.run("user", "add", "demo-admin", "--role", "admin", text_in=secrets.token_urlsafe(16) + "\n")
        product.run(
            "user", "add", AGENT, "--role", "agent", "--shown-as", "演示话务员", text_in=password + "\n"
        )
        product.start()
        step(
            "⚙", f"the hotline answers on 127.0.0.1:{product.sip_port}, its console on {product.console_url}"
        )
        story(product, mail, options, password)
        screen.print(
            Panel.fit(
                f"Console  [bold]{product.console_url}[/]\n"
                f"User     [bold]{AGENT}[/]\nPassword [bold]{password}[/]",
                title="all of it happened",
            )
        )
        if not options.once:
            screen.print("The console stays open; Ctrl-C ends the demo.")
            threading.Event().wait()
    except DemoError as failed:
        screen.print(f"[bold red]demo:[/] {failed}")
        return 1
    except KeyboardInterrupt:
        screen.print()
    except RuntimeError as error:
        screen.print(f"[bold red]demo:[/] {error}")
        return 1
    finally:
        product.stop()
        mail.stop()
        lock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
