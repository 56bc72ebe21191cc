"""A trunk's client under virtual time, and a carrier in memory whose proxies may keep silent."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from hotline.sip.dialling import ClientSecret
from hotline.sip.flow import Flow
from hotline.sip.headers import Credentials, parse_credentials
from hotline.sip.locate import Destination
from hotline.sip.message import Request, Response, parse_message, response_to
from hotline.sip.trunk import ProxyAddress, Trunk, TrunkAccount, Way
from hotline.sip.trunk_client import TrunkClient
from hotline.sip.trunk_events import TrunkEvent

REALM = "ims.example"
FIRST, SECOND = ProxyAddress("10.0.0.1"), ProxyAddress("10.0.0.2")
USERS = {"+861065240001@private.example", "second@private.example"}
US = ("10.0.0.9", 5060)
ACCOUNT = TrunkAccount(
    user="+861065240001",
    domain="bj.ims.example",
    registrar="bj.ims.example",
    contact_user="+861065240001",
    secret=ClientSecret("+861065240001@private.example", "secret"),
)
REGISTERED = Trunk("telecom", mode="registered", proxies=(FIRST, SECOND), accounts=(ACCOUNT,))
STATIC = Trunk("unicom", proxies=(FIRST, SECOND))


def tokens() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"token{next(numbers)}"


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def way(proxy: ProxyAddress, port: int = 5060) -> Way:
    destination = Destination("udp", proxy.host, proxy.port or port)
    return Way(proxy, destination, Flow("udp", US, (destination.ip, destination.port), 1))


@dataclass
class Carrier:
    """The other side: a registrar behind proxies."""

    expires_s: int = 3600
    silent: set[str] = field(default_factory=set)
    """Addresses that answer nothing."""
    says: dict[str, int] = field(default_factory=dict)
    """Status that a method is answered with, whatever it brings."""
    min_expires_s: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Put into every 200 to a REGISTER."""
    password: str = "secret"
    bindings: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Contact and time of each address of record."""
    heard: list[tuple[str, Request]] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)

    def answer(self, request: Request, ip: str, now: float) -> Response | None:
        self.heard.append((ip, request))
        if ip in self.silent:
            return None
        status = self.says.get(request.method, 0)
        if status:
            return response_to(request, status, to_tag="c")
        return (
            response_to(request, 200, to_tag="c")
            if request.method == "OPTIONS"
            else self._register(request, now)
        )

    def _is_right(self, given: Credentials) -> bool:
        """Check a digest as RFC 2617, 3.2.2 writes it."""
        if given.param("nonce") not in self.nonces or given.param("username") not in USERS:
            return False
        a1 = md5(f"{given.param('username')}:{REALM}:{self.password}")
        a2 = md5(f"REGISTER:{given.param('uri')}")
        middle = f"{given.param('nonce')}:{given.param('nc')}:{given.param('cnonce')}:auth"
        return given.param("response") == md5(f"{a1}:{middle}:{a2}")

    def _register(self, request: Request, now: float) -> Response:
        given = request.headers.get("Authorization")
        if given is None or not self._is_right(parse_credentials(given)):
            response = response_to(request, 401, to_tag="c")
            nonce = f"nonce{len(self.nonces)}"
            self.nonces.add(nonce)
            challenge = f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"'
            response.headers.add("WWW-Authenticate", challenge)
            return response
        wanted = request.expires or 0
        if 0 < wanted < self.min_expires_s:
            response = response_to(request, 423, to_tag="c")
            response.headers.add("Min-Expires", str(self.min_expires_s))
            return response
        [contact] = request.contacts
        record, granted = str(request.to.uri), min(wanted, self.expires_s)
        if granted:
            self.bindings[record] = (str(contact.uri), granted)
        else:
            self.bindings.pop(record, None)
        response = response_to(request, 200, to_tag="c")
        response.headers.add("Contact", f"<sip:someone@10.9.9.9>;expires=7, {contact};expires={granted}")
        for name, value in self.headers:
            response.headers.add(name, value)
        return response


class Bench:
    """Time, the client, and the carrier; answers come 10 ms later."""

    def __init__(
        self, trunk: Trunk = REGISTERED, carrier: Carrier | None = None, *, resolves: bool = True
    ) -> None:
        self.now = 1000.0
        self.carrier = carrier or Carrier()
        self.client = TrunkClient(trunk, tokens(), self.now)
        self.events: list[TrunkEvent] = []
        self.resolves = resolves
        self._answers: list[tuple[float, int, Response | None]] = []
        self.client.start(self.now)
        self._settle()

    def run(self, seconds: float) -> list[TrunkEvent]:
        """Let time pass; gives the events of it."""
        end, before = self.now + seconds, len(self.events)
        self._settle()
        while True:
            dues = [due for due, _, _ in self._answers]
            timer = self.client.next_timer()
            due = min([*dues, *([] if timer is None else [timer])], default=None)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            ready = [answer for answer in self._answers if answer[0] <= self.now]
            self._answers = [answer for answer in self._answers if answer[0] > self.now]
            for _, number, response in ready:
                self.client.answered(number, response, self.now)
            if timer is not None and timer <= self.now:
                self.client.handle_timer(self.now)
            self._settle()
        self.now = end
        return self.events[before:]

    def requests(self, method: str) -> list[tuple[str, Request]]:
        """Hand out what the carrier heard of a method, and forget it."""
        heard = [(ip, request) for ip, request in self.carrier.heard if request.method == method]
        self.carrier.heard = [one for one in self.carrier.heard if one[1].method != method]
        return heard

    def _settle(self) -> None:
        while True:
            asks, look_ups = self.client.take_asks(), self.client.take_look_ups()
            if not asks and not look_ups:
                break
            for proxy in look_ups:
                if self.resolves:
                    self.client.located(proxy, [way(proxy)], float("inf"), self.now)
                else:
                    self.client.located(proxy, [], 0.0, self.now, "no name server knows it")
            for ask in asks:
                ask.request.headers.insert_first("Via", f"SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK{ask.number}")
                request = parse_message(ask.request.to_bytes())
                assert isinstance(request, Request)
                response = self.carrier.answer(request, ask.flow.remote[0], self.now)
                delay_s = 0.01 if response is not None else 32.0
                self._answers.append((self.now + delay_s, ask.number, response))
        self.events += self.client.take_events()
