"""The time of day as a page needs it: in the site's zone, short, and never for timers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def wall_now() -> datetime:
    """Tell the time of day, with zone; the console's only look at the wall clock."""
    return datetime.now(UTC)  # noqa: TID251 - hotline.wire is no door for the console


@dataclass(frozen=True, slots=True)
class SiteClock:
    """Writes times in the zone of the site."""

    zone: ZoneInfo

    def full(self, at: datetime) -> str:
        """Write date and time: ``2026-11-23 09:05:07``."""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def short(self, at: datetime, now: datetime) -> str:
        """Write the time alone for today, with the day otherwise: ``09:05`` or ``11-22 09:05``."""
        there, today = at.astimezone(self.zone), now.astimezone(self.zone)
        if there.date() == today.date():
            return there.strftime("%H:%M")
        if there.year == today.year:
            return there.strftime("%m-%d %H:%M")
        return there.strftime("%Y-%m-%d %H:%M")


def minutes_since(at: datetime, now: datetime) -> int:
    """Count the whole minutes between two times; never negative, because clocks differ a little."""
    return max(0, int((now - at).total_seconds() // 60))
