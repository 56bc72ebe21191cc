"""Calls as the trunks of Chinese carriers send them, from INVITE to BYE."""

from __future__ import annotations

from pathlib import Path

import pytest
from sip_bench import Bench, names

from hotline.sip.events import CallArrived, CallConfirmed, CallEnded
from hotline.sip.flow import Flow
from hotline.sip.message import Request, Response, parse_message

FOLDER = Path(__file__).parent / "trunk_invites"
SOURCES = {
    "anonymous_alaw_only_inband_dtmf": ("10.211.0.241", 5060),
    "mobile_ims_volte_origin": ("10.0.0.33", 5077),
    "pstn_gw_amr_te99_bad_ptime": ("10.0.0.55", 5061),
    "unicom_peer_tel_uri_100rel": ("10.33.0.1", 5060),
}
CALLERS = {
    "anonymous_alaw_only_inband_dtmf": ("+8610000004", True),
    "mobile_ims_volte_origin": ("+8610000000001", False),
    "pstn_gw_amr_te99_bad_ptime": ("+8610000003", False),
    "unicom_peer_tel_uri_100rel": ("+861000000002", False),
}
EVENTS = {
    "anonymous_alaw_only_inband_dtmf": None,
    "mobile_ims_volte_origin": 100,
    "pstn_gw_amr_te99_bad_ptime": 99,
    "unicom_peer_tel_uri_100rel": 97,
}


def follow_up(invite: bytes, method: str, ok: Response, cseq: int) -> bytes:
    """Write a later request of the same caller."""
    request = parse_message(invite)
    assert isinstance(request, Request)
    request.method, request.body = method, b""
    request.headers.set("CSeq", f"{cseq} {method}")
    request.headers.set("To", ok.headers.get("To") or "")
    request.headers.set("Via", f"{str(request.top_via).partition(';')[0]};branch=z9hG4bK{method}")
    for name in ("Content-Type", "Require"):
        request.headers.remove(name)
    return request.to_bytes()


@pytest.mark.parametrize("name", SOURCES)
def test_a_trunk_call_is_answered_and_ended(name: str) -> None:
    bench = Bench(flow=Flow("udp", ("10.0.0.1", 5060), SOURCES[name], 1))
    data = (FOLDER / f"{name}.sip").read_bytes()
    assert bench.statuses(data) == [100]
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.terms is not None
    assert (arrived.called, arrived.terms.payload_type, arrived.terms.event_payload_type) == (
        "96156",
        8,
        EVENTS[name],
    )
    assert (arrived.caller, arrived.withheld) == CALLERS[name]
    bench.ua.accept(arrived.call_id, "10.0.0.1", 16000, bench.now)
    [ok] = bench.said()
    assert isinstance(ok, Response)
    assert ok.status == 200
    assert bench.outgoing[0].flow.remote == SOURCES[name]
    bench.hear(follow_up(data, "ACK", ok, 1))
    assert bench.statuses(follow_up(data, "BYE", ok, 2)) == [200]
    assert [type(event) for event in bench.events()] == [CallConfirmed, CallEnded]
    bench.run_out()
    assert bench.ua.transactions == 0


def test_require_100rel_is_answered_at_once_and_a_prack_finds_nothing() -> None:
    """Nobody owes us a PRACK: no reliable provisional response was sent (RFC 3262, 3)."""
    name = "unicom_peer_tel_uri_100rel"
    bench = Bench(flow=Flow("udp", ("10.0.0.1", 5060), SOURCES[name], 1))
    data = (FOLDER / f"{name}.sip").read_bytes()
    [trying] = bench.hear(data)
    assert trying.headers.get("RSeq") is None
    [arrived] = bench.events()
    bench.ua.accept(arrived.call_id, "10.0.0.1", 16000, bench.now)
    [ok] = bench.said()
    assert isinstance(ok, Response)
    assert names([ok]) == [200]
    assert bench.statuses(follow_up(data, "PRACK", ok, 2)) == [481]


def test_the_session_timer_of_a_mobile_call_is_left_to_the_network() -> None:
    name = "mobile_ims_volte_origin"
    bench = Bench(flow=Flow("udp", ("10.0.0.1", 5060), SOURCES[name], 1))
    bench.hear((FOLDER / f"{name}.sip").read_bytes())
    [arrived] = bench.events()
    bench.ua.accept(arrived.call_id, "10.0.0.1", 16000, bench.now)
    [ok] = bench.said()
    assert ok.headers.get("Session-Expires") == "1800;refresher=uac"


def test_our_bye_to_a_mobile_caller_goes_through_its_route() -> None:
    name = "mobile_ims_volte_origin"
    bench = Bench(flow=Flow("udp", ("10.0.0.1", 5060), SOURCES[name], 1))
    data = (FOLDER / f"{name}.sip").read_bytes()
    bench.hear(data)
    [arrived] = bench.events()
    bench.ua.accept(arrived.call_id, "10.0.0.1", 16000, bench.now)
    [ok] = bench.said()
    assert isinstance(ok, Response)
    bench.hear(follow_up(data, "ACK", ok, 1))
    bench.ua.hang_up(arrived.call_id, bench.now)
    [bye] = bench.said()
    assert isinstance(bye, Request)
    assert bench.outgoing[0].flow.remote == ("10.0.0.33", 5077)
    assert str(bye.uri) == "sip:10.0.0.51:5060"
    assert bye.headers.get_all("Route") == ["<sip:10.0.0.33:5077;lr;zte-did=3-11-1>"]
