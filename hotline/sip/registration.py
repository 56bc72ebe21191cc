"""One registration at a carrier's registrar, kept alive (RFC 3261, 10.2; back-off of RFC 5626, 4.5).

States and moves are rows of ``TABLE``. A registrar that does not answer, or answers 5xx, is asked through
the next proxy at once, and again after a pause that doubles; one that refuses us is asked again slowly,
because many carriers lock a line whose password was wrong too often. Renewal is early, as IMS wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from hotline.errors import LocalProtocolError, RemoteProtocolError
from hotline.sip.digest_client import DigestClient
from hotline.sip.flow import Flow
from hotline.sip.headers import NameAddr, parse_expires, parse_name_addrs, parse_retry_after
from hotline.sip.locate import Destination, draw
from hotline.sip.message import Headers, Request, Response
from hotline.sip.trunk import ProxyAddress, TrunkAccount
from hotline.sip.uri import Uri

PATIENCE_S: Final = 8.0
"""How long an answer may take before the next proxy is asked."""
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0
"""Longest pause after failures: a trunk that is back is used within five minutes."""
FIRST_REFUSED_PAUSE_S: Final = 300.0
LONGEST_REFUSED_PAUSE_S: Final = 3600.0
LONG_LIFE_S: Final = 1200
"""Longer registrations are renewed 600 s before their end, others at half time, as IMS wants it (3GPP TS
24.229, 5.1.1.4.1)."""
EARLY_S: Final = 600
SHORTEST_LIFE_S: Final = 10
"""A registrar that grants less is taken as one that grants this: we are no flood."""
LONGEST_MIN_EXPIRES_S: Final = 86_400
MOST_AGAIN: Final = 4
"""Times that one try is sent again for a challenge or 423."""


class State(Enum):
    """Where a registration stands."""

    IDLE = "idle"
    ASKING = "asking"
    REGISTERED = "registered"
    WAITING = "waiting"
    """No proxy brought us to the registrar; it will be tried again soon."""
    REFUSED = "refused"
    """The registrar does not want us; it will be tried again late."""
    LEAVING = "leaving"
    GONE = "gone"


class Given(Enum):
    """What may happen."""

    START = "start"
    ACCEPTED = "2xx"
    AGAIN = "a challenge, or 423"
    REFUSED = "refused"
    FAILED = "no answer or 5xx, another proxy left"
    FAILED_EVERYWHERE = "no answer or 5xx, no proxy left"
    RENEW = "time to renew"
    RETRY = "pause over"
    WAY = "a proxy is back"
    WAY_LOST = "the proxy went silent"
    EXPIRED = "it ran out"
    LEAVE = "leave, while registered"
    LEAVE_UNKNOWN = "leave, not registered"


class Action(Enum):
    """What a move does."""

    SEND = "send REGISTER through the best proxy"
    SEND_AGAIN = "send REGISTER again to the same"
    SEND_ELSEWHERE = "send REGISTER through the next proxy"
    NOTE = "note what was granted"
    PAUSE = "pause, doubled each time"
    PAUSE_LONG = "pause long, doubled each time"
    SEND_LEAVE = "send REGISTER with Expires 0"
    FORGET = "forget all"
    TELL_REGISTERED = "tell that we are registered"
    TELL_REFUSED = "tell that we are refused"
    TELL_LOST = "tell that calls do not reach us"


S, G, A = State, Given, Action
Row = tuple[tuple[Action, ...], State]
TABLE: Final[dict[tuple[State, Given], Row]] = {
    (S.IDLE, G.START): ((A.SEND,), S.ASKING),
    (S.IDLE, G.LEAVE_UNKNOWN): ((A.FORGET,), S.GONE),
    (S.ASKING, G.ACCEPTED): ((A.NOTE, A.TELL_REGISTERED), S.REGISTERED),
    (S.ASKING, G.AGAIN): ((A.SEND_AGAIN,), S.ASKING),
    (S.ASKING, G.REFUSED): ((A.PAUSE_LONG, A.TELL_REFUSED), S.REFUSED),
    (S.ASKING, G.FAILED): ((A.SEND_ELSEWHERE,), S.ASKING),
    (S.ASKING, G.FAILED_EVERYWHERE): ((A.PAUSE,), S.WAITING),
    (S.ASKING, G.EXPIRED): ((A.TELL_LOST,), S.ASKING),
    (S.ASKING, G.LEAVE): ((A.SEND_LEAVE,), S.LEAVING),
    (S.ASKING, G.LEAVE_UNKNOWN): ((A.SEND_LEAVE,), S.LEAVING),  # the answer may be under way
    (S.REGISTERED, G.RENEW): ((A.SEND,), S.ASKING),
    (S.REGISTERED, G.WAY_LOST): ((A.SEND,), S.ASKING),
    (S.REGISTERED, G.EXPIRED): ((A.TELL_LOST, A.SEND), S.ASKING),
    (S.REGISTERED, G.LEAVE): ((A.SEND_LEAVE,), S.LEAVING),
    (S.WAITING, G.RETRY): ((A.SEND,), S.ASKING),
    (S.WAITING, G.WAY): ((A.SEND,), S.ASKING),
    (S.WAITING, G.EXPIRED): ((A.TELL_LOST,), S.WAITING),
    (S.WAITING, G.LEAVE): ((A.SEND_LEAVE,), S.LEAVING),
    (S.WAITING, G.LEAVE_UNKNOWN): ((A.FORGET,), S.GONE),
    (S.REFUSED, G.RETRY): ((A.SEND,), S.ASKING),
    (S.REFUSED, G.EXPIRED): ((A.TELL_LOST,), S.REFUSED),
    (S.REFUSED, G.LEAVE): ((A.SEND_LEAVE,), S.LEAVING),
    (S.REFUSED, G.LEAVE_UNKNOWN): ((A.FORGET,), S.GONE),
    (S.LEAVING, G.ACCEPTED): ((A.FORGET,), S.GONE),
    (S.LEAVING, G.AGAIN): ((A.SEND_AGAIN,), S.LEAVING),
    (S.LEAVING, G.REFUSED): ((A.FORGET,), S.GONE),
    (S.LEAVING, G.EXPIRED): ((), S.LEAVING),
    (S.LEAVING, G.FAILED): ((A.FORGET,), S.GONE),
    (S.LEAVING, G.FAILED_EVERYWHERE): ((A.FORGET,), S.GONE),
}
"""What is not here cannot happen; a WAY or WAY_LOST where none is listed changes nothing."""


class Ways(Protocol):
    """Where requests may go, as the client of the trunk knows it."""

    def best(self, tried: frozenset[Destination]) -> tuple[ProxyAddress, Destination, Flow] | None:
        """Give the best way that was not tried; None when there is none."""
        ...


class Registration:
    """One address of record at one registrar.

    :param ask: sends a request and comes back with ``answered`` and the number that it gave.
    :param tell: told the actions that begin with TELL.
    :param new_token: makes tags, Call-IDs, and what the length of a pause is drawn from.
    """

    def __init__(
        self,
        account: TrunkAccount,
        expires_s: int,
        ways: Ways,
        ask: Callable[[Request, Destination, Flow, float], int],
        tell: Callable[[Action, float], None],
        new_token: Callable[[], str],
        now: float,
    ) -> None:
        self.account = account
        self._wanted_s = self._expires_s = expires_s
        self._ways, self._ask, self._tell, self._new_token = ways, ask, tell, new_token
        self._call_id, self._tag, self._cseq = new_token(), new_token(), 0
        self._digest = self._new_digest()
        self._way: tuple[ProxyAddress, Destination, Flow] | None = None
        self._tried: frozenset[Destination] = frozenset()
        self._number: int | None = None
        self._request: Request | None = None
        self._sent_again = 0
        self._failures = self._refusals = 0
        self._retry_after_s = 0
        self._response: Response | None = None
        self._due: float | None = None
        """When the wait for an answer, the pause, or the time before renewal ends."""
        self.until: float | None = None
        """End of what was granted; None when there is nothing."""
        self.granted_s = 0
        self.through: Destination | None = None
        """Where the registration stands."""
        self.service_route: tuple[NameAddr, ...] = ()
        """Route for our calls (RFC 3608), as the registrar told it."""
        self.last = ""
        """The last answer, as ``403 Forbidden``."""
        self.state = State.IDLE
        self.since = now

    def is_registered(self, now: float) -> bool:
        """Tell whether calls reach us."""
        return self.until is not None and now < self.until

    @property
    def has_failed(self) -> bool:
        """Tell whether the last try came to nothing, and a person may want to know."""
        return self._failures + self._refusals > 0

    def start(self, now: float) -> None:
        """Register, as soon as there is a way."""
        if self.state is State.IDLE:
            self._move(Given.START, now)

    def leave(self, now: float) -> None:
        """Take the registration back."""
        if self.state not in {State.LEAVING, State.GONE}:
            self._move(Given.LEAVE if self.is_registered(now) else Given.LEAVE_UNKNOWN, now)

    def gain_way(self, now: float) -> None:
        """Note that a proxy is there that was not."""
        if (self.state, Given.WAY) in TABLE:
            self._move(Given.WAY, now)

    def lose_way(self, destination: Destination, now: float) -> None:
        """Note that a proxy went silent."""
        if destination == self.through and (self.state, Given.WAY_LOST) in TABLE:
            self._move(Given.WAY_LOST, now)

    def answered(self, number: int, response: Response | None, now: float) -> None:
        """Take what became of a REGISTER; an answer that came too late changes nothing.

        :param response: final; None when there was none.
        """
        if number != self._number:
            return
        self._number, self._response = None, response
        self.last = f"{response.status} {response.reason}".strip() if response else "no answer"
        self._move(self._read(response), now)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        dues = [due for due in (self._due, self.until) if due is not None]
        return min(dues, default=None)

    def handle_timer(self, now: float) -> None:
        """Renew, try again, give the wait up, or see the registration run out."""
        if self.until is not None and self.until <= now:
            self.until, self.through = None, None
            self._move(Given.EXPIRED, now)
        if self._due is None or self._due > now:
            return
        self._due = None
        if self.state in {State.ASKING, State.LEAVING}:
            number, self._number = self._number, None
            assert number is not None or self._way is None
            self.last = "no answer" if self._way else self.last or "no way to the registrar"
            self._response = None
            self._move(self._failed(), now)
        else:
            self._move(Given.RENEW if self.state is State.REGISTERED else Given.RETRY, now)

    # -- inside -----------------------------------------------------------------------------------

    def _read(self, response: Response | None) -> Given:
        """Tell what an answer amounts to."""
        if response is None:
            return self._failed()
        status = response.status
        if status < 300:
            return Given.ACCEPTED
        if status in {401, 407} and self._sent_again < MOST_AGAIN:
            assert self._request is not None
            if self._digest is not None and self._digest.take(response, self._request):
                return Given.AGAIN
            if self._digest is None:
                self.last += ", and no password is set"
            return Given.REFUSED
        if status == 423 and self._sent_again < MOST_AGAIN and self._take_shortest(response):
            return Given.AGAIN
        if 500 <= status < 600 or status in {408, 480}:
            self._retry_after_s = _retry_after(response)
            return self._failed()
        return Given.REFUSED

    def _failed(self) -> Given:
        return Given.FAILED if self._ways.best(self._tried) is not None else Given.FAILED_EVERYWHERE

    def _take_shortest(self, response: Response) -> bool:
        """Ask for as long as 423 says (10.3); False when it says nothing sensible."""
        try:
            wanted = parse_expires(response.headers.get("Min-Expires") or "", "Min-Expires")
        except RemoteProtocolError:
            return False
        if not self._expires_s < wanted <= LONGEST_MIN_EXPIRES_S:
            return False
        self._expires_s = wanted
        return True

    def _move(self, given: Given, now: float) -> None:
        row = TABLE.get((self.state, given))
        if row is None:
            raise LocalProtocolError(f"a registration that is {self.state.value} knows no {given.value!r}")
        actions, state = row
        if state is not self.state:
            self.state, self.since = state, now
        for action in actions:
            self._act(action, now)

    def _act(self, action: Action, now: float) -> None:
        match action:
            case Action.SEND:
                self._tried, self._retry_after_s = frozenset(), 0
                self._send_through_next(now)
            case Action.SEND_ELSEWHERE:
                self._send_through_next(now)
            case Action.SEND_AGAIN:
                self._sent_again += 1
                self._send(0 if self.state is State.LEAVING else self._expires_s, now)
            case Action.SEND_LEAVE:
                self._sent_again, self._number = 0, None
                self._send(0, now)
            case Action.NOTE:
                self._note(now)
            case Action.PAUSE:
                self._failures += 1
                self._pause(FIRST_PAUSE_S, LONGEST_PAUSE_S, self._failures, now)
            case Action.PAUSE_LONG:
                self._refusals += 1
                self._digest = self._new_digest()  # the next try is a first one again
                self._pause(FIRST_REFUSED_PAUSE_S, LONGEST_REFUSED_PAUSE_S, self._refusals, now)
            case Action.FORGET:
                self.until = self.through = self._due = self._number = None
            case Action.TELL_REGISTERED | Action.TELL_REFUSED | Action.TELL_LOST:
                self._tell(action, now)

    def _send_through_next(self, now: float) -> None:
        self._sent_again = 0
        self._way = self._ways.best(self._tried)
        if self._way is None:
            # Nothing is known yet, or no proxy has an address: a new way ends the pause.
            self.last = "no way to the registrar"
            self._move(Given.FAILED_EVERYWHERE, now)
            return
        self._tried |= {self._way[1]}
        self._send(self._expires_s, now)

    def _send(self, expires_s: int, now: float) -> None:
        if self._way is None:
            self._due = now
            return
        proxy, destination, flow = self._way
        self._request = self._write(proxy, flow, expires_s)
        self._due = now + PATIENCE_S
        self._number = self._ask(self._request, destination, flow, now)

    def _write(self, proxy: ProxyAddress, flow: Flow, expires_s: int) -> Request:
        account = self.account
        self._cseq += 1
        uri = Uri("sip", host=account.registrar)
        headers = Headers([("Max-Forwards", "70")])
        if proxy.uri.host.lower() != account.registrar.lower():
            headers.add("Route", f"<{proxy.uri.with_param('lr', None)}>")
        headers.add("From", f"<{account.address_of_record}>;tag={self._tag}")
        headers.add("To", f"<{account.address_of_record}>")
        headers.add("Call-ID", self._call_id)
        headers.add("CSeq", f"{self._cseq} REGISTER")
        headers.add("Contact", f"<{contact_uri(account.contact_user, flow)}>")
        headers.add("Expires", str(expires_s))
        headers.add("Supported", "path")  # RFC 3327, 4: proxies on the way may want it
        if self._digest is not None:
            for name, value in self._digest.headers("REGISTER", str(uri)):
                headers.add(name, value)
        return Request("REGISTER", uri, headers)

    def _note(self, now: float) -> None:
        response = self._response
        assert response is not None
        assert self._way is not None
        self.granted_s = max(SHORTEST_LIFE_S, self._granted(response, self._way[2]))
        self.until, self.through = now + self.granted_s, self._way[1]
        early = EARLY_S if self.granted_s > LONG_LIFE_S else self.granted_s / 2
        self._due = self.until - early
        self._failures = self._refusals = 0
        try:
            self.service_route = parse_name_addrs(response.headers.get_all("Service-Route"), "Service-Route")
        except RemoteProtocolError:  # we are registered all the same
            self.service_route = ()

    def _granted(self, response: Response, flow: Flow) -> int:
        """Tell how long our Contact holds (10.2.4): its own parameter, else Expires, else what we asked."""
        ours = contact_uri(self.account.contact_user, flow)
        texts = [contact.param("expires") for contact in response.contacts if contact.uri.matches(ours)]
        for text in (*texts, response.headers.get("Expires")):
            if text:
                try:
                    return min(parse_expires(text), self._expires_s)
                except RemoteProtocolError:
                    continue
        return self._expires_s

    def _pause(self, first_s: float, longest_s: float, times: int, now: float) -> None:
        """Wait, doubled each time: half of it at least, so that the lines of a carrier come one by one."""
        whole_s = min(longest_s, first_s * 2 ** min(times - 1, 20))
        share = 0.5 + draw(1000, self._new_token) / 2000
        self._due = now + max(whole_s * share, min(self._retry_after_s, longest_s))

    def _new_digest(self) -> DigestClient | None:
        secret = self.account.secret
        return None if secret is None else DigestClient(secret, self._new_token)


def _retry_after(response: Response) -> int:
    try:
        return parse_retry_after(response.headers.get("Retry-After") or "")
    except RemoteProtocolError:
        return 0


def contact_uri(user: str, flow: Flow) -> Uri:
    """Write where requests reach us over a flow."""
    host = f"[{flow.own_ip}]" if ":" in flow.own_ip else flow.own_ip
    params = () if flow.transport == "udp" else (("transport", flow.transport),)
    return Uri("sip", user, host=host, port=flow.local[1], params=params)
