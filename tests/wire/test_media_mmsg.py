"""The system calls over numpy memory, on real sockets of the loopback."""

import platform
import socket

import numpy as np
import pytest

from hotline.errors import ConfigError
from hotline.media.outgoing import PACKET
from hotline.media.relayed import Relayed
from hotline.media.rtp import remote_number
from hotline.wire import mmsg
from hotline.wire.mmsg import Receiver, Sender


def ends(count: int) -> list[socket.socket]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for end in made:
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
    return made


def number(end: socket.socket) -> int:
    return remote_number(*end.getsockname())


@pytest.fixture
def sockets():
    made = ends(5)
    yield made
    for end in made:
        end.close()


def test_datagrams_of_many_sockets_arrive_with_sender_and_port(sockets) -> None:
    ours, peers = sockets[:2], sockets[2:]
    said = []
    for n, (peer, index) in enumerate([(0, 0), (1, 1), (2, 0), (0, 1)] * 20):
        data = bytes([n]) * (n + 1)
        peers[peer].sendto(data, ours[index].getsockname())
        said.append((index, number(peers[peer]), data))
    got = [
        (int(batch.port_index[row]), int(batch.remote[row]), batch.data[row, : batch.length[row]].tobytes())
        for batch in Receiver().batches([(0, ours[0].fileno()), (1, ours[1].fileno())])
        for row in range(len(batch.length))
    ]
    assert got == sorted(said, key=lambda told: told[0]), "in order, port by port"


def test_nothing_waits_is_no_batch(sockets) -> None:
    assert list(Receiver().batches([(0, sockets[0].fileno())])) == []


def test_a_datagram_longer_than_a_row_is_marked(sockets) -> None:
    sockets[1].sendto(bytes(1025), sockets[0].getsockname())
    sockets[1].sendto(bytes(1024), sockets[0].getsockname())
    (batch,) = Receiver().batches([(0, sockets[0].fileno())])
    assert batch.length.tolist() == [-1, 1024]


def test_one_busy_port_leaves_others_their_turn(sockets) -> None:
    for _ in range(150):
        sockets[1].sendto(b"x", sockets[0].getsockname())
    sockets[1].sendto(b"y", sockets[2].getsockname())
    (batch,) = Receiver().batches([(0, sockets[0].fileno()), (2, sockets[2].fileno())])
    assert np.bincount(batch.port_index).tolist() == [64, 0, 1]


def test_each_row_goes_to_its_peer_from_its_port(sockets) -> None:
    ours, peers = sockets[:2], sockets[2:]
    packets = np.arange(4, dtype=np.uint8)[:, None].repeat(PACKET, 1)
    sender = Sender(packets)
    remotes = np.array([number(peers[0]), number(peers[1]), 0, number(peers[2])], np.uint64)
    ports = np.array([1, 0, 0, 1])
    plan = sender.prepare(np.array([1, 0, 3]), remotes, ports, [end.fileno() for end in ours])
    sender.send(plan)
    packets += 10
    sender.send(plan)
    for peer, slot in ((0, 0), (1, 1), (2, 3)):
        for value in (slot, slot + 10):
            data, source = peers[peer].recvfrom(2048)
            assert data == bytes([value]) * PACKET
            assert source == ours[ports[slot]].getsockname()


def test_a_peer_that_cannot_be_reached_stops_no_other(sockets) -> None:
    sender = Sender(np.zeros((3, PACKET), np.uint8))
    remotes = np.array(
        [number(sockets[1]), remote_number("255.255.255.255", 9), number(sockets[2])], np.uint64
    )
    sender.send(sender.prepare(np.arange(3), remotes, np.zeros(3, np.int64), [sockets[0].fileno()]))
    assert sender.refused == 1
    assert len(sockets[1].recv(2048)) == len(sockets[2].recv(2048)) == PACKET


def test_nothing_to_send_is_no_system_call(sockets) -> None:
    sender = Sender(np.zeros((3, PACKET), np.uint8))
    plan = sender.prepare(np.zeros(0, np.int64), np.zeros(3, np.uint64), np.zeros(3, np.int64), [1])
    assert plan.calls == []


def test_another_system_is_told_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmsg.sys, "platform", "darwin")
    with pytest.raises(ConfigError, match=f"64-bit little-endian Linux.*{platform.machine()}"):
        Receiver()


