"""The settings of this site: ``hotline config``."""

from __future__ import annotations

import re
import sys

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, err, load_settings, out
from hotline.settings import explain_settings

app = typer.Typer(no_args_is_help=True, help="The settings of this site.")


@app.command("check")
def config_check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say whether the settings, the flow and the district's data are right."""
    settings = load_settings(config)
    from hotline.app import check_rules, check_site, read_district, read_rules
    from hotline.flows import read_flow

    flow = read_flow(settings.ivr.flow, settings.media.prompts_dir)
    district, rejected = read_district(settings)
    rules = read_rules(settings)
    check_rules(rules, district, settings)
    check_site(settings)
    for line in rejected:
        err.print(f"left out: {line}", markup=False)
    out.print(
        f"{config}: right; flow {flow.name} with {len(flow.steps)} steps, "
        f"{len(district.units)} units, {len(district.kinds)} kinds of demand, "
        f"limits {rules.limits.version} with holidays of "
        f"{', '.join(map(str, sorted(rules.clocks.working.years)))}",
        markup=False,
    )


@app.command("show")
def config_show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the settings in force, from the file and the environment."""
    shown = load_settings(config).model_dump_json()  # a database URL may hold a password
    out.print_json(re.sub(r"(://[^:/@\"]*:)[^@\"]*@", r"\1***@", shown))


@app.command("explain")
def config_explain() -> None:
    """Print every setting with its meaning and default (docs/settings.md)."""
    sys.stdout.write(explain_settings())
