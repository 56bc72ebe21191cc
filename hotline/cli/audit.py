"""The ledger of requests and recordings: ``hotline audit``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, err, load_settings, out

app = typer.Typer(no_args_is_help=True, help="The ledger of requests and recordings.")


@app.callback()
def audit() -> None:
    """The ledger of requests and recordings."""


@app.command("verify")
def verify(
    head: Annotated[
        str, typer.Option(help="Hash of a row that was written down; it must be one of the chain's.")
    ] = "",
    files: Annotated[bool, typer.Option(help="Read every recording as well, and compare its digest.")] = True,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Walk the ledger from its first row: hashes, steps against the tables, stored requests, recordings.

    Names the first row that does not hold, and exits with 1.
    """
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> bool:
        async with open_store(settings) as (store, _desk):
            found = await asyncio.to_thread(store.audit_blocking, head=head, with_files=files)
        told = f"{found.rows} rows, {found.requests} requests, {found.recordings} recordings compared"
        if found.gone:
            told += f", {found.gone} deleted when their time was over"
        if found.fault is not None:
            where = f"row {found.fault.seq} of the ledger" if found.fault.seq else "the store"
            err.print(f"{where}: {found.fault.reason} ({told})", markup=False)
            return False
        kept = "" if found.is_head_kept else "; no head was kept outside of the database to compare with"
        out.print(f"the ledger holds: {told}; head {found.head or '-'}{kept}", markup=False)
        return True

    if not asyncio.run(work()):
        raise typer.Exit(1)
