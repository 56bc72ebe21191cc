"""Lock-out of those who guess."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.lock_out import (
    FIRST_LOCK_S,
    FORGET_S,
    FREE_PER_SOURCE,
    FREE_PER_USER,
    LONGEST_LOCK_S,
    PROVEN_S,
    LockOut,
)

IP = "192.0.2.7"


def guess(lock_out: LockOut, times: int, now: float = 0.0, ip: str = IP, user: str = "1001") -> list[bool]:
    return [lock_out.fail(ip, user, now) for _ in range(times)]


def test_some_slips_are_free() -> None:
    lock_out = LockOut()
    assert not any(guess(lock_out, FREE_PER_USER))
    assert not lock_out.is_locked(IP, "1001", 0.0)


def test_one_more_locks_that_user_from_there_alone() -> None:
    lock_out = LockOut()
    assert guess(lock_out, FREE_PER_USER + 1)[-1]
    assert lock_out.is_locked(IP, "1001", FIRST_LOCK_S - 0.1)
    assert not lock_out.is_locked(IP, "1001", FIRST_LOCK_S)
    assert not lock_out.is_locked(IP, "1002", 0.0)
    assert not lock_out.is_locked("192.0.2.8", "1001", 0.0)


def test_locks_double_up_to_an_hour() -> None:
    lock_out, now, locks = LockOut(), 0.0, []
    guess(lock_out, FREE_PER_USER)
    for _ in range(10):
        assert lock_out.fail(IP, "1001", now)
        began = now
        while lock_out.is_locked(IP, "1001", now):
            now += 30.0
        locks.append(now - began)
    assert locks[:4] == [60.0, 120.0, 240.0, 480.0]
    assert locks[-1] == LONGEST_LOCK_S


def test_a_source_that_tries_names_is_locked_for_every_name() -> None:
    lock_out = LockOut()
    locked = [lock_out.fail(IP, f"{number}", 0.0) for number in range(FREE_PER_SOURCE + 1)]
    assert locked == [False] * FREE_PER_SOURCE + [True]
    assert lock_out.is_locked(IP, "never tried", 0.0)


def test_a_colleague_who_proved_himself_is_spared() -> None:
    lock_out = LockOut()
    lock_out.succeed(IP, "1002", 0.0)
    for number in range(FREE_PER_SOURCE + 1):
        lock_out.fail(IP, f"{number}", PROVEN_S - 1)
    assert not lock_out.is_locked(IP, "1002", PROVEN_S - 1)
    assert lock_out.is_locked(IP, "1003", PROVEN_S - 1)
    assert lock_out.is_locked(IP, "1002", PROVEN_S)


def test_the_right_password_wipes_out_slips() -> None:
    lock_out = LockOut()
    for _ in range(3):
        guess(lock_out, FREE_PER_USER)
        lock_out.succeed(IP, "1001", 0.0)
    assert not lock_out.is_locked(IP, "1001", 0.0)


def test_the_right_password_does_not_wipe_out_what_its_source_tried() -> None:
    """Else one account of his own would let a guesser go on for ever."""
    lock_out = LockOut()
    for number in range(FREE_PER_SOURCE + 1):
        lock_out.fail(IP, f"{number}", 0.0)
        lock_out.succeed(IP, "mallory", 0.0)
    assert lock_out.is_locked(IP, "1001", 0.0)


def test_quiet_time_forgives() -> None:
    lock_out = LockOut()
    guess(lock_out, FREE_PER_USER + 1)
    assert not any(guess(lock_out, FREE_PER_USER, FIRST_LOCK_S + FORGET_S))


def test_a_new_password_begins_anew() -> None:
    lock_out = LockOut()
    guess(lock_out, FREE_PER_USER + 1)
    lock_out.forget_user("1001")
    assert not lock_out.is_locked(IP, "1001", 0.0)


def test_one_network_of_ipv6_is_one_source() -> None:
    lock_out = LockOut()
    for number in range(FREE_PER_SOURCE + 1):
        lock_out.fail(f"2001:db8::{number:x}", f"{number}", 0.0)
    assert lock_out.is_locked("2001:db8::ffff", "1001", 0.0)


def test_memory_is_bounded() -> None:
    lock_out = LockOut(most=100)
    for number in range(1000):
        lock_out.fail(f"192.0.{number // 250}.{number % 250}", "x", 0.0)
        lock_out.succeed(f"192.0.{number // 250}.{number % 250}", "y", 0.0)
    assert len(lock_out) <= 100


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 400)), max_size=80))
def test_guesses_that_are_listened_to_stay_few(tries: list[tuple[str, float]]) -> None:
    """However somebody spreads his guesses: in a day he gets few looks at one user."""
    lock_out, now, heard = LockOut(), 0.0, 0
    for user, wait in tries:
        now += wait
        if not lock_out.is_locked(IP, user, now):
            heard += 1
            lock_out.fail(IP, user, now)
    assert heard <= FREE_PER_SOURCE + 3 * (FREE_PER_USER + 1) + now / FIRST_LOCK_S
