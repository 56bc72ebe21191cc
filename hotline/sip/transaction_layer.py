"""All transactions of one user agent: matching (RFC 3261, 17.1.3 and 17.2.3), sending, and their timers.

The user agent hands messages in and gets those that are new: a request that no server transaction
knows, a response that belongs to one of ours. Repetitions, ACKs to errors and strays end here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hotline.events.ids import CallId
from hotline.sip.agenda import Agenda
from hotline.sip.counts import UserAgentCounts
from hotline.sip.flow import Address, Flow, Outgoing
from hotline.sip.large_request import LargeRequests
from hotline.sip.message import Headers, Request, Response, response_to
from hotline.sip.transaction import I, Kind, Outcome, S, Transaction

Key = tuple[object, ...]
Hears = Callable[[Response | None, float], None]
"""Told each response to a request of ours (of an INVITE, the provisional ones and each 2xx as well);
None: none came, or there is no way to the peer."""
UNHEARD: Final = frozenset({S.CALLING, S.TRYING})
"""States of a request of ours to which no response came yet."""


@dataclass(eq=False, slots=True)
class Server:
    """A request that came to us, and its transaction."""

    key: Key
    request: Request
    flow: Flow
    """Where responses go."""
    source: Flow
    """Where the request came from."""
    transaction: Transaction
    to_tag: str
    """Tag that our responses carry."""
    call_id: CallId | None = None


@dataclass(eq=False, slots=True)
class Client:
    """A request of ours, and its transaction."""

    key: Key
    request: Request
    flow: Flow
    transaction: Transaction
    call_id: CallId | None = None
    hears: Hears | None = None
    gives_up: float | None = None
    """When it is forgotten although it is open; None: when its own timers say."""
    falls_back: Flow | None = None
    """Where it goes when nobody takes the TCP that it was too large to do without."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A transaction that ended without what it waited for."""

    side: Server | Client
    outcome: Outcome


def server_key(request: Request, method: str | None = None) -> Key:
    """Make the key that a request's server transaction is found by (17.2.3).

    With the cookie, branch, sent-by and method decide. Call-ID and CSeq number are in the key as well:
    every repetition, ACK and CANCEL of a transaction repeats them, and peers that send one constant
    branch are told apart. Without the cookie, or with nothing behind it, the rules for RFC 2543 hold;
    the To tag of an ACK is compared by ``acknowledges``.

    :param method: the method to look for in place of the request's own: INVITE for a CANCEL.
    """
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    via, cseq = request.top_via, request.cseq
    if via.has_cookie:
        return (via.branch, via.host.lower(), via.port, request.call_id, cseq.number, method)
    to_tag = None if method == "INVITE" else request.to_tag
    sent_by = (via.host.lower(), via.port, via.branch)
    return (str(request.uri), to_tag, request.from_tag, request.call_id, cseq.number, sent_by, method)


def client_key(message: Request | Response) -> Key:
    """Make the key that a response's client transaction is found by (17.1.3)."""
    return (message.top_via.branch, message.cseq.method)


def ack_for(request: Request, response: Response) -> Request:
    """Write the ACK to a final error (17.1.1.3): the INVITE's own branch, Route and Request-URI."""
    headers = Headers()
    headers.add("Via", str(request.top_via))
    headers.add("Max-Forwards", "70")
    for route in request.headers.get_all("Route"):
        headers.add("Route", route)
    headers.add("From", request.headers.get("From") or "")
    headers.add("To", response.headers.get("To") or "")
    headers.add("Call-ID", request.call_id)
    headers.add("CSeq", f"{request.cseq.number} ACK")
    return Request("ACK", request.uri, headers, b"")


