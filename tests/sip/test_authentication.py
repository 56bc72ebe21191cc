"""The door: what strangers learn from it, and what they do not."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import Any

import pytest
from registrar_rig import REALM, an_authentication, answer
from sip_bench import a_request

from hotline.sip.authentication import MOST_ASKED, Authentication
from hotline.sip.flow import Flow
from hotline.sip.headers import parse_credentials
from hotline.sip.inspection import Refusal
from hotline.sip.lock_out import FIRST_LOCK_S, FREE_PER_SOURCE, FREE_PER_USER
from hotline.sip.message import Request, parse_message
from hotline.sip.phones import Phone

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)
OTHER = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.8", 5060), 1)
NOW = 1000.0


count = itertools.count(1)


def a_register(*authorizations: str, cseq: int | None = None) -> Request:
    headers = "\n".join(f"Authorization: {text}" for text in authorizations)
    cseq = next(count) if cseq is None else cseq
    request = parse_message(a_request("REGISTER", uri="sip:house.example", headers=headers, cseq=cseq))
    assert isinstance(request, Request)
    return request


def knock(door: Authentication, *authorizations: str, now: float = NOW, flow: Flow = FLOW) -> Phone | Refusal:
    return door.authenticate(a_register(*authorizations), flow, now)


def challenge(door: Authentication, now: float = NOW, flow: Flow = FLOW) -> str:
    refusal = knock(door, now=now, flow=flow)
    assert isinstance(refusal, Refusal)
    return refusal.headers[0][1]


def guess(
    door: Authentication, times: int, now: float = NOW, flow: Flow = FLOW, **given: Any
) -> list[Refusal]:
    found = []
    for _ in range(times):
        refusal = knock(
            door, answer(challenge(door, now, flow), **{"password": "guess", **given}), now=now, flow=flow
        )
        assert isinstance(refusal, Refusal)
        found.append(refusal)
    return found


def algorithms(refusal: Phone | Refusal) -> list[str | None]:
    assert isinstance(refusal, Refusal)
    return [parse_credentials(value).param("algorithm") for _, value in refusal.headers]


def shape(refusal: Phone | Refusal) -> object:
    """All that a stranger can tell of an answer: everything but the nonce."""
    assert isinstance(refusal, Refusal)
    headers = [(name, value.split('nonce="')[0], value.split('"')[-3:]) for name, value in refusal.headers]
    lengths = [len(value) for _, value in refusal.headers]
    return refusal.status, refusal.reason, headers, lengths


def test_who_proves_himself_is_let_in() -> None:
    door = an_authentication({"96156": "secret"})
    phone = knock(door, answer(challenge(door)))
    assert isinstance(phone, Phone)
    assert phone.user == "96156"


def test_of_several_credentials_those_for_us_count() -> None:
    door = an_authentication({"96156": "secret"})
    right = answer(challenge(door))
    other = right.replace(REALM, "elsewhere")
    assert isinstance(knock(door, other, right, "Basic abc"), Phone)


def test_a_scheme_that_we_do_not_know_is_challenged() -> None:
    door = an_authentication({"96156": "secret"})
    assert algorithms(knock(door, "Basic abc")) == BOTH


def test_unknown_user_wrong_password_and_locked_out_source_are_told_the_same() -> None:
    door = an_authentication({"96156": "secret"})
    [wrong] = guess(door, 1)
    [unknown] = guess(door, 1, user="12345")
    guess(door, FREE_PER_USER)
    locked_right = knock(door, answer(challenge(door)))
    [locked_wrong] = guess(door, 1)
    assert door.counts.locked_out == 2
    assert shape(wrong) == shape(unknown) == shape(locked_right) == shape(locked_wrong) == shape(knock(door))


def test_the_right_password_given_twice_while_locked_out_is_told_the_same() -> None:
    door = an_authentication({"96156": "secret"})
    guess(door, FREE_PER_USER + 1)
    text = answer(challenge(door))
    assert shape(knock(door, text)) == shape(knock(door, text)) == shape(knock(door))


def test_a_lock_ends() -> None:
    door = an_authentication({"96156": "secret"})
    guess(door, FREE_PER_USER + 1)
    assert isinstance(knock(door, answer(challenge(door))), Refusal)
    later = NOW + FIRST_LOCK_S
    assert isinstance(knock(door, answer(challenge(door, later)), now=later), Phone)


def test_trying_names_locks_the_source_out_and_nobody_else() -> None:
    locks: list[tuple[str, str]] = []
    door = an_authentication({"96156": "secret"}, on_lock=lambda *lock: locks.append(lock))
    for number in range(FREE_PER_SOURCE + 1):
        guess(door, 1, user=f"{number}")
    assert locks == [("192.0.2.7", f"{FREE_PER_SOURCE}")]
    assert isinstance(knock(door, answer(challenge(door))), Refusal)
    assert isinstance(knock(door, answer(challenge(door, flow=OTHER)), flow=OTHER), Phone)


def test_a_guesser_writes_no_lines_into_the_log() -> None:
    locks: list[tuple[str, str]] = []
    door = an_authentication({}, on_lock=lambda *lock: locks.append(lock))
    guess(door, FREE_PER_USER + 1, user="a\u202eb\x85" + "x" * 200)
    assert locks == [("192.0.2.7", "ab" + "x" * 62)]


def test_answers_to_a_made_up_nonce_lock_nobody_out() -> None:
    """A forged source address must not shut a telephone out: its nonce goes to the telephone."""
    door = an_authentication({"96156": "secret"})
    for _ in range(100):
        knock(door, answer(challenge(door, flow=OTHER), password="guess"), flow=FLOW)
    assert door.counts.locks == 0
    assert isinstance(knock(door, answer(challenge(door))), Phone)


def test_an_old_nonce_is_called_stale() -> None:
    door = an_authentication({"96156": "secret"})
    text = answer(challenge(door))
    refusal = knock(door, text, now=NOW + 3600)
    assert isinstance(refusal, Refusal)
    assert all("stale=true" in value for _, value in refusal.headers)


BOTH, ONE = ["SHA-256", "MD5"], ["MD5"]


def test_a_telephone_that_gives_up_before_two_algorithms_is_offered_the_old_one() -> None:
    door = an_authentication({"96156": "secret"})
    assert [algorithms(knock(door)) for _ in range(3)] == [BOTH, ONE, ONE]
    assert algorithms(knock(door, flow=OTHER)) == BOTH


def test_a_lost_challenge_is_repeated_as_it_was() -> None:
    door = an_authentication({"96156": "secret"})
    request = a_register(cseq=1)
    assert [algorithms(door.authenticate(request, FLOW, NOW)) for _ in range(3)] == [BOTH] * 3


def test_a_telephone_that_answers_is_offered_the_better_algorithm_again() -> None:
    door = an_authentication({"96156": "secret"})
    for _ in range(3):
        assert isinstance(knock(door, answer(challenge(door))), Phone)
    assert algorithms(knock(door)) == BOTH


def test_a_site_without_md5_never_offers_it() -> None:
    door = an_authentication({"96156": "secret"}, algorithms=("SHA-256",))
    assert [algorithms(knock(door)) for _ in range(3)] == [["SHA-256"]] * 3


def test_who_was_asked_is_remembered_in_bounded_memory() -> None:
    door = an_authentication({})
    for number in range(MOST_ASKED + 100):
        flow = Flow("udp", FLOW.local, (f"10.0.{number // 250}.{number % 250}", 5060), 1)
        knock(door, flow=flow)
    assert len(door._asked) == MOST_ASKED


def test_broken_credentials_are_told_so() -> None:
    refusal = knock(an_authentication({}), "Digest ,,,")
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


@pytest.mark.slow
def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    """Medians of turns taken: a difference that a network lets through would be many microseconds."""
    door = an_authentication({"96156": "secret"})
    door.lock_out.fail = lambda *_: False  # type: ignore[method-assign]  # thousands of guesses, all looked at
    times: dict[str, list[float]] = {"96156": [], "12345": []}
    for _ in range(1500):
        for user, taken in times.items():
            request = a_register(answer(challenge(door), user=user, password="guess"))
            began = time.perf_counter()
            door.authenticate(request, FLOW, NOW)
            taken.append(time.perf_counter() - began)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert abs(known - unknown) < 5e-6
