"""A ladder as an SVG file: readable in a browser, in a letter or on paper, without a script or a web font."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Final

from hotline.sip.ladder import GAP_S, Arrow, Ladder, Party, duration, wrap
from hotline.sip.text_width import fit

_LEFT: Final = 118
"""Where the first line stands; the times are left of it."""
_GAP: Final = 250
"""Between two lines."""
_RIGHT: Final = 96
_HEAD: Final = 92
_LETTER: Final = 6.1
"""Width of a narrow character at the size of labels and notes, in pixels."""
_ARROW_ROW: Final = 30
_NOTE_ROW: Final = 13
_GAP_ROW: Final = 34

_STYLE: Final = """
  svg { background: #fff; font-family: "Noto Sans", "Noto Sans SC", "Noto Sans CJK SC", sans-serif; }
  .title { font-size: 14px; fill: #16202a; font-weight: 600; }
  .day { font-size: 11px; fill: #4a5866; }
  .head { fill: #f4f6f8; stroke: #5b6b7a; stroke-width: 1.2; }
  .us { fill: #dff3e4; stroke: #24824a; }
  .name { font-size: 12.5px; fill: #16202a; text-anchor: middle; font-weight: 600; }
  .address { font-size: 10.5px; fill: #4a5866; text-anchor: middle; }
  .life { stroke: #aeb9c4; stroke-width: 1.2; }
  .quiet { stroke: #fff; stroke-width: 3; }
  .dots { stroke: #aeb9c4; stroke-width: 1.2; stroke-dasharray: 2 4; }
  .silence { font-size: 10.5px; fill: #6a7884; font-style: italic; }
  .time { font-size: 10.5px; fill: #4a5866; text-anchor: end; font-variant-numeric: tabular-nums; }
  .label { font-size: 12px; text-anchor: middle; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
  .note { font-size: 10.5px; fill: #5b6b7a; text-anchor: middle; }
  .note { paint-order: stroke; stroke: #fff; stroke-width: 3px; }
  .way { fill: none; stroke-width: 1.6; }
"""
_COLOURS: Final = {
    "request": "#1f5fa8",
    "provisional": "#6a7884",
    "success": "#24824a",
    "redirection": "#9a6a00",
    "challenge": "#9a6a00",
    "failure": "#b3261e",
}


def ladder_svg(ladder: Ladder, *, title: str = "", zone: tzinfo = UTC) -> str:
    """Draw a ladder.

    :param title: stands above it.
    :param zone: of the times.
    """
    width = _LEFT + _GAP * max(0, len(ladder.parties) - 1) + _RIGHT
    body: list[str] = []
    y = _HEAD + 18.0
    before = ladder.arrows[0].at if ladder.arrows else 0.0
    for arrow in ladder.arrows:
        if arrow.at - before >= GAP_S:
            body += _silence(ladder, y, arrow.at - before)
            y += _GAP_ROW
        drawn, height = _arrow(arrow, y, zone)
        body += drawn
        y += height
        before = max(arrow.at, *arrow.again) if arrow.again else arrow.at
    bottom = y + 6
    day = datetime.fromtimestamp(ladder.arrows[0].at, zone) if ladder.arrows else None
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 16:.0f}" '
        f'viewBox="0 0 {width} {bottom + 16:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        "<defs>",
        *(_tip(kind, colour) for kind, colour in _COLOURS.items()),
        "</defs>",
        f'<text class="title" x="16" y="24">{escape(title)}</text>',
    ]
    if day is not None:
        parts.append(f'<text class="day" x="{width - 16}" y="24" text-anchor="end">{day:%Y-%m-%d %Z}</text>')
    for at, party in enumerate(ladder.parties):
        parts += _head(party, _LEFT + at * _GAP, bottom, is_us=at == ladder.us)
    return "\n".join([*parts, *body, "</svg>"]) + "\n"


def _tip(kind: str, colour: str) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker>'
    )


def _head(party: Party, x: int, bottom: float, *, is_us: bool) -> list[str]:
    top, height, half = 38, 40, 88
    rows = [row for row in (party.name, party.address) if row]
    parts = [
        f'<line class="life" x1="{x}" y1="{top + height}" x2="{x}" y2="{bottom:.0f}"/>',
        f'<rect class="head{" us" if is_us else ""}" x="{x - half}" y="{top}" width="{2 * half}" '
        f'height="{height}" rx="6"/>',
    ]
    for at, row in enumerate(rows):
        style = "name" if at == 0 and party.name else "address"
        y = top + height / 2 + 4 + (at - (len(rows) - 1) / 2) * 16
        parts.append(f'<text class="{style}" x="{x}" y="{y:.0f}">{escape(fit(row, 27))}</text>')
    return parts


def _silence(ladder: Ladder, y: float, seconds: float) -> list[str]:
    parts = []
    for at in range(len(ladder.parties)):
        x = _LEFT + at * _GAP
        line = f'x1="{x}" y1="{y - 16:.0f}" x2="{x}" y2="{y - 16 + _GAP_ROW - 10:.0f}"'
        parts += [f'<line class="quiet" {line}/>', f'<line class="dots" {line}/>']
    middle = _LEFT + _GAP / 2 if len(ladder.parties) > 1 else _LEFT + 12.0
    parts.append(
        f'<text class="silence" x="{middle:.0f}" y="{y:.0f}" text-anchor="middle">{duration(seconds)}</text>'
    )
    return parts


def _arrow(arrow: Arrow, y: float, zone: tzinfo) -> tuple[list[str], float]:
    at = datetime.fromtimestamp(arrow.at, zone)
    x1, x2 = (_LEFT + column * _GAP for column in (arrow.source, arrow.target))
    way = 1 if x2 > x1 else -1
    middle, room = (x1 + x2) / 2, int((abs(x2 - x1) - 24) / _LETTER)
    colour = _COLOURS[arrow.kind]
    time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    label_y, line_y = y, y + 7
    parts = [
        "<g>",
        f"<title>{escape(arrow.view.title)}</title>",
        f'<path class="way" stroke="{colour}" marker-end="url(#{arrow.kind})" '
        f'd="M{x1 + 2 * way},{line_y:.0f} L{x2 - 2 * way},{line_y:.0f}"/>',
        f'<text class="label" fill="{colour}" x="{middle:.0f}" y="{label_y:.0f}">'
        f"{escape(fit(arrow.label, room))}</text>",
        f'<text class="time" x="{_LEFT - 12}" y="{line_y + 4:.0f}">{time}</text>',
    ]
    notes = wrap(arrow.notes, max(12, int((abs(x2 - x1) - 20) / 5.4)))
    for row, note in enumerate(notes):
        note_y = line_y + 14 + row * _NOTE_ROW
        parts.append(f'<text class="note" x="{middle:.0f}" y="{note_y:.0f}">{escape(note)}</text>')
    parts.append("</g>")
    return parts, _ARROW_ROW + len(notes) * _NOTE_ROW
