"""The loop's single steps, without a process and without time passing."""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.media.plan import ClosePort, Codec, MediaFailed, OpenPort, Play, PortOpened, PromptEnded
from hotline.media.plane import Plane
from hotline.media.prompts import PromptBank
from hotline.wire import media_loop
from hotline.wire.media_loop import Control, MediaLoop
from hotline.wire.media_messages import Complained, PlaneMessage, PlaneReady, read_message, write_message
from hotline.wire.recorder import Recorder

C1 = CallId("c1")


class Bench:
    """A loop between two sockets that the test holds: the product's end, and a phone."""

    def __init__(self, folder: Path) -> None:
        self.product, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.product.setblocking(False)
        self.phone = self._end()
        self.phone.setblocking(False)
        free = self._end()
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = free.getsockname()
        free.close()
        self.rtp.bind(address)
        self.rtp.setblocking(False)
        token = itertools.count()
        self.plane = Plane(
            local_ip="127.0.0.1",
            ports=[self.rtp.getsockname()[1]],
            bank=PromptBank({"zh/a": np.zeros(160, np.int16)}),
            new_token=lambda bits: next(token),
        )
        self.recorder = Recorder(folder, lambda: "day", reserve_bytes=0)
        self.control = Control(theirs)
        self.loop = MediaLoop(self.plane, [self.rtp], self.recorder, self.control)

    @staticmethod
    def _end() -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind(("127.0.0.1", 0))
        return end

    def say(self, message: PlaneMessage) -> None:
        self.product.send(write_message(message))

    def told(self) -> list[PlaneMessage]:
        messages = []
        while True:
            try:
                messages.append(read_message(self.product.recv(65536)))
            except BlockingIOError:
                return messages

    def open(self) -> None:
        self.say(OpenPort(C1, *self.phone.getsockname(), Codec.PCMA, 101))
        self.loop.step(0)

    def close(self) -> None:
        self.recorder.close_blocking(5)
        for end in (self.product, self.phone, self.rtp):
            end.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_command_is_heard_in_the_step_that_follows_it(bench: Bench) -> None:
    bench.open()
    bench.say(Play(C1, ["zh/a"], 3))
    bench.loop.step(0)
    assert len(bench.phone.recv(999)) == 172
    assert bench.told() == [
        PortOpened(C1, "127.0.0.1", bench.rtp.getsockname()[1]),
        PromptEnded(C1, 3),
    ]


def test_the_kernel_drops_strangers_while_a_call_has_one_peer(bench: Bench) -> None:
    bench.open()
    bench.loop.step(0)
    assert bench.rtp.getpeername() == bench.phone.getsockname()
    bench.say(ClosePort(C1))
    bench.loop.step(0)
    with pytest.raises(OSError, match="not connected"):
        bench.rtp.getpeername()
    bench.open()
    bench.loop.step(0)
    assert bench.rtp.getpeername() == bench.phone.getsockname()


def test_a_fault_in_the_reports_is_told_once_and_costs_no_voice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.open()
    bench.told()
    monkeypatch.setattr(bench.plane.reports, "handle_timer", lambda now: {}["a leg that is gone"])
    bench.say(Play(C1, ["zh/a"], 3))
    for _ in range(3):
        bench.loop.step(0)
    assert len(bench.phone.recv(999)) == 172
    assert [type(message) for message in bench.told()] == [Complained, PromptEnded]


def test_a_command_that_makes_our_code_fail_fails_its_call_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.open()
    bench.told()
    monkeypatch.setattr(bench.plane, "command", lambda command: {}["what is not there"])
    bench.say(Play(C1, ["zh/a"], 3))
    bench.loop.step(0)
    complained, failed = bench.told()
    assert isinstance(complained, Complained)
    assert isinstance(failed, MediaFailed)
    assert failed.call_id == C1


def test_a_packet_that_makes_our_code_fail_ends_nobodys_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: object) -> None:
        raise ZeroDivisionError("a bug")

    bench.open()
    bench.say(Play(C1, ["zh/a"], 3))
    bench.told()
    monkeypatch.setattr(bench.plane, "receive", fail)
    bench.phone.sendto(b"hostile", bench.rtp.getsockname())
    bench.loop.step(0)
    complaint = bench.told()[0]
    assert isinstance(complaint, Complained)
    assert "a bug" in complaint.text
    assert len(bench.phone.recv(999)) == 172


def test_what_is_no_command_is_our_own_bug(bench: Bench) -> None:
    bench.say(PlaneReady(1, 1, "nice 0", ()))
    with pytest.raises(LocalProtocolError, match="no command"):
        bench.loop.step(0)


def test_a_flood_of_commands_is_spread_over_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_loop, "COMMANDS_AT_ONCE", 10)
    for _ in range(25):
        bench.say(ClosePort(C1))
    assert [len(bench.control.read()) for _ in range(4)] == [10, 10, 5, 0]


def test_a_product_that_does_not_read_holds_up_nothing_and_misses_nothing(bench: Bench) -> None:
    for number in range(3000):
        bench.control.tell(PromptEnded(C1, number))
    heard: list[PlaneMessage] = []
    while some := bench.told():
        heard += some
        bench.control.pump()
    assert [event.tag for event in heard if isinstance(event, PromptEnded)] == list(range(3000))


def test_the_end_of_the_product_ends_the_loop(bench: Bench) -> None:
    bench.open()
    bench.product.close()
    bench.loop.run_blocking()
    assert bench.plane.is_idle()
