"""The Replaces header (RFC 3891): a new call that takes the place of a standing one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote as escape

from hotline.sip.grammar import Params, get_param, printable, scan_params, unreadable, write_params

_NAMED = frozenset({"to-tag", "from-tag", "early-only"})


@dataclass(frozen=True, slots=True)
class Replaces:
    """Which dialog is meant, as whoever gets the header sees it."""

    call_id: str
    to_tag: str
    """The tag of whoever gets the header: it is compared with the dialog's local tag (RFC 3891, 3)."""
    from_tag: str
    is_early_only: bool = False
    """True: a call that was answered already must not be replaced; it is answered 486."""
    params: Params = ()
    """Parameters that no RFC names."""

    @property
    def as_uri_header(self) -> str:
        """Write the header's value for the header part of a URI, escaped (RFC 3891, 4; RFC 3261, 19.1.1)."""
        return escape(str(self), safe="-_.!~*'()")

    def __str__(self) -> str:
        early = ";early-only" if self.is_early_only else ""
        return (
            f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}{write_params(self.params)}"
        )


def parse_replaces(text: str) -> Replaces:
    """Read Replaces.

    :raises RemoteProtocolError: 400 without exactly one to-tag and one from-tag (RFC 3891, 6.1).
    """
    call_id, _, _ = text.partition(";")
    params, end = scan_params(text, len(call_id))
    call_id = call_id.strip(" \t")
    names = [name.lower() for name, _ in params]
    to_tag, from_tag = get_param(params, "to-tag"), get_param(params, "from-tag")
    is_whole = not text[end:].strip(" \t") and not any(names.count(name) > 1 for name in _NAMED)
    if (
        not is_whole
        or not call_id
        or " " in call_id
        or call_id != printable(call_id)
        or not to_tag
        or not from_tag
    ):
        raise unreadable("Replaces", text)
    others = tuple((name, value) for name, value in params if name.lower() not in _NAMED)
    return Replaces(call_id, to_tag, from_tag, "early-only" in names, others)
