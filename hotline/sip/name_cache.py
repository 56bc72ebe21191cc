"""What name servers said, kept as long as they allow; and what they did not say, kept for a while."""

from __future__ import annotations

from typing import Final

from hotline.sip.locate import Outcome, Question, Reply

SHORTEST_S: Final = 5.0
"""A record with time to live 0 is asked for again, but not for every call of a burst."""
LONGEST_S: Final = 3600.0
"""Carriers move their proxies without a word: no record is believed longer, whatever it says."""
NOTHING_S: Final = 60.0
"""How long a name that is not there is not asked for again (RFC 2308, 5, without its SOA)."""
SILENT_S: Final = 30.0
"""How long a question that nobody answered is not repeated (RFC 2308, 7.2: at most five minutes)."""
MOST: Final = 1024
"""Replies kept."""


class NameCache:
    """The replies of one set of name servers."""

    def __init__(self) -> None:
        self._kept: dict[Question, tuple[float, Reply]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question, now: float) -> Reply | None:
        """Give a reply that still holds, with the time that is left to it; None: ask."""
        kept = self._kept.get(question)
        if kept is None:
            return None
        until, reply = kept
        if until <= now:
            del self._kept[question]
            return None
        return Reply(question, reply.outcome, reply.records, until - now)

    def put(self, reply: Reply, now: float) -> Reply:
        """Keep a reply.

        :returns: the reply with the time that it is kept.
        """
        if reply.outcome is Outcome.FOUND:
            life_s = min(max(reply.ttl_s, SHORTEST_S), LONGEST_S)
        else:
            life_s = NOTHING_S if reply.outcome is Outcome.NOTHING else SILENT_S
        if len(self._kept) >= MOST:
            self._kept = {q: kept for q, kept in self._kept.items() if kept[0] > now}
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
        self._kept[reply.question] = (now + life_s, reply)
        return Reply(reply.question, reply.outcome, reply.records, life_s)