def test_a_released_socket_hears_everybody_on_its_old_port(sockets) -> None:
    free, friend, stranger, ours = sockets[:4]
    address = free.getsockname()
    free.close()
    ours.close()
    sockets[3] = ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind(address)  # a port that was asked for by number stays, unlike one that the kernel chose
    ours.connect(friend.getsockname())
    stranger.sendto(b"no", address)
    friend.sendto(b"yes", address)
    assert ours.recv(9) == b"yes"
    mmsg.release(ours.fileno())
    assert ours.getsockname() == address
    stranger.sendto(b"now", address)
    assert ours.recv(9) == b"now"


def test_a_connected_socket_sends_without_a_name(sockets) -> None:
    ours, peer = sockets[:2]
    ours.connect(peer.getsockname())
    sender = Sender(np.full((1, PACKET), 7, np.uint8))
    sender.send(
        sender.prepare(
            np.array([0]), np.array([1], np.uint64), np.array([0]), [ours.fileno()], np.array([True])
        )
    )
    assert peer.recv(999) == bytes([7]) * PACKET


@pytest.fixture
def six():
    made = []
    try:
        for _ in range(3):
            end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            made.append(end)
            end.bind(("::1", 0))
            end.setblocking(False)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    yield made
    for end in made:
        end.close()


def test_ipv6_datagrams_arrive_with_the_whole_address_of_their_sender(six) -> None:
    ours, peer, other = six
    peer.sendto(b"abc", ours.getsockname())
    other.sendto(b"de", ours.getsockname())
    (batch,) = Receiver(socket.AF_INET6).batches([(5, ours.fileno())])
    assert batch.length.tolist() == [3, 2]
    assert batch.remote.tolist() == [remote_number("::1", end.getsockname()[1]) for end in (peer, other)]
    assert batch.address is not None
    assert batch.address.tolist() == [[0, 1], [0, 1]]
    assert batch.port_index.tolist() == [5, 5]


@pytest.mark.parametrize("is_connected", [False, True])
def test_one_sender_serves_both_families(sockets, six, is_connected: bool) -> None:
    packets = np.arange(2, dtype=np.uint8)[:, None].repeat(PACKET, 1)
    sender = Sender(packets, np.array([PACKET, 20]))
    ours, peers = (sockets[0], six[0]), (sockets[1], six[1])
    remotes = np.array([number(peers[0]), remote_number("::1", peers[1].getsockname()[1])], np.uint64)
    addresses = np.array([[0, 0], [0, 1]], np.uint64)
    if is_connected:
        ours[1].connect(peers[1].getsockname())
    plan = sender.prepare(
        np.arange(2),
        remotes,
        np.arange(2),
        [end.fileno() for end in ours],
        np.array([False, is_connected]),
        addresses,
    )
    sender.send(plan)
    assert peers[0].recv(999) == bytes(PACKET)
    assert peers[1].recv(999) == bytes([1]) * 20
    assert sender.refused == 0


def test_a_released_ipv6_socket_hears_everybody_on_its_old_port(six) -> None:
    free, friend, stranger = six
    address = free.getsockname()
    free.close()
    six[0] = ours = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    ours.bind(address)
    ours.setblocking(False)
    ours.connect(friend.getsockname())
    mmsg.release(ours.fileno())
    assert ours.getsockname()[1] == address[1]
    stranger.sendto(b"now", address)
    assert ours.recv(9) == b"now"


def test_what_passes_from_call_to_call_is_sent_to_its_peer_but_for_what_is_dropped(sockets) -> None:
    ours, peers = sockets[:2], sockets[2:4]
    sender, relayed = Sender(np.zeros((2, PACKET), np.uint8)), Relayed()
    sender.address(np.arange(2), np.array([number(end) for end in peers], np.uint64), np.arange(2))
    for slot, payload in ((0, b"one"), (-1, b"dropped"), (1, b"two"), (0, b"three")):
        row = relayed.take_rows(1).start
        relayed.put(row, payload)
        relayed.slots[row] = slot
    sender.send_relayed(relayed, np.arange(2), [end.fileno() for end in ours])
    assert [peers[0].recv(999)[12:] for _ in range(2)] == [b"one", b"three"]
    assert peers[1].recv(999)[12:] == b"two"
    with pytest.raises(BlockingIOError):
        peers[1].recv(999)
