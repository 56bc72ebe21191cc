"""The flows of RFC 3665 and RFC 5359 that concern a hotline, played by sipp against a user agent of ours.

All of them run at once: some wait a minute for a session timer, most take a second or two. What follows
what on the wire stands in the scenarios (``sipp/*.xml``), what our side does in a script
(``scripted_app.py``); here stands what the layers above are told.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.interop.scripted import Application
from tests.interop.sipp_run import SIPP, Sipp

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)"),
]
CALLS = 3
BOTH = ("udp", "tcp")


@dataclass(frozen=True)
class Flow:
    """One scenario, and what it must look like from above."""

    scenario: str
    script: str
    events: str
    """What is told of each call, in this order, after CallArrived or the order to dial."""
    cause: str
    status: int = 0
    dial: dict[str, Any] = field(default_factory=dict)
    """Further words of the order to dial."""
    transports: tuple[str, ...] = BOTH

    def __str__(self) -> str:
        return self.scenario


# The ends of lines: C confirmed, R ringing, A answered, M media moved, F re-offer failed, E ended.
CALLERS = (
    Flow("prack", "183s-0.2-180-0.2-accept", "CE", "bye"),
    # Over TCP sipp takes the repeated 183 for an unexpected one.
    Flow("prack_late", "183s-accept", "CE", "bye", transports=("udp",)),
    Flow("prack_answers", "183s-accept", "MCE", "bye"),
    Flow("prack_offers", "183s-accept", "MCE", "bye"),
    Flow("rings", "180-0.4-accept", "CE", "bye"),
    Flow("holds", "accept", "CMMMMMME", "bye"),
    Flow("held", "accept-stands-hold-0.3-mute-0.3-resume-0.3-bye", "CMMME", "hung_up"),
    Flow("refreshes", "accept", "CE", "bye"),
    Flow("refreshed_by_update", "accept", "CE", "bye"),
    Flow("refreshed_by_invite", "accept", "CE", "bye"),
    Flow("expires", "accept", "CE", "hung_up"),
    Flow("late_cancel", "accept", "CE", "bye"),
    Flow("bye_crossing", "accept-stands-0.2-bye", "CE", "hung_up"),
    Flow("no_ack", "accept", "E", "no_ack", transports=("udp",)),
    Flow("bye_early", "180", "E", "cancel"),
    Flow("redirected", "302", "E", "refused"),
    Flow("finds_busy", "180-0.2-486", "E", "refused"),
    Flow("finds_nobody", "180-0.5-480", "E", "refused"),
    Flow("glare", "accept-stands-0.3-hold", "CME", "bye"),
)
CALLEES = (
    Flow("answers", "", "RAE", "bye"),
    Flow("rings_reliably", "stands-0.2-bye", "RRAE", "hung_up"),
    Flow("is_busy", "", "RE", "failed", 486),
    Flow("declines", "", "RE", "failed", 603),
    Flow("rings_on", "", "RE", "failed", 408, dial={"ring_s": 0.5}),
    Flow("answers_cancel", "0.5-bye", "RE", "hung_up"),
    Flow("redirects", "", "E", "failed", 302),
    Flow("redirects_on", "", "AE", "bye", dial={"follows": True}),
    Flow("forks", "stands-0.5-bye", "RAE", "hung_up"),
    Flow("challenges", "", "AE", "bye", dial={"password": "carriers secret"}),
    Flow("callee_holds", "", "AMMME", "bye"),
    Flow("callee_glare", "stands-0.2-hold", "AME", "bye"),
    Flow("refreshes_callee", "", "AE", "bye", dial={"timer_s": 90}),
    Flow("refreshed_callee", "", "AE", "bye", dial={"timer_s": 90}),
    Flow("refreshed_without_knowing", "", "AE", "bye", dial={"timer_s": 90}),
)
LETTERS = {
    "CallConfirmed": "C",
    "CallRinging": "R",
    "CallAnswered": "A",
    "MediaMoved": "M",
    "ReofferFailed": "F",
    "CallEnded": "E",
}


@dataclass
class Played:
    """All flows, played."""

    complaints: dict[str, str]
    """What sipp said of those that went wrong, by scenario and transport."""
    told: list[dict[str, Any]]
    counts: dict[str, Any]

    def calls(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Give the events of each call of a flow, in order, by our id."""
        ids = [
            one["call_id"]
            for one in self.told
            if one.get("event") == "CallArrived" and one["sip_call_id"].startswith(f"{name}-")
        ] or [f"{name}-{number}" for number in range(CALLS)]
        return {
            call_id: [one for one in self.told if one.get("call_id") == call_id and one["event"] in LETTERS]
            for call_id in ids
        }


def wanted(request: pytest.FixtureRequest) -> set[tuple[str, str]]:
    """List the flows that this run asks for: whoever looks into one need not wait for all."""
    mine = [item for item in request.session.items if item.path == request.path]
    params = [item.callspec.params for item in mine if hasattr(item, "callspec")]
    return {(one["flow"].scenario, one["transport"]) for one in params if "flow" in one}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Played]:
    folder, asked_for = tmp_path_factory.mktemp("sipp"), wanted(request)
    application = Application()
    runs: dict[str, Sipp] = {}
    for flow in (*CALLERS, *CALLEES):
        for transport in flow.transports:
            if (flow.scenario, transport) not in asked_for:
                continue
            name, calls = f"{flow.scenario}-{transport}", flow in CALLERS
            runs[name] = run = Sipp(folder / name, flow.scenario, transport)
            if calls:
                run.call(application.port, flow.script, calls=CALLS, call_ids=name)
                continue
            run.wait_for_calls(calls=CALLS)
            for number in range(CALLS):
                application.dial(
                    name=f"{name}-{number}",
                    transport=transport,
                    port=run.port,
                    script=flow.script,
                    **flow.dial,
                )
    until = time.monotonic() + 90
    complaints = {name: told for name, run in runs.items() if (told := run.complaint(until))}
    application.stop()
    yield Played(complaints, application.told[:-1], application.told[-1])
    shutil.rmtree(folder, ignore_errors=True)


def flows() -> list[Any]:
    return [
        pytest.param(flow, transport, id=f"{flow}-{transport}")
        for flow in (*CALLERS, *CALLEES)
        for transport in flow.transports
    ]


@pytest.mark.parametrize(("flow", "transport"), flows())
def test_a_flow_runs_and_is_told_as_it_was(flow: Flow, transport: str, played: Played) -> None:
    name = f"{flow.scenario}-{transport}"
    assert name not in played.complaints, played.complaints[name]
    calls = played.calls(name)
    assert len(calls) == CALLS
    for events in calls.values():
        assert "".join(LETTERS[event["event"]] for event in events) == flow.events, events
        assert (events[-1]["cause"], events[-1]["status"]) == (flow.cause, flow.status)


def test_nothing_is_left_of_the_calls(played: Played) -> None:
    counts = played.counts
    assert not [one for one in played.told if one.get("event") == "ScriptFailed"]
    assert (counts["calls"], counts["faults"], counts["malformed"], counts["unsent"]) == (0, 0, 0, 0)
