"""Read what stands behind the ``=`` of a setting: times, keys, counts, prompts, words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hotline.ivr.flow import KEYS, Kind, Setting, SettingValue

_TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m)")
_PHONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


class WrongValue(Exception):  # noqa: N818 - it is a complaint on its way, not an error of the program
    """A setting cannot have this value; the text says why."""


def meant(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that was meant, as the end of a sentence."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean “{close[0]}”?" if close else f"; there are {', '.join(known)}" if known else ""


def read_value(setting: Setting, value: object) -> SettingValue:
    """Give a setting's value in the form that the runner uses: times in seconds, prompts as a tuple.

    :raises WrongValue: with the complaint.
    """
    return _READERS[setting.kind](setting, value)


def read_time(text: str) -> float | None:
    """Read ``4s``, ``500ms`` or ``15m`` as seconds; None for anything else."""
    found = _TIME.fullmatch(text.strip())
    return float(found.group(1)) * _UNIT_S[found.group(2)] if found else None


def _prompts(setting: Setting, value: object) -> SettingValue:
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, list | tuple) and names and all(isinstance(one, str) and one for one in names):
        return tuple(names)
    raise _wrong(setting, value)


def _seconds(setting: Setting, value: object) -> SettingValue:
    seconds = read_time(value) if isinstance(value, str) else None
    if seconds is None:
        raise _wrong(setting, value)
    if not setting.low <= seconds <= setting.high:
        bounds = f"{setting.low:g}s to {setting.high:g}s"
        raise WrongValue(f"{setting.name} = {value!r} is out of bounds: {bounds}")
    return seconds


def _count(setting: Setting, value: object) -> SettingValue:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(setting, value)
    if not setting.low <= value <= setting.high:
        raise WrongValue(f"{setting.name} = {value} is out of bounds: {setting.low:g} to {setting.high:g}")
    return value


def _key(setting: Setting, value: object) -> SettingValue:
    if isinstance(value, str) and len(value) == 1 and value in KEYS:
        return value
    raise WrongValue(f'{setting.name} must be one key of the telephone, such as "#", not {value!r}')


def _flag(setting: Setting, value: object) -> SettingValue:
    if isinstance(value, bool):
        return value
    raise _wrong(setting, value)


def _word(setting: Setting, value: object) -> SettingValue:
    if isinstance(value, str) and value and (not setting.words or value in setting.words):
        return value
    raise WrongValue(f"{setting.name} cannot be {value!r}{meant(str(value), setting.words)}")


def _phones(setting: Setting, value: object) -> SettingValue:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(one, str) for one in names):
        raise _wrong(setting, value)
    for name in names:
        if not _PHONE.fullmatch(name):
            raise WrongValue(f"{setting.name} names {name!r}, which can be no telephone and no group")
    return tuple(dict.fromkeys(names))


def _wrong(setting: Setting, value: object) -> WrongValue:
    return WrongValue(f"{setting.name} must be {setting.kind.value}, not {value!r}")


_READERS: Final[Mapping[Kind, Callable[[Setting, object], SettingValue]]] = {
    Kind.PROMPTS: _prompts,
    Kind.SECONDS: _seconds,
    Kind.COUNT: _count,
    Kind.KEY: _key,
    Kind.FLAG: _flag,
    Kind.WORD: _word,
    Kind.PHONES: _phones,
}
