"""The commands: what a person types, and what she is told.

Every command takes its settings from ``--config`` and the environment. A mistake ends with one clear
sentence and exit code 2; only a bug shows a traceback. A new group of commands is a module here with a
``typer.Typer`` of its own, named in ``commands.py``.
"""

from hotline.cli.commands import app, main
from hotline.cli.console import MISTAKE

__all__ = ["MISTAKE", "app", "main"]
