from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hotline.desk.passwords import (
    PER_REMOTE,
    PER_USER,
    PER_USER_AND_REMOTE,
    WINDOW,
    LoginLimit,
    check_password,
)
from hotline.errors import Refused

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "password", ["correct horse 7", "夜半钟声到客船姑苏城外", "k3-Zu!mm.9qx", "hunter2-hunter3"]
)
def test_good_password_passes(password: str) -> None:
    check_password(password, "zhang")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short7!", "at least 10"),
        ("x" * 201, "at most 200"),
        ("Zhang-2026-x", "user name"),
        ("aaaaabbbbb", "different"),
        ("1212121212", "different"),
        ("password2026!", "first that anybody"),
        ("Password1234", "first that anybody"),
        ("96156hotline", "first that anybody"),
        ("adminadmin1", "first that anybody"),
        ("woaini1314520", "first that anybody"),
        ("1234567890", "row of keys"),
        ("0987654321", "row of keys"),
        ("abcdefghij", "row of keys"),
        ("poiuytrewq", "row of keys"),
    ],
)
def test_weak_password_is_refused(password: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        check_password(password, "zhang")
    assert refused.value.code == "input"


def exhaust(limit: LoginLimit, user: str, remote: str, times: int) -> None:
    for _ in range(times):
        limit.note_try(user, remote, NOON)


def test_guesses_from_one_place_are_limited() -> None:
    limit = LoginLimit()
    exhaust(limit, "li", "a", PER_USER_AND_REMOTE - 1)
    assert not limit.is_exhausted("li", "a", NOON)
    exhaust(limit, "li", "a", 1)
    assert limit.is_exhausted("li", "a", NOON)
    assert not limit.is_exhausted("li", "b", NOON)  # she herself, from her own desk
    assert not limit.is_exhausted("wang", "a", NOON)


def test_guesses_at_one_user_from_everywhere_are_limited() -> None:
    limit = LoginLimit()
    for n in range(PER_USER):
        limit.note_try("li", f"10.0.0.{n}", NOON)
    assert limit.is_exhausted("li", "new", NOON)


def test_guesses_at_all_users_from_one_place_are_limited() -> None:
    limit = LoginLimit()
    for n in range(PER_REMOTE):
        limit.note_try(f"user{n}", "a", NOON)
    assert limit.is_exhausted("another", "a", NOON)


def test_limit_is_lifted_with_time() -> None:
    limit = LoginLimit()
    exhaust(limit, "li", "a", PER_USER_AND_REMOTE)
    assert limit.is_exhausted("li", "a", NOON + WINDOW - timedelta(seconds=1))
    assert not limit.is_exhausted("li", "a", NOON + WINDOW)


def test_clock_set_back_does_not_lock_anybody_out() -> None:
    limit = LoginLimit()
    exhaust(limit, "li", "a", PER_USER_AND_REMOTE)
    assert not limit.is_exhausted("li", "a", NOON - timedelta(hours=1))


def test_right_passwords_of_a_whole_office_are_no_attack() -> None:
    limit = LoginLimit()
    for n in range(PER_REMOTE * 2):
        assert not limit.is_exhausted(f"user{n}", "office", NOON)
        limit.note_try(f"user{n}", "office", NOON)
        limit.note_accepted(f"user{n}", "office")


def test_try_that_nobody_could_look_at_does_not_count() -> None:
    limit = LoginLimit()
    for _ in range(PER_USER_AND_REMOTE * 2):
        limit.note_try("li", "a", NOON)
        limit.take_back("li", "a")
    assert not limit.is_exhausted("li", "a", NOON)


def test_names_tried_at_random_do_not_fill_the_memory() -> None:
    limit = LoginLimit()
    for n in range(6_000):
        limit.note_try(f"user{n}", f"{n}", NOON + timedelta(seconds=n))
    assert len(limit._tries) < 11_000