class TransactionLayer:
    """The transactions of one user agent."""

    def __init__(self, counts: UserAgentCounts | None = None) -> None:
        self._counts = counts or UserAgentCounts()
        self._servers: dict[Key, Server] = {}
        self._clients: dict[Key, Client] = {}
        self._merged: dict[Key, Key] = {}
        self._on: Counter[int] = Counter()
        """How many transactions hang on each connection: most connections that end bear none."""
        self._agenda: Agenda[Server | Client] = Agenda()
        self._large = LargeRequests()
        self._outbox: list[Outgoing] = []
        self._owed: list[tuple[Server, float]] = []
        self._failed: list[Failed] = []

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    # -- from the wire ----------------------------------------------------------------------------

    def receive_request(
        self,
        request: Request,
        flow: Flow,
        source: Flow,
        to_tag: str,
        now: float,
        key: Key | None = None,
    ) -> Server | None:
        """Take a request other than ACK.

        :param flow: where responses go.
        :param source: where it came from.
        :param to_tag: tag for our responses, should it be new and carry none.
        :param key: what ``server_key`` made of it, if that is known.
        :returns: its new server transaction, or None for a repetition, which is answered here.
        """
        key = key or server_key(request)
        known = self._servers.get(key)
        if known is not None:
            self._counts.repetitions += 1
            self._step(known, I.REQUEST, now)
            return None
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        server = Server(
            key, request, flow, source, Transaction(kind, flow.is_reliable), request.to_tag or to_tag
        )
        self._servers[key] = server
        self._count(server, 1)
        if request.to_tag is None and request.from_tag:
            self._merged.setdefault(_merge_key(request), key)
        return server

    def knows(self, key: Key) -> bool:
        """Tell whether a request of that key is a repetition."""
        return key in self._servers

    def receive_ack(self, request: Request, now: float) -> bool:
        """Take an ACK.

        :returns: True when it belongs to an error of ours and ends here; False when it belongs to a
            dialog, or to nothing.
        """
        server = self._servers.get(server_key(request))
        if server is None or server.transaction.state not in {S.COMPLETED, S.CONFIRMED}:
            return False
        if not request.top_via.has_cookie and request.to_tag != server.to_tag:
            return False
        self._step(server, I.ACK, now)
        return True

    def receive_response(self, response: Response, now: float) -> Client | None:
        """Take a response.

        :returns: the client transaction, when the layer above should see the response; None for a
            repetition or a stray: those are dropped (RFC 3261, 8.1.3.3 and 17.1.3).
        """
        if len(response.vias) != 1:
            return None
        client = self._clients.get(client_key(response))
        if client is None:
            self._counts.strays += 1
            return None
        if client.transaction.kind is Kind.INVITE_CLIENT and response.status >= 300:
            client.transaction.ack = ack_for(client.request, response).to_bytes()
        told = self._step(client, _received(response.status), now)
        return client if Outcome.MESSAGE in told else None

    def lose_connection(self, connection: int, now: float) -> None:
        """Tell the transactions of a connection that it is gone."""
        if connection not in self._on:
            return
        sides: list[Server | Client] = [*self._servers.values(), *self._clients.values()]
        for side in sides:
            if side.flow.is_reliable and side.flow.connection == connection:
                self._lose(side, now)

    def lose_flow(self, flow: Flow, now: float) -> None:
        """Tell the transactions of a flow that what was to go over it could not be sent (18.4)."""
        sides: list[Server | Client] = [*self._servers.values(), *self._clients.values()]
        for side in sides:
            if side.flow == flow:
                self._lose(side, now)

    def lose_request(self, branch: str, method: str, remote: Address, now: float) -> bool:
        """Tell the transaction of a request of ours that it was not delivered (18.4).

        :returns: False when there is no such transaction with that peer, or the peer has answered.
        """
        client = self._clients.get((branch, method))
        if client is None or client.flow.remote != remote or client.transaction.state not in UNHEARD:
            return False
        self._lose(client, now)
        return True

    # -- from above -------------------------------------------------------------------------------

    def find_invite(self, cancel: Request) -> Server | None:
        """Find the INVITE that a CANCEL means (9.2)."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def is_merged(self, server: Server) -> bool:
        """Tell whether the same request came by another way before (8.2.2.2)."""
        request = server.request
        if request.to_tag is not None or not request.from_tag:
            return False
        return self._merged.get(_merge_key(request)) != server.key

    def respond(self, server: Server, response: Response, now: float, data: bytes = b"") -> None:
        """Send a response through its transaction.

        :param data: the response, if it is written already.
        """
        self._step(server, _sends(response.status), now, data or response.to_bytes())

    def owe_trying(self, server: Server, now: float) -> None:
        """Owe an INVITE its 100, until ``pay_trying``: most are answered in the turn in which they come.

        17.2.1 lets a 100 be left out where another response follows within 200 ms. A telephone in use
        (pyVoIP 1.6.8) waits for 100, 180 or 401 for ever, whatever else comes: it gets its 100 first.
        """
        if (server.request.headers.get("User-Agent") or "").startswith("pyVoIP"):
            self.respond(server, response_to(server.request, 100), now)
        else:
            self._owed.append((server, now))

    def pay_trying(self) -> None:
        """Send 100 to the INVITEs that nothing was sent to since they came: the turn is over."""
        if self._owed:
            owed, self._owed = self._owed, []
            for server, now in owed:
                if server.transaction.state is S.PROCEEDING and not server.transaction.kept:
                    self.respond(server, response_to(server.request, 100), now)

    def provide(self, server: Server, data: bytes, now: float) -> None:
        """Send a provisional response that is written already, the same one again or another."""
        self._step(server, I.SEND_1XX, now, data)

    def request(
        self,
        request: Request,
        flow: Flow,
        now: float,
        call_id: CallId | None = None,
        hears: Hears | None = None,
    ) -> Client:
        """Send a request other than ACK through a new client transaction.

        :param hears: told what comes of it, by whoever asks this layer for responses and failures.
        """
        kind = Kind.INVITE_CLIENT if request.method == "INVITE" else Kind.CLIENT
        data = request.to_bytes()
        way = self._large.way(request, len(data), flow, now)
        client = Client(client_key(request), request, way, Transaction(kind, way.is_reliable), call_id, hears)
        if way is not flow:
            client.falls_back, data = flow, request.to_bytes()
        self._clients[client.key] = client
        self._count(client, 1)
        client.transaction.start(data, now)
        self._settle(client)
        return client

    def give_up(self, client: Client, due: float) -> None:
        """Wait for the final response to an INVITE of ours until then, and no longer."""
        client.gives_up = due
        self._settle(client)

    def forget(self, client: Client) -> None:
        """Give a request of ours up (9.1: an INVITE whose CANCEL brought no final response)."""
        if self._clients.pop(client.key, None) is not None:
            self._count(client, -1)
        self._agenda.put(client, None)

    def send(self, flow: Flow, data: bytes, call_id: CallId | None = None) -> None:
        """Send bytes that no transaction repeats: an ACK to 2xx, a 2xx again, a stateless error."""
        self._outbox.append(Outgoing(flow, data, call_id))

    # -- timers and effects -----------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return self._agenda.next_due()

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (side := self._agenda.take_due(now)) is not None:
            if isinstance(side, Client) and _is_given_up(side, now):
                self.forget(side)
                continue
            side.transaction.handle_timer(now)
            sent = len(self._outbox)
            self._settle(side)
            self._counts.retransmissions += len(self._outbox) - sent

    def take_outbox(self) -> list[Outgoing]:
        """Hand out what is to be sent, once."""
        taken, self._outbox = self._outbox, []
        return taken

    def take_failed(self) -> list[Failed]:
        """Hand out the transactions that failed, once."""
        taken, self._failed = self._failed, []
        return taken

    def _lose(self, side: Server | Client, now: float) -> None:
        is_unheard = side.transaction.state in UNHEARD
        if not isinstance(side, Client) or side.falls_back is None or not is_unheard:
            self._step(side, I.TRANSPORT_ERROR, now)
            return
        # Nobody took TCP: the request goes over UDP after all, however large (18.1.1).
        side.flow, side.falls_back = side.falls_back, None
        self._large.back(side.request, side.flow, now)
        side.transaction = Transaction(side.transaction.kind, is_reliable=False)
        side.transaction.start(side.request.to_bytes(), now)
        self._settle(side)

    def _step(self, side: Server | Client, given: I, now: float, data: bytes = b"") -> list[Outcome]:
        side.transaction.handle(given, now, data)
        return self._settle(side)

    def _settle(self, side: Server | Client) -> list[Outcome]:
        transaction = side.transaction
        for data in transaction.take_outbox():
            self._outbox.append(Outgoing(side.flow, data, side.call_id))
        told = transaction.take_told()
        self._failed += [Failed(side, outcome) for outcome in told if outcome is not Outcome.MESSAGE]
        due = transaction.next_timer()
        if due is None and isinstance(side, Client) and transaction.state is S.PROCEEDING:
            due = side.gives_up
        self._agenda.put(side, due)
        if transaction.is_over:
            if isinstance(side, Client):
                if self._clients.pop(side.key, None) is not None:
                    self._count(side, -1)
            else:
                self._forget(side)
        return told

    def _count(self, side: Server | Client, change: int) -> None:
        connection = side.flow.connection
        if connection and side.flow.is_reliable:
            self._on[connection] += change
            if not self._on[connection]:
                del self._on[connection]

    def _forget(self, server: Server) -> None:
        if self._servers.pop(server.key, None) is not None:
            self._count(server, -1)
        if server.request.to_tag is None:
            merge = _merge_key(server.request)
            if self._merged.get(merge) == server.key:
                del self._merged[merge]


def _is_given_up(client: Client, now: float) -> bool:
    return client.gives_up is not None and client.gives_up <= now and client.transaction.state is S.PROCEEDING


def _merge_key(request: Request) -> Key:
    return (request.from_tag, request.call_id, request.cseq.number, request.method)


def _received(status: int) -> I:
    if status < 200:
        return I.RECEIVE_1XX
    return I.RECEIVE_2XX if status < 300 else I.RECEIVE_ERROR


def _sends(status: int) -> I:
    if status < 200:
        return I.SEND_1XX
    return I.SEND_2XX if status < 300 else I.SEND_ERROR
