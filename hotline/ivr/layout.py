"""Place the boxes of a drawing in rows and lead the arrows between them (layered drawing).

The method is the common one (Sugiyama, Tagawa, Toda 1981): cut circles at the way back, put each box
below all that lead to it, give a long arrow a point in every row it crosses, order the rows by the
middle of their neighbours, then pull boxes and points into line. The result depends on nothing but
the names and arrows given, so a drawing is a golden file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

BOX_WIDTH: Final = 168
BOX_HEIGHT: Final = 46
ROW_GAP: Final = 84
MARGIN: Final = 30
_POINT_WIDTH: Final = 22
_GAP: Final = 22
_SWEEPS: Final = 16

Way = tuple[str, str]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes, in pixels."""

    boxes: Mapping[str, Point]
    """Middle and upper edge of each box."""
    ways: Mapping[Way, Sequence[Point]]
    """Points that each arrow goes through, from its beginning to its tip."""
    place_of_way: Mapping[Way, int]
    """Which of the arrows on that side of its box it is, from the left."""
    row_of: Mapping[str, int]
    width: float
    height: float

    def is_back(self, source: str, target: str) -> bool:
        """Tell whether an arrow leads back up."""
        return self.row_of[target] <= self.row_of[source]


def lay_out(names: Sequence[str], ways: Sequence[Way], start: str) -> Layout:
    """Place boxes and arrows.

    :param names: the boxes, ``start`` among them.
    :param ways: the arrows; each pair once.
    """
    row_of = _rows(names, ways, start)
    rows: list[list[str]] = [[] for _ in range(max(row_of.values()) + 1)]
    for name in names:
        rows[row_of[name]].append(name)
    chains: dict[Way, list[str]] = {}
    for source, target in ways:
        if source != target:
            chains[(source, target)] = _chain(source, target, row_of, rows)
    links = [pair for chain in chains.values() for pair in pairwise(chain)]
    _untangle(rows, links)
    x_of = _pull_straight(rows, links, set(names))
    y_of = {name: 2.0 * MARGIN + at * (BOX_HEIGHT + ROW_GAP) for at, row in enumerate(rows) for name in row}
    return _finished(names, row_of, chains, {name: (x_of[name], y_of[name]) for name in y_of}, ways)


def _rows(names: Sequence[str], ways: Sequence[Way], start: str) -> dict[str, int]:
    """Find each box's row: the longest way to it, ways back left out."""
    targets: dict[str, list[str]] = {name: [] for name in names}
    for source, target in ways:
        if source != target:
            targets[source].append(target)
    forward = _without_ways_back(targets, start)
    row_of = dict.fromkeys(names, 0)
    for _ in names:
        for name, below in forward.items():
            for target in below:
                row_of[target] = max(row_of[target], row_of[name] + 1)
    reached, waiting = {start}, [start]
    while waiting:
        new = [target for target in forward[waiting.pop()] if target not in reached]
        reached.update(new)
        waiting += new
    # what does not come from the start (a fault's steps) stands just above what it leads to
    for name in sorted((name for name in names if name not in reached), key=lambda one: -row_of[one]):
        row_of[name] = min((row_of[target] for target in forward[name]), default=row_of[name] + 1) - 1
    least = min(row_of.values())
    return {name: row - least for name, row in row_of.items()}


def _without_ways_back(targets: Mapping[str, Sequence[str]], start: str) -> dict[str, list[str]]:
    """Walk in depth from the start, and leave out what leads back to a box on the trail."""
    forward: dict[str, list[str]] = {name: [] for name in targets}
    done: set[str] = set()
    for root in (start, *targets):
        trail = [] if root in done else [(root, iter(targets[root]))]
        on_trail = {root}
        while trail:
            name, rest = trail[-1]
            target = next(rest, None)
            if target is None:
                trail.pop()
                on_trail.discard(name)
                done.add(name)
            elif target not in on_trail:
                forward[name].append(target)
                if target not in done:
                    trail.append((target, iter(targets[target])))
                    on_trail.add(target)
    return forward


def _chain(source: str, target: str, row_of: Mapping[str, int], rows: list[list[str]]) -> list[str]:
    """Give a long arrow a point in each row between its boxes; from the upper box to the lower."""
    upper, lower = sorted((source, target), key=lambda name: row_of[name])
    chain = [upper]
    for row in range(row_of[upper] + 1, row_of[lower]):
        point = f"{source} {target} {row}"
        rows[row].append(point)
        chain.append(point)
    return [*chain, lower]


