"""How long does one registration with a password take? Run ``python benchmarks/register.py``.

The claim: REGISTER, 401, REGISTER with MD5 credentials, 200 take at most 340 us of CPU in the pure part:
reading both messages, gate, digest, binding, writing both answers. Sockets come on top; see
docs/performance.md for the whole product under the load of a hundred telephones.

Measured in CPU time, best of many rounds, and as a ratio to hashing 1 MB, which is what can be compared
between machines.
"""

from __future__ import annotations

import cProfile
import hashlib
import itertools
import pstats
import sys
import time
from collections.abc import Iterator

from hotline.events.ids import CallId
from hotline.sip.authentication import Authentication
from hotline.sip.bindings import LocalBindings
from hotline.sip.config import UserAgentConfig
from hotline.sip.digest import Secret
from hotline.sip.flow import Flow
from hotline.sip.gate import Gate, GateConfig
from hotline.sip.headers import parse_credentials
from hotline.sip.message import Response, parse_message
from hotline.sip.phones import Phone, PhoneBook
from hotline.sip.registrar import Registrar, RegistrarConfig
from hotline.sip.trunk import AccessList
from hotline.sip.user_agent import UserAgent

LIMIT_US = 340
ROUNDS = 15
REGISTRATIONS = 400
PHONES = 100
REALM = "hotline"
FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)


def a_house() -> UserAgent:
    """Build a user agent with gate and registrar, and a hundred accounts."""
    tokens = itertools.count(1)

    def new_token() -> str:
        return f"token{next(tokens):019x}"

    users = [str(1001 + number) for number in range(PHONES)]
    phones = PhoneBook(Phone(user, Secret.of(user, REALM, f"pw{user}")) for user in users)
    bindings = LocalBindings()
    door = Authentication(REALM, phones, new_token, algorithms=("MD5",))
    gate = Gate(GateConfig(("96156",)), AccessList(()), phones, bindings, door)
    config = UserAgentConfig(
        ("96156",), registrar=Registrar(RegistrarConfig(), door, bindings), admission=gate
    )
    return UserAgent(config, lambda: CallId("none"), new_token)


def a_register(user: str, number: int, cseq: int, credentials: str = "") -> bytes:
    """Write the REGISTER that sipp and most telephones send."""
    return (
        "REGISTER sip:192.0.2.1:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-{number}-{cseq};rport\r\n"
        f"From: <sip:{user}@192.0.2.1>;tag={number}\r\nTo: <sip:{user}@192.0.2.1>\r\n"
        f"Call-ID: {number}-1@192.0.2.7\r\nCSeq: {cseq} REGISTER\r\n"
        f"Contact: <sip:{user}@192.0.2.7:5060>\r\nExpires: 300\r\n{credentials}"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def answer(challenge: str, user: str) -> str:
    """Write the credentials that answer a challenge."""
    nonce, uri = parse_credentials(challenge).param("nonce"), "sip:192.0.2.1:5060"

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    a1, a2 = md5(f"{user}:{REALM}:pw{user}"), md5(f"REGISTER:{uri}")
    response = md5(f"{a1}:{nonce}:00000001:abcdef:auth:{a2}")
    return (
        f'Authorization: Digest username="{user}",realm="{REALM}",nonce="{nonce}",uri="{uri}",'
        f'response="{response}",algorithm=MD5,cnonce="abcdef",nc=00000001,qop=auth\r\n'
    )


def hear(agent: UserAgent, data: bytes, now: float) -> list[bytes]:
    """Do what the edge does with a datagram."""
    message = parse_message(data)
    assert not isinstance(message, Response)
    agent.handle_message(message, FLOW, now)
    return [outgoing.data for outgoing in agent.take_outbox()]


def rounds(agent: UserAgent) -> Iterator[float]:
    """Give the CPU time of one registration, in microseconds, for each round."""
    numbers, now = itertools.count(1), 1000.0
    while True:
        spent = 0
        for _ in range(REGISTRATIONS):
            number = next(numbers)
            user, now = str(1001 + number % PHONES), now + 0.1
            first = a_register(user, number, 1)
            start = time.process_time_ns()
            [challenged] = hear(agent, first, now)
            spent += time.process_time_ns() - start
            response = parse_message(challenged)
            second = a_register(user, number, 2, answer(response.headers.get("WWW-Authenticate") or "", user))
            start = time.process_time_ns()
            [accepted] = hear(agent, second, now)
            agent.handle_timer(now)
            spent += time.process_time_ns() - start
            assert accepted.startswith(b"SIP/2.0 200"), accepted
        yield spent / REGISTRATIONS / 1000


def main() -> int:
    """Measure, compare, and say whether the claim holds."""
    megabyte = bytes(1 << 20)
    start = time.process_time_ns()
    for _ in range(20):
        hashlib.sha256(megabyte)
    yardstick_us = (time.process_time_ns() - start) / 20_000
    taken = [one for one, _ in zip(rounds(a_house()), range(ROUNDS), strict=False)]
    best = min(taken)
    print(f"one registration: {best:.0f} us (worst round {max(taken):.0f}), limit {LIMIT_US}")
    print(f"that is {best / yardstick_us:.2f} times the hashing of a megabyte ({yardstick_us:.0f} us)")
    if "--profile" in sys.argv:
        profile = cProfile.Profile()
        agent = a_house()
        profile.runcall(lambda: [one for one, _ in zip(rounds(agent), range(5), strict=False)])
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    return 0 if best <= LIMIT_US else 1


if __name__ == "__main__":
    sys.exit(main())
