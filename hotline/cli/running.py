"""The running product as a whole: ``hotline drain`` and ``hotline metrics``."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings
from hotline.cli.shown import put
from hotline.errors import OutsideError
from hotline.wire.control_client import ControlClient, NotRunning

LOOK_EVERY_S: Final = 0.5


def status(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say whether hotline runs, since when, and how many calls it has; exit code 2 when it does not run."""
    settings = load_settings(config)
    with ControlClient(settings.site.data_dir) as client:
        about = client.about
    since = datetime.fromisoformat(about["since"]).astimezone(ZoneInfo(settings.site.time_zone))
    put(
        f"hotline is {about['state']}: process {about['pid']}, since {since:%Y-%m-%d %H:%M:%S %Z}, "
        f"SIP port {about.get('sip_port', '-')}, {about.get('legs', 0)} SIP calls"
    )


def drain(
    wait: Annotated[bool, typer.Option(help="Return when it has stopped.")] = True,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Stop hotline without cutting anybody off: new calls are refused, running ones may end."""
    data_dir = load_settings(config).site.data_dir
    with ControlClient(data_dir) as client:
        client.ask("drain")
        put(f"draining: {client.about.get('legs', 0)} SIP calls stand")
    while wait:
        time.sleep(LOOK_EVERY_S)
        try:
            with ControlClient(data_dir):
                pass
        except NotRunning:
            put("stopped")
            return
        except OutsideError:  # it went while it was greeting us
            continue


def metrics(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the numbers of the running hotline as Prometheus reads them (docs/metrics.md)."""
    with ControlClient(load_settings(config).site.data_dir) as client, contextlib.suppress(KeyboardInterrupt):
        put(str(client.ask("metrics")))
