"""The command line, put together: each module of the package brings the commands of one subject."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from hotline.cli import (
    audit,
    config,
    events,
    flow,
    media,
    phones,
    recording,
    report,
    routing,
    running,
    search,
    serve,
    sip,
    site_import,
    store,
    talks,
    trunks,
    users,
)
from hotline.cli.console import MISTAKE, complain
from hotline.errors import HotlineError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The telephony and intake system of 96156."
)
for command in (
    serve.serve,
    users.setup,
    events.events,
    running.status,
    running.drain,
    running.metrics,
    search.search,
):
    app.command()(command)
for name, group in (
    ("call", talks.app),
    ("recording", recording.app),
    ("sip", sip.app),
    ("media", media.app),
    ("flow", flow.app),
    ("user", users.app),
    ("phone", phones.app),
    ("trunk", trunks.app),
    ("routing", routing.app),
    ("catalogue", site_import.catalogue),
    ("org", site_import.org),
    ("region", site_import.region),
    ("report", report.app),
    ("store", store.app),
    ("audit", audit.app),
    ("config", config.app),
    ("prompts", flow.prompts_app),
):
    app.add_typer(group, name=name)


def main() -> NoReturn:
    """Run the command line; a HotlineError becomes one sentence and exit code 2."""
    try:
        app(standalone_mode=True)
    except HotlineError as error:
        complain(error)
        sys.exit(MISTAKE)
    sys.exit(0)
