"""An announcement that costs its caller nothing: heard before an answer that never comes."""

from __future__ import annotations

import pytest

from hotline.call.machine import Call
from hotline.call.messages import (
    Answer,
    CallerLeft,
    HangUp,
    OfferedWritten,
    Progress,
    WriteAnswered,
    WriteEnded,
)
from hotline.ivr.check import check_flow, load_flow
from hotline.media.plan import ClosePort, Play, PortOpened, PromptEnded
from hotline.sip.admission import Origin, OriginKind
from tests.call.call_rig import CALL, an_arrival

CLOSED = """
start = "closed"
languages = ["zh"]
person = "closed"
person_keys = "0"
fault = "closed"
too_long = "closed"
free = true
[steps.closed]
do = "say"
prompt = "closed"
next = "end"
[steps.end]
do = "hang_up"
"""
TEXTS = {"zh": {"closed": "本号码已停用", "beep": "。"}}


def offered(*, early_media: bool) -> Call:
    origin = Origin(OriginKind.TRUNK, "unicom", early_media=early_media)
    flow = load_flow(CLOSED, file="closed.toml", texts=TEXTS)
    call = Call(an_arrival(origin=origin), flow, 0.0)
    call.handle(OfferedWritten(CALL), 0.0)
    call.take_commands()
    call.handle(PortOpened(CALL, "198.51.100.1", 16000), 0.0)
    return call


def test_it_is_heard_before_the_answer_where_the_trunk_allows_that() -> None:
    call = offered(early_media=True)
    progress, play = call.take_commands()
    assert progress == Progress(CALL, 183, "198.51.100.1", 16000)
    assert isinstance(play, Play)
    call.handle(PromptEnded(CALL, play.tag), 3.0)
    hang_up, close, end = call.take_commands()
    assert (hang_up, close) == (HangUp(CALL), ClosePort(CALL))
    assert isinstance(end, WriteEnded)
    assert end.cause == "finished"


def test_on_other_trunks_it_is_answered() -> None:
    assert offered(early_media=False).take_commands() == [
        Answer(CALL, "198.51.100.1", 16000),
        WriteAnswered(CALL),
    ]


def test_a_caller_who_hangs_up_first_has_cancelled() -> None:
    call = offered(early_media=True)
    call.handle(CallerLeft(CALL, "cancel"), 1.0)
    assert call.take_commands()[-1] == WriteEnded(CALL, "cancelled", call.path)


@pytest.mark.parametrize("verb", ["menu", "record", "connect", "ask"])
def test_a_free_flow_asks_nothing(verb: str) -> None:
    checked = check_flow(CLOSED.replace('"say"', f'"{verb}"'), file="closed.toml", texts=TEXTS)
    assert any("heard before the answer" in one.text for one in checked.complaints)


def test_free_is_true_or_false() -> None:
    checked = check_flow(CLOSED.replace("true", '"yes"'), file="closed.toml", texts=TEXTS)
    assert any("free must be true or false" in one.text for one in checked.complaints)
