"""Where a peer may want our voice, by where its signalling comes from.

A session description names any address it likes, and we send 50 packets a second there. A telephone far
away that writes ``c=IN IP4 127.0.0.1`` would have them sent into this very machine, and one that writes an
address of the house's own servers, into those; so an address that means something on this machine or
this wire only is taken from peers on this machine or this wire only. Private addresses are taken: many
a telephone behind a NAT knows no other, and its voice is found by where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from hotline.sip.flow import Flow, numeric
from hotline.sip.message import Request

IpAddress = IPv4Address | IPv6Address

METADATA: Final = frozenset({"169.254.169.254", "100.100.100.200", "fd00:ec2::254"})
"""Where clouds tell a machine its own secrets. No telephone lives there."""


@dataclass(frozen=True, slots=True)
class VoiceReach:
    """What is known of who wants our voice."""

    peer_ips: tuple[str, ...]
    """Addresses that its signalling came through, ours being the end: the last hop, and whoever stands
    first in Via. All of them must be near for a near address."""
    own_ips: tuple[str, ...] = ()
    """Our own, on this flow, as we and as the world see them."""

    @classmethod
    def of_flow(cls, flow: Flow) -> VoiceReach:
        """Judge an answer by the way that our offer went."""
        return cls((flow.remote[0],), _own_ips(flow))

    @classmethod
    def of_request(cls, request: Request, source: Flow) -> VoiceReach:
        """Judge an offer by the way that it came.

        A proxy of ours on this machine brings calls from afar: then the Via of who called counts as
        well. Alone it proves nothing, for its sender writes it.
        """
        caller = request.vias[-1]
        if len(request.vias) == 1:
            return cls.of_flow(source)
        received = caller.received or numeric(caller.address) or ""
        return cls((source.remote[0], received), _own_ips(source))

    def takes(self, address: str) -> bool:
        """Tell whether our voice may go to a numeric address; False for names and what is no unicast."""
        return _takes(address, self.peer_ips, self.own_ips)


@lru_cache(maxsize=512)
def _takes(address: str, peer_ips: tuple[str, ...], own_ips: tuple[str, ...]) -> bool:
    if not is_unicast(address):
        return False
    if all(peer == address for peer in peer_ips):
        return True
    wanted, peers = _plain(address), [_plain(peer) for peer in peer_ips]
    assert wanted is not None
    ours = {_plain(own) for own in own_ips}
    if wanted.is_loopback or wanted in ours:
        return all(peer is not None and (peer.is_loopback or peer in ours) for peer in peers)
    if str(wanted) in METADATA:
        return False
    if wanted.is_link_local:
        return all(peer is not None and peer.is_link_local for peer in peers)
    return True


@lru_cache(maxsize=256)  # the carriers' media gateways are few
def is_unicast(address: str) -> bool:
    """Tell whether an address is numeric and one machine's."""
    try:
        found = ip_address(address)
    except ValueError:
        return False  # a name: the media plane resolves none, and a call must not wait for DNS
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return is_unicast(str(found.ipv4_mapped))
        return not found.is_multicast and found.scope_id is None  # %eth0 means nothing to another host
    # Nobody listens at 0.0.0.1 (RFC 1122, 3.2.1.3) or 240.0.0.1; 255.255.255.255 is everybody on the wire.
    return not found.is_multicast and not found.is_reserved and found.packed[0] != 0


def _plain(address: str) -> IpAddress | None:
    """Read an address; one of IPv4 in IPv6's clothes as what it is. None for what is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _own_ips(flow: Flow) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ip for ip in (flow.local[0], flow.public_ip) if ip))
