"""Draw a flow, or any table of states: as text, as Mermaid, and as an SVG without outside programs.

How the boxes are placed is told in ``layout.py``. Keys to a person are not drawn as lines (there is
one from every step that listens) but told in the step's box.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from hotline.ivr.flow import Flow, leads_to_person, person_keys
from hotline.ivr.layout import BOX_HEIGHT, BOX_WIDTH, MARGIN, Layout, lay_out


@dataclass(frozen=True, slots=True)
class Node:
    """A box."""

    name: str
    below: str = ""
    """A second, smaller line."""
    kind: str = ""
    """Class in the SVG: ``start``, ``listens``, ``ends`` or empty."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow; several outcomes with one target are one arrow."""

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    start: str


def flow_graph(flow: Flow) -> Graph:
    """Make the graph of a flow."""
    nodes = []
    for step in flow.steps.values():
        keys = person_keys(flow.person_keys, step.verb.name) if leads_to_person(step, flow.person) else ""
        below = step.verb.name + (f" · {' '.join(keys)} → person" if keys else "")
        kind = "start" if step.name == flow.start else "listens" if step.verb.listens else ""
        nodes.append(Node(step.name, below, "ends" if step.verb.ends else kind))
    ways = [
        (step.name, target, outcome)
        for step in flow.steps.values()
        for outcome, target in step.outcomes.items()
    ]
    return Graph(f"{flow.name}@{flow.version}", tuple(nodes), _merged(ways), flow.start)


def table_graph(title: str, ways: Iterable[tuple[str, str, str]], start: str) -> Graph:
    """Make the graph of a transition table, given as (state, next state, label)."""
    ways = list(ways)
    names = dict.fromkeys([start, *(name for way in ways for name in way[:2])])
    leaving = {source for source, target, _ in ways if source != target}
    nodes = tuple(
        Node(name, kind="start" if name == start else "" if name in leaving else "ends") for name in names
    )
    return Graph(title, nodes, _merged(ways), start)


def _merged(ways: Iterable[tuple[str, str, str]]) -> tuple[Edge, ...]:
    labels: dict[tuple[str, str], list[str]] = {}
    for source, target, label in ways:
        labels.setdefault((source, target), []).append(label)
    return tuple(Edge(source, target, ", ".join(names)) for (source, target), names in labels.items())


def to_text(graph: Graph) -> str:
    """Write the graph as an indented list, one box with its arrows after the other."""
    rows = [graph.title]
    for node in graph.nodes:
        rows.append(f"\n{node.name}" + (f"  ({node.below})" if node.below else ""))
        rows += [f"    {edge.label} → {edge.target}" for edge in graph.edges if edge.source == node.name]
    return "\n".join(rows) + "\n"


def to_mermaid(graph: Graph) -> str:
    """Write the graph in Mermaid, which code hosts draw inside a page."""
    rows = ["flowchart TD"]
    for node in graph.nodes:
        below = f"<br/><small>{escape(node.below)}</small>" if node.below else ""
        left, right = ('(["', '"])') if node.kind in ("start", "ends") else ('["', '"]')
        rows.append(f"    {node.name}{left}{escape(node.name)}{below}{right}")
    rows += [f'    {edge.source} -->|"{escape(edge.label)}"| {edge.target}' for edge in graph.edges]
    return "\n".join(rows) + "\n"


# -- SVG ----------------------------------------------------------------------------------------------

_STYLE: Final = """
  svg { background: #fff; font-family: "Noto Sans", "Noto Sans SC", sans-serif; }
  .box { fill: #f4f6f8; stroke: #5b6b7a; stroke-width: 1.2; }
  .listens { fill: #e4f0fb; stroke: #1f6fb2; }
  .start { fill: #dff3e4; stroke: #24824a; stroke-width: 2; }
  .ends { fill: #ececec; stroke: #444; stroke-width: 2; }
  .name { font-size: 13px; fill: #16202a; text-anchor: middle; }
  .below { font-size: 10px; fill: #4a5866; text-anchor: middle; }
  .way { fill: none; stroke: #8593a0; stroke-width: 1.2; }
  .back { stroke: #b06a1b; stroke-dasharray: 5 3; }
  .label { font-size: 10px; fill: #16202a; text-anchor: middle; }
  .label { paint-order: stroke; stroke: #fff; stroke-width: 3px; }
  .title { font-size: 12px; fill: #4a5866; }
"""
_TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#5b6b7a"/></marker></defs>'
)
_LABEL_LETTERS: Final = 24
"""A longer label takes a line for each of its outcomes."""
_LABEL_STEPS: Final = 4
"""Labels of neighbouring arrows stand at so many heights, so that they do not cover each other."""


def to_svg(graph: Graph) -> str:
    """Draw the graph as an SVG file: readable in a browser, without a script or a web font."""
    ways = [(edge.source, edge.target) for edge in graph.edges]
    layout = lay_out([node.name for node in graph.nodes], ways, graph.start)
    width, height = layout.width, layout.height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(graph.title)}</title>",
        f"<style>{_STYLE}</style>",
        _TIP,
        f'<text class="title" x="{MARGIN}" y="{MARGIN - 8}">{escape(graph.title)}</text>',
    ]
    ways_drawn = [_way(edge, layout) for edge in graph.edges]
    parts += [way for way, _ in ways_drawn]
    for node in graph.nodes:
        parts += _box(node, *layout.boxes[node.name])
    parts += [label for _, label in ways_drawn]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(node: Node, middle: float, top: float) -> list[str]:
    round_px = BOX_HEIGHT / 2 if node.kind in ("start", "ends") else 6
    box = f'x="{middle - BOX_WIDTH / 2:.0f}" y="{top:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
    parts = [f'<rect class="{f"box {node.kind}".strip()}" {box} rx="{round_px:.0f}"/>']
    lift = 20 if node.below else 28
    parts.append(f'<text class="name" x="{middle:.0f}" y="{top + lift:.0f}">{escape(node.name)}</text>')
    if node.below:
        parts.append(f'<text class="below" x="{middle:.0f}" y="{top + 36:.0f}">{escape(node.below)}</text>')
    return parts


def _way(edge: Edge, layout: Layout) -> tuple[str, str]:
    """Draw an arrow through its points, and its label beside its beginning."""
    points = layout.ways[(edge.source, edge.target)]
    (x, y), (next_x, next_y) = points[0], points[1]
    path = f"M{x:.0f},{y:.0f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        if x1 == x2:
            path += f" L{x2:.0f},{y2:.0f}"
        else:
            bend = (y2 - y1) / 2
            path += f" C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}"
    if edge.source == edge.target:
        path = f"M{x:.0f},{y:.0f} c34,-16 34,28 2,12"
        label_x, label_y = x + 30, y - 12.0
    else:
        share = 0.16 + 0.2 * (layout.place_of_way[(edge.source, edge.target)] % _LABEL_STEPS)
        # the height of a cubic curve is 3t²-2t³ across; its label sits on it
        label_x, label_y = x + (next_x - x) * (3 * share**2 - 2 * share**3), y + (next_y - y) * share + 4
    style = "way back" if layout.is_back(edge.source, edge.target) else "way"
    names = [edge.label] if len(edge.label) <= _LABEL_LETTERS else edge.label.split(", ")
    rows = [
        f'<tspan x="{label_x:.0f}" y="{label_y + 11 * row:.0f}">{escape(name)}</tspan>'
        for row, name in enumerate(names)
    ]
    label = f'<text class="label">{"".join(rows)}</text>'
    return f'<path class="{style}" d="{path}" marker-end="url(#tip)"/>', label
