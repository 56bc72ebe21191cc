"""The ladder of a call, as text and as a drawing; `HOTLINE_GOLDEN=1` writes the expected ones anew."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.ladder import build_ladder, ladder_text
from hotline.sip.ladder_svg import ladder_svg
from hotline.sip.text_width import fit, pad, width_of
from tests.sip.seen import CARRIER, PHONE, a_connected_call, request, response, seen

LADDERS = Path(__file__).parent / "ladders"
NAMES = {"192.0.2.7": "unicom", "192.0.2.30:5062": "李话务员 1001"}
PEKING = ZoneInfo("Asia/Shanghai")


def expect(name: str, text: str) -> None:
    file = LADDERS / name
    if os.environ.get("HOTLINE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_a_connected_call_as_text() -> None:
    expect("connected.txt", ladder_text(build_ladder(a_connected_call(), NAMES), zone=PEKING))


def test_a_connected_call_as_a_drawing() -> None:
    ladder = build_ladder(a_connected_call(), NAMES)
    expect("connected.svg", ladder_svg(ladder, title="Call 20261102-1004-0a1b2c3d4e5f", zone=PEKING))


def test_one_peer_gets_the_whole_width() -> None:
    expect("short.txt", ladder_text(build_ladder(a_connected_call()[:5])))


def test_the_order_of_what_is_given_does_not_matter() -> None:
    messages = a_connected_call()
    shuffled = random.Random(7).sample(messages, len(messages))
    assert build_ladder(shuffled) == build_ladder(messages)


def test_repetitions_are_folded_into_the_first() -> None:
    invite = request("INVITE", 1)
    ladder = build_ladder([seen(at, invite) for at in (0, 0.5, 1.5)])
    (arrow,) = ladder.arrows
    assert arrow.label == "INVITE 96156 ×3"
    assert arrow.notes == "again after 0.5 s, 1.5 s"


def test_a_repetition_to_another_proxy_is_an_arrow_of_its_own() -> None:
    invite = request("INVITE", 1)
    ladder = build_ladder([seen(0, invite, sent=True), seen(1, invite, sent=True, peer=PHONE)])
    assert len(ladder.arrows) == 2


def test_a_peer_keeps_its_column_although_its_port_changes() -> None:
    ladder = build_ladder(
        [seen(0, request("INVITE", 1)), seen(1, request("BYE", 2), peer=("192.0.2.7", 49152))]
    )
    assert [party.address for party in ladder.parties] == ["192.0.2.7:5060", "10.0.0.1:5060"]


def test_two_phones_behind_one_address_have_two_columns() -> None:
    ladder = build_ladder(
        [seen(0, request("INVITE", 1)), seen(1, request("INVITE", 1, call="b"), peer=("192.0.2.7", 5070))]
    )
    assert [party.address for party in ladder.parties] == [
        "192.0.2.7:5060",
        "10.0.0.1:5060",
        "192.0.2.7:5070",
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(100, "provisional"), (200, "success"), (302, "redirection"), (407, "challenge"), (486, "failure")],
)
def test_each_kind_of_answer_has_its_colour(status: int, kind: str) -> None:
    (arrow,) = build_ladder([seen(0, response(status, "x", "INVITE", 1))]).arrows
    assert arrow.kind == kind


def test_nothing_is_drawn_of_nothing() -> None:
    assert ladder_text(build_ladder([])) == "no messages\n"
    ElementTree.fromstring(ladder_svg(build_ladder([])))


def test_colours_do_not_move_anything() -> None:
    ladder = build_ladder(a_connected_call(), NAMES)
    painted = ladder_text(ladder, colours={"request": "<b>", "failure": "<b>", "note": "<b>", "end": "</b>"})
    assert "<b>" in painted
    assert painted.replace("<b>", "").replace("</b>", "") == ladder_text(ladder)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 9000), st.booleans(), st.sampled_from([CARRIER, PHONE]), st.binary(max_size=80)
        ),
        max_size=8,
    ),
    st.integers(40, 160),
)
def test_any_octets_make_a_readable_page(
    passed: list[tuple[float, bool, tuple[str, int], bytes]], width: int
) -> None:
    ladder = build_ladder(seen(at, data, sent=sent, peer=peer) for at, sent, peer, data in passed)
    text = ladder_text(ladder, width=width)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    ElementTree.fromstring(ladder_svg(ladder))


@settings(max_examples=60)
@given(st.text(), st.integers(1, 30))
def test_a_text_is_cut_to_its_width(text: str, width: int) -> None:
    assert width_of(fit(text, width)) <= width
    assert width_of(pad(fit(text, width), width)) == width
