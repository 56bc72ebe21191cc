"""The store from the command line: ``hotline store``."""

from __future__ import annotations

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, out, run

app = typer.Typer(no_args_is_help=True, help="The database: schema, index of search.")


@app.command("reindex")
def store_reindex(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Build the index of search anew from the requests; the product may run meanwhile."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> int:
        async with open_store(settings) as (store, _desk):
            return await store.rebuild_index()

    out.print(f"{run(work())} requests are in the index of search", markup=False)
