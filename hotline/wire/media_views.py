"""How a media plane is, as `hotline media status` and the metrics show it."""

from __future__ import annotations

from typing import Any

from hotline.media.lateness import add, percentile_ms
from hotline.wire.media_link import MediaPlane


def view_of(plane: MediaPlane, legs: int) -> dict[str, Any]:
    """Tell how a plane is, as JSON can carry it."""
    ready, status = plane.ready, plane.status
    return {
        "plane": plane.number,
        "pid": plane.pid,
        "state": "ready" if plane.is_ready else "away",
        "legs": legs,
        "ports_free": plane.free_ports,
        "ports": plane.ports,
        "backlog": plane.backlog,
        "scheduling": ready.scheduling if ready is not None else "",
        "refused": list(ready.refused) if ready is not None else [],
        "late_p50_ms": late_ms(plane, 0.5),
        "late_p99_ms": late_ms(plane, 0.99),
        "late_most_ms": max((one.most_late_ms for one in plane.minute), default=None),
        "dropped": status.dropped if status is not None else {},
        "unwritten_bytes": status.unwritten_bytes if status is not None else 0,
        "held_up_s": status.held_up_s if status is not None else 0.0,
        "deaths": plane.deaths,
    }


def late_ms(plane: MediaPlane, share: float) -> float | None:
    """Tell how late this share of the last minute's steps were at most; None when nothing was sent."""
    return percentile_ms(add(one.steps for one in plane.minute), share)
