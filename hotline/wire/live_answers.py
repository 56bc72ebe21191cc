"""What the control socket answers about live talks: ``hotline call talks``, ``monitor`` and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hotline.desk.live_talks import PARTS
from hotline.errors import Refused
from hotline.wire.control import Answer, Question
from hotline.wire.live_calls import COMMAND_LINE, LiveCallsOf


def answers_of(live: LiveCallsOf) -> Mapping[str, Answer]:
    """Give the answers, by the word of the question."""

    def talks(_question: Question) -> list[dict[str, Any]]:
        return [asdict(talk) for talk in live.talks()]

    def supervise(question: Question) -> bool:
        part = str(question.get("part", ""))
        if part not in PARTS:
            raise Refused(f"no such part in a talk: {part}", code="input")
        live.bring(str(question.get("call", "")), str(question.get("phone", "")), part, COMMAND_LINE)
        return True

    def invite(question: Question) -> bool:
        live.call_in(str(question.get("call", "")), str(question.get("number", "")), COMMAND_LINE)
        return True

    def send_away(question: Question) -> bool:
        live.send_away(str(question.get("call", "")), str(question.get("name", "")))
        return True

    def tap(question: Question) -> list[tuple[str, str]]:
        path, is_on = str(question.get("path", "")), bool(question.get("on", True))
        return [*live.tap(str(question.get("call", "")), path, is_on=is_on)]

    return {"tap": tap, "talks": talks, "supervise": supervise, "invite": invite, "send_away": send_away}
