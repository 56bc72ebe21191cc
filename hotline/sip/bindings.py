"""Where telephones are: the bindings that a registrar keeps and callers look up (RFC 3261, 10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from hotline.sip.dialling import DialTarget
from hotline.sip.flow import Flow, numeric, request_flow
from hotline.sip.headers import NameAddr

SWEEP_S: Final = 60.0
"""How often bindings that ran out are cleared away; until then they only take room."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a user can be reached."""

    contact: NameAddr
    """As registered, without ``expires``; parameters inside <> belong to the URI."""
    expires: float
    """Monotonic seconds."""
    call_id: str
    cseq: int
    flow: Flow
    """The way it registered by."""
    uses_source: bool = False
    """Reached by its flow only: it is behind a NAT, or asked for that (RFC 5626)."""
    path: tuple[NameAddr, ...] = ()
    """The proxies between us, next hop first (RFC 3327)."""
    instance: str = ""
    """``+sip.instance``: the device; empty when it does not say."""
    reg_id: str = ""
    """The flow of that device (RFC 5626); empty without."""
    user_agent: str = ""
    """What it calls itself, for the person who looks for it."""
    text: str = field(default="", compare=False)
    """``contact`` as written in responses."""

    @property
    def q(self) -> float:
        """Preference, 0 to 1 (20.10)."""
        try:
            return min(max(float(self.contact.param("q") or 1), 0.0), 1.0)
        except ValueError:
            return 1.0

    @property
    def source_ip(self) -> str:
        """The address that it registered from."""
        return self.flow.remote[0]

    @property
    def hangs_on(self) -> int:
        """The connection without which it cannot be reached; 0 for none."""
        return self.flow.connection if self.flow.is_reliable and not self.path else 0

    @property
    def target(self) -> DialTarget:
        """Where a call to it goes: through its proxies, by its flow, or to its contact.

        Never to another address than it registered from: who has a telephone's password could name the
        proxy of a carrier there, which takes every call that comes from us.
        """
        hop = self.path[0].uri if self.path else self.contact.uri
        is_elsewhere = numeric(hop.address) != numeric(self.source_ip)
        uses_source = is_elsewhere or (self.uses_source and not self.path)
        return DialTarget(self.contact.uri, request_flow(hop, self.flow, use_source=uses_source), self.path)

    def is_same_place(self, other: Binding) -> bool:
        """Tell whether one binding takes the other's place (RFC 3261, 10.3, step 7; RFC 5626, 6)."""
        if self.reg_id and other.reg_id:
            return (self.instance, self.reg_id) == (other.instance, other.reg_id)
        ours, theirs = self.contact.uri, other.contact.uri
        return ours == theirs or ours.matches(theirs)


class Bindings(Protocol):
    """The table of bindings: of this process, or shared by several.

    Every answer is of bindings that have not run out at ``now``.
    """

    def of(self, user: str, now: float) -> Sequence[Binding]:
        """List a user's bindings, latest registration last."""
        ...

    def put(self, user: str, bindings: Sequence[Binding], now: float) -> None:
        """Write all bindings of a user; none removes him."""
        ...

    def knows_source(self, ip: str, now: float) -> bool:
        """Tell whether something is registered from an address."""
        ...

    def users(self, now: float) -> Sequence[str]:
        """List who can be reached."""
        ...

    def lose_connection(self, connection: int, now: float) -> Sequence[tuple[str, Binding]]:
        """Take away what hung on a connection; tells what."""
        ...

    def __len__(self) -> int:
        """Count users, those that ran out lately included."""
        ...


class LocalBindings:
    """The table of one process, in memory."""

    def __init__(self) -> None:
        self._by_user: dict[str, tuple[Binding, ...]] = {}
        self._by_source: dict[str, dict[str, float]] = {}
        """Address: for each of its users, when the last binding from there runs out."""
        self._until: dict[str, float] = {}
        """Address: the greatest of those."""
        self._by_connection: dict[int, set[str]] = {}
        self._next_sweep = 0.0

    def __len__(self) -> int:
        return len(self._by_user)

    def of(self, user: str, now: float) -> Sequence[Binding]:
        """List a user's bindings, latest registration last."""
        held = self._by_user.get(user, ())
        if all([binding.expires > now for binding in held]):
            return held
        return [binding for binding in held if binding.expires > now]

    def put(self, user: str, bindings: Sequence[Binding], now: float) -> None:
        """Write all bindings of a user; none removes him."""
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_S
            self._sweep(now)
        old = self._by_user.pop(user, ())
        if bindings:
            self._by_user[user] = tuple(bindings)
        for ip in {binding.source_ip for binding in (*old, *bindings)}:
            self._note_source(ip, user, bindings)
        for connection in {binding.hangs_on for binding in old}:
            users = self._by_connection.get(connection)
            if users is not None:
                users.discard(user)
                if not users:
                    del self._by_connection[connection]
        for binding in bindings:
            if binding.hangs_on:
                self._by_connection.setdefault(binding.hangs_on, set()).add(user)

    def knows_source(self, ip: str, now: float) -> bool:
        """Tell whether something is registered from an address."""
        until = self._until.get(ip)
        return until is not None and until > now

    def users(self, now: float) -> Sequence[str]:
        """List who can be reached."""
        return sorted(user for user in self._by_user if self.of(user, now))

    def lose_connection(self, connection: int, now: float) -> Sequence[tuple[str, Binding]]:
        """Take away what hung on a connection; tells what."""
        lost: list[tuple[str, Binding]] = []
        for user in sorted(self._by_connection.get(connection, ())):
            held = self._by_user[user]
            lost += [(user, binding) for binding in held if binding.hangs_on == connection]
            self.put(user, [binding for binding in held if binding.hangs_on != connection], now)
        return lost

    def _note_source(self, ip: str, user: str, bindings: Iterable[Binding]) -> None:
        users = self._by_source.setdefault(ip, {})
        before = users.pop(user, None)
        after = max([binding.expires for binding in bindings if binding.source_ip == ip], default=None)
        if after is not None:
            users[user] = after
        if not users:
            del self._by_source[ip]
            self._until.pop(ip, None)
        elif after is not None and after >= self._until.get(ip, after):
            self._until[ip] = after
        elif before == self._until.get(ip):
            self._until[ip] = max(users.values())

    def _sweep(self, now: float) -> None:
        for user, held in list(self._by_user.items()):
            alive = [binding for binding in held if binding.expires > now]
            if len(alive) < len(held):
                self.put(user, alive, now)


def branches_of(bindings: Iterable[Binding]) -> tuple[tuple[DialTarget, ...], ...]:
    """Make the branches of a call to all places of a user.

    Every telephone rings at once, the preferred one (q) first in the list. The flows of one device are
    one branch, latest first: when the first is dead, the next is tried (RFC 5626, 5.3).
    """
    devices: dict[str, list[Binding]] = {}
    for number, binding in enumerate(bindings):
        devices.setdefault(binding.instance if binding.reg_id else f"#{number}", []).append(binding)
    best_first = sorted(devices.values(), key=lambda flows: -max(flow.q for flow in flows))
    return tuple(tuple(binding.target for binding in reversed(flows)) for flows in best_first)
