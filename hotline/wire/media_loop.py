"""The media plane's own loop: a step every 5 ms on a grid that nothing moves.

One step: read commands; read the sockets of one phase, and of all bridged calls, and send what passes
from call to call at once; tick the phase; send its packets; hand blocks to the recorder; tell events.
So a bridge holds a packet for the rest of a step, 5 ms at most. Nothing in a step waits. Each step's
deadline is counted from the first, so a late step does not make the next one late; only after a pause
longer than LONGEST_LAG (a stopped machine) the grid begins anew, and the log says so.
"""

from __future__ import annotations

import contextlib
import ipaddress
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from hotline.errors import LocalProtocolError
from hotline.media.lateness import Lateness
from hotline.media.packets import Batch
from hotline.media.plan import MediaCommand, MediaFailed, OpenPort, Record
from hotline.media.plane import Plane
from hotline.media.roster import PHASES, TURNS, Address
from hotline.media.rtp import FRAME_MS
from hotline.wire.media_messages import (
    LONGEST_MESSAGE,
    Complained,
    Configure,
    PlaneMessage,
    PlaneReady,
    PlaneRefused,
    PlaneStatus,
    read_message,
    write_message,
)
from hotline.wire.mmsg import Receiver, Sender, SendList, release
from hotline.wire.recorder import Recorder
from hotline.wire.report_sockets import ReportSockets
from hotline.wire.tap_sockets import TapSender

STEP_S: Final = FRAME_MS / 1000 / PHASES
LONGEST_LAG: Final = 0.2  # seconds behind the grid after which it begins anew
IDLE_WAIT_S: Final = 1.0
COMMANDS_AT_ONCE: Final = 256  # of one step
STATUS_EVERY_S: Final = 1.0
FAULTS_TOLD: Final = 100  # different ones, of one plane
LONGEST_UNTOLD: Final = 100_000  # messages kept for a product that does not read


