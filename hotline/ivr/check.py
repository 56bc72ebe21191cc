"""Turn the text of a flow into a Flow, or into complaints: all of them, in a manager's words.

A flow without complaints cannot get a caller stuck: every outcome leads somewhere, every circle is
bounded by ``tries``, a value is read only after it was written, and every prompt exists in every
language of the flow. Only such a flow answers calls.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from hotline.errors import ConfigError
from hotline.ivr.flow import (
    FREE_VERBS,
    KEYS,
    LONGEST_CALL_S,
    QUESTIONS,
    VERBS,
    Flow,
    Kind,
    Outcome,
    Setting,
    SettingValue,
    Step,
    Verb,
    person_keys,
)
from hotline.ivr.paths import complain_of_paths
from hotline.ivr.sounds import complain_of_sounds
from hotline.ivr.source import Complaint, Source, in_words, read_source
from hotline.ivr.values import WrongValue, meant, read_value

Texts = Mapping[str, Mapping[str, str]]
"""The prompt texts as in texts.toml: language -> name -> text; ``tones`` holds sounds without words."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_HEAD: Final = {
    "title": "What the flow is, for people.",
    "start": "The first step.",
    "languages": "Languages of the flow; the first one is spoken until the caller chooses.",
    "person": "The step that the keys to a person lead to.",
    "person_keys": "Those keys; they work in every step that listens.",
    "fault": "The step that a call goes to when a step fails.",
    "longest": "The longest call.",
    "too_long": "What is said to a call that lasts longer.",
    "free": "True for an announcement that costs nothing: on trunks with `early_media` it is not answered.",
    "steps": "",
}
HEAD: Final[Mapping[str, str]] = {name: meaning for name, meaning in _HEAD.items() if meaning}
"""What stands at the top of a flow, before its steps, and what it means."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out of the check: a flow, or complaints."""

    flow: Flow | None
    """None when there are complaints."""
    complaints: tuple[Complaint, ...]


def check_flow(text: str, *, file: str, texts: Texts, audio: Collection[str] | None = None) -> Checked:
    """Check the text of a flow.

    :param file: name of the file, for complaints; its stem names the flow.
    :param texts: the prompt texts, see Texts.
    :param audio: names of the prompt audio that exists, as ``zh/greeting``; None: not looked at.
    Never raises.
    """
    source = read_source(text, file=file)
    reader = _Reader(source)
    flow = reader.flow(PurePath(file).stem, hashlib.sha256(text.encode()).hexdigest()[:12])
    complaints = source.complaints
    if flow is not None:
        complaints.extend(complain_of_sounds(flow, source, texts, audio))
        if not reader.has_broken_ways:
            complaints.extend(complain_of_paths(flow, source))
    return Checked(None if complaints else flow, tuple(sorted(complaints)))


def load_flow(text: str, *, file: str, texts: Texts, audio: Collection[str] | None = None) -> Flow:
    """Check a flow that is to answer calls.

    :raises ConfigError: with all complaints, one a line.
    """
    checked = check_flow(text, file=file, texts=texts, audio=audio)
    if checked.flow is None:
        first = checked.complaints[0]
        report = in_words(checked.complaints)
        raise ConfigError(f"this flow cannot answer calls:\n{report}", file=file, line=first.line or None)
    return checked.flow


