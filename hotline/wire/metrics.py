"""Numbers of the running product, as Prometheus reads them (text format 0.0.4).

Counters come from the dataclasses in which the parts count (``COUNTS``): each field is a metric, and the
sentence below the field its help. Gauges are asked for when somebody reads. docs/metrics.md is made from
these tables.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import inspect
import os
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, GCCollector, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hotline.errors import ConfigError
from hotline.sip.authentication import AuthenticationCounts
from hotline.sip.counts import UserAgentCounts
from hotline.sip.flow import Address
from hotline.sip.front_door import DoorCounts
from hotline.sip.gate import GateCounts
from hotline.sip.registrar import RegistrarCounts
from hotline.sip.trunk_calls import TrunkCounts
from hotline.wire.alarm import Alarm
from hotline.wire.reactor import Clock
from hotline.wire.signalling import SignallingCounts
from hotline.wire.sip_counts import SipCounts
from hotline.wire.voice_watch import VoiceCounts

log = structlog.get_logger("hotline.metrics")

COUNTS: Final[Mapping[str, tuple[type, str]]] = {
    "sip": (SipCounts, "SIP sockets"),
    "user_agent": (UserAgentCounts, "SIP calls"),
    "door": (DoorCounts, "Before anything is read"),
    "gate": (GateCounts, "Who may speak to us"),
    "authentication": (AuthenticationCounts, "Passwords of telephones"),
    "registrar": (RegistrarCounts, "Registrations of telephones"),
    "signalling": (SignallingCounts, "Messages kept and copied"),
    "voice": (VoiceCounts, "Voices"),
}
"""Where is counted: first part of the metrics' names, the dataclass, and what it is about."""
COUNTS_OF_EACH: Final[Mapping[str, tuple[type, str, str]]] = {
    "trunk": (TrunkCounts, "trunk", "A trunk"),
}
"""The same with a label: name of the label in the middle."""
GAUGES: Final[Mapping[str, str]] = {
    "sip_legs": "SIP dialogs that stand or are being set up.",
    "sip_unacknowledged": "Answered calls whose ACK has not come: each keeps its place, for 32 s at most.",
    "sip_transactions": "SIP transactions that are remembered.",
    "sip_overloaded": "1: new work is refused with 503, because what came waits too long; 0: none is.",
    "sip_cut_ratio": "Share of the new work that is refused with 503, by what it costs.",
    "sip_wait_seconds": "How long the longest queue of SIP's stood when it was looked at last.",
    "phones_registered": "Accounts that have a telephone registered.",
    "calls": "Calls in progress.",
    "voices_missing": "Sides of answered calls that should send voice and do not, now.",
    "media_adrift": "Legs whose media plane is away: they wait for another, or for its return.",
    "media_deaths": "How many times a media plane died or hung.",
}
LABELLED: Final[Mapping[str, tuple[str, str]]] = {
    "trunk_up": ("trunk", "1: the carrier answers (and has registered us, where it must); 0: it does not."),
    "trunk_calls": ("trunk", "Calls that stand on the trunk."),
    "trunk_alarms": ("trunk", "Things about the trunk that a person must look at (`hotline trunk status`)."),
    "media_legs": ("plane", "Legs that have a port of the media plane."),
    "media_ports_free": ("plane", "Legs that the media plane still has room for; 0 while it is away."),
    "media_late_p50_seconds": (
        "plane",
        "How late half of the last minute's packets left the media plane at most.",
    ),
    "media_late_p99_seconds": (
        "plane",
        "The same for 99 of 100: above 0.005 the machine has too much to do for its voices.",
    ),
    "media_dropped": ("reason", "Packets that the media planes heard nothing of since they began."),
    "jobs_waiting": ("topic", "Jobs of the outbox that are not done: `transcribe`, `mail`."),
}
"""Gauges with a label: name of the label, and help."""
HISTOGRAMS: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "voice_mos": (
        "Score of each leg's voice as we heard it, 1 to 4.5, when the leg was over.",
        (1.5, 2.0, 2.5, 3.1, 3.6, 4.0, 4.2, 4.3, 4.4),
    ),
    "voice_loss_ratio": (
        "Part of each leg's packets that were lost or came too late, when the leg was over.",
        (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    ),
    "voice_jitter_seconds": (
        "Mean jitter of each leg's packets (RFC 3550), when the leg was over.",
        (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    ),
}
"""By name: help and upper bounds."""
LAG: Final = "loop_lag_seconds"
LAG_HELP: Final = "How late the one loop was with what it had to do: every call waits so long."
LAG_EVERY_S: Final = 0.25
LAG_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
REQUEST_S: Final = 5.0
MAX_REQUEST_BYTES: Final = 8 * 1024
MAX_READERS: Final = 32
"""Requests at a time: whoever opens connections and says nothing takes no more descriptors than these."""
TEXT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """All numbers, and the page that serves them."""

    def __init__(self, clock: Clock) -> None:
        self.counts: dict[str, Callable[[], Any]] = {}
        """Reads a dataclass of counters, by a name of ``COUNTS``."""
        self.counts_of_each: dict[str, Callable[[], Mapping[str, Any]]] = {}
        """Reads one for each value of its label, by a name of ``COUNTS_OF_EACH``."""
        self.gauges: dict[str, Callable[[], float]] = {}
        """Reads a gauge, by a name of ``GAUGES``."""
        self.labelled: dict[str, Callable[[], Mapping[str, float]]] = {}
        """Reads a gauge for each value of its label, by a name of ``LABELLED``."""
        self.awaited: dict[str, Callable[[], Awaitable[Mapping[str, float]]]] = {}
        """The same, for what takes its time."""
        self._waited: dict[str, Mapping[str, float]] = {}
        self._clock = clock
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._lag = Histogram(f"hotline_{LAG}", LAG_HELP, buckets=LAG_BUCKETS_S, registry=self._registry)
        self._histograms = {
            name: Histogram(f"hotline_{name}", help_text, buckets=buckets, registry=self._registry)
            for name, (help_text, buckets) in HISTOGRAMS.items()
        }
        self._alarm = Alarm(clock, self._tick)
        self._due = 0.0
        self._server: asyncio.Server | None = None
        self._readers = 0

    @property
    def port(self) -> int:
        """The port of the page; 0 without one."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    async def start(self, listen: Address | None) -> None:
        """Serve the page where an address is given.

        :raises ConfigError: when its port is taken, or the address is not ours.
        """
        if listen is None:
            return
        try:
            self._server = await asyncio.start_server(self._page, *listen, limit=MAX_REQUEST_BYTES)
        except OSError as error:
            raise ConfigError(
                f"cannot serve metrics at {listen[0]} port {listen[1]}: {_reason(error)}; change [metrics] "
                f"listen, or stop the program that has the port (`ss -ltnp 'sport = :{listen[1]}'` shows it)"
            ) from error

    def measure(self) -> None:
        """Begin to measure how late the loop is: calls may come."""
        self._due = self._clock.seconds() + LAG_EVERY_S
        self._alarm.set(self._due)

    def observe(self, name: str, figure: float) -> None:
        """Take a figure for a histogram of ``HISTOGRAMS``."""
        self._histograms[name].observe(figure)

    async def stop(self) -> None:
        """Stop measuring and serving."""
        self._alarm.set(None)
        if self._server is not None:
            self._server.close()
            self._server = None

    async def text(self) -> str:
        """Write all numbers in Prometheus' text format."""
        for name, read in self.awaited.items():
            self._waited[name] = await read()
        return generate_latest(self._registry).decode()

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        for source, read in self.counts.items():
            counted = read()
            for name, help_text in fields_of(*COUNTS[source]).items():
                yield CounterMetricFamily(f"hotline_{source}_{name}", help_text, value=getattr(counted, name))
        for source, read_each in self.counts_of_each.items():
            each = read_each()
            counts, label, about = COUNTS_OF_EACH[source]
            for name, help_text in fields_of(counts, about).items():
                counter = CounterMetricFamily(f"hotline_{source}_{name}", help_text, labels=[label])
                for value, counted in each.items():
                    counter.add_metric([value], getattr(counted, name))
                yield counter
        for name, read in self.gauges.items():
            yield GaugeMetricFamily(f"hotline_{name}", GAUGES[name], value=read())
        labelled = {name: read_all() for name, read_all in self.labelled.items()} | self._waited
        for name, numbers in labelled.items():
            label, help_text = LABELLED[name]
            family = GaugeMetricFamily(f"hotline_{name}", help_text, labels=[label])
            for value, number in numbers.items():
                family.add_metric([value], number)
            yield family

    async def _page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of HTTP/1.1 (RFC 9112); each has a connection of its own."""
        if self._readers >= MAX_READERS:
            writer.close()
            return
        self._readers += 1
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._response(head.split(b"\r\n", 1)[0]))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was left, dripped, or sent something else
        finally:
            self._readers -= 1
            writer.close()

    async def _response(self, request_line: bytes) -> bytes:
        method, _, rest = request_line.partition(b" ")
        path = rest.split(b" ")[0].split(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            status, kind, body = b"405 Method Not Allowed", b"text/plain", b"read with GET\n"
        elif path != b"/metrics":
            status, kind, body = b"404 Not Found", b"text/plain", b"metrics are at /metrics\n"
        else:
            try:
                status, kind, body = b"200 OK", TEXT_TYPE, (await self.text()).encode()
            except Exception:  # the root of this page: a bug in a gauge is told, and read again next time
                log.exception("metrics.fault")
                status, kind, body = b"500 Internal Server Error", b"text/plain", b"see the log\n"
        head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        return head % (status, kind, len(body)) + (b"" if method == b"HEAD" else body)

    def _tick(self) -> None:
        now = self._clock.seconds()
        self._lag.observe(max(0.0, now - self._due))
        self._due = now + LAG_EVERY_S
        self._alarm.set(self._due)


def _reason(error: OSError) -> str:
    """Say in the system's own words what is wrong: asyncio wraps them in others."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def fields_of(counts: type, about: str) -> dict[str, str]:
    """Read the counters of a dataclass, each with the sentence below it, or its name in words."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(counts)))
    (definition,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    told: dict[str, str] = {}
    last = ""
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last:
            told[last] = " ".join(str(node.value.value).replace("``", "").split())
            last = ""
    return {
        field.name: f"{about}: {_begun_small(told.get(field.name) or field.name.replace('_', ' ') + '.')}"
        for field in dataclasses.fields(counts)
        if field.type in ("int", "float", int, float)
    }


def _begun_small(sentence: str) -> str:
    return sentence if sentence[1:2].isupper() else sentence[0].lower() + sentence[1:]


def explain_metrics() -> str:
    """Write the page that lists every metric, as Markdown (docs/metrics.md)."""
    lines = [
        "# Metrics",
        "",
        "Set `[metrics] listen` (`127.0.0.1:9156`) and let Prometheus read `http://127.0.0.1:9156/metrics`;",
        "`hotline metrics` prints the same numbers without it. Beside these there are the usual ones of the",
        "process (`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`) and of",
        "Python's garbage collector.",
        "",
        "| metric | kind | meaning |",
        "|---|---|---|",
    ]
    for source, (counts, about) in COUNTS.items():
        lines += [
            f"| `hotline_{source}_{name}_total` | counter | {help_text} |"
            for name, help_text in fields_of(counts, about).items()
        ]
    for source, (counts, label, about) in COUNTS_OF_EACH.items():
        lines += [
            f"| `hotline_{source}_{name}_total{{{label}}}` | counter | {help_text} |"
            for name, help_text in fields_of(counts, about).items()
        ]
    lines += [f"| `hotline_{name}` | gauge | {help_text} |" for name, help_text in GAUGES.items()]
    lines += [
        f"| `hotline_{name}{{{label}}}` | gauge | {help_text} |"
        for name, (label, help_text) in LABELLED.items()
    ]
    lines += [
        f"| `hotline_{name}` | histogram | {help_text} |" for name, (help_text, _) in HISTOGRAMS.items()
    ]
    lines.append(f"| `hotline_{LAG}` | histogram | {LAG_HELP} |")
    return "\n".join(lines) + "\n"
