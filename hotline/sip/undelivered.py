"""A datagram of ours came back as undeliverable: which request was it? (RFC 3261, 18.4)

ICMP quotes the beginning of what could not be delivered. Anybody can forge such a message, so that only a
quotation counts that holds the branch of a request of ours, which nobody can guess. Many routers quote too
little for that; then the timers decide, as ever.
"""

from __future__ import annotations

import re
from typing import Final

MOST_QUOTED: Final = 2048
"""Octets looked at: hosts quote some 500 (RFC 1812, 4.3.2.3), IPv6 up to 1,200 (RFC 4443, 2.4)."""
_FIRST_LINE: Final = re.compile(rb"([A-Z]{1,20}) [^\r\n ]+ SIP/2\.0\r\n")
_BRANCH: Final = re.compile(
    rb"\r\n(?:Via|v)[ \t]*:[^\r\n]*?;[ \t]*branch[ \t]*=[ \t]*(z9hG4bK[^\s;,]+)[;,\r]", re.I
)


def undelivered_request(quoted: bytes) -> tuple[str, str] | None:
    """Tell the transaction of a request of ours that is quoted: branch and method.

    :returns: None for a response, and for what was cut before the end of its branch.
    """
    quoted = quoted[:MOST_QUOTED]
    first = _FIRST_LINE.match(quoted)
    branch = _BRANCH.search(quoted)
    if first is None or branch is None:
        return None
    return branch[1].decode("ascii", "replace"), first[1].decode()