class _Reader:
    """Reads the tree of a flow; collects complaints in the source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.has_broken_ways = False

    def complain(self, text: str, table: str = "", key: str = "", *, way: bool = False) -> None:
        step = table.removeprefix("steps.") if table.startswith("steps.") else ""
        complaint = Complaint(self.source.line(table, key), text, step, self.source.file)
        self.source.complaints.append(complaint)
        self.has_broken_ways = self.has_broken_ways or way

    # -- the head -----------------------------------------------------------------------------------

    def flow(self, name: str, version: str) -> Flow | None:
        tree = self.source.tree
        for key in tree:
            if key not in _HEAD:
                self.complain(f"“{key}” means nothing at the top of a flow{meant(key, HEAD)}", "", key)
        tables = tree.get("steps")
        if not isinstance(tables, Mapping) or not tables:
            self.complain("a flow needs steps, such as [steps.greeting]; there are none")
            return None
        languages = self._names("languages", ("zh",))
        steps = {one: self._step(one, table, tuple(tables), languages) for one, table in tables.items()}
        keys = self._word("person_keys", needed=True)
        if not keys or len(set(keys)) != len(keys) or any(key not in "0*" for key in keys):
            text = f"person_keys must be “0”, “*” or both, as callers are used to; not “{keys}”"
            self.complain(text, "", "person_keys", way=True)
        flow = Flow(
            name=name,
            version=version,
            start=self._step_name("start", tables),
            languages=languages,
            person=self._step_name("person", tables),
            person_keys=keys,
            fault=self._step_name("fault", tables),
            too_long=self._names("too_long", ()),
            longest_s=self._head_time("longest", LONGEST_CALL_S, 60, 3600),
            free=self._head_flag("free"),
            steps={one: step for one, step in steps.items() if step is not None},
        )
        for step in flow.steps.values():
            self._check_person(flow, step)
            if flow.free and step.verb.name not in FREE_VERBS:
                text = f"a free flow is heard before the answer: “{step.verb.name}” cannot work there"
                self.complain(text, f"steps.{step.name}", "do")
        return flow

    def _word(self, key: str, *, needed: bool) -> str:
        value = self.source.tree.get(key, "")
        if not isinstance(value, str) or (needed and not value):
            self.complain(f'the top of the flow needs {key} = "…": {HEAD[key]}', "", key, way=True)
            return ""
        return value

    def _step_name(self, key: str, tables: Mapping[str, object]) -> str:
        value = self._word(key, needed=True)
        if value and value not in tables:
            self.complain(
                f"{key} leads to “{value}”, which is no step{meant(value, tables)}", "", key, way=True
            )
        return value

    def _names(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.source.tree.get(key, default)
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, list | tuple) or not value or not all(isinstance(one, str) for one in value):
            self.complain(f'the top of the flow needs {key} = ["…"]: {HEAD[key]}', "", key)
            return default
        return tuple(value)

    def _head_time(self, key: str, default: float, low: float, high: float) -> float:
        setting = Setting(key, Kind.SECONDS, HEAD[key], default=default, low=low, high=high)
        if key not in self.source.tree:
            return default
        value = self._value(setting, self.source.tree[key], "")
        return value if isinstance(value, float) else default

    def _head_flag(self, key: str) -> bool:
        value = self.source.tree.get(key, False)
        if not isinstance(value, bool):
            self.complain(f"{key} must be true or false, not {value!r}", "", key)
            return False
        return value

    # -- steps --------------------------------------------------------------------------------------

    def _step(
        self, name: str, table: object, names: tuple[str, ...], languages: tuple[str, ...]
    ) -> Step | None:
        where = f"steps.{name}"
        if not isinstance(table, Mapping):
            self.complain(f"a step is a table, [steps.{name}], not a value", where, way=True)
            return None
        if not _NAME.fullmatch(name):
            self.complain(
                "a step's name is made of small letters, digits and _, such as leave_request", where
            )
        word = table.get("do")
        verb = VERBS.get(word) if isinstance(word, str) else None
        if verb is None:
            text = (
                f"there is no verb “{word}”{meant(str(word), VERBS)}"
                if word is not None
                else (f'do = "…" is missing: what the step does{meant("", VERBS)}')
            )
            self.complain(text, where, "do", way=True)
            return None
        settings = self._settings(verb, table, where)
        if verb.name == "set_language" and settings.get("language") not in (None, *languages):
            language = str(settings["language"])
            self.complain(
                f"the flow does not speak “{language}”{meant(language, languages)}", where, "language"
            )
        outcomes = self._outcomes(verb, table, where, names)
        return Step(name, verb, settings, outcomes, self.source.line(where))

    def _settings(self, verb: Verb, table: Mapping[str, object], where: str) -> dict[str, SettingValue]:
        settings: dict[str, SettingValue] = {}
        for setting in verb.settings:
            if setting.name in table:
                value = self._value(setting, table[setting.name], where)
                if value is not None:
                    settings[setting.name] = value
                    continue
            elif setting.needed:
                self.complain(f"“{verb.name}” needs {setting.name}: {setting.meaning}", where, way=True)
            if setting.default is not None:
                settings[setting.name] = setting.default
        return settings

    def _value(self, setting: Setting, value: object, where: str) -> SettingValue | None:
        try:
            return read_value(setting, value)
        except WrongValue as wrong:
            self.complain(str(wrong), where, setting.name, way=True)
            return None

    def _outcomes(
        self, verb: Verb, table: Mapping[str, object], where: str, names: tuple[str, ...]
    ) -> dict[str, str]:
        known = _outcomes_of(verb, table)
        outcomes: dict[str, str] = {}
        for key, target in table.items():
            if key == "do" or verb.setting(key):
                continue
            if not any(one.name == key for one in known) and not (
                verb.keys and len(key) == 1 and key in KEYS
            ):
                words = [one.name for one in verb.settings] + [one.name for one in known]
                self.complain(f"“{key}” means nothing to “{verb.name}”{meant(key, words)}", where, key)
            elif target not in names:
                text = f"{key} leads to “{target}”, which is no step{meant(str(target), names)}"
                self.complain(text, where, key, way=True)
            else:
                outcomes[key] = str(target)
        for one in known:
            wanted = one.needed or (one.with_setting and one.with_setting in table)
            if wanted and one.name not in table:
                text = f'it does not say what comes next when {one.meaning}: add {one.name} = "…"'
                self.complain(text, where, way=True)
            if one.with_setting and one.name in table and one.with_setting not in table:
                text = f"{one.name} never happens without {one.with_setting}: add it, or take {one.name} away"
                self.complain(text, where, one.name)
        if verb.keys and not any(len(key) == 1 for key in outcomes):
            self.complain('a menu needs at least one key, such as 1 = "leave_request"', where, way=True)
        return outcomes

    def _check_person(self, flow: Flow, step: Step) -> None:
        if not step.verb.listens:
            return
        where = f"steps.{step.name}"
        keys = person_keys(flow.person_keys, step.verb.name)
        if not keys:
            text = "no key leads to a person here, because 0 is a digit of the number: add * to person_keys"
            self.complain(text, where)
        for key in keys:
            taken = key if key in step.outcomes else ""
            if key == step.settings.get("finish"):
                taken = "finish"
            if key == step.settings.get("repeat"):
                taken = "repeat"
            if taken:
                text = f"key {key} leads to a person everywhere (person_keys) and can mean nothing else here"
                self.complain(text, where, taken)


def _outcomes_of(verb: Verb, table: Mapping[str, object]) -> tuple[Outcome, ...]:
    if verb.name != "ask":
        return verb.outcomes
    question = QUESTIONS.get(str(table.get("question")))
    if question is not None:
        return question[0]
    # the question is complained of already; its outcomes shall not be as well
    return tuple(replace(one, needed=False) for outcomes, *_ in QUESTIONS.values() for one in outcomes)
