"""The reference part of docs/flows.md, made from the table of verbs so that it cannot grow old."""

from __future__ import annotations

from collections.abc import Iterator

from hotline.ivr.check import HEAD
from hotline.ivr.flow import QUESTIONS, VALUES, VERBS, Outcome, Setting, SettingValue, Verb

BEGIN = "<!-- made from hotline/ivr/flow.py; to make it anew: HOTLINE_GOLDEN=1 pytest tests/ivr -->"
END = "<!-- end of what is made -->"


def reference() -> str:
    """Write the reference: top of the flow, verbs with their settings and outcomes, questions, values."""
    rows = [BEGIN, "", "## The top of a flow", ""]
    for name, meaning in HEAD.items():
        rows += [f"### `{name}` at the top", "", meaning, ""]
    rows += ["## Verbs", ""]
    for verb in VERBS.values():
        rows += _verb(verb)
    rows += ["## Questions of `ask`", ""]
    for question, (outcomes, reads, writes) in QUESTIONS.items():
        rows += [f"### `{question}`", ""]
        rows += [f"Reads {', '.join(VALUES[one] for one in reads)}."]
        rows += [f"Gives {', '.join(VALUES[one] for one in writes)}."] if writes else []
        rows += ["", *_outcomes(outcomes), ""]
    rows += ["## Values of a call", ""]
    rows += [f"- `{name}`: {meaning}" for name, meaning in VALUES.items()]
    return "\n".join([*rows, "", END])


def _verb(verb: Verb) -> Iterator[str]:
    yield from (f"### `{verb.name}`", "", verb.meaning)
    if verb.listens:
        yield "It listens: the keys to a person work here."
    yield ""
    for setting in verb.settings:
        yield from (f"#### `{setting.name}` of `{verb.name}`", "", _setting(setting), "")
    if verb.keys:
        yield '- any key, such as `1` or `"*"`: that key was pressed'
    yield from _outcomes(verb.outcomes)
    if verb.outcomes or verb.keys:
        yield ""


def _setting(setting: Setting) -> str:
    facts = [setting.meaning, f"Written as {setting.kind.value}"]
    if setting.words:
        facts[-1] = "One of " + ", ".join(f"`{word}`" for word in setting.words)
    elif setting.high:
        facts[-1] += f", {setting.low:g} to {setting.high:g}"
    default = setting.default
    if setting.needed:
        facts.append("Needed")
    elif default is None:
        facts.append("Off when not given")
    else:
        shown = _shown(default)
        facts.append(f"`{shown}` when not given")
    return " ".join(fact if fact.endswith(".") else f"{fact}." for fact in facts)


def _shown(default: SettingValue) -> str:
    if isinstance(default, tuple):
        return ", ".join(default)
    return f"{default:g}s" if isinstance(default, float) else str(default).lower()


def _outcomes(outcomes: tuple[Outcome, ...]) -> Iterator[str]:
    for one in outcomes:
        note = (
            ""
            if one.needed
            else f" (with `{one.with_setting}`)"
            if one.with_setting
            else " (may be left out)"
        )
        yield f"- `{one.name}`: {one.meaning}{note}"
