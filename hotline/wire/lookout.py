"""The lookout: what an engineer sees of the running product, and the few things she may tell it.

It holds the control socket, keeps what passes the SIP edge, and serves the metrics. Parts of the product give
it what they know (``answers``, ``metrics``); it looks only while somebody looks.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hotline.sip.call_leg import CallLeg
from hotline.sip.flow import Address
from hotline.sip.glimpse import Filter, SeenMessage
from hotline.sip.grammar import printable
from hotline.wire.control import Answer, ControlSocket, Question, Send
from hotline.wire.control_client import as_json
from hotline.wire.metrics import Metrics
from hotline.wire.reactor import Clock
from hotline.wire.signalling import Signalling
from hotline.wire.signalling_files import FOLDER, KeptFiles
from hotline.wire.sip_edge import Passed, SipEdge

MIB: Final = 1 << 20


class Lookout:
    """Everything that looks.

    :param keep_days: days that signalling is kept; 0: none is.
    :param keep_mb: room for it, in MiB.
    :param capture: address of a HEP3 server.
    :param metrics_at: where ``/metrics`` is served; None: nowhere.
    """

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        wall: Callable[[], datetime],
        *,
        keep_days: int,
        keep_mb: int,
        capture: Address | None = None,
        metrics_at: Address | None = None,
    ) -> None:
        self.state = "starting"
        """``starting``, ``serving`` or ``draining``: what the greeting says."""
        self.control = ControlSocket(data_dir, self._about)
        self.metrics = Metrics(clock)
        self._clock, self._wall, self._metrics_at = clock, wall, metrics_at
        self._since = wall()
        files = KeptFiles(data_dir / FOLDER, keep_days, keep_mb * MIB) if keep_days else None
        self._signalling = Signalling(files, capture, seconds=clock.seconds, wall=wall)
        self._edge: SipEdge | None = None
        self.answers.update(drain=_drain, metrics=lambda _question: self.metrics.text())
        self.metrics.counts["signalling"] = lambda: self._signalling.counts

    @property
    def answers(self) -> dict[str, Answer]:
        """Name what may be asked: add to it what a part of the product knows."""
        return self.control.answers

    async def start(self) -> None:
        """Open the control socket, and serve the metrics: the first part of the product to start.

        :raises ConfigError: when a product runs on this data folder already, or a port is taken.
        """
        await self.control.start()
        await self.metrics.start(self._metrics_at)

    def watch(self, edge: SipEdge) -> None:
        """Look at the SIP edge from now on."""
        self._edge = edge
        self.control.streams["trace"] = self._trace
        self.answers["legs"] = lambda _question: [as_leg(leg) for leg in edge.user_agent.legs]
        self.metrics.counts["sip"] = lambda: edge.counts
        self.metrics.gauges["sip_legs"] = lambda: edge.user_agent.calls
        self.metrics.gauges["sip_transactions"] = lambda: edge.user_agent.transactions
        if not self._signalling.is_idle:
            self._signalling.start()
            edge.taps.append(self._signalling.tap)
        self.state = "serving"

    async def stop(self) -> None:
        """Close everything; what passed so far is kept."""
        if self._edge is not None and self._signalling.tap in self._edge.taps:
            self._edge.taps.remove(self._signalling.tap)
            await asyncio.to_thread(self._signalling.stop_blocking)
        await self.metrics.stop()
        await self.control.stop()

    # -- answers ----------------------------------------------------------------------------------

    def _about(self) -> Mapping[str, Any]:
        about: dict[str, Any] = {"state": self.state, "since": self._since.isoformat(timespec="seconds")}
        if self._edge is not None:
            about |= {"sip_port": self._edge.port, "legs": self._edge.user_agent.calls}
        return about

    def _trace(self, question: Question, send: Send) -> Callable[[], None]:
        edge = self._edge
        assert edge is not None
        wanted = _filter(question, edge)
        offset_s = self._wall().timestamp() - self._clock.seconds()

        def tap(passed: Passed) -> None:
            flow = passed.flow
            seen = SeenMessage(
                passed.at + offset_s, passed.is_sent, flow.transport, flow.local, flow.remote, passed.data
            )
            if wanted.matches(seen):
                send(as_json(seen))

        edge.taps.append(tap)
        return lambda: edge.taps.remove(tap)


def as_leg(leg: CallLeg) -> dict[str, Any]:
    """Write a leg as JSON can carry it."""
    terms = leg.voice.terms
    return {
        "call_id": leg.call_id,
        "sip_call_id": leg.dialog.call_id,
        "direction": "out" if leg.invite is None else "in",
        "state": leg.machine.state.value,
        "origin": leg.origin.kind.value,
        "origin_name": leg.origin.name,
        "remote": printable(leg.dialog.remote.uri.user or leg.dialog.remote.uri.address),
        "peer": str(leg.flow),
        "codec": terms.codec if terms else "",
        "is_held": terms is not None and not terms.sends,
        "is_protected": terms is not None and terms.srtp is not None,
    }


def _filter(question: Question, edge: SipEdge) -> Filter:
    call = str(question.get("call", ""))
    call_ids: frozenset[str] = frozenset()
    if call:
        ours = {leg.dialog.call_id for leg in edge.user_agent.legs if leg.call_id == call}
        call_ids = frozenset(ours or {call})
    return Filter(
        call_ids=call_ids,
        from_number=str(question.get("from", "")),
        to_number=str(question.get("to", "")),
        number=str(question.get("number", "")),
        ip=str(question.get("ip", "")),
        methods=frozenset(str(method).upper() for method in question.get("methods", ())),
    )


def _drain(_question: Question) -> str:
    os.kill(os.getpid(), signal.SIGTERM)  # the same way out as the one that systemd takes
    return "draining"
