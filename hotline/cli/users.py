"""Who may use the console: ``hotline setup`` and ``hotline user``."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, complain, err, load_settings, out, run
from hotline.errors import ConfigError, Refused

app = typer.Typer(no_args_is_help=True, help="Who may use the console.")


def setup(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check the settings, prepare the store, and ask for an administrator when there is none."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def look() -> bool:
        async with open_store(settings, load=True) as (_store, desk):
            return await desk.needs_set_up()

    async def create(name: str, shown: str, password: str) -> None:
        async with open_store(settings) as (_store, desk):
            await desk.set_up(name, shown, password)

    is_needed = run(look())
    out.print(f"set-up: the store in {settings.site.data_dir} is ready", markup=False)
    if not is_needed:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "there is no administrator yet and nobody to ask; run "
            "`hotline user add NAME --role admin` with the password on standard input"
        )
    out.print("This site has no administrator yet.")
    while True:  # asked outside the event loop, which would keep Ctrl-C from ending the question
        name = typer.prompt("User name")
        shown = typer.prompt("Name shown to others", default=name)
        password = _new_password()
        try:
            run(create(name, shown, password))
        except Refused as error:
            if error.code != "input":
                raise
            complain(error)
        else:
            break
    out.print(f"set-up: {name} is the administrator", markup=False)


@app.command("add")
def user_add(
    name: str,
    role: Annotated[str, typer.Option(help="agent, supervisor, unit or admin.")],
    unit: Annotated[
        str, typer.Option(help="Unit code, for role unit: a street, community or department.")
    ] = "",
    shown: Annotated[str, typer.Option("--shown-as", help="Name shown to others.")] = "",
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Create a user; the password is asked for, or read from standard input."""
    settings = load_settings(config)
    from hotline.app import open_store

    password = _asked_password()

    async def work() -> None:
        async with open_store(settings, load=True) as (_store, desk):
            await desk.add_user(name, shown or name, password, role, unit or None, language)

    run(work())
    out.print(f"{name} may log in as {role}", markup=False)


@app.command("list")
def user_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List who may log in: user name, role, unit, name shown to others; one a line, parted by tabs."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> None:
        async with open_store(settings) as (_store, desk):
            for user in await desk.all_users():
                words = (user.user_name, user.role, user.unit_code or "-", user.display_name)
                sys.stdout.write("\t".join(words) + "\n")

    run(work())


@app.command("password")
def user_password(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give a user a new password, asked for or read from standard input; she must log in again."""
    settings = load_settings(config)
    from hotline.app import open_store

    password = _asked_password()

    async def work() -> None:
        async with open_store(settings) as (_store, desk):
            await desk.set_password(name, password)

    run(work())
    out.print(f"{name} has a new password and was logged out everywhere", markup=False)


@app.command("disable")
def user_disable(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take a user's access at once; what she did stays on record under her name."""
    settings = load_settings(config)
    from hotline.app import open_store

    async def work() -> None:
        async with open_store(settings) as (_store, desk):
            await desk.disable_user(name)

    run(work())
    out.print(f"{name} may not log in any more", markup=False)


def _asked_password() -> str:
    return _new_password() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _new_password() -> str:
    while True:
        password = getpass.getpass("Password: ")
        if password == getpass.getpass("Once more: "):
            return password
        err.print("The two differ.")
