"""Complaints about prompts: each must have text and audio in each language that a caller may hear."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from hotline.ivr.flow import BEEP, HOLD_MUSIC, PAUSE, Flow, Kind, Step
from hotline.ivr.source import Complaint, Source

TONES: Final = "tones"
_DIGITS: Final = tuple(f"digit_{digit}" for digit in "0123456789")


def sounds_of(flow: Flow, step: Step) -> Iterator[tuple[str, str, str]]:
    """List what a step may play as (setting, language, name), in every language that may be spoken there."""
    for setting in step.verb.settings:
        if setting.kind is Kind.PROMPTS:
            for name in step.prompts(setting.name):
                yield from _spoken(flow, setting.name, name)
    implied: tuple[str, ...] = ()
    if step.verb.name == "record":
        implied = (BEEP,)
    elif step.verb.name == "say_digits":
        implied = (*_DIGITS, PAUSE)
    elif step.verb.name == "connect":
        implied = (HOLD_MUSIC,)
    for name in implied:
        yield from _spoken(flow, "do", name)


def _spoken(flow: Flow, setting: str, name: str) -> Iterator[tuple[str, str, str]]:
    language, slash, rest = name.rpartition("/")
    for one in (language,) if slash else flow.languages:
        yield setting, one, rest


def complain_of_sounds(
    flow: Flow, source: Source, texts: Mapping[str, Mapping[str, str]], audio: Collection[str] | None
) -> Iterator[Complaint]:
    """Look for prompts without a text, and without audio unless ``audio`` is None."""
    for language in flow.languages:
        if language not in texts:
            line = source.line("", "languages")
            yield Complaint(line, f"the prompt texts have no table [{language}]", file=source.file)
    played = [("", "too_long", *rest) for name in flow.too_long for _, *rest in _spoken(flow, "", name)]
    for step in flow.steps.values():
        played += [(f"steps.{step.name}", *sound) for sound in sounds_of(flow, step)]
    for table, setting, language, name in dict.fromkeys(played):
        step_name = table.removeprefix("steps.")
        line = source.line(table, setting)
        if name not in texts.get(language, {}) and name not in texts.get(TONES, {}):
            close = difflib.get_close_matches(name, texts.get(language, {}), n=1)
            hint = f"did you mean “{close[0]}”?" if close else f"add it to [{language}] in texts.toml"
            text = f"prompt “{name}” has no text in language “{language}”; {hint}"
            yield Complaint(line, text, step_name, source.file)
        elif audio is not None and f"{language}/{name}" not in audio:
            text = f"prompt “{name}” has no audio {language}/{name}.wav; run hotline prompts render"
            yield Complaint(line, text, step_name, source.file)
