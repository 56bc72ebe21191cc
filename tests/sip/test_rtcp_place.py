"""Where the other side wants RTCP: what its description says, and what we say to a shared port."""

from __future__ import annotations

import pytest

from hotline.sip.offer import make_offer, read_answer
from hotline.sip.sdp import parse_sdp
from tests.sip.test_offer import an_offer, answered, our_offer

LINE = "m=audio 5000 RTP/AVP 8"


@pytest.mark.parametrize(
    ("attribute", "place"),
    [
        ("", ("", 0)),
        ("a=rtcp:53020", ("", 53020)),
        ("a=rtcp:53020 IN IP4 198.51.100.7", ("", 53020)),
        ("a=rtcp:53020 IN IP4 198.51.100.9", ("198.51.100.9", 53020)),
        ("a=rtcp:53020 IN IP4 224.0.0.1", ("", 0)),
        ("a=rtcp:53020 IN IP6 2001:db8::9", ("", 0)),
        ("a=rtcp:53020 IN IP4 phone.example", ("", 0)),
        ("a=rtcp:99999", ("", 0)),
        ("a=rtcp:many", ("", 0)),
        ("a=rtcp", ("", 0)),
    ],
)
def test_the_place_is_read_where_it_is_written_so_that_it_can_be_used(
    attribute: str, place: tuple[str, int]
) -> None:
    plan = answered(an_offer(LINE, *filter(None, [attribute])))
    assert plan is not None
    assert (plan.terms.rtcp_ip, plan.terms.rtcp_port) == place
    assert not plan.terms.rtcp_mux


def test_a_shared_port_is_taken_where_it_is_offered_and_kept() -> None:
    plan = answered(an_offer(LINE, "a=rtcp-mux"))
    assert plan is not None
    assert plan.terms.rtcp_mux
    assert plan.local.media[0].attribute("rtcp-mux") == ""
    again = make_offer(local_ip="192.0.2.1", local_port=4000, session_id=7, session_version=2, previous=plan)
    assert b"a=rtcp-mux\r\n" in again
    for line, is_shared in (("a=rtcp-mux", True), ("a=sendrecv", False)):
        agreed = read_answer(an_offer(LINE, line), parse_sdp(again), local_ip="192.0.2.1")
        assert agreed is not None
        assert agreed.terms.rtcp_mux is is_shared


def test_we_do_not_ask_for_a_shared_port() -> None:
    offer = our_offer()
    assert offer.media[0].attribute("rtcp-mux") is None
    agreed = read_answer(an_offer(LINE, "a=rtcp-mux"), offer, local_ip="192.0.2.1")
    assert agreed is not None
    assert not agreed.terms.rtcp_mux
