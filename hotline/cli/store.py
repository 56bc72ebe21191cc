"""The store from the command line: ``hotline store``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, out, run
from hotline.cli.shown import put, table

if TYPE_CHECKING:
    from hotline.store import Store

app = typer.Typer(no_args_is_help=True, help="The database: schema, health, copies, index of search.")
ILL: Final = 1
"""Exit code of a doctor who found something."""


@app.command("migrate")
def store_migrate(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Bring schema and index of search up to date; every start of the product does the same."""
    store = _store(config)
    try:
        store.migrate_blocking()
    finally:
        store.close_blocking()
    out.print(f"{store.place}: the schema is up to date", markup=False)


@app.command("doctor")
def store_doctor(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Look at schema, file, references, events, index, recordings and disk; changes nothing."""
    store = _store(config)
    try:
        found = store.doctor_blocking()
    finally:
        store.close_blocking()
    rows = [(finding.what, "good" if finding.is_good else "BAD", finding.says) for finding in found]
    put(table(("what", "", "found"), rows, widest=100))
    if not all(finding.is_good for finding in found):
        raise typer.Exit(ILL)


@app.command("backup")
def store_backup(
    target: Annotated[Path, typer.Argument(help="New file for the copy.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the database while the product runs; copy the recordings' folder after it."""
    store = _store(config)
    try:
        size = store.backup_blocking(target)
    finally:
        store.close_blocking()
    out.print(f"{target}: {size} bytes; now copy {store.recordings_dir}", markup=False)


@app.command("restore")
def store_restore(
    source: Annotated[Path, typer.Argument(help="Copy that `hotline store backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of a store that is there.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a copy in the place of the database; the product must be stopped."""
    store = _store(config)
    try:
        store.restore_blocking(source, replaces=replace)
        store.migrate_blocking()
    finally:
        store.close_blocking()
    out.print(f"{store.place}: restored from {source}", markup=False)


@app.command("reindex")
def store_reindex(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Build the index of search anew from the requests; the product may run meanwhile."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> int:
        async with open_store(settings) as (store, _desk):
            return await store.rebuild_index()

    out.print(f"{run(work())} requests are in the index of search", markup=False)


def _store(config: Path) -> Store:
    from hotline.app import make_store

    return make_store(load_settings(config), lambda _position: None)
