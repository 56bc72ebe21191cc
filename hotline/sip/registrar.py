"""The registrar: where the house's own telephones are (RFC 3261, 10.3; 3327; the useful part of 5626).

Bindings are granted for short times, so that a telephone is reachable again soon after this process
or its machine died: see docs/decisions/101-bindings-are-short.md. There is no GRUU and no Service-Route.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.authentication import Door
from hotline.sip.bindings import Binding, Bindings, branches_of
from hotline.sip.dialling import DialTarget
from hotline.sip.flow import Flow, is_behind_nat
from hotline.sip.grammar import printable
from hotline.sip.headers import NameAddr, parse_expires, parse_name_addrs
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request
from hotline.sip.uri import Uri

EXTENSIONS: Final = ("path", "outbound")
"""Option tags of REGISTER."""
MAX_PATH: Final = 5
"""Proxies between a telephone and us; more are a loop or an attack (RFC 5626, 7 has two)."""
FLOW_TIMER_S: Final = 120
"""How long a telephone on an outbound flow may be silent before we think that the flow failed: it
sends a keep-alive a little earlier (RFC 5626, 4.4)."""
_LONGEST_INSTANCE: Final = 128  # a URN of a UUID has 47 characters
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class RegistrarConfig:
    """What a site decides about its registrar."""

    shortest_s: int = 60
    """Shorter wishes are answered 423 (10.2.8 allows it below an hour)."""
    longest_datagram_s: int = 120
    """Longest binding over UDP: it also keeps a NAT open, and after a crash it is the longest that the
    telephone is out of reach."""
    longest_stream_s: int = 300
    """Longest binding over TCP and TLS, where the telephone sees that the connection is gone."""
    most_contacts: int = 10
    """Bindings of one address of record; more are answered 403."""
    most_users: int = 10_000
    """Addresses of record remembered."""


@dataclass(slots=True)
class RegistrarCounts:
    """What the registrar did, for the metrics."""

    registered: int = 0
    """New places."""
    refreshed: int = 0
    removed: int = 0
    """Places that took themselves back."""
    lost: int = 0
    """Places whose connection ended."""
    refused: int = 0
    """Refused after the password was right: too short, too many, for somebody else."""


class Registrar:
    """Carries out REGISTER.

    :param door: tells whose request it is.
    """

    def __init__(self, config: RegistrarConfig, door: Door, bindings: Bindings) -> None:
        self.counts = RegistrarCounts()
        self._config, self._door, self._bindings = config, door, bindings

    @property
    def extensions(self) -> tuple[str, ...]:
        """Option tags that a REGISTER may require."""
        return EXTENSIONS

    def bindings(self, user: str, now: float) -> list[Binding]:
        """List where a user can be reached, best first."""
        return sorted(self._bindings.of(user, now), key=lambda binding: -binding.q)

    def users(self, now: float) -> Sequence[str]:
        """List who can be reached."""
        return self._bindings.users(now)

    def targets(self, user: str, now: float) -> tuple[tuple[DialTarget, ...], ...]:
        """Make the branches of a call to a user (``DialOrder.branches``); empty: he is nowhere."""
        return branches_of(self._bindings.of(user, now))

    def forget(self, user: str, now: float) -> None:
        """Drop all bindings of a user whose account is gone or has another password."""
        self._bindings.put(user, (), now)

    def lose_connection(self, connection: int, now: float) -> None:
        """Drop bindings that hung on a connection (RFC 5626, 6)."""
        self.counts.lost += len(self._bindings.lose_connection(connection, now))

    def register(self, request: Request, flow: Flow, now: float) -> Refusal | HeaderFields:
        """Carry out a REGISTER that passed the general checks, in the order of 10.3.

        :param flow: where it came from.
        :returns: the refusal, or the headers of the 200.
        """
        phone = self._door.authenticate(request, flow, now)
        if isinstance(phone, Refusal):
            return phone
        to = request.to.uri
        done: Refusal | HeaderFields
        if not to.is_sip or not to.user:
            done = Refusal(404)  # step 5: no address of record of ours
        elif to.user_decoded != phone.user:
            done = Refusal(403)  # step 4: not for others
        else:
            try:
                done = self._bind(phone.user, request, flow, now)
            except RemoteProtocolError as error:
                done = Refusal(error.status_hint)
        if isinstance(done, Refusal):
            self.counts.refused += 1
        return done

    def _bind(self, user: str, request: Request, flow: Flow, now: float) -> Refusal | HeaderFields:
        old = self._bindings.of(user, now)
        if request.contact_is_star:
            if request.expires != 0:
                return Refusal(400)  # step 6
            if any(_is_late(request, binding) for binding in old):
                return Refusal(500)
            self._bindings.put(user, (), now)
            self.counts.removed += len(old)
            return (_SUPPORTED,)
        path = parse_name_addrs(request.headers.get_all("Path"), "Path")
        if len(path) > MAX_PATH:
            return Refusal(400)
        wanted = self._wanted(request, flow, path, now)
        if isinstance(wanted, Refusal):
            return wanted
        # Step 7: an older request of the same telephone, come late, changes nothing.
        if wanted and any(_is_late(request, binding) for binding in old):
            return Refusal(500)
        current = self._merge(user, old, wanted, now) if wanted else old
        if current is None:
            return Refusal(403)
        return self._accepted(request, current, wanted, path, now)

    def _merge(
        self, user: str, old: Sequence[Binding], wanted: Sequence[Binding], now: float
    ) -> Sequence[Binding] | None:
        """Put new bindings among the old ones; None when there would be too many."""
        kept = [binding for binding in old if not any(new.is_same_place(binding) for new in wanted)]
        alive = [binding for binding in wanted if binding.expires > now]
        current = kept + alive
        if len(current) > self._config.most_contacts:
            return None
        if not old and current and len(self._bindings) >= self._config.most_users:
            return None
        self._bindings.put(user, current, now)
        replaced = len(old) - len(kept)
        if alive:
            self.counts.refreshed += min(replaced, len(alive))
            self.counts.registered += max(len(alive) - replaced, 0)
        else:
            self.counts.removed += replaced
        return current

    def _accepted(
        self,
        request: Request,
        current: Sequence[Binding],
        wanted: Sequence[Binding],
        path: Sequence[NameAddr],
        now: float,
    ) -> HeaderFields:
        fields = [
            ("Contact", f"{binding.text};expires={max(round(binding.expires - now), 1)}")
            for binding in sorted(current, key=lambda binding: -binding.q)
        ]
        fields += [("Path", str(hop)) for hop in path]  # RFC 3327, 5.3
        if any(binding.reg_id for binding in wanted):  # RFC 5626, 6
            fields.append(("Require", "outbound"))
            if len(request.vias) == 1:
                fields.append(("Flow-Timer", str(FLOW_TIMER_S)))
        fields.append(_SUPPORTED)
        return tuple(fields)

    def _wanted(
        self, request: Request, flow: Flow, path: tuple[NameAddr, ...], now: float
    ) -> list[Binding] | Refusal:
        config = self._config
        longest = config.longest_stream_s if flow.is_reliable else config.longest_datagram_s
        default = longest if request.expires is None else request.expires
        knows_outbound = "outbound" in [tag.lower() for tag in request.supported]
        is_first_hop = len(request.vias) == 1
        user_agent = printable(request.headers.get("User-Agent") or "")[:_LONGEST_NAME]
        found: list[Binding] = []
        for contact in request.contacts:
            text = contact.param("expires")
            wish = default if text is None else parse_expires(text, "expires")
            if 0 < wish < config.shortest_s:
                return Refusal(423, (("Min-Expires", str(config.shortest_s)),))
            if wish and not contact.uri.is_sip:
                return Refusal(400)  # a tel: or mailto: is no place that we could ring
            instance = (contact.param("+sip.instance") or "")[:_LONGEST_INSTANCE]
            reg_id = (contact.param("reg-id") or "") if instance and knows_outbound else ""
            if reg_id and not _is_reg_id(reg_id):
                return Refusal(400)
            if reg_id and not is_first_hop and not (path and path[0].uri.param("ob") is not None):
                return Refusal(439, reason="First Hop Lacks Outbound Support")
            kept = NameAddr(
                contact.display_name,
                contact.uri,
                tuple((name, value) for name, value in contact.params if name.lower() != "expires"),
            )
            found.append(
                Binding(
                    kept,
                    now + min(wish, longest),
                    request.call_id,
                    request.cseq.number,
                    flow,
                    uses_source=bool(reg_id) or is_behind_nat(request.top_via, contact.uri, flow.remote),
                    path=path,
                    instance=instance,
                    reg_id=reg_id,
                    user_agent=user_agent,
                    text=str(kept),
                )
            )
        if sum(binding.expires > now for binding in found) > 1 and any(b.reg_id for b in found):
            return Refusal(400)  # RFC 5626, 6: one flow, one place
        return _last_of_each(found) if len(found) > 1 else found


_SUPPORTED: Final = ("Supported", ", ".join(EXTENSIONS))


def _is_reg_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:11]) < 2**31  # RFC 5626, 9


def _is_late(request: Request, binding: Binding) -> bool:
    return binding.call_id == request.call_id and request.cseq.number <= binding.cseq


def _last_of_each(bindings: list[Binding]) -> list[Binding]:
    """Keep the last of the contacts that are the same by RFC 3261, 19.1.4."""
    kept: list[Binding] = []
    seen: list[Uri] = []
    for binding in reversed(bindings):
        uri = binding.contact.uri
        if not any(uri.matches(other) for other in seen):
            seen.append(uri)
            kept.insert(0, binding)
    return kept
