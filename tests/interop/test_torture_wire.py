"""The 61 torture messages over real sockets: each is sent by datagram and by stream, and each answer is
the one that the user agent's own tests expect. What is asserted is what the edge sent, not what the
sender got: half of the messages ask for their answers elsewhere."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_sip_sockets import options
from test_sipp_signalling import Hotline, a_hotline

sys.path.insert(0, str(Path(__file__).parents[1] / "sip"))
from test_torture_uas import ANSWERS, LEFT_OVER, ON_A_STREAM, octets

pytestmark = pytest.mark.slow
numbers = itertools.count(1)


def call_id(name: str) -> bytes:
    found = re.search(rb"^(?:Call-ID|i)\s*:\s*(\S+)", octets(name), re.IGNORECASE | re.MULTILINE)
    return found[1] if found else name.encode()


class Wire:
    """User agents that hear the messages over one transport.

    Some messages share a Call-ID with others: each of them gets a user agent that has heard none of those.
    """

    def __init__(self, transport: str, processes: contextlib.ExitStack) -> None:
        self.transport = transport
        self._processes = processes
        self._heard: list[tuple[Hotline, set[bytes]]] = []

    def fresh_to(self, name: str) -> Hotline:
        """Give one that has heard nothing like this message."""
        wanted = call_id(name)
        found = next((one for one in self._heard if wanted not in one[1]), None)
        if found is None:
            found = self._processes.enter_context(a_hotline("--quiet", "--torture")), set()
            self._heard.append(found)
        found[1].add(wanted)
        return found[0]


@pytest.fixture(scope="module", params=["udp", "tcp"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with contextlib.ExitStack() as processes:
        yield Wire(request.param, processes)


def until_barrier(hotline: Hotline, phone: socket.socket) -> list[int]:
    """Give what was answered until an OPTIONS of ours was."""
    barrier = options("127.0.0.1", phone.getsockname()[1], next(numbers))
    phone.sendto(barrier.replace(b"Call-ID: ", b"Call-ID: barrier"), ("127.0.0.1", hotline.port))
    said = []
    while not (line := hotline.next_line())["barrier"]:
        said.append(line["status"])
    return said


@pytest.mark.parametrize("name", ANSWERS)
def test_a_torture_message_is_answered_over_the_wire(wire: Wire, name: str) -> None:
    send(wire.fresh_to(name), wire.transport, name)


def send(hotline: Hotline, transport: str, name: str) -> None:
    """Send a message, and look at what was answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        if transport == "udp":
            phone.sendto(octets(name), ("127.0.0.1", hotline.port))
            assert until_barrier(hotline, phone) == ANSWERS[name]
            return
        with socket.create_connection(("127.0.0.1", hotline.port), timeout=5) as stream:
            stream.sendall(octets(name))
            stream.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):  # closed: everything was read
                while stream.recv(65536):
                    pass
        expected = ON_A_STREAM.get(name, ANSWERS[name])
        said = until_barrier(hotline, phone)
        assert (said[: len(expected)] if name in LEFT_OVER else said) == expected
