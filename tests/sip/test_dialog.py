"""Dialogs: tags, order, target and route set."""

from __future__ import annotations

import pytest
from sip_bench import a_request, an_invite

from hotline.errors import RemoteProtocolError
from hotline.sip.dialog import Dialog, Order
from hotline.sip.message import Request, parse_message, response_to

ROUTES = "Record-Route: <sip:p2.example;lr>\nRecord-Route: <sip:p1.example;lr>, <sip:p0.example;lr>"


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_the_server_keeps_the_routes_in_their_order() -> None:
    dialog = Dialog.of_uas(request(an_invite(headers=ROUTES)), "ours")
    bye = dialog.make_request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
    assert bye.headers.get_all("Route") == [
        "<sip:p2.example;lr>",
        "<sip:p1.example;lr>",
        "<sip:p0.example;lr>",
    ]
    assert str(bye.uri) == "sip:1001@192.0.2.7:5060"
    assert str(dialog.next_hop()) == "sip:p2.example;lr"


def test_the_client_turns_the_routes_round() -> None:
    invite = request(an_invite())
    ok = response_to(invite, 200, to_tag="theirs")
    ok.headers.add("Contact", "<sip:96156@192.0.2.1>")
    for name, value in (line.split(": ", 1) for line in ROUTES.split("\n")):
        ok.headers.add(name, value)
    dialog = Dialog.of_uac(invite, ok)
    assert [str(route.uri) for route in dialog.route_set] == [
        "sip:p0.example;lr",
        "sip:p1.example;lr",
        "sip:p2.example;lr",
    ]
    assert dialog.key == ("call-1@192.0.2.7", "caller", "theirs")


def test_a_strict_router_gets_itself_in_the_request_line() -> None:
    dialog = Dialog.of_uas(
        request(an_invite(headers="Record-Route: <sip:old.example>, <sip:p1.example;lr>")), "o"
    )
    bye = dialog.make_request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
    assert str(bye.uri) == "sip:old.example"
    assert bye.headers.get_all("Route") == ["<sip:p1.example;lr>", "<sip:1001@192.0.2.7:5060>"]


def test_our_requests_swap_the_tags_and_count_up() -> None:
    dialog = Dialog.of_uas(request(an_invite()), "ours")
    first = dialog.make_request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
    second = dialog.make_request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2")
    assert (first.from_tag, first.to_tag) == ("ours", "caller")
    assert (first.cseq.number, second.cseq.number) == (1, 2)
    assert first.from_.uri.user == "96156"
    assert first.to.uri.user == "65241234"


def test_a_peer_without_a_tag_is_written_without_one() -> None:
    dialog = Dialog.of_uas(request(an_invite(from_tag=None)), "ours")
    assert dialog.make_request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1").to_tag is None


@pytest.mark.parametrize(
    ("number", "order"), [(0, Order.LATE), (1, Order.REPEATED), (2, Order.NEXT), (9, Order.NEXT)]
)
def test_requests_are_ordered_by_cseq(number: int, order: Order) -> None:
    dialog = Dialog.of_uas(request(an_invite()), "ours")
    assert dialog.order_of(request(a_request("INFO", to_tag="ours", cseq=number))) is order


def test_a_reinvite_moves_the_target() -> None:
    dialog = Dialog.of_uas(request(an_invite()), "ours")
    dialog.note(request(an_invite(to_tag="ours", cseq=2, contact="<sip:new@198.51.100.9>")))
    assert str(dialog.remote_target) == "sip:new@198.51.100.9"


def test_an_info_does_not_move_the_target() -> None:
    dialog = Dialog.of_uas(request(an_invite()), "ours")
    dialog.note(request(a_request("INFO", to_tag="ours", cseq=2, contact="<sip:new@198.51.100.9>")))
    assert str(dialog.remote_target) == "sip:1001@192.0.2.7:5060"


def test_a_peer_of_rfc_2543_without_a_contact_is_reached_by_its_from() -> None:
    dialog = Dialog.of_uas(request(an_invite(contact=None)), "ours")
    assert str(dialog.remote_target) == "sip:65241234@192.0.2.7"


@pytest.mark.parametrize("contact", ["<tel:1001>", "<sip:a@192.0.2.7>, <sip:b@192.0.2.7>"])
def test_an_invite_without_one_sip_contact_makes_no_dialog(contact: str | None) -> None:
    with pytest.raises(RemoteProtocolError):
        Dialog.of_uas(request(an_invite(contact=contact)), "ours")
