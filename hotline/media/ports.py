"""The product's side of the media ports: who gets which, decided without asking the plane.

The plane opens all its sockets when it starts, so what is free is known here as well as there: a call
that is answered need not wait for another process. A plane has a pool of its own; several planes are
several pools. What the plane does with a port is in ``roster``: it throws away what came for the call
before, and hears nobody but the source that was agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.media.demux import Seats
from hotline.media.rtp import ip_version, remote_number

REST_S: Final = 1.0
"""Until a port serves a caller who is known by her first packet only: until then the telephone of the call
before may not have heard that it is over, and would be taken for hers."""


def even_ports(port_low: int, port_high: int) -> range:
    """Give the RTP ports of a range of UDP ports (RFC 3550, 11: the even ones)."""
    return range(max(port_low + port_low % 2, 2), port_high + 1, 2)


def place_of(local_ip: str, ips: Sequence[str]) -> tuple[str, int]:
    """Give the address to tell a caller, and which of our addresses her port is at.

    An address that no port is at may be a wildcard's, or the outer one of a NAT that forwards to
    the only address of the family.

    :param local_ip: where she reached us; empty: the first of our addresses.
    :param ips: addresses that ports are at.
    :raises LocalProtocolError: when there are none where she reached us; with the remedy.
    """
    if not local_ip:
        return ips[0], 0
    if local_ip in ips:
        return local_ip, ips.index(local_ip)
    version = ip_version(local_ip)
    wildcard = "0.0.0.0" if version == 4 else "::"  # noqa: S104 - nothing is bound here
    if wildcard in ips:
        return local_ip, ips.index(wildcard)
    family = [group for group, ip in enumerate(ips) if ip_version(ip) == version]
    if len(family) == 1:
        return local_ip, family[0]
    raise LocalProtocolError(
        f"there are no media ports at {local_ip}, only at {', '.join(ips)}: let hotline listen there as well"
    )


@dataclass(frozen=True, slots=True)
class Seat:
    """A call's place at a port."""

    index: int
    port: int
    remote: int
    may_latch: bool


class PortPool:
    """The ports of one plane; a freed one is taken again as late as possible.

    :param ips: local addresses, each with the same ports.
    :param calls_per_port: how many calls may share one.
    """

    def __init__(self, ips: Sequence[str], ports: Sequence[int], calls_per_port: int = 1) -> None:
        self._ips, self._ports = tuple(ips), tuple(ports)
        groups = [group for group in range(len(self._ips)) for _ in self._ports]
        self._seats = Seats(groups, calls_per_port)
        self._freed_at: dict[int, float] = {}
        self._room = self.size = len(groups) * calls_per_port
        """How many calls it has room for, in all."""

    @property
    def free(self) -> int:
        """How many more calls may have a port."""
        return self._room

    def take(
        self, local_ip: str, remote: tuple[str, int], now: float, *, may_latch: bool = False, port: int = 0
    ) -> tuple[str, Seat]:
        """Take a port for a call: the address to tell, and its place.

        :param remote: where the call says it hears; ("", 0) while that is unknown.
        :param may_latch: whether its first packet may come from elsewhere.
        :param port: this very one; 0: any.
        :raises LocalProtocolError: when no port is free, or not that one.
        :raises RemoteProtocolError: for a ``remote`` that is no numeric address.
        """
        told, group = place_of(local_ip, self._ips)
        number = remote_number(*remote)
        if port:
            index = self._take_at(port, group, number, may_latch)
        else:
            rested = now - REST_S if may_latch or not number else None
            index = self._seats.take(number, may_latch, group, lambda at: self._has_rested(at, rested))
        if index is None:
            raise LocalProtocolError(
                f"media port {port} is taken" if port else f"all {len(self._ports)} media ports are taken"
            )
        self._room -= 1
        return told, Seat(index, self._ports[index % len(self._ports)], number, may_latch)

    def give_back(self, seat: Seat, now: float) -> None:
        """Return a place: the plane was told to close it."""
        self._seats.give_back(seat.index, seat.remote, seat.may_latch)
        self._freed_at[seat.index] = now
        self._room += 1

    def _take_at(self, port: int, group: int, number: int, may_latch: bool) -> int | None:
        if port not in self._ports:
            return None
        index = group * len(self._ports) + self._ports.index(port)
        return index if self._seats.take_at(index, number, may_latch) else None

    def _has_rested(self, index: int, since: float | None) -> bool:
        return since is None or self._freed_at.get(index, since) <= since
