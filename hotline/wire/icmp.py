"""What ICMP says of datagrams that we sent: read from the error queue of their socket (Linux, ip(7)).

Without it a datagram to a host where nobody listens is lost without a word, and a call to it waits 32 s.
An unconnected socket is told of such errors when it asks for them (``IP_RECVERR``). The kernel then also
reports each once as the error of whatever is done next on the socket, though it has nothing to do with it.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Final, NamedTuple

PASSED_ON: Final = frozenset(
    {
        errno.EACCES,
        errno.ECONNREFUSED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EMSGSIZE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPROTO,
    }
)
"""Errors that a call on the socket may get for a datagram sent before, perhaps to somebody else."""
MOST: Final = 64
"""Errors read at once."""
QUOTED_BYTES: Final = 2048
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_EXTENDED: Final = struct.Struct("=IBBBBII")  # sock_extended_err: errno, origin, type, code, pad, info, data
_NOTE_SPACE: Final = socket.CMSG_SPACE(_EXTENDED.size + 28)
_ICMP, _ICMP6 = 2, 3  # its origin
UNREACHABLE: Final = {
    _ICMP: (3, frozenset({0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13})),
    _ICMP6: (1, frozenset({0, 1, 3, 4, 5, 6})),
}
"""Type and codes that mean "not delivered" (RFC 792, RFC 1812, RFC 4443). What only took too long, or
should come more slowly, is passed over (RFC 3261, 18.4)."""


class Undelivered(NamedTuple):
    """A datagram of ours that could not be delivered."""

    quoted: bytes
    """Its beginning, as far as ICMP quotes it."""
    remote: tuple[str, int]
    """Where it was to go."""


def ask_for_errors(of: socket.socket) -> None:
    """Have a UDP socket told of what ICMP says."""
    if of.family == socket.AF_INET6:
        of.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        of.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def read_errors(of: socket.socket) -> list[Undelivered]:
    """Empty the error queue of a socket."""
    found = []
    for _ in range(MOST):
        try:
            quoted, notes, _flags, remote = of.recvmsg(QUOTED_BYTES, _NOTE_SPACE, socket.MSG_ERRQUEUE)
        except OSError:
            break
        if any(_is_final(note) for note in notes):
            found.append(Undelivered(quoted, remote[:2]))
    return found


def _is_final(note: tuple[int, int, bytes]) -> bool:
    level, kind, data = note
    if (level, kind) not in {(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)}:
        return False
    if len(data) < _EXTENDED.size:
        return False
    _errno, origin, icmp_type, code, *_ = _EXTENDED.unpack_from(data)
    wanted_type, codes = UNREACHABLE.get(origin, (-1, frozenset()))
    return icmp_type == wanted_type and code in codes
