"""The lookout over an edge without sockets: what may be asked, what is traced, what stops with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotline.events.ids import CallId
from hotline.sip.authentication import AuthenticationCounts
from hotline.sip.bindings import Binding, LocalBindings
from hotline.sip.flow import Flow
from hotline.sip.gate import GateCounts
from hotline.sip.headers import NameAddr
from hotline.sip.registrar import RegistrarCounts
from hotline.sip.uri import parse_uri
from hotline.wire.control_client import from_json
from hotline.wire.lookout import Lookout, is_leg_of
from hotline.wire.signalling_files import find_blocking
from hotline.wire.sip_edge import Passed
from tests.sip.seen import START
from tests.wire.sip_rig import SDP, Rig, a_message

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)


class House:
    """A telephone side with one rig, one registered telephone, and no trunks."""

    def __init__(self) -> None:
        self.rig = Rig().start()
        self.edge = self.rig.edge
        self.bindings = LocalBindings()
        self.lines = SimpleNamespace(views=list, up=dict, standing=dict)
        self.trunk_calls = SimpleNamespace(counts={})
        self.gate = SimpleNamespace(counts=GateCounts())
        self.authentication = SimpleNamespace(counts=AuthenticationCounts())
        self.registrar = SimpleNamespace(counts=RegistrarCounts())
        contact = NameAddr("", parse_uri("sip:1001@192.0.2.30:5062"), ())
        flow = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.30", 5062), 1)
        self.bindings.put("1001", [Binding(contact, 90.0, "r", 1, flow, user_agent="baresip\x1b 4")], 0.0)


def tell(tmp_path: Path, story: Callable[[Lookout, House], Awaitable[None]], **changes: Any) -> None:
    async def body() -> None:
        house = House()
        lookout = Lookout(
            tmp_path,
            house.rig.reactor,
            lambda: datetime.fromtimestamp(START, UTC),
            **{"keep_days": 3, "keep_mb": 64, **changes},
        )
        await lookout.start()
        lookout.watch(house)  # type: ignore[arg-type]
        try:
            await story(lookout, house)
        finally:
            await lookout.stop()
            await house.edge.stop()

    asyncio.run(body())


def traced(lookout: Lookout, **wanted: object) -> tuple[list[str], Callable[[], None]]:
    """Begin a trace; gives the list that fills, and what ends it."""
    told: list[str] = []
    end = lookout.control.streams["trace"](
        wanted, lambda item: told.append(from_json(item).data.split(b"\r\n")[0].decode())
    )
    return told, end


INVITE, OK = "INVITE sip:96156@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK"


def test_a_trace_shows_both_directions_until_it_ends(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        told, end = traced(lookout)
        house.rig.datagram(a_message("INVITE", body=SDP))
        assert told == [INVITE, OK]
        end()
        house.rig.datagram(a_message("INVITE", number=2, body=SDP))
        assert len(told) == 2

    tell(tmp_path, story)


def test_nobody_pays_while_nobody_looks(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        assert house.edge.taps == []
        _, end = traced(lookout)
        assert len(house.edge.taps) == 1
        end()
        assert house.edge.taps == []

    tell(tmp_path, story, keep_days=0)


def test_a_trace_follows_a_call_by_our_id(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        for number in (1, 2):
            house.rig.datagram(a_message("INVITE", number=number, body=SDP))
        told, _ = traced(lookout, call="call-2")
        for number in (1, 2):
            house.rig.datagram(a_message("OPTIONS", number=number, branch=f"o{number}", cseq=9))
        assert told == ["OPTIONS sip:96156@192.0.2.1 SIP/2.0", OK]

    tell(tmp_path, story)


def test_a_trace_finds_the_legs_that_a_call_gets_later(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        house.rig.datagram(a_message("INVITE", number=1, body=SDP))
        told, _ = traced(lookout, call="call-1")
        tap = house.edge.taps[-1]
        for data, call_id in (
            (a_message("INVITE", number=8), "call-1-leg1"),
            (a_message("CANCEL", number=8), None),
            (a_message("INVITE", number=9), "call-10-leg1"),
        ):
            tap(Passed(0.0, call_id is not None, FLOW, data, CallId(call_id) if call_id else None))
        assert told == [INVITE, "CANCEL sip:96156@192.0.2.1 SIP/2.0"]

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ({"ip": "192.0.2.9"}, 0),
        ({"ip": "192.0.2.7"}, 2),
        ({"methods": ["BYE"]}, 0),
        ({"methods": ["invite"]}, 2),
        ({"from": "1001"}, 2),
        ({"to": "1001"}, 0),
        ({"number": "96156", "methods": ["INVITE"], "ip": "192.0.2.7"}, 2),
    ],
)
def test_a_trace_shows_what_was_asked_for(tmp_path: Path, wanted: dict[str, Any], seen: int) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        told, _ = traced(lookout, **wanted)
        house.rig.datagram(a_message("INVITE", body=SDP))
        assert len(told) == seen

    tell(tmp_path, story)


def test_legs_and_registrations_are_plain_values(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        house.rig.datagram(a_message("INVITE", body=SDP))
        (leg,) = lookout.answers["legs"]({})
        assert (leg["call_id"], leg["sip_call_id"], leg["direction"]) == ("call-1", "1@192.0.2.7", "in")
        assert (leg["remote"], leg["peer"], leg["codec"]) == ("1001", "udp:192.0.2.7:5060", "PCMA")
        house.rig.reactor.advance(30)
        (place,) = lookout.answers["registrations"]({})
        assert (place["user"], place["source"]) == ("1001", "udp:192.0.2.30:5062")
        assert (place["expires_s"], place["user_agent"]) == (60, "baresip 4")
        assert lookout.answers["trunks"]({}) == []

    tell(tmp_path, story)


def test_every_number_can_be_read_while_a_call_stands(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        house.rig.datagram(a_message("INVITE", body=SDP))
        text = await lookout.metrics.text()
        for line in (
            "hotline_sip_legs 1.0",
            "hotline_user_agent_calls_in_total 1.0",
            "hotline_phones_registered 1.0",
            "hotline_sip_overloaded 0.0",
        ):
            assert line in text.splitlines(), line

    tell(tmp_path, story)


def test_what_passed_is_on_disk_when_it_has_stopped(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        house.rig.datagram(a_message("INVITE", body=SDP))

    tell(tmp_path, story)
    for name in ("1@192.0.2.7", "call-1"):
        assert len(find_blocking(tmp_path / "signalling", {name})) == 2, name


def test_nothing_is_kept_where_the_site_wants_none(tmp_path: Path) -> None:
    async def story(lookout: Lookout, house: House) -> None:
        house.rig.datagram(a_message("INVITE", body=SDP))

    tell(tmp_path, story, keep_days=0)
    assert not (tmp_path / "signalling").exists()


def test_drain_is_the_way_out_that_the_system_takes(tmp_path: Path) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: got.append(number))

    async def story(lookout: Lookout, house: House) -> None:
        assert lookout.answers["drain"]({}) == "draining"

    try:
        tell(tmp_path, story)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert got == [signal.SIGUSR1]


def test_a_leg_is_told_from_a_call_with_a_similar_name() -> None:
    assert is_leg_of("20261123-0312-0a", "20261123-0312-0a")
    assert is_leg_of("20261123-0312-0a-leg12", "20261123-0312-0a")
    assert not is_leg_of("20261123-0312-0ab", "20261123-0312-0a")
    assert not is_leg_of("20261123-0312-0a", "")