def _untangle(rows: list[list[str]], links: Sequence[Way]) -> None:
    """Order each row by the middle of its neighbours in the row before, downwards and upwards in turn."""
    above: dict[str, list[str]] = {name: [] for row in rows for name in row}
    below: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    best = [list(row) for row in rows]
    least = _crossings(rows, below)
    for sweep in range(_SWEEPS):
        neighbours = below if sweep % 2 else above
        for row in reversed(rows) if sweep % 2 else rows:
            place = {name: at for one in rows for at, name in enumerate(one)}
            middle = {
                name: sum(place[one] for one in neighbours[name]) / len(neighbours[name])
                if neighbours[name]
                else float(place[name])
                for name in row
            }
            row.sort(key=lambda name: middle[name])
        crossings = _crossings(rows, below)
        if crossings < least:
            least, best = crossings, [list(row) for row in rows]
    for row, ordered in zip(rows, best, strict=True):
        row[:] = ordered


def _crossings(rows: Sequence[Sequence[str]], below: Mapping[str, Sequence[str]]) -> int:
    count = 0
    for row, following in pairwise(rows):
        place = {name: at for at, name in enumerate(following)}
        ends: list[int] = []
        for name in row:
            mine = sorted(place[one] for one in below[name])
            count += sum(1 for end in mine for other in ends if other > end)
            ends += mine
    return count


def _pull_straight(rows: Sequence[Sequence[str]], links: Sequence[Way], boxes: set[str]) -> dict[str, float]:
    """Move everything towards the middle of its neighbours, as far as the row has room."""
    width = {name: BOX_WIDTH if name in boxes else _POINT_WIDTH for row in rows for name in row}
    neighbours: dict[str, list[str]] = {name: [] for name in width}
    for upper, lower in links:
        neighbours[upper].append(lower)
        neighbours[lower].append(upper)
    x_of: dict[str, float] = {}
    for row in rows:
        x = 0.0
        for name in row:
            x_of[name] = x + width[name] / 2
            x += width[name] + _GAP
    for _ in range(_SWEEPS * 2):
        for row in (*rows, *reversed(rows)):
            wish = [
                sum(x_of[one] for one in neighbours[name]) / len(neighbours[name])
                if neighbours[name]
                else x_of[name]
                for name in row
            ]
            room = [(width[left] + width[right]) / 2 + _GAP for left, right in pairwise(row)]
            x_of.update(zip(row, _spread(wish, room), strict=True))
    left = min(x_of[name] - width[name] / 2 for name in x_of)
    return {name: x - left + MARGIN for name, x in x_of.items()}


def _spread(wish: Sequence[float], room: Sequence[float]) -> list[float]:
    """Keep the order and the room between neighbours, near the wishes: pushed right, pushed left, halved."""
    right = list(wish)
    for at in range(1, len(right)):
        right[at] = max(right[at], right[at - 1] + room[at - 1])
    left = list(wish)
    for at in range(len(left) - 2, -1, -1):
        left[at] = min(left[at], left[at + 1] - room[at])
    return [(one + other) / 2 for one, other in zip(left, right, strict=True)]


def _finished(
    names: Sequence[str],
    row_of: Mapping[str, int],
    chains: Mapping[Way, Sequence[str]],
    at: Mapping[str, Point],
    ways: Sequence[Way],
) -> Layout:
    ports, place_of_way = _ports(chains, at)
    points: dict[Way, list[Point]] = {}
    for way in ways:
        source, target = way
        if source == target:
            x, y = at[source]
            points[way] = [(x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2 - 6)] * 2
            continue
        chain = chains[way]
        line: list[Point] = [(ports[(way, True)], at[chain[0]][1] + BOX_HEIGHT)]
        for x, y in (at[point] for point in chain[1:-1]):
            line += [(x, y), (x, y + BOX_HEIGHT)]
        line.append((ports[(way, False)], at[chain[-1]][1]))
        points[way] = line if chain[0] == source else line[::-1]
    width = max(x for x, _ in at.values()) + BOX_WIDTH / 2 + 2 * MARGIN
    height = max(y for _, y in at.values()) + BOX_HEIGHT + MARGIN
    return Layout({name: at[name] for name in names}, points, place_of_way, row_of, width, height)


def _ports(
    chains: Mapping[Way, Sequence[str]], at: Mapping[str, Point]
) -> tuple[dict[tuple[Way, bool], float], dict[Way, int]]:
    """Share the lower and the upper side of each box among the arrows that touch it, in their order."""
    sides: dict[tuple[str, bool], list[tuple[float, Way]]] = {}
    for way, chain in chains.items():
        sides.setdefault((chain[0], True), []).append((at[chain[1]][0], way))
        sides.setdefault((chain[-1], False), []).append((at[chain[-2]][0], way))
    ports: dict[tuple[Way, bool], float] = {}
    place_of_way: dict[Way, int] = {}
    for (name, is_lower), touching in sides.items():
        touching.sort()
        for place, (_, way) in enumerate(touching):
            shift = BOX_WIDTH * ((place + 1) / (len(touching) + 1) - 0.5)
            ports[(way, is_lower)] = at[name][0] + shift
            if way[0] == name:
                place_of_way[way] = place
    return ports, place_of_way
