"""The demo: one call through the whole product, told as it happens.

    python -m examples.demo [--once] --phone PYTHON [--speak FILE.wav] [--keep]

It starts the product on free ports with a folder of its own, a small mail server that catches what is
sent, and a second phone (pyVoIP in its own environment) that dials 96156, waits for the beep and speaks
a Mandarin request. When the transcript stands on the request, an agent's browser session routes it to
the suggested unit, over the same HTTP as a person's. Then the console stays open until Ctrl-C; with
--once the demo ends, with exit code 0 only if all of it happened.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from email import message_from_bytes, policy
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from rich.console import Console
from rich.panel import Panel

from examples.product import ROOT, Product

AGENT = "demo"
SPEECH = ROOT / "tests" / "data" / "speech" / "request_caoyuan.wav"
NEEDS_FREE_MB = 500
WAITS_S = 120.0
screen = Console(highlight=False)


class Failed(Exception):
    """Something that the demo promises did not happen; the text says what and what to do."""


class MailCatcher:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self._come = threading.Event()
        self._server = Controller(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a letter."""
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        self._come.set()
        return "250 caught"

    def start(self) -> int:
        """Listen; return the port."""
        # The controller wants to connect to itself on a port it knows, so one is chosen for it.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._server.port = probe.getsockname()[1]
        self._server.start()
        return int(self._server.port)

    def wait(self) -> Any:
        """Wait for the first letter."""
        if not self._come.wait(WAITS_S):
            raise Failed("no letter came; see the request's page for the state of its notice")
        return self.letters[0]

    def stop(self) -> None:
        """Stop listening."""
        self._server.stop()


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
            raise Failed(f"{request.full_url}: {error.code}\n{error.read().decode()[:2000]}") from error


def step(sign: str, text: str) -> None:
    """Tell one thing that happened."""
    screen.print(f"[bold cyan]{sign}[/] {text}")
