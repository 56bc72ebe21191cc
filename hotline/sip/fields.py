"""The header fields of one message, in order, as text (RFC 3261, 7.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from hotline.errors import LocalProtocolError
from hotline.sip.grammar import KEPT_LENGTH, is_token
from hotline.sip.headers import COMPACT

_T = TypeVar("_T")

_LONG_NAMES: Final = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Answer-Mode "
    "Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding "
    "Content-Length Content-Type CSeq Date Diversion Event Expires Flow-Timer From History-Info "
    "Identity Identity-Info In-Reply-To Info-Package Max-Forwards MIME-Version Min-Expires Min-SE "
    "Organization P-Access-Network-Info P-Asserted-Identity P-Charging-Vector P-Early-Media "
    "P-Preferred-Identity Path Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require "
    "RAck Reason Record-Route Recv-Info Refer-Sub Refer-To Referred-By Reject-Contact Remote-Party-ID "
    "Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server Service-Route "
    "Session-Expires Subject Subscription-State Supported Timestamp To Unsupported User-Agent Via "
    "Warning WWW-Authenticate"
)
LONG_NAME: Final = {name.lower(): name for name in _LONG_NAMES.split()}
"""The long form of a header name, by its lower case."""
Field = tuple[str, str, str]
"""Long name in lower case, long name, value."""
AS_WRITTEN: Final = {
    written: (key, LONG_NAME[key])
    for key in LONG_NAME
    for written in (key, LONG_NAME[key], *(short for short, long in COMPACT.items() if long == key))
}
"""Key and long form of a header name, by the spellings that nearly everybody uses."""
_LINE_BREAK: Final = re.compile(r"[\r\n\x00]")


class Headers:
    """The header fields of a message: ordered, several of a name, names without case and compact forms.

    Values are text as it came, unfolded. Typed values are parsed when first asked for, and kept until
    the headers change.
    """

    __slots__ = ("_fields", "_index", "parsed")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[Field] = []
        self._index: dict[str, list[str]] | None = None
        self.parsed: dict[str, Any] = {}
        """What was parsed so far, by the name that ``typed`` was asked with; for others to read only."""
        for name, value in items:
            self.add(name, value)

    @classmethod
    def of_parsed(cls, fields: list[Field]) -> Headers:
        """Make headers of fields that were checked before; the list is theirs from now on."""
        made = cls.__new__(cls)  # a message is made of them: two of these a request
        made._fields, made._index, made.parsed = fields, None, {}
        return made

    def get(self, name: str) -> str | None:
        """Give the first value of a header, or None."""
        values = self._values(name)
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """Give every value of a header, one for each line, in their order."""
        return list(self._values(name))

    def add(self, name: str, value: str) -> None:
        """Append a field.

        :raises LocalProtocolError: if the name is no token or the value would break the line.
        """
        new = _field(name, value)
        self._fields.append(new)
        self._index = None
        if self.parsed:
            self._changed(new[1])

    def extend(self, fields: Iterable[tuple[str, str]]) -> None:
        """Append fields.

        :raises LocalProtocolError: as ``add``.
        """
        kept, self._index = self._fields, None
        for name, value in fields:
            new = _field(name, value)
            kept.append(new)
            if self.parsed:
                self._changed(new[1])

    def insert_first(self, name: str, value: str) -> None:
        """Put a field before all others: the place of a new Via or Record-Route."""
        new = _field(name, value)
        self._fields.insert(0, new)
        self._changed(new[1])

    def replace_first(self, name: str, value: str) -> None:
        """Write over the first field of that name, and leave the others; add it if there is none."""
        new = _field(name, value)
        at = next((i for i, old in enumerate(self._fields) if old[0] == new[0]), len(self._fields))
        self._fields[at : at + 1] = [new]
        self._changed(new[1])

    def rewrite_first(self, key: str, value: str) -> None:
        """Write over the first field of a key with text of our own, by whoever notes what it parses to."""
        fields = self._fields
        for at, (other, name, _) in enumerate(fields):
            if other == key:
                fields[at] = (key, name, value)
                break
        if self._index is not None:
            self._index[key][0] = value

    def set(self, name: str, value: str) -> None:
        """Replace every field of that name by one, at the place of the first or at the end."""
        new = _field(name, value)
        at = next((i for i, old in enumerate(self._fields) if old[0] == new[0]), len(self._fields))
        kept = [old for old in self._fields if old[0] != new[0]]
        kept.insert(at, new)
        self._fields = kept
        self._changed(new[1])

    def remove(self, name: str) -> None:
        """Drop every field of that name."""
        key = _key(name)
        self._fields = [old for old in self._fields if old[0] != key]
        self._changed(LONG_NAME.get(key, name))

    def items(self) -> list[tuple[str, str]]:
        """Give every field, with the long form of its name."""
        return [(name, value) for _, name, value in self._fields]

    def fields(self) -> Sequence[Field]:
        """Give every field; for reading only."""
        return self._fields

    def copy(self) -> Headers:
        """Make a copy that changes apart from this one."""
        other = Headers()
        other._fields = list(self._fields)
        other.parsed = dict(self.parsed)
        return other

    def typed(self, name: str, parse: Callable[[list[str]], _T]) -> _T:
        """Parse all values of a header, once.

        :param name: the key of the cache as well; ask with the same parser and the same spelling always.
        """
        try:
            known: _T = self.parsed[name]
        except KeyError:
            known = self.parsed[name] = parse(list(self._values(name)))
        return known

    def read(self, readers: Mapping[str, tuple[str, Callable[[list[str]], object]]]) -> None:
        """Parse every header that is there and has a reader, as ``typed`` would.

        :param readers: by the long name in lower case: the key of the cache, and the parser.
        :raises RemoteProtocolError: for the first that cannot be read.
        """
        typed = self.parsed
        for key, values in self.by_key().items():
            reader = readers.get(key)
            if reader is not None:
                typed[reader[0]] = reader[1](values)

    def remember(self, name: str, value: object) -> None:
        """Note what ``typed`` would find for a header, by whoever has just written it from that value.

        :param name: as given to ``typed``.
        """
        self.parsed[name] = value

    def __contains__(self, name: str) -> bool:
        return _key(name) in self.by_key()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._essence() == other._essence()

    __hash__ = None  # type: ignore[assignment]  # they change

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"

    def append_parsed(self, key: str, name: str, value: str) -> None:
        """Append a field that the parser has checked, before anything is asked of these headers."""
        self._fields.append((key, name, value))

    def by_key(self) -> Mapping[str, list[str]]:
        """Give the values by the long name in lower case; for reading only."""
        index = self._index
        if index is None:
            index = self._index = {}
            for key, _, value in self._fields:
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        return index

    def _values(self, name: str) -> Sequence[str]:
        known, index = AS_WRITTEN.get(name), self._index
        return (self.by_key() if index is None else index).get(_key(name) if known is None else known[0], ())

    def _essence(self) -> list[tuple[str, str]]:
        # Content-Length is counted when a message is written: it says nothing of its own.
        return [(key, value) for key, _, value in self._fields if key != "content-length"]

    def _changed(self, name: str) -> None:
        # Only what was parsed of this header is old; the cache may know it by another spelling.
        self._index = None
        if self.parsed and self.parsed.pop(name, None) is None:
            key = name.lower()
            for other in [other for other in self.parsed if _key(other) == key]:
                del self.parsed[other]


def _key(name: str) -> str:
    known = AS_WRITTEN.get(name)
    if known is not None:
        return known[0]
    key = name.lower()
    return COMPACT.get(key, key)


def _field(name: str, value: str) -> Field:
    return _known_field(name, value) if len(value) <= KEPT_LENGTH else _check_field(name, value)


def _check_field(name: str, value: str) -> Field:
    if not is_token(name) or _LINE_BREAK.search(value):
        raise LocalProtocolError(f"cannot write the header {name!r}: {value[:80]!r}")
    key = _key(name)
    return key, LONG_NAME.get(key, name), value.strip(" \t")


_known_field: Final = lru_cache(maxsize=1024)(_check_field)
"""Most of what we write ourselves is the same in every message."""
