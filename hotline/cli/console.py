"""What all commands share: where they print, how they read the settings, how they end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from hotline.errors import ConfigError, HotlineError
from hotline.settings import Settings, read_settings

T = TypeVar("T")
DEFAULT_CONFIG: Final = Path("config/hotline.toml")
MISTAKE: Final = 2
"""Exit code for a wrong setting or a wrong word on the command line."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file of the site.")]


def complain(error: HotlineError) -> None:
    """Say what went wrong, in one sentence on standard error."""
    # Escaped, or rich would take the [section] that is to be mended for a style and drop it.
    err.print(f"[bold red]hotline:[/] {escape(str(error))}")


def load_settings(config: Path) -> Settings:
    """Read the settings file and the environment; only the default file may be missing."""
    try:
        text = config.read_text(encoding="utf-8")
    except FileNotFoundError:
        if config != DEFAULT_CONFIG:
            raise ConfigError("there is no such settings file", file=str(config)) from None
        text = ""
    except OSError as error:
        raise ConfigError(f"the settings file cannot be read: {error.strerror}", file=str(config)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the settings file is not UTF-8; save it as UTF-8", file=str(config)) from error
    return read_settings(text, os.environ, file=str(config))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work on a loop of its own; Ctrl-C ends it without a traceback."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Abort from None
