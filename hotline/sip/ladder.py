"""The ladder of a call: who sent what to whom, as a column a party and an arrow a message.

``build_ladder`` makes the drawing's content out of the messages that passed; ``ladder_text`` writes it for
a terminal, ``hotline.sip.ladder_svg`` draws it. Repeated messages are folded into the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Final

from hotline.sip.flow import Address, host_text
from hotline.sip.glimpse import Glimpse, SeenMessage, glimpse
from hotline.sip.text_width import fit, pad, width_of

GAP_S: Final = 1.0
"""A longer silence is drawn."""
US: Final = "hotline"


@dataclass(frozen=True, slots=True)
class Party:
    """A column."""

    name: str
    """``hotline``, or what the peer is called here; empty when it has no name."""
    address: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message, with its repetitions."""

    at: float
    """Seconds since 1970, UTC."""
    source: int
    """Column it leaves."""
    target: int
    """Column it arrives at."""
    view: Glimpse
    seen: SeenMessage
    leg: int
    """Number of its Call-ID in the ladder, from 0."""
    again: tuple[float, ...] = ()
    """When the same octets passed again."""

    @property
    def kind(self) -> str:
        """Tell how to paint it: request, provisional, success, redirection, challenge or failure."""
        status = self.view.status
        if self.view.is_request:
            return "request"
        if status < 200:
            return "provisional"
        if status < 300:
            return "success"
        if status < 400:
            return "redirection"
        return "challenge" if status in (401, 407) else "failure"

    @property
    def label(self) -> str:
        """Write what stands on the arrow."""
        times = f" ×{len(self.again) + 1}" if self.again else ""
        return self.view.title + times

    @property
    def notes(self) -> str:
        """Write what stands below it: session description and marks; empty when there is nothing to say."""
        marks = list(self.view.marks)
        if self.again:
            marks.append("again after " + ", ".join(f"{again - self.at:.1f} s" for again in self.again[:4]))
        return " · ".join(part for part in (self.view.voice, *marks) if part)


@dataclass(frozen=True, slots=True)
class Ladder:
    """A drawing's content."""

    parties: tuple[Party, ...]
    us: int
    """Our column."""
    arrows: tuple[Arrow, ...]
    legs: tuple[str, ...]
    """The Call-IDs."""


def build_ladder(messages: Iterable[SeenMessage], names: Mapping[str, str] | None = None) -> Ladder:
    """Make a ladder.

    The first peer stands on the left, we beside it, all others right of us: a caller, the exchange, and
    those whom it calls. Within one Call-ID a peer's address makes its column, whatever its port: a
    connection of TCP has another one than the listening socket.

    :param messages: of one call, or of several; any order.
    :param names: what addresses are called here, by ``192.0.2.7:5060`` or ``192.0.2.7``.
    """
    ordered = sorted(messages, key=lambda seen: seen.at)
    legs: list[str] = []
    columns: dict[tuple[int, str], int] = {}
    addresses: list[Address] = []
    ours: Address = ("", 0)
    arrows: list[Arrow] = []
    first_of: dict[tuple[bool, Address, bytes], int] = {}
    for seen in ordered:
        same = (seen.is_sent, seen.remote, seen.data)
        if same in first_of:
            at = first_of[same]
            arrows[at] = replace(arrows[at], again=(*arrows[at].again, seen.at))
            continue
        view = glimpse(seen.data)
        if view.call_id not in legs:
            legs.append(view.call_id)
        leg = legs.index(view.call_id)
        ours = ours if ours[0] else seen.local
        peer = columns.get((leg, seen.remote[0]))
        if peer is None:
            if seen.remote not in addresses:
                addresses.append(seen.remote)
            peer = columns[leg, seen.remote[0]] = addresses.index(seen.remote)
        peer = peer if peer == 0 else peer + 1
        source, target = (1, peer) if seen.is_sent else (peer, 1)
        first_of[same] = len(arrows)
        arrows.append(Arrow(seen.at, source, target, view, seen, leg))
    peers = [_party(address, names or {}) for address in addresses]
    parties = (*peers[:1], Party(US, _shown(ours)), *peers[1:])
    return Ladder(parties, min(1, len(peers)), tuple(arrows), tuple(legs))


def _shown(address: Address) -> str:
    return f"{host_text(address[0])}:{address[1]}" if address[0] else ""


def _party(address: Address, names: Mapping[str, str]) -> Party:
    shown = _shown(address)
    return Party(names.get(shown) or names.get(address[0], ""), shown)


# -- as text ----------------------------------------------------------------------------------------

