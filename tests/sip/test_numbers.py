"""Numbers as exchanges write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.message import Headers, Request, parse_message
from hotline.sip.numbers import (
    CallerIdentity,
    DialForm,
    called_number,
    caller_identity,
    dial_string,
    find_number,
    normalise_number,
)
from hotline.sip.uri import parse_uri

TRUNK_INVITES = Path(__file__).parent / "trunk_invites"
BEIJING = "10"


def a_call(*lines: tuple[str, str], sender: str = "<sip:13800138000@trunk.example>;tag=1") -> Request:
    return Request("INVITE", parse_uri("sip:96156@example.com"), Headers([("From", sender), *lines]))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+861065241234", "+861065241234"),
        ("008613800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("13800138000", "+8613800138000"),
        ("013800138000", "+8613800138000"),
        ("+86013800138000", "+8613800138000"),
        ("861065241234", "+861065241234"),
        ("+86 010 6524-1234", "+861065241234"),
        ("01065241234", "+861065241234"),
        ("65241234", "+861065241234"),
        ("(010) 6524 1234", "+861065241234"),
        ("02161234567", "+862161234567"),
        ("075526123456", "+8675526123456"),
        ("03116123456", "+863116123456"),
        ("+85221234567", "+85221234567"),
        ("0085221234567", "+85221234567"),
        ("+15551234567", "+15551234567"),
        ("+0085221234567", "+85221234567"),
        ("+01065241234", "+861065241234"),
        ("00001", "+1"),
        ("1001", "1001"),
        ("95588", "95588"),
        ("4008123456", "+864008123456"),
        ("+864008123456", "+864008123456"),
        ("6524123", "6524123"),
        ("", ""),
        ("0", ""),
        ("0000", ""),
        ("anonymous", ""),
        ("+", ""),
        ("*77", ""),
        ("13800138000x", ""),
        ("١٣٨٠٠١٣٨٠٠٠", ""),
        ("1234567890123456", ""),
    ],
)
def test_a_number_is_reduced_to_one_form(text: str, number: str) -> None:
    assert normalise_number(text, BEIJING) == number


def test_a_seven_digit_number_is_local_where_numbers_are_short() -> None:
    assert normalise_number("6524123", "311") == "+863116524123"


@given(st.text(alphabet="0123456789+-() ", max_size=18))
@settings(max_examples=300)
def test_reducing_twice_changes_nothing(text: str) -> None:
    once = normalise_number(text, BEIJING)
    assert normalise_number(once, BEIJING) == once


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("+861065241234", "65241234"),
        ("+8613800138000", "13800138000"),
        ("+862161234567", "02161234567"),
        ("+85221234567", "0085221234567"),
        ("+8695588", "95588"),
        ("+861096156", "96156"),
        ("+864008123456", "4008123456"),
        ("1001", "1001"),
        ("", ""),
    ],
)
def test_a_number_is_written_as_it_is_dialled_at_home(number: str, dialled: str) -> None:
    assert dial_string(number, BEIJING) == dialled


@pytest.mark.parametrize(
    ("number", "form", "mobile_zero", "dialled"),
    [
        ("+861065241234", "national", False, "01065241234"),
        ("+861065241234", "e164", False, "+861065241234"),
        ("+861096156", "national", False, "01096156"),
        ("+8613800138000", "national", True, "013800138000"),
        ("+8613800138000", "e164", True, "+8613800138000"),
        ("+864008123456", "national", True, "4008123456"),
        ("+85221234567", "national", True, "0085221234567"),
        ("+85221234567", "e164", True, "+85221234567"),
        ("110", "e164", True, "110"),
    ],
)
def test_a_number_is_written_as_a_carrier_wants_it(
    number: str, form: DialForm, mobile_zero: bool, dialled: str
) -> None:
    assert dial_string(number, BEIJING, form=form, mobile_zero=mobile_zero) == dialled


@pytest.mark.parametrize("form", ["local", "national", "e164"])
@pytest.mark.parametrize("mobile_zero", [False, True])
@given(
    st.sampled_from(["+8613{}", "+8610{}", "+8621{}", "+86755{}", "+852{}"]),
    st.integers(20_000_000, 89_999_999),
)
@settings(max_examples=40)
def test_however_it_is_dialled_it_is_the_same_number(
    form: DialForm, mobile_zero: bool, pattern: str, digits: int
) -> None:
    number = pattern.format(f"0{digits}" if pattern == "+8613{}" else digits)
    dialled = dial_string(number, BEIJING, form=form, mobile_zero=mobile_zero)
    assert normalise_number(dialled, BEIJING) == number


@given(
    st.sampled_from(["96156", "65241234"]),
    st.sampled_from(
        ["{}", "010{}", "10{}", "+8610{}", "8610{}", "008610{}", "+86010{}", "+86-10-{}", "(010) {}"]
    ),
    st.sampled_from(
        ["sip:{}@10.0.0.1", "sip:{};npdi@10.0.0.1;user=phone", "tel:{}", "sips:{}@example.com:5061"]
    ),
    st.sampled_from(["{}", "010{}", "+8610{}"]),
)
@settings(max_examples=200)
def test_our_number_is_found_however_the_list_and_the_exchange_write_it(
    number: str, written: str, uri: str, listed: str
) -> None:
    ours = listed.format(number)
    text = written.format(number).replace(" ", "")
    assert called_number(parse_uri(uri.format(text)), ["12345", ours], BEIJING) == ours
    assert find_number(text, ["12345", ours], BEIJING) == ours


@given(
    st.sampled_from(["+8613{}", "+8610{}", "+8610{}", "+8621{}", "+86755{}", "+852{}"]),
    st.integers(20_000_000, 89_999_999),
)
@settings(max_examples=200)
def test_what_is_dialled_reaches_the_number(form: str, digits: int) -> None:
    tail = f"0{digits}" if form == "+8613{}" else str(digits)
    number = form.format(tail)
    assert normalise_number(dial_string(number, BEIJING), BEIJING) == number


@pytest.mark.parametrize(
    "uri",
    [
        "sip:96156@10.0.0.1",
        "sip:01096156@10.0.0.1:5060",
        "sip:+861096156@bj.ims.example;user=phone",
        "sip:861096156@10.0.0.1",
        "sip:00861096156@10.0.0.1",
        "sip:1096156@10.0.0.1",
        "sip:+86-10-96156@10.0.0.1",
        "sip:%2B861096156@10.0.0.1",
        "sip:96156;phone-context=+8610@10.0.0.1;user=phone",
        "tel:96156;phone-context=+8610",
        "tel:01096156;phone-context=+86",
        "tel:96156;phone-context=+86",
        "tel:96156;phone-context=bj.example",
        "tel:96156",
        "tel:+861096156",
        "tel:+86-10-96156",
        "sips:96156@example.com",
    ],
)
def test_our_number_is_found_in_every_form(uri: str) -> None:
    assert called_number(parse_uri(uri), ["12345", "96156"], BEIJING) == "96156"


@pytest.mark.parametrize(
    "uri",
    [
        "sip:12345@10.0.0.1",
        "sip:02196156@10.0.0.1",
        "sip:+862196156@10.0.0.1",
        "tel:96156;phone-context=+8621",
        "tel:96156;phone-context=+852",
        "sip:0961560@10.0.0.1",
        "sip:9615@10.0.0.1",
        "sip:961566@10.0.0.1",
        "sip:10.0.0.1",
        "urn:service:sos",
    ],
)
def test_another_number_is_not_ours(uri: str) -> None:
    assert called_number(parse_uri(uri), ["96156"], BEIJING) is None


@pytest.mark.parametrize(
    "ours", ["65241234", "01065241234", "+861065241234", "0086-10-65241234", "+86 10 6524 1234"]
)
@pytest.mark.parametrize("called", ["65241234", "01065241234", "+861065241234", "1065241234"])
def test_our_list_may_be_written_in_any_form(ours: str, called: str) -> None:
    assert called_number(parse_uri(f"sip:{called}@10.0.0.1"), [ours], BEIJING) == ours


def test_a_mobile_number_of_ours_has_no_area() -> None:
    assert called_number(parse_uri("sip:+8613800138000@h.example"), ["13800138000"], BEIJING) == "13800138000"
    assert called_number(parse_uri("sip:1013800138000@h.example"), ["13800138000"], BEIJING) is None


def test_a_name_of_ours_is_compared_without_case() -> None:
    assert called_number(parse_uri("sip:Hotline@example.com"), ["hotline"], BEIJING) == "hotline"


@pytest.mark.parametrize(
    ("name", "number", "withheld"),
    [
        ("mobile_ims_volte_origin", "+8610000000001", False),
        ("pstn_gw_amr_te99_bad_ptime", "+8610000003", False),
        ("unicom_peer_tel_uri_100rel", "+861000000002", False),
        ("anonymous_alaw_only_inband_dtmf", "+8610000004", True),
    ],
)
def test_a_trunk_tells_who_calls(name: str, number: str, withheld: bool) -> None:
    message = parse_message((TRUNK_INVITES / f"{name}.sip").read_bytes())
    assert isinstance(message, Request)
    assert called_number(message.uri, ["96156"], BEIJING) == "96156"
    caller = caller_identity(message, BEIJING, trusted=True)
    assert (caller.number, caller.withheld) == (number, withheld)


def test_a_stranger_may_not_assert_an_identity() -> None:
    call = a_call(("P-Asserted-Identity", "<tel:+861065241234>"))
    assert caller_identity(call, BEIJING, trusted=False).number == "+8613800138000"
    assert caller_identity(call, BEIJING, trusted=True).number == "+861065241234"


def test_the_first_usable_identity_counts() -> None:
    call = a_call(
        ("P-Asserted-Identity", "<sip:anonymous@trunk.example>, <tel:010-65241234>"),
        ("Remote-Party-ID", "<sip:1001@trunk.example>;party=calling"),
    )
    assert caller_identity(call, BEIJING, trusted=True) == CallerIdentity(
        "+861065241234", "tel:010-65241234", False
    )


def test_remote_party_id_may_hide_the_caller() -> None:
    call = a_call(("Remote-Party-ID", '"X" <sip:65241234@trunk.example>;party=calling;privacy=full'))
    assert caller_identity(call, BEIJING, trusted=True) == CallerIdentity(
        "+861065241234", "sip:65241234@trunk.example", True
    )


def test_remote_party_id_of_the_called_side_is_not_the_caller() -> None:
    call = a_call(("Remote-Party-ID", "<sip:96156@trunk.example>;party=called"))
    assert caller_identity(call, BEIJING, trusted=True).number == "+8613800138000"


def test_a_broken_identity_header_is_passed_over() -> None:
    call = a_call(("P-Asserted-Identity", "<sip:"))
    assert caller_identity(call, BEIJING, trusted=True).number == "+8613800138000"


@pytest.mark.parametrize("privacy", ["id", "user;critical", "header", "((("])
def test_a_wish_for_privacy_is_kept(privacy: str) -> None:
    assert caller_identity(a_call(("Privacy", privacy)), BEIJING, trusted=False).withheld


def test_privacy_none_hides_nothing() -> None:
    assert not caller_identity(a_call(("Privacy", "none")), BEIJING, trusted=False).withheld


@pytest.mark.parametrize(
    "sender",
    [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "<sip:Restricted@trunk.example>",
        "<sip:trunk.example>",
    ],
)
def test_a_caller_without_a_number_is_empty(sender: str) -> None:
    caller = caller_identity(a_call(sender=sender), BEIJING, trusted=False)
    assert caller.number == ""
    assert caller.withheld is ("trunk.example>" not in sender or "Restricted" in sender)


@pytest.mark.parametrize(
    ("sender", "number"),
    [
        ("<tel:65241234;phone-context=+8610>", "+861065241234"),
        ("<tel:61234567;phone-context=+8621>", "+862161234567"),
        ("<tel:21234567;phone-context=+852>", "+85221234567"),
        ("<sip:65241234;phone-context=+8610@trunk.example;user=phone>", "+861065241234"),
        ("<sip:65241234;npdi@trunk.example;user=phone>", "+861065241234"),
        ("<http://65241234.example>", ""),
        ("<sip:1001@pbx.example>", "1001"),
    ],
)
def test_the_context_of_a_local_number_is_read(sender: str, number: str) -> None:
    assert caller_identity(a_call(sender=sender), BEIJING, trusted=False).number == number


def test_the_raw_identity_is_fit_to_log() -> None:
    call = a_call(sender="<sip:张\u202e@trunk.example>")
    assert caller_identity(call, BEIJING, trusted=False).raw == "sip:张@trunk.example"


HEADERS = {
    "P-Asserted-Identity": "{}",
    "Remote-Party-ID": "{};party=calling;screen=yes;privacy=off",
    "From": "{};tag=1",
}
WRITTEN = {
    "+8613{}": ["+8613{}", "008613{}", "8613{}", "13{}", "013{}"],
    "+8610{}": ["+8610{}", "008610{}", "8610{}", "010{}", "{}"],
    "+8621{}": ["+8621{}", "008621{}", "8621{}", "021{}"],
    "+86755{}": ["+86755{}", "0086755{}", "0755{}"],
    "+852{}": ["+852{}", "00852{}"],
}


@given(st.data())
@settings(max_examples=200)
def test_a_caller_is_the_same_however_her_carrier_writes_her(data: st.DataObject) -> None:
    area = data.draw(st.sampled_from(sorted(WRITTEN)))
    digits = data.draw(st.integers(20_000_000, 89_999_999))
    tail = f"0{digits}" if area == "+8613{}" else str(digits)
    text = data.draw(st.sampled_from(WRITTEN[area])).format(tail)
    uri = data.draw(
        st.sampled_from(
            [
                "<sip:{}@10.0.0.1>",
                "<sip:{}@ims.example:5061;user=phone>",
                "<tel:{}>",
                '"Li" <sip:{}@h.example>',
            ]
        )
    ).format(text)
    header = data.draw(st.sampled_from(sorted(HEADERS)))
    value = HEADERS[header].format(uri)
    call = (
        a_call(sender=value)
        if header == "From"
        else a_call((header, value), sender="<sip:x@h.example>;tag=1")
    )
    caller = caller_identity(call, BEIJING, trusted=True)
    assert caller.number == area.format(tail)
    assert caller.raw in uri
    assert not caller.withheld
    assert normalise_number(dial_string(caller.number, BEIJING), BEIJING) == caller.number


@given(
    st.sampled_from(["id", "user", "header", "id;critical", "session;id", "ID", "user, id"]),
    st.booleans(),
    st.sampled_from(
        ["<sip:13800138000@h.example>;tag=1", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1']
    ),
)
def test_a_withheld_number_is_known_and_marked(privacy: str, trusted: bool, sender: str) -> None:
    lines = (("P-Asserted-Identity", "<tel:+8613900139000>"), ("Privacy", privacy))
    caller = caller_identity(a_call(*lines, sender=sender), BEIJING, trusted=trusted)
    assert caller.withheld
    assert caller.number == ("+8613900139000" if trusted else "" if "invalid" in sender else "+8613800138000")


@given(st.text(max_size=40), st.booleans())
def test_no_identity_header_breaks_a_call(value: str, trusted: bool) -> None:
    value = re.sub(r"[\r\n\x00]", "", value)
    for header in ("P-Asserted-Identity", "Remote-Party-ID", "Privacy"):
        caller = caller_identity(a_call((header, value)), BEIJING, trusted=trusted)
        assert re.fullmatch(r"\+?[0-9]*", caller.number)
