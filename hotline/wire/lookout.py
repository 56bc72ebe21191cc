"""The lookout: what an engineer sees of the running product, and the few things she may tell it.

It holds the control socket, keeps what passes the SIP edge, and serves the metrics. Parts of the product give
it what they know (``answers``, ``metrics``); it looks only while somebody looks.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from hotline.sip.authentication import Authentication
from hotline.sip.bindings import Bindings
from hotline.sip.flow import Address
from hotline.sip.gate import Gate
from hotline.sip.glimpse import Filter, SeenMessage, glimpse
from hotline.sip.registrar import Registrar
from hotline.sip.trunk_calls import TrunkCalls
from hotline.wire.control import Answer, ControlSocket, Question, Send
from hotline.wire.control_client import as_json
from hotline.wire.media_planes import MediaPlanes
from hotline.wire.metrics import Metrics
from hotline.wire.reactor import Clock
from hotline.wire.signalling import Signalling
from hotline.wire.signalling_files import FOLDER, KeptFiles
from hotline.wire.sip_edge import Passed, SipEdge
from hotline.wire.trunk_lines import TrunkLines
from hotline.wire.views import as_binding, as_leg, as_trunk

MIB: Final = 1 << 20


class Watched(Protocol):
    """The telephone side, as far as it is looked at."""

    @property
    def edge(self) -> SipEdge:
        """The sockets."""
        ...

    @property
    def gate(self) -> Gate:
        """What places requests."""
        ...

    @property
    def authentication(self) -> Authentication:
        """What asks for passwords."""
        ...

    @property
    def registrar(self) -> Registrar:
        """What telephones register with."""
        ...

    @property
    def bindings(self) -> Bindings:
        """Where telephones are."""
        ...

    @property
    def lines(self) -> TrunkLines:
        """The carriers' trunks."""
        ...

    @property
    def trunk_calls(self) -> TrunkCalls:
        """What the trunks carry, and may."""
        ...


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

    def watch(self, house: Watched) -> None:
        """Look at the telephone side from now on."""
        edge = self._edge = house.edge
        user_agent, seconds = edge.user_agent, self._clock.seconds
        self.control.streams["trace"] = self._trace
        self.answers["legs"] = lambda _question: [as_leg(leg) for leg in user_agent.legs]
        self.answers["registrations"] = lambda _question: _registrations(house.bindings, seconds())
        self.answers["trunks"] = lambda _question: [as_trunk(view) for view in house.lines.views()]
        metrics = self.metrics
        metrics.counts |= {
            "sip": lambda: edge.counts,
            "user_agent": lambda: user_agent.counts,
            "door": lambda: edge.front_door.counts,
            "gate": lambda: house.gate.counts,
            "authentication": lambda: house.authentication.counts,
            "registrar": lambda: house.registrar.counts,
        }
        metrics.gauges |= {
            "sip_legs": lambda: user_agent.calls,
            "sip_unacknowledged": lambda: user_agent.unacknowledged,
            "sip_transactions": lambda: user_agent.transactions,
            "sip_overloaded": lambda: float(edge.overload.is_on),
            "sip_cut_ratio": lambda: edge.overload.cut,
            "sip_wait_seconds": lambda: edge.overload.wait_s,
            "phones_registered": lambda: len(house.bindings.users(seconds())),
        }
        metrics.labelled |= {
            "trunk_up": house.lines.up,
            "trunk_calls": house.lines.standing,
            "trunk_alarms": lambda: {view.name: float(len(view.alarms)) for view in house.lines.views()},
        }
        metrics.counts_of_each["trunk"] = lambda: house.trunk_calls.counts
        if not self._signalling.is_idle:
            self._signalling.start()
            edge.taps.append(self._signalling.tap)
        metrics.measure()
        self.state = "serving"

    def watch_media(self, planes: MediaPlanes) -> None:
        """Look at the media planes from now on."""
        self.answers["media"] = lambda _question: planes.views()
        self.metrics.gauges |= {
            "media_adrift": lambda: planes.adrift,
            "media_deaths": lambda: sum(plane.deaths for plane in planes.planes),
        }
        self.metrics.labelled |= {
            "media_legs": lambda: {str(one.number): planes.legs_of(one.number) for one in planes.planes},
            "media_ports_free": lambda: {str(one.number): one.free_ports for one in planes.planes},
            "media_late_p50_seconds": lambda: planes.lateness_s(0.5),
            "media_late_p99_seconds": lambda: planes.lateness_s(0.99),
            "media_dropped": planes.dropped,
        }

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
        call = str(question.get("call", ""))
        legs = {leg.dialog.call_id for leg in edge.user_agent.legs if is_leg_of(leg.call_id, call)}
        wanted = Filter(
            call_ids=frozenset(legs or ({call} if call else ())),
            from_number=str(question.get("from", "")),
            to_number=str(question.get("to", "")),
            number=str(question.get("number", "")),
            ip=str(question.get("ip", "")),
            methods=frozenset(str(method).upper() for method in question.get("methods", ())),
        )
        offset_s = self._wall().timestamp() - self._clock.seconds()

        def tap(passed: Passed) -> None:
            nonlocal wanted
            flow = passed.flow
            seen = SeenMessage(
                passed.at + offset_s, passed.is_sent, flow.transport, flow.local, flow.remote, passed.data
            )
            if call and passed.call_id and is_leg_of(passed.call_id, call):  # a leg that began meanwhile
                call_id = glimpse(passed.data).call_id
                wanted = replace(wanted, call_ids=wanted.call_ids | {call_id})
            if wanted.matches(seen):
                send(as_json(seen))

        edge.taps.append(tap)
        return lambda: edge.taps.remove(tap)


def is_leg_of(leg: str, call: str) -> bool:
    """Tell whether one of our ids names a call or a leg of it."""
    return leg == call or leg.startswith(f"{call}-leg")


def _registrations(bindings: Bindings, now: float) -> list[dict[str, Any]]:
    users = sorted(bindings.users(now))
    return [as_binding(user, binding, now) for user in users for binding in bindings.of(user, now)]


def _drain(_question: Question) -> str:
    os.kill(os.getpid(), signal.SIGUSR1)  # the way out that systemd's SIGTERM takes, but in no hurry
    return "draining"