_TIME_WIDTH: Final = 13
"""``18:04:05.123 ``."""
_LEAST_GAP: Final = 24
_MOST_GAP: Final = 58


def ladder_text(
    ladder: Ladder, *, width: int = 80, zone: tzinfo = UTC, colours: Mapping[str, str] | None = None
) -> str:
    """Write a ladder for a terminal.

    :param width: columns of the terminal; a ladder of many parties may be wider.
    :param zone: of the times.
    :param colours: what to write before a message of each kind, and ``end`` after it; None: no colours.
    """
    if not ladder.arrows:
        return "no messages\n"
    count = len(ladder.parties)
    gap = max(_LEAST_GAP, min(_MOST_GAP, (width - _TIME_WIDTH - 2 * _MARGIN) // max(1, count - 1)))
    page = _Page([_TIME_WIDTH + _MARGIN + gap * at for at in range(count)], gap, colours or {})
    rows = page.heads(ladder.parties)
    day = datetime.fromtimestamp(ladder.arrows[0].at, zone).date()
    rows.insert(0, f"{day:%Y-%m-%d} {datetime.fromtimestamp(ladder.arrows[0].at, zone):%Z}")
    before = ladder.arrows[0].at
    for arrow in ladder.arrows:
        at = datetime.fromtimestamp(arrow.at, zone)
        if at.date() != day:
            day = at.date()
            rows.append(f"{day:%Y-%m-%d}")
        if arrow.at - before >= GAP_S:
            rows.append(page.silence(arrow.at - before))
        rows += page.arrow(arrow, f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}")
        before = max(arrow.at, *arrow.again) if arrow.again else arrow.at
    return "\n".join(row.rstrip() for row in rows) + "\n"


_MARGIN: Final = 8
"""Left and right of the outer columns, for their heads."""


class _Page:
    """Rows of one ladder."""

    def __init__(self, lines: Sequence[int], gap: int, colours: Mapping[str, str]) -> None:
        self._lines, self._gap, self._colours = lines, gap, colours

    def heads(self, parties: Sequence[Party]) -> list[str]:
        names = [party.name for party in parties]
        rows = [names] if any(names) else []
        return [self._centred(row) for row in (*rows, [party.address for party in parties])]

    def silence(self, seconds: float) -> str:
        return pad("", self._lines[0] - 9) + self._between("┊", 0, f"{duration(seconds)}")

    def arrow(self, arrow: Arrow, time: str) -> list[str]:
        left, right = sorted((arrow.source, arrow.target))
        span = self._gap * (right - left) - 1
        goes_right = arrow.target > arrow.source
        label = fit(arrow.label, span - 6)
        dashes = span - width_of(label) - 4
        before, after = (2, dashes - 2) if goes_right else (dashes - 2, 2)
        body = f"{'─' * before} {label} {'─' * after}"
        body = f"─{body}▶" if goes_right else f"◀{body}─"
        start, end = self._colours.get(arrow.kind, ""), self._colours.get("end", "")
        rows = [pad(time, self._lines[0]) + self._row({left: (f"{start}{body}{end}", right)})]
        quiet = self._colours.get("note", "")
        for line in wrap(arrow.notes, span - 2):
            note = f"{quiet}{pad(f' {line}', span)}{end if quiet else ''}"
            rows.append(pad("", self._lines[0]) + self._row({left: (note, right)}))
        return rows

    def _row(self, spans: Mapping[int, tuple[str, int]]) -> str:
        """Write the lines of all columns, with what is drawn between some."""
        row, at = "│", 0
        while at < len(self._lines) - 1:
            text, to = spans.get(at, (" " * (self._gap - 1), at + 1))
            row, at = f"{row}{text}│", to
        return row

    def _between(self, line: str, at: int, text: str) -> str:
        row = " " * 9
        for column in range(len(self._lines)):
            row += line
            if column < len(self._lines) - 1:
                row += pad(f"  {text}" if column == at else "", self._gap - 1)
        return row

    def _centred(self, texts: Sequence[str]) -> str:
        row = ""
        for line, text in zip(self._lines, texts, strict=True):
            shown = fit(text, self._gap - 1)
            row = pad(row, max(width_of(row) + (1 if row else 0), line - width_of(shown) // 2)) + shown
        return row


def duration(seconds: float) -> str:
    """Write how long something took: ``1.2 s``, ``2 min 3 s``, ``1 h 2 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def wrap(text: str, width: int) -> list[str]:
    """Break a text at spaces into lines of so many columns; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and width_of(lines[-1]) + 1 + width_of(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, width))
    return lines
