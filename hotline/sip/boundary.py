"""The border of the SIP core: no control character leaves it in any text.

Messages are kept octet for octet inside, because a response must echo them. What the layers above, the
log, the store and a person's screen get passes here: C0, C1, DEL, separators of lines and marks that turn
the direction of text are gone, and octets that were no UTF-8 are read or replaced (``grammar.printable``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from operator import attrgetter, is_
from typing import Any, Final, TypeVar

from hotline.sip.admission import Origin
from hotline.sip.grammar import printable

T = TypeVar("T")

_PLAIN: Final = frozenset({int, float, bool, bytes, type(None)})
MOST_ORIGINS: Final = 256
_CLEAR_ORIGINS: Final[dict[int, Origin]] = {}
"""Origins that were found clear, by their id: a trunk's stands in every event of all its calls."""
_Reader = Callable[[Any], tuple[object, ...]]
_READERS: Final[dict[type, tuple[tuple[str, ...], _Reader]]] = {}
"""Fields of each class that passed, and what reads them all: a handful of classes of our own."""


def cleared(told: T) -> T:
    """Clear every text of a dataclass, also of the dataclasses in it; the same object when all was clear.

    A tuple's texts are cleared as well. URIs hold no controls (``parse_uri`` refuses them), but their
    escapes decode to anything: whoever calls ``user_decoded`` clears that by ``printable``.
    """
    kind = type(told)
    names, read = _READERS.get(kind) or _reader(kind)
    changed: dict[str, object] = {}
    for name, value in zip(names, read(told), strict=True):
        if type(value) in _PLAIN or (type(value) is str and value.isascii() and value.isprintable()):
            continue  # nearly all, and quickly
        clear = _clear(value)
        if clear is not value:
            changed[name] = clear
    return replace(told, **changed) if changed else told  # type: ignore[type-var]  # _reader saw a dataclass


def _clear(value: object) -> object:
    if isinstance(value, str):
        if value.isascii() and value.isprintable():
            return value
        clear = printable(value)
        return value if clear == value else clear
    if isinstance(value, tuple):
        items = [_clear(item) for item in value]
        return value if all(map(is_, items, value)) else tuple(items)
    if isinstance(value, Enum) or _CLEAR_ORIGINS.get(id(value)) is value:
        return value
    clear_value = cleared(value)
    if clear_value is value and isinstance(value, Origin):
        if len(_CLEAR_ORIGINS) >= MOST_ORIGINS:
            _CLEAR_ORIGINS.clear()
        _CLEAR_ORIGINS[id(value)] = value
    return clear_value


def _reader(kind: type) -> tuple[tuple[str, ...], _Reader]:
    names = tuple([field.name for field in fields(kind)] if is_dataclass(kind) else ())
    if len(names) > 1:
        read: _Reader = attrgetter(*names)
    else:
        read = lambda told: tuple([getattr(told, name) for name in names])  # noqa: E731
    _READERS[kind] = names, read
    return names, read
