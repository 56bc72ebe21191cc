"""The border of the SIP core: no control character leaves it in any text.

Messages are kept octet for octet inside, because a response must echo them. What the layers above, the
log, the store and a person's screen get passes here: C0, C1, DEL, separators of lines and marks that turn
the direction of text are gone, and octets that were no UTF-8 are read or replaced (``grammar.printable``).
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Final, TypeVar

from hotline.sip.grammar import printable

T = TypeVar("T")

_PLAIN: Final = frozenset({int, float, bool, bytes, type(None)})
_NAMES: Final[dict[type, tuple[str, ...]]] = {}
"""Fields of each class that passed: a handful of classes of our own."""


def cleared(told: T) -> T:
    """Clear every text of a dataclass, also of the dataclasses in it; the same object when all was clear.

    A tuple's texts are cleared as well. URIs hold no controls (``parse_uri`` refuses them), but their
    escapes decode to anything: whoever calls ``user_decoded`` clears that by ``printable``.
    """
    changed: dict[str, object] = {}
    for name in _names(type(told)):
        value = getattr(told, name)
        if type(value) in _PLAIN:
            continue
        clear = _clear(value)
        if clear is not value:
            changed[name] = clear
    return replace(told, **changed) if changed else told  # type: ignore[type-var]  # _names saw a dataclass


def _clear(value: object) -> object:
    if isinstance(value, str):
        if value.isascii() and value.isprintable():
            return value  # nearly all, and quickly
        clear = printable(value)
        return value if clear == value else clear
    if isinstance(value, tuple):
        items = [_clear(item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else tuple(items)
    return cleared(value)


def _names(kind: type) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple([field.name for field in fields(kind)] if is_dataclass(kind) else ())
    return names