class Control:
    """The plane's end of the socket pair to the product."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._untold: deque[bytes] = deque()
        self.is_over = False
        """True when the product has closed its end, or died."""

    def fileno(self) -> int:
        """Give the descriptor, for select."""
        return self._end.fileno()

    def read(self) -> list[PlaneMessage]:
        """Take the messages that wait, up to COMMANDS_AT_ONCE; never waits."""
        messages: list[PlaneMessage] = []
        while not self.is_over and len(messages) < COMMANDS_AT_ONCE:
            try:
                datagram = self._end.recv(LONGEST_MESSAGE)
            except BlockingIOError:
                break
            except OSError:
                datagram = b""
            if not datagram:
                self.is_over = True
            else:
                messages.append(read_message(datagram))
        return messages

    def tell(self, message: PlaneMessage) -> None:
        """Send a message, or keep it until there is room; never waits."""
        if len(self._untold) < LONGEST_UNTOLD:
            self._untold.append(write_message(message))
        self.pump()

    def pump(self) -> None:
        """Send what was kept."""
        while self._untold:
            try:
                self._end.send(self._untold[0])
            except BlockingIOError:
                return
            except OSError:  # nobody is there any more; recordings are sealed all the same
                self._untold.clear()
                return
            self._untold.popleft()


class MediaLoop:
    """The plane between its sockets, its recorder and the product.

    :param sockets: one for each of the plane's ports, in their order.
    """

    def __init__(
        self, plane: Plane, sockets: Sequence[socket.socket], recorder: Recorder, control: Control
    ) -> None:
        self._plane, self._recorder, self._control = plane, recorder, control
        self._sockets = sockets
        self._descriptors = [end.fileno() for end in sockets]
        self._index = {descriptor: index for index, descriptor in enumerate(self._descriptors)}
        self._is_six = [end.family == socket.AF_INET6 for end in sockets]
        self._sender = Sender(plane.packets, plane.lengths)
        self._receivers = [
            (family, Receiver(family))
            for family in (socket.AF_INET, socket.AF_INET6)
            if family in {end.family for end in sockets}
        ]
        self._send_lists: list[SendList] = [SendList.empty()] * plane.roster.phases
        self._senders = [np.zeros(0, np.int64)] * plane.roster.phases
        """Slots of each of these lists."""
        self._ports: list[list[int]] = [[] for _ in range(plane.roster.phases)]
        self._versions = [0] * plane.roster.phases
        self._peers = np.zeros(len(sockets), np.uint64)
        """Whom each port's socket is connected to; 0: nobody."""
        self._peer_addresses: list[Address] = [(0, 0)] * len(sockets)
        self._reports = ReportSockets(plane.reports, sockets)
        self._eager = select.epoll()
        self._eager_ports: list[set[int]] = [set() for _ in range(plane.roster.phases)]
        self.without_reports = self._reports.missing
        """Ports whose neighbour, which RTCP needs, somebody else has."""
        self._told: set[str] = set()
        self._taps = TapSender()
        self._lateness = Lateness()
        self._status_due = 0.0
        self.skipped_s = 0.0
        """Time that the grid was moved by, in all."""

    def run_blocking(self, seconds: Callable[[], float] = time.monotonic) -> None:
        """Run until the product goes away; then close all recordings (the recorder still seals them)."""
        try:
            self._run_until_over(seconds)
        finally:
            self._plane.close_all()
            self._hand_over()
            self._reports.send()
            self._reports.close()
            self._eager.close()
            self._taps.close()

    def _run_until_over(self, seconds: Callable[[], float]) -> None:
        due, turn = seconds(), 0
        while not self._control.is_over:
            self.step(TURNS[turn])
            turn = (turn + 1) % PHASES
            now = seconds()
            if now >= self._status_due:
                self._status_due = now + STATUS_EVERY_S
                self._tell_status()
            if self._plane.is_idle() and self._recorder.is_idle:
                select.select([self._control], [], [], IDLE_WAIT_S)
                due = seconds()
                continue
            self._lateness.note((now - due) * 1000)
            due += STEP_S
            lag = seconds() - due
            if lag < 0:
                time.sleep(-lag)
            elif lag > LONGEST_LAG:
                self.skipped_s += lag
                self._control.tell(Complained("", f"the media plane was held up for {lag * 1000:.0f} ms"))
                due = seconds()

    def _tell_status(self) -> None:
        steps, most_late_ms = self._lateness.take()
        self._control.tell(
            PlaneStatus(
                sum(len(self._plane.roster.open(phase)) for phase in range(self._plane.roster.phases)),
                steps,
                round(most_late_ms, 3),
                {reason: count for reason, count in self._plane.counts.items() if count},
                self._recorder.backlog_bytes,
                round(self.skipped_s, 3),
            )
        )

    def step(self, phase: int) -> None:
        """Do everything once; the calls of one phase move on by 20 ms."""
        for message in self._control.read():
            self._obey(message)
        plane = self._plane
        indexes: list[int] = []
        if phase < plane.roster.phases:
            self._relist(phase)
            indexes = self._ports[phase]
        if any(self._eager_ports):
            indexes = indexes + [self._index[descriptor] for descriptor, _ in self._eager.poll(0)]
        if indexes:
            self._read(indexes)
        if phase < plane.roster.phases:
            self._relist(phase)  # a caller may have been found behind her NAT, or have spoken first
            plane.tick(phase)
            self._relist(phase)  # whom a quiet call left to us is among those that the tick made packets for
            uneven = plane.uneven(plane.roster.sending(phase))
            if len(uneven):
                self._sender.resize(uneven)
            self._sender.send(self._send_lists[phase])
            self._send_relayed()
        try:
            self._reports.step()
        except Exception as error:  # noqa: BLE001 - what is said about voices may not cost a voice
            self._complain(f"reports were left out: {error!r}")
        self._hand_over()

    def _read(self, indexes: list[int]) -> None:
        for family, receiver in self._receivers:
            mine = [(index, self._descriptors[index]) for index in indexes]
            if len(self._receivers) > 1:
                mine = [port for port in mine if self._is_six[port[0]] == (family == socket.AF_INET6)]
            for batch in receiver.batches(mine):
                self._receive(batch)
                self._send_relayed()

    def _send_relayed(self) -> None:
        relayed = self._plane.take_relayed()
        if relayed.count:
            for phase in range(self._plane.roster.phases):  # whoever hears this may be of any phase
                self._relist(phase)
            self._sender.send_relayed(relayed, self._plane.roster.port_index, self._descriptors)
            relayed.clear()

    def _receive(self, batch: Batch) -> None:
        try:
            self._plane.receive(batch)
        except Exception as error:  # noqa: BLE001 - datagram entry: no packet may end everybody's calls
            self._complain(f"a batch of packets was dropped: {error!r}")

    def _complain(self, fault: str) -> None:
        """Tell of a fault of ours, once: what goes wrong in one step goes wrong in each."""
        if fault not in self._told and len(self._told) < FAULTS_TOLD:
            self._told.add(fault)
            self._control.tell(Complained("", fault))

    def _obey(self, message: PlaneMessage) -> None:
        if isinstance(message, Record) and self._recorder.is_short_of_space:
            self._control.tell(MediaFailed(message.call_id, "the disk of the recordings is nearly full"))
            return
        if isinstance(
            message, Configure | PlaneReady | PlaneRefused | PlaneStatus | Complained
        ) or not isinstance(message, MediaCommand):
            raise LocalProtocolError(f"{type(message).__name__} is no command for a media plane")
        try:
            self._plane.command(message)
        except Exception as error:  # noqa: BLE001 - one call's command may not end everybody's calls
            self._complain(f"{type(message).__name__} could not be carried out: {error!r}")
            self._control.tell(MediaFailed(message.call_id, f"the media plane has a fault: {error!r}"))
        if isinstance(message, OpenPort) and not self._plane.roster.is_shared:
            index = self._plane.port_index(message.call_id)
            if index is not None:  # a shared port holds what others say now
                self._drain(self._sockets[index])

    def _relist(self, phase: int) -> None:
        roster = self._plane.roster
        if roster.versions[phase] == self._versions[phase]:
            return
        self._versions[phase] = roster.versions[phase]
        touched = roster.take_touched(phase)
        self._connect(touched)
        self._watch(phase)
        is_connected = self._peers != 0
        relayed, sending = roster.relayed(phase), roster.sending(phase)
        if len(relayed):
            self._sender.address(relayed, roster.remote, roster.port_index, is_connected, roster.address)
        if np.array_equal(sending, self._senders[phase]) and touched.isdisjoint(
            roster.port_index[sending].tolist()
        ):
            return  # a call that sends nothing yet
        self._senders[phase] = sending
        self._send_lists[phase] = self._sender.prepare(
            sending,
            roster.remote,
            roster.port_index,
            self._descriptors,
            is_connected,
            roster.address,
        )

    def _watch(self, phase: int) -> None:
        """Read bridged calls whenever something is there for them, others when it is their phase's turn."""
        roster = self._plane.roster
        slots = roster.open(phase)
        eager = set(roster.port_index[slots[self._plane.is_bridged(slots)]].tolist())
        before, self._eager_ports[phase] = self._eager_ports[phase], eager
        for index in before - eager:
            self._eager.unregister(self._descriptors[index])
        for index in eager - before:
            self._eager.register(self._descriptors[index], select.EPOLLIN)
        self._ports[phase] = [index for index in roster.listening(phase) if index not in eager]

    def _connect(self, ports: Iterable[int]) -> None:
        """Connect each socket that has one peer to it, and let go of peers that have gone.

        A third of a packet's cost is finding its way anew each time. What cannot be connected stays
        as it was: then the plane alone tells strangers from callers, as it does on shared ports.

        :param ports: those about which anything has changed.
        """
        for index in ports:
            peer, address = self._plane.roster.peer_at(index)
            if peer == self._peers[index] and address == self._peer_addresses[index]:
                continue
            self._peer_addresses[index] = address
            try:
                if peer:
                    self._sockets[index].connect((self._ip_of(index, peer, address), peer >> 32))
                elif self._peers[index]:
                    release(self._descriptors[index])
            except OSError:
                with contextlib.suppress(OSError):
                    release(self._descriptors[index])
                peer = 0
            self._peers[index] = peer

    def _ip_of(self, index: int, peer: int, address: Address) -> str:
        if self._is_six[index]:
            return str(ipaddress.IPv6Address(address[0] << 64 | address[1]))
        return str(ipaddress.IPv4Address(peer & 0xFFFFFFFF))

    def _hand_over(self) -> None:
        for subscriber in self._taps.send(self._plane.take_blocks()):
            self._plane.forget_subscriber(subscriber)
        for order in self._plane.take_orders():
            self._recorder.submit(order)
        for event in self._plane.take_events():
            self._control.tell(event)
        for call_id, text in self._plane.take_complaints():
            self._control.tell(Complained(call_id, text))
        self.tell_recorder_events()

    def tell_recorder_events(self) -> None:
        """Pass on what the recorder has done, and what could not be told before."""
        for event in self._recorder.take_events():
            self._control.tell(event)
        self._control.pump()

    @staticmethod
    def _drain(end: socket.socket) -> None:
        """Throw away what came to a port for the call before."""
        for _ in range(1024):
            try:
                end.recv(1)
            except OSError:
                return
