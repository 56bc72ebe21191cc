"""Complaints about the ways through a flow: nobody gets lost, stuck, or asked for what is not there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from hotline.ivr.flow import OPEN_REQUEST, VALUES, Flow, Step
from hotline.ivr.source import Complaint, Source


def complain_of_paths(flow: Flow, source: Source) -> Iterator[Complaint]:
    """Look for steps nobody reaches, endless circles, missing values and words that lead to no request.

    The flow's steps must lead to existing steps only.
    """
    yield from _unreached(flow, source)
    yield from _circles(flow, source)
    yield from _missing_values(flow, source)
    yield from _lost_words(flow, source)


def _complaint(source: Source, step: Step, text: str) -> Complaint:
    return Complaint(step.line, text, step.name, source.file)


def _route(
    flow: Flow, roots: Iterable[str], wanted: Callable[[Step], bool], may_pass: Callable[[Step, str], bool]
) -> list[str] | None:
    """Find a shortest way from one of the roots to a wanted step over the permitted outcomes."""
    came_from: dict[str, str | None] = dict.fromkeys(roots)
    waiting = deque(came_from)
    while waiting:
        name = waiting.popleft()
        step = flow.steps[name]
        if wanted(step):
            route: list[str] = []
            at: str | None = name
            while at is not None:
                route.insert(0, at)
                at = came_from[at]
            return route
        for outcome, target in flow.leads_to(step):
            if target not in came_from and may_pass(step, outcome):
                came_from[target] = name
                waiting.append(target)
    return None


def _unreached(flow: Flow, source: Source) -> Iterator[Complaint]:
    for step in flow.steps.values():
        route = _route(flow, (flow.start, flow.fault), lambda one, step=step: one is step, lambda *_: True)  # type: ignore[misc]
        if route is None:
            yield _complaint(source, step, "no caller ever comes here: lead a step to it, or delete it")


def _circles(flow: Flow, source: Source) -> Iterator[Complaint]:
    """Complain once of each circle in which no step counts its tries."""
    unbounded = {name: step for name, step in flow.steps.items() if "tries" not in step.settings}
    told: set[frozenset[str]] = set()
    for name, step in unbounded.items():
        for _, first in flow.leads_to(step):
            if first not in unbounded:
                continue
            back = _route(
                flow,
                (first,),
                lambda one, name=name: one.name == name,  # type: ignore[misc]
                lambda one, outcome: dict(flow.leads_to(one))[outcome] in unbounded,
            )
            if back is None or frozenset(back) in told:
                continue
            told.add(frozenset(back))
            ring = " → ".join([name, *back])
            text = (
                f"a caller can go round and round here ({ring}): give a step that listens among them "
                f'tries = 3 and spent = "…", the step that comes after the last try'
            )
            yield _complaint(source, step, text)


def _missing_values(flow: Flow, source: Source) -> Iterator[Complaint]:
    for step in flow.steps.values():
        for value in step.reads:
            route = _route(
                flow,
                (flow.start, flow.fault),
                lambda one, step=step: one is step,  # type: ignore[misc]
                lambda one, outcome, value=value: value not in one.writes(outcome),  # type: ignore[misc]
            )
            if route is not None:
                text = f"it needs {VALUES[value]}, but a caller can come here without: {' → '.join(route)}"
                yield _complaint(source, step, text)


def _lost_words(flow: Flow, source: Source) -> Iterator[Complaint]:
    for step in flow.steps.values():
        target = step.outcomes.get("recorded")
        if target is None:
            continue
        route = _route(
            flow,
            (target,),
            lambda one: one.verb.ends or one.verb.name == "record",
            lambda one, _outcome: one.settings.get("question") != OPEN_REQUEST,
        )
        if route is not None:
            text = (
                "what the caller said here may lead to no request number: "
                f'put do = "ask", question = "{OPEN_REQUEST}" between {" → ".join([step.name, *route])}'
            )
            yield _complaint(source, step, text)
