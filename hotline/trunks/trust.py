"""Trunks that are known by addresses which others can use as well, told at start with the remedy.

A trunk is known by where its calls come from. Whoever can send from such an address is the carrier to us:
every user and program of this machine where its networks hold the machine itself, and whoever may use a
proxy that runs on it; everybody where they hold half of the world.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from hotline.sip.trunk import Network, Trunk

LOOPBACK: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
    ipaddress.ip_network("::ffff:127.0.0.0/104"),
)
NARROWEST_WORLD: Final = {4: 7, 6: 15}
"""Networks with so few fixed bits, or fewer, are no carrier's."""


def is_anybodys(networks: Iterable[Network]) -> bool:
    """Tell whether this machine itself, or nearly everybody, is in one of these networks."""
    return any(_is_this_machine(network) or _is_wide(network) for network in networks)


def doubts_of(trunk: Trunk, own_ip_towards: Callable[[str], str | None]) -> Iterator[str]:
    """Say who else calls as this trunk, each with the remedy.

    :param own_ip_towards: tells the address of ours that packets to an address leave from.
    """
    networks = list(_networks_of(trunk))
    wide = [network for network in networks if _is_wide(network)]
    shared = [
        network
        for network in networks
        if network not in wide and (_is_this_machine(network) or _is_ours(network, own_ip_towards))
    ]
    if wide:
        yield (
            f"[trunks.{trunk.name}] networks holds {_listed(wide)}: nearly everybody calls as this trunk; "
            "name the carrier's own addresses"
        )
    if shared:
        yield (
            f"[trunks.{trunk.name}] networks holds {_listed(shared)}, and with it this machine: whoever "
            "works on it, or calls through a proxy on it, calls as this trunk"
            f"{_BELIEVED[trunk.trusts_identity]}"
        )


def _listed(networks: Iterable[Network]) -> str:
    return ", ".join(map(str, networks))


_BELIEVED: Final = {
    True: ", and is believed who he says he is; unless the proxy takes P-Asserted-Identity of strangers "
    "away, set trusts_identity = false",
    False: "; what he says of himself in P-Asserted-Identity is not believed (trusts_identity)",
}


def _networks_of(trunk: Trunk) -> Iterator[Network]:
    yield from trunk.networks
    for proxy in trunk.proxies:
        try:
            yield ipaddress.ip_network(proxy.host)
        except ValueError:
            continue  # a name: what it leads to is not known yet


def _is_wide(network: Network) -> bool:
    return network.prefixlen <= NARROWEST_WORLD[network.version]


def _is_this_machine(network: Network) -> bool:
    return any(network.version == own.version and network.overlaps(own) for own in LOOPBACK)


def _is_ours(network: Network, own_ip_towards: Callable[[str], str | None]) -> bool:
    own = own_ip_towards(str(network.network_address))
    return own is not None and ipaddress.ip_address(own) in network
