"""Flows of RFC 3665 and RFC 5359 through the product itself: sipp plays carriers, residents and desks.

What each side sends and hears stands in the scenarios; here stand the records that are left.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from examples.product import ROOT, Product
from tests.interop.flows import CONNECTS
from tests.interop.sipp_run import SIPP, Sipp, free_ports
from tests.interop.site import rows, wait_until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)"),
]
CARRIER, STRICT = "127.0.0.2", "127.0.0.3"
"""Where the two trunks call from; telephones are at 127.0.0.1, which nobody knows until they register."""
LINES = {"first": "127.0.0.4", "second": "127.0.0.5"}
"""The proxies of the trunks that carry calls out, in the order in which they are tried."""
OUTSIDE = "02161234567"
TRUNKS = f"""
[trunks.carrier]
networks = ["{CARRIER}"]
[trunks.strict]
networks = ["{STRICT}"]
reliable = "required"
"""
PATIENCE_S = 15
AGENT = "1003"
"""Whom the flow rings, and nobody else calls: an INVITE to a desk that is off goes on for half a minute."""
USERS = ("1001", "1002", AGENT, "1009", "2001")


class Desk:
    """A telephone of the house, played by one sipp after another on the same port."""

    def __init__(self, product: Product, folder: Path, user: str, password: str) -> None:
        self.user, self.port = user, free_ports()
        self._product, self._folder, self._password = product, folder, password

    def calls(self, scenario: str, called: str, *words: str, transport: str = "udp") -> Sipp:
        run = self._run(scenario, called, *words, transport=transport)
        run.call(self._product.sip_port, called, patience_s=PATIENCE_S)
        return run

    def is_called(self, scenario: str, calls_itself: str = "") -> Sipp:
        """Wait for a call.

        :param calls_itself: whom it calls in the course of it.
        """
        run = self._run(scenario, calls_itself)
        run.wait_for_calls(at=self._product.sip_port, patience_s=PATIENCE_S)
        return run

    def _run(self, scenario: str, called: str, *words: str, transport: str = "udp") -> Sipp:
        proof = ["-au", self.user, "-ap", self._password, "-key", "user", self.user]
        if called:
            proof += ["-auth_uri", f"{called}@127.0.0.1:{self._product.sip_port}"]
        folder = self._folder / f"{self.user}-{scenario}-{time.monotonic_ns()}"
        return Sipp(folder, scenario, transport, *proof, *words, port=self.port)


def ended_well(*runs: Sipp) -> None:
    until = time.monotonic() + PATIENCE_S + 5
    complaints = [told for run in runs if (told := run.complaint(until))]
    assert not complaints, "\n\n".join(complaints)


@pytest.fixture(scope="module")
def proxies() -> dict[str, tuple[str, int]]:
    return {name: (ip, free_ports(ip)) for name, ip in LINES.items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, proxies: dict[str, tuple[str, int]]) -> Product:
    folder = tmp_path_factory.mktemp("office")
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    lines = [f'[trunks.{name}]\nproxies = ["{ip}:{port}"]' for name, (ip, port) in proxies.items()]
    more = '\ncaller_numbers = ["01065240000"]\nkeepalive_s = 0\n'
    (config / "trunks.toml").write_text(TRUNKS + "".join(line + more for line in lines))
    (folder / "office.toml").write_text(
        CONNECTS.replace('ring = "20s"', 'ring = "5s"').replace("1001", AGENT)
    )
    product = Product(
        folder / "site",
        speech__workers=0,
        site__config_dir=config,
        phones__digest="MD5",
        ivr__flow=folder / "office.toml",
    )
    product.appoint()
    return product


@pytest.fixture(scope="module")
def passwords(site: Product) -> dict[str, str]:
    return {user: site.add_phone(user) for user in USERS}


@pytest.fixture(scope="module")
def product(site: Product, passwords: dict[str, str]) -> Iterator[Product]:
    site.start()
    yield site
    site.stop()
    faults = [one for one in site.log if one["event"] in {"sip.fault", "switchboard.bug"}]
    assert not faults


@pytest.fixture(scope="module")
def desks(
    product: Product, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Desk]:
    folder = tmp_path_factory.mktemp("desks")
    found = {user: Desk(product, folder, user, password) for user, password in passwords.items()}
    runs = [found[user].calls("desk_registers", "") for user in ("1001", "1002", "2001")]
    ended_well(*runs)
    return found


def the_call(product: Product, seen: set[str], within_s: float = 15.0) -> dict[str, Any]:
    """Wait for the one call that was not seen before, until it ended, and give its row."""

    def new() -> list[dict[str, Any]]:
        return [row for row in rows(product, "select * from calls") if row["call_id"] not in seen]

    found = wait_until(
        lambda: (new_calls := new()) and all(one["ended_at"] for one in new_calls) and new_calls,
        "the end of the call",
        within_s,
    )
    (call,) = found
    return dict(call)


@pytest.fixture
def seen(product: Product) -> set[str]:
    return {row["call_id"] for row in rows(product, "select call_id from calls")}


def legs(product: Product, call: dict[str, Any]) -> list[tuple[str, str]]:
    found = rows(product, "select * from call_legs where call_id = ? order by rowid", call["call_id"])
    return [(leg["peer"], leg["cause"]) for leg in found]


def resident(
    folder: Path, product: Product, scenario: str, ip: str = CARRIER, transport: str = "udp"
) -> Sipp:
    run = Sipp(folder / f"{scenario}-{transport}", scenario, transport, ip=ip)
    run.call(product.sip_port, "96156", patience_s=PATIENCE_S)
    return run


# -- registering ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_telephone_registers_refreshes_and_takes_itself_back(
    product: Product, desks: dict[str, Desk], transport: str
) -> None:
    ended_well(desks["1009"].calls("registers", "", transport=transport))
    standing = product.run("phone", "registrations")
    assert "1001" in standing
    assert "1009" not in standing


def test_what_a_telephone_may_not_ask_is_refused_cleanly(product: Product, desks: dict[str, Desk]) -> None:
    ended_well(desks["1001"].calls("desk_asks", "1002"))


# -- from desk to desk ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("near", "far", "cause", "leg"),
    [
        ("desk_left", "answers", "finished", "bye"),
        ("desk_calls", "desk_answers", "caller", "hung_up"),
        ("desk_left", "callee_holds", "finished", "bye"),
        ("desk_left", "rings_reliably_left", "finished", "bye"),
        ("desk_hears_486", "is_busy", "busy", "failed"),
        ("desk_hears_503", "redirects", "failed", "failed"),
        ("desk_gives_up", "rings_on", "cancelled", "hung_up"),
        ("desk_gives_up", "answers_cancel", "cancelled", "hung_up"),
    ],
)
def test_one_desk_calls_another(
    product: Product, desks: dict[str, Desk], seen: set[str], near: str, far: str, cause: str, leg: str
) -> None:
    called = desks["1002"].is_called(far)
    ended_well(desks["1001"].calls(near, "1002", "-d", "600"), called)
    call = the_call(product, seen)
    assert (call["direction"], call["cause"]) == ("inside", cause)
    assert legs(product, call) == [("1002", leg)]


def test_a_key_told_by_info_reaches_a_telephone_without_events(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    called = desks["1002"].is_called("desk_hears_key")
    ended_well(desks["1001"].calls("desk_presses", "1002", "-d", "600"), called)
    assert the_call(product, seen)["cause"] == "caller"


def test_a_desk_that_is_off_is_not_there(product: Product, desks: dict[str, Desk], seen: set[str]) -> None:
    ended_well(desks["1001"].calls("desk_hears_480", "1009"))
    assert the_call(product, seen)["cause"] == "failed"


def test_a_telephone_sends_its_call_to_another_one(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    forwarded, colleague = desks["1002"].is_called("forwards"), desks["2001"].is_called("desk_answers")
    ended_well(desks["1001"].calls("desk_calls", "1002", "-d", "300"), forwarded, colleague)
    call = the_call(product, seen)
    assert "!1002 forwarded to 2001" in json.loads(call["path"])
    assert legs(product, call) == [("1002", "failed"), ("2001", "hung_up")]


def test_a_ringing_telephone_is_told_to_answer(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    agent, caller = (
        desks["1001"].is_called("desk_answers_when_told"),
        desks["2001"].calls("desk_calls", "1001", "-d", "300"),
    )

    def is_told() -> bool:
        with suppress(RuntimeError):  # it does not ring yet
            return product.run("phone", "answer", "1001") == "phone 1001 was told to answer\n"
        return False

    assert wait_until(is_told, "the ringing")
    ended_well(caller, agent)
    assert the_call(product, seen)["cause"] == "caller"


# -- transfer -------------------------------------------------------------------------------------------


def test_a_blind_transfer_is_reported_to_its_end(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    colleague, agent = desks["1002"].is_called("desk_answers"), desks["1001"].is_called("desk_transfers")
    ended_well(desks["2001"].calls("desk_calls", "1001", "-d", "3000"), agent, colleague)
    call = the_call(product, seen)
    assert json.loads(call["path"])[-2:] == ["!transferring to 1002", "!talked with 1002"]
    assert [peer for peer, _cause in legs(product, call)] == ["1001", "1002"]


def test_a_blind_transfer_in_vain_leaves_the_call_as_it_was(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    colleague, agent = desks["1002"].is_called("is_busy"), desks["1001"].is_called("desk_transfers_in_vain")
    ended_well(desks["2001"].calls("desk_left", "1001"), agent, colleague)
    call = the_call(product, seen)
    assert "!not transferred: 486" in json.loads(call["path"])


def test_a_transfer_to_the_hotline_itself_is_refused(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    """It would have left on one trunk, and come back on another."""
    agent = desks["1001"].is_called("desk_transfers_to_the_hotline")
    ended_well(desks["2001"].calls("desk_left", "1001"), agent)
    call = the_call(product, seen)
    note = "!not transferred: 403, 96156 is a number of this house, which leads to no line out"
    assert note in json.loads(call["path"])
    assert legs(product, call) == [("1001", "bye")]


# -- out, over the carriers' trunks -------------------------------------------------------------------------


class Carriers:
    """Proxies of the trunks, each played by one sipp."""

    def __init__(self, folder: Path, proxies: dict[str, tuple[str, int]]) -> None:
        self._folder, self._proxies = folder, proxies
        self.runs: list[Sipp] = []

    def play(self, line: str, scenario: str) -> None:
        ip, port = self._proxies[line]
        self.runs.append(Sipp(self._folder / line, scenario, ip=ip, port=port))
        self.runs[-1].wait_for_calls(patience_s=PATIENCE_S)


@pytest.fixture
def carriers(tmp_path: Path, proxies: dict[str, tuple[str, int]]) -> Iterator[Carriers]:
    found = Carriers(tmp_path, proxies)
    yield found
    for run in found.runs:
        run.kill()


def test_a_call_that_one_trunk_cannot_carry_goes_out_over_the_next(
    product: Product, desks: dict[str, Desk], seen: set[str], carriers: Carriers
) -> None:
    carriers.play("first", "out_of_order")
    carriers.play("second", "carrier_answers")
    ended_well(desks["1001"].calls("desk_calls", OUTSIDE, "-d", "300"), *carriers.runs)
    call = the_call(product, seen)
    assert (call["direction"], call["cause"]) == ("out", "caller")
    found = rows(product, "select * from call_legs where call_id = ? order by rowid", call["call_id"])
    assert [(leg["trunk"], leg["cause"], leg["status"]) for leg in found] == [
        ("first", "failed", 503), ("second", "hung_up", 0)
    ]  # fmt: skip
    told = product.run("call", "show", found[0]["sip_call_id"])
    assert "over first, not answered" in told
    assert "over second, answered" in told
    assert "503 No Circuit" in told, "the ladder shows the trunk that failed"
    assert told.count("INVITE") >= 4, "the desk's twice, and one for each trunk"


def test_a_person_who_is_busy_is_called_once(
    product: Product, desks: dict[str, Desk], seen: set[str], carriers: Carriers
) -> None:
    carriers.play("first", "is_busy")
    ended_well(desks["1001"].calls("desk_hears_486", OUTSIDE), *carriers.runs)
    assert legs(product, the_call(product, seen)) == [("+862161234567", "failed")]


def test_a_call_that_no_trunk_carries_fails(
    product: Product, desks: dict[str, Desk], seen: set[str], carriers: Carriers
) -> None:
    carriers.play("first", "out_of_order")
    carriers.play("second", "out_of_order")
    ended_well(desks["1001"].calls("desk_hears_503", OUTSIDE), *carriers.runs)
    call = the_call(product, seen)
    assert (call["cause"], len(legs(product, call))) == ("failed", 2)


def test_an_attended_transfer_brings_two_calls_together(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    colleague, agent = (
        desks["1002"].is_called("desk_answers"),
        desks["1001"].is_called("desk_consults", "1002"),
    )
    ended_well(desks["2001"].calls("desk_calls", "1001", "-d", "3000"), agent, colleague)
    calls = wait_until(
        lambda: (
            len(
                found := [
                    row
                    for row in rows(product, "select * from calls where ended_at is not null")
                    if row["call_id"] not in seen
                ]
            )
            == 2
            and found
        ),
        "the end of both calls",
    )
    paths = {call["caller"]: json.loads(call["path"]) for call in calls}
    assert "!transferred to 1002" in paths["2001"]
    assert {call["cause"] for call in calls} == {"caller", "transferred"}


def test_a_telephone_takes_its_own_call_to_another_line(
    product: Product, desks: dict[str, Desk], seen: set[str]
) -> None:
    agent = desks["1001"].is_called("desk_moves", "2001")
    ended_well(desks["2001"].calls("desk_calls", "1001", "-d", "1500"), agent)
    call = the_call(product, seen)
    assert "!taken over by 1001" in json.loads(call["path"])
    assert ("1001", "replaced") in legs(product, call)


# -- residents, through a carrier ---------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("scenario", ["call", "delayed", "holds", "refreshes", "late_cancel"])
def test_a_resident_of_any_habit_is_answered(
    product: Product, tmp_path: Path, seen: set[str], scenario: str, transport: str
) -> None:
    ended_well(resident(tmp_path, product, scenario, transport=transport))
    call = the_call(product, seen)
    assert (call["cause"], bool(call["answered_at"])) == ("caller", True)


def test_nobody_answers_in_time(
    product: Product, desks: dict[str, Desk], tmp_path: Path, seen: set[str]
) -> None:
    """The desk hears CANCEL when its time is up, and the resident goes on in the flow."""
    ended_well(desks[AGENT].calls("desk_registers", ""))
    agent, caller = desks[AGENT].is_called("rings_on"), resident(tmp_path, product, "stays")
    ended_well(agent, caller)
    call = the_call(product, seen)
    assert json.loads(call["path"])[1:] == ["ring", "message"]
    found = rows(product, "select * from call_legs where call_id = ?", call["call_id"])
    assert [(leg["peer"], leg["cause"], leg["status"]) for leg in found] == [(AGENT, "failed", 408)]


def test_a_line_that_requires_100rel_refuses_who_cannot(
    product: Product, tmp_path: Path, seen: set[str]
) -> None:
    ended_well(resident(tmp_path, product, "lacks_100rel", STRICT))
    assert the_call(product, seen)["answered_at"]
