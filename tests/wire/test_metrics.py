"""Metrics: names by Prometheus' rules, every counter told, and a page that anybody may ask."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock

from hotline.errors import ConfigError
from hotline.sip.trunk_calls import TrunkCounts
from hotline.wire.metrics import (
    COUNTS,
    GAUGES,
    LABELLED,
    LAG_EVERY_S,
    MAX_READERS,
    Metrics,
    explain_metrics,
    fields_of,
)
from hotline.wire.sip_counts import SipCounts

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
NAME = re.compile(r"[a-z][a-z0-9_]*")


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f"|{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_page_of_metrics_is_what_the_tables_say() -> None:
    if os.environ.get("HOTLINE_GOLDEN"):
        PAGE.write_text(explain_metrics())
    assert PAGE.read_text() == explain_metrics()


def test_every_name_is_one_that_prometheus_takes() -> None:
    names = [
        *COUNTS,
        *GAUGES,
        *LABELLED,
        *(name for counts in COUNTS.values() for name in fields_of(*counts)),
    ]
    for name in names:
        assert NAME.fullmatch(name), name
        assert not name.endswith("_total"), name


@pytest.mark.parametrize("source", COUNTS)
def test_every_counter_has_its_sentence(source: str) -> None:
    told = fields_of(*COUNTS[source])
    assert list(told) == [field.name for field in dataclasses.fields(COUNTS[source][0])]
    for help_text in told.values():
        assert help_text.endswith("."), help_text


def test_counters_gauges_and_labels_are_read_when_asked() -> None:
    metrics, counts = Metrics(Clock()), SipCounts()
    metrics.counts["sip"] = lambda: counts
    metrics.gauges["calls"] = lambda: 3

    async def jobs() -> dict[str, float]:
        return {"notify": 4}

    metrics.awaited["jobs_waiting"] = jobs
    metrics.labelled["trunk_up"] = lambda: {"unicom": 1, "备用": 0}
    counts.received = 7
    metrics.counts_of_each["trunk"] = lambda: {"unicom": TrunkCounts(calls_in=5)}
    read = samples(asyncio.run(metrics.text()))
    assert read["hotline_sip_received_total"] == 7
    assert read["hotline_calls"] == 3
    assert read["hotline_trunk_calls_in_total|unicom"] == 5
    assert read["hotline_trunk_up|unicom"] == 1
    assert read["hotline_trunk_up|备用"] == 0
    assert read["hotline_jobs_waiting|notify"] == 4
    assert read["process_open_fds"] > 0


def test_a_late_loop_is_seen() -> None:
    class Late(Clock):
        """Runs what is due later than it should."""

        late_s = 0.0

        def seconds(self) -> float:
            return super().seconds() + self.late_s

    clock = Late()
    metrics = Metrics(clock)
    metrics.measure()
    clock.advance(LAG_EVERY_S)
    clock.late_s = 0.3
    clock.advance(LAG_EVERY_S)
    read = samples(asyncio.run(metrics.text()))
    assert read["hotline_loop_lag_seconds_count"] == 2
    assert read["hotline_loop_lag_seconds_bucket|0.001"] == 1
    assert read["hotline_loop_lag_seconds_bucket|0.2"] == 1
    assert read["hotline_loop_lag_seconds_bucket|0.5"] == 2
    asyncio.run(metrics.stop())
    assert not clock.getDelayedCalls()


async def asked(port: int, request: bytes) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    return head, body


def test_the_page_is_served_and_nothing_else() -> None:
    async def story() -> None:
        metrics = Metrics(Clock())
        await metrics.start(("127.0.0.1", 0))
        try:
            head, body = await asked(metrics.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"text/plain; version=0.0.4" in head
            assert b"Content-Length: %d" % len(body) in head
            assert "hotline_loop_lag_seconds_count" in samples(body.decode())
            head, body = await asked(metrics.port, b"HEAD /metrics?x=1 HTTP/1.1\r\n\r\n")
            assert (head[:12], body) == (b"HTTP/1.1 200", b"")
            head, _ = await asked(metrics.port, b"GET /etc/passwd HTTP/1.1\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404 ")
            head, _ = await asked(metrics.port, b"POST /metrics HTTP/1.1\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 405 ")
            assert await asked(metrics.port, b"x" * 20_000) == (b"", b"")
            metrics.gauges["calls"] = lambda: 1 // 0
            head, _ = await asked(metrics.port, b"GET /metrics HTTP/1.1\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 500 ")
            port = metrics.port
        finally:
            await metrics.stop()
        with pytest.raises(ConnectionRefusedError):
            await asked(port, b"")

    asyncio.run(story())


def test_silent_connections_are_few_and_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotline.wire.metrics.REQUEST_S", 1.0)

    async def story() -> None:
        metrics = Metrics(Clock())
        await metrics.start(("127.0.0.1", 0))
        try:
            silent = [await asyncio.open_connection("127.0.0.1", metrics.port) for _ in range(MAX_READERS)]
            while metrics._readers < MAX_READERS:
                await asyncio.sleep(0)
            with contextlib.suppress(ConnectionResetError):
                assert await asked(metrics.port, b"GET /metrics HTTP/1.1\r\n\r\n") == (b"", b"")
            for reader, writer in silent:
                assert await asyncio.wait_for(reader.read(), 10) == b""
                writer.close()
            head, _ = await asked(metrics.port, b"GET /metrics HTTP/1.1\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
        finally:
            await metrics.stop()

    asyncio.run(story())


def test_a_taken_port_is_named_with_the_remedy() -> None:
    async def story() -> None:
        first, second = Metrics(Clock()), Metrics(Clock())
        await first.start(("127.0.0.1", 0))
        try:
            with pytest.raises(ConfigError, match=r"port \d+: .* \[metrics\] listen"):
                await second.start(("127.0.0.1", first.port))
        finally:
            await first.stop()
            await second.stop()

    asyncio.run(story())
