"""How a trunk looks to people: its proxies, its registrations, and what is wrong, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotline.sip.flow import host_text
from hotline.sip.proxy_watch import ProxyWatch, State
from hotline.sip.registration import Registration
from hotline.sip.trunk import ProxyAddress, Way
from hotline.sip.trunk_events import AccountView, ProxyView


def name_of(way: Way) -> str:
    """Write a proxy: its name, and its address where that differs."""
    address = f"{host_text(way.destination.ip)}:{way.destination.port}"
    return f"{way.proxy} ({address})" if way.proxy.host != way.destination.ip else str(way.proxy)


def proxy_view(way: Way, watch: ProxyWatch, now: float) -> ProxyView:
    """Tell how one address of a proxy stands."""
    return ProxyView(
        str(way.proxy),
        str(way.destination),
        watch.state.value,
        now - watch.since,
        None if watch.answered_at is None else now - watch.answered_at,
        None if watch.rtt_s is None else watch.rtt_s * 1000,
    )


def account_view(account: Registration, now: float) -> AccountView:
    """Tell how one registration stands."""
    left_s = account.until - now if account.until is not None and account.until > now else None
    who = str(account.account.address_of_record)
    return AccountView(who, account.state.value, now - account.since, left_s, account.last)


def alarms_of(
    unknown: Mapping[ProxyAddress, str],
    watched: Iterable[tuple[Way, ProxyWatch]],
    accounts: Iterable[Registration],
    now: float,
) -> tuple[str, ...]:
    """Say what a person must look at.

    :param unknown: proxies whose names lead nowhere, each with the reason.
    """
    found = [f"{proxy}: {reason}" for proxy, reason in unknown.items()]
    for way, watch in watched:
        if watch.state is State.SILENT:
            found.append(f"{name_of(way)} answers nothing since {watch.silent_s(now):.0f} s")
        elif watch.state is State.BUSY:
            found.append(f"{name_of(way)} answers 503")
    for account in accounts:
        if account.has_failed:
            what = "not renewed" if account.is_registered(now) else "not registered"
            found.append(f"{account.account.address_of_record} is {what}: {account.last}")
    return tuple(found)
