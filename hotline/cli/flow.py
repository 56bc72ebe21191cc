"""The voice menu and what it says: ``hotline flow`` and ``hotline prompts``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings

app = typer.Typer(no_args_is_help=True, help="The voice menu: check, draw, walk, play call scripts.")
prompts_app = typer.Typer(no_args_is_help=True, help="What the voice menu says.")

FlowArgument = Annotated[Path | None, typer.Argument(help="Flow file; none: the site's own.")]


def _flow_and_prompts(config: Path, flow: Path | None) -> tuple[Path, Path]:
    settings = load_settings(config)
    return flow or settings.ivr.flow, settings.media.prompts_dir


def _tell(text: str, *, is_good: bool) -> None:
    sys.stdout.write(text + "\n")
    if not is_good:
        raise typer.Exit(1)


@app.command("check")
def flow_check(flow: FlowArgument = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say everything that is wrong with a flow, each with file, line and step."""
    from hotline import flows

    file, prompts = _flow_and_prompts(config, flow)
    report = flows.check([file], prompts)
    _tell(report.text, is_good=report.is_good)


@app.command("publish")
def flow_publish(flow: FlowArgument = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say whether a flow may answer calls: no complaints, and a call script through every step."""
    from hotline import flows

    report = flows.publish(*_flow_and_prompts(config, flow))
    _tell(report.text, is_good=report.is_good)


@app.command("draw")
def flow_draw(
    flow: FlowArgument = None,
    form: Annotated[str, typer.Option("--as", help="text, mermaid or svg.")] = "text",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Draw a flow."""
    from hotline import flows

    _tell(flows.draw(*_flow_and_prompts(config, flow), form), is_good=True)


@app.command("walk")
def flow_walk(flow: FlowArgument = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Play a flow in the terminal, as a caller would go through it."""
    from hotline import flows

    flows.walk_through(*_flow_and_prompts(config, flow), input, lambda line: _tell(line, is_good=True))


@prompts_app.command("render")
def prompts_render(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Render the prompts whose texts changed (needs `pip install -e '.[prompts]'`)."""
    from hotline.speech.render import main as render

    sys.exit(render([str(load_settings(config).media.prompts_dir)]))
