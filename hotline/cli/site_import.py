"""Bringing files of the district: ``hotline catalogue``, ``hotline org`` and ``hotline region``.

A file is tried beside all the others of the site before it takes a place among them: a kind that goes to a
unit that is no more is told before, not after. The running product reads the files when it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, err, load_settings
from hotline.cli.shown import put
from hotline.cli.site_versions import install_blocking, read_version_blocking, versions_blocking
from hotline.errors import ConfigError, OutsideError

if TYPE_CHECKING:
    from hotline.routing.lines import Rejected
    from hotline.routing.region_tree import Period
    from hotline.settings import Settings

REFUSED: Final = 1
"""Exit code of an import that took nothing."""
PERIODS_FILE: Final = "region_periods.csv"
CATALOGUE_COLUMNS: Final = (
    *("code", "level1", "level2", "level3", "keywords_zh", "default_department"),
    *("priority", "first_contact_hours", "sla_hours", "tier"),
)
DEPARTMENT_COLUMNS: Final = ("code", "name", "type", "region_code")

catalogue = typer.Typer(no_args_is_help=True, help="The catalogue of kinds of demand.")
org = typer.Typer(no_args_is_help=True, help="The organisations that can be given work.")
region = typer.Typer(no_args_is_help=True, help="Streets, communities and grid cells, with their days.")

FileArgument = Annotated[Path, typer.Argument(help="CSV with a heading, or JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would happen; change nothing.")]
Skip = Annotated[
    bool, typer.Option("--skip-rejected", help="Take the good lines although others are refused.")
]
To = Annotated[Path | None, typer.Option("--to", help="Write to this file and not to the screen.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON and not CSV.")]
Version = Annotated[
    str, typer.Option("--version", help="One of `versions`; the one in force when not given.")
]


@catalogue.command("import")
def catalogue_import(
    file: FileArgument, dry_run: DryRun = False, skip: Skip = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Put another catalogue in place; every line that is refused is told with its remedy."""
    _import(load_settings(config), file, "catalogue.csv", CATALOGUE_COLUMNS, dry_run=dry_run, skip=skip)


@catalogue.command("export")
def catalogue_export(
    version: Version = "", as_json: AsJson = False, to: To = None, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Write the catalogue out, the one in force or an earlier version."""
    _export(load_settings(config), "catalogue.csv", version, to, as_json=as_json)


@catalogue.command("versions")
def catalogue_versions(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the versions that were in force: when each was put in place (UTC), and its name."""
    _versions(load_settings(config), "catalogue.csv")


@org.command("import")
def org_import(
    file: FileArgument, dry_run: DryRun = False, skip: Skip = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Put another list of departments and street offices in place."""
    _import(load_settings(config), file, "departments.csv", DEPARTMENT_COLUMNS, dry_run=dry_run, skip=skip)


@org.command("export")
def org_export(
    version: Version = "", as_json: AsJson = False, to: To = None, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Write the list of departments and street offices out."""
    _export(load_settings(config), "departments.csv", version, to, as_json=as_json)


@org.command("versions")
def org_versions(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the versions that were in force: when each was put in place (UTC), and its name."""
    _versions(load_settings(config), "departments.csv")


@region.command("import")
def region_import(
    file: FileArgument,
    on: Annotated[
        str, typer.Option("--on", help="First day of what is new, as 2027-01-01; today when not given.")
    ] = "",
    dry_run: DryRun = False,
    skip: Skip = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put another tree of regions over the one there is.

    What the new one leaves out ends on that day, and what it changes begins anew.
    Regions that ended stay on record, so that requests keep the region they were opened in.
    """
    from hotline.app import read_text
    from hotline.routing.district import REGIONS_FILE
    from hotline.routing.region_file import merged, read_tree, write_csv, write_json
    from hotline.routing.region_tree import check

    settings = load_settings(config)
    folder = settings.site.config_dir
    new, refused = read_tree(read_text(file, "the file to import"), str(file))
    for line in refused:
        err.print(f"{file}: {line}", markup=False)
    if refused and not skip:
        _stop(len(refused))
    day = _day(on, settings)
    old = _periods(settings)
    tree = merged(old, new, day)
    faults = check(tree)
    for fault in faults:
        err.print(f"{fault.period.code}, {fault.field}: {fault.why}", markup=False)
    if faults:
        _stop(len(faults))
    regions = write_json(tree, day, read_text(folder / REGIONS_FILE, "the regions"))
    _try(settings, REGIONS_FILE, regions, skip=skip)
    was = {one.code for one in old if one.is_valid(day)}
    now = {one.code for one in tree if one.is_valid(day)}
    put(f"{len(now)} regions from {day}: {len(now - was)} are new, {len(was - now)} end")
    if dry_run:
        return
    install_blocking(folder / PERIODS_FILE, write_csv(tree), settings.site.data_dir, _now())
    install_blocking(folder / REGIONS_FILE, regions, settings.site.data_dir, _now())
    put("in place; a running product takes it at its next start")


@region.command("export")
def region_export(
    on: Annotated[str, typer.Option("--on", help="Only the regions of this day, as 2009-06-30.")] = "",
    as_json: AsJson = False,
    to: To = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the regions out: of all times, or those of one day."""
    from hotline.routing.region_file import write_csv, write_json

    settings = load_settings(config)
    tree = _periods(settings)
    if as_json:
        _write(write_json(tree, _day(on, settings)), to)
    else:
        _write(write_csv([one for one in tree if not on or one.is_valid(_day(on, settings))]), to)


def _import(
    settings: Settings, file: Path, name: str, columns: Sequence[str], *, dry_run: bool, skip: bool
) -> None:
    from hotline.app import read_text
    from hotline.routing.imports import as_csv, without

    text = as_csv(read_text(file, "the file to import"), str(file), columns)
    bad = _try(settings, name, text, skip=skip)
    if bad:
        text = without(text, bad)
        _try(settings, name, text, skip=skip)
    path = settings.site.config_dir / name
    old = read_text(path, "a file of the district").splitlines() if path.exists() else []
    new = text.splitlines()
    added, gone = len(set(new) - set(old)), len(set(old) - set(new))
    put(f"{max(len(new) - 1, 0)} lines: {added} new or changed, {gone} gone or changed, {len(bad)} left out")
    if dry_run:
        return
    version = install_blocking(path, text, settings.site.data_dir, _now())
    put(f"{path}: version {version} is in place; a running product takes it at its next start")


def _try(settings: Settings, name: str, text: str, *, skip: bool) -> set[int]:
    """Read the district with a file in place of its own, and tell every line that this would cost.

    :returns: the lines of the file that are refused.
    """
    from hotline.app import read_text
    from hotline.routing.district import DISTRICT_FILES, OPTIONAL_FILES, read_district

    folder = settings.site.config_dir
    texts = {
        one: read_text(folder / one, "a file of the district")
        for one in (*DISTRICT_FILES, *OPTIONAL_FILES)
        if one in DISTRICT_FILES or (folder / one).exists()
    }
    known = {str(line) for line in read_district(texts)[1]}
    own = _lines_of_catalogue(text) if name == "catalogue.csv" else []
    found = (
        own if own else [line for line in read_district(texts | {name: text})[1] if str(line) not in known]
    )
    for line in found:
        err.print(str(line), markup=False)
    if found and not skip:
        _stop(len(found))
    return {line.line for line in found if line.file == name}


def _lines_of_catalogue(text: str) -> Sequence[Rejected]:
    # A catalogue of another shape is refused as a whole; its lines are told before that.
    from hotline.routing.district import CATALOGUE_FILE, read_catalogue

    return read_catalogue(text, CATALOGUE_FILE)[1]


def _stop(faults: int) -> None:
    put(f"nothing was taken: {faults} faults; mend them, or take the good lines with --skip-rejected")
    raise typer.Exit(REFUSED)


def _export(settings: Settings, name: str, version: str, to: Path | None, *, as_json: bool) -> None:
    from hotline.app import read_text
    from hotline.routing.imports import as_json as written_as_json

    path = settings.site.config_dir / name
    if version:
        text = read_version_blocking(path, settings.site.data_dir, version)
    else:
        text = read_text(path, "a file of the district")
    _write(written_as_json(text) if as_json else text, to)


def _versions(settings: Settings, name: str) -> None:
    for seen, version in versions_blocking(settings.site.config_dir / name, settings.site.data_dir):
        put(f"{seen}\t{version}")


def _write(text: str, to: Path | None) -> None:
    if to is None:
        put(text.rstrip("\n"))
        return
    try:
        to.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise OutsideError(f"{to} cannot be written: {error.strerror}", permanent=True) from error


def _periods(settings: Settings) -> tuple[Period, ...]:
    """Read the regions of all times; those of ``regions.json`` where a site has no record of others yet."""
    from hotline.app import read_text
    from hotline.routing.district import REGIONS_FILE
    from hotline.routing.region_file import read_tree

    folder = settings.site.config_dir
    path = folder / PERIODS_FILE if (folder / PERIODS_FILE).exists() else folder / REGIONS_FILE
    periods, refused = read_tree(read_text(path, "the regions"), str(path))
    if refused:
        raise ConfigError(refused[0].why, file=str(path), line=refused[0].line)
    return periods


def _now() -> datetime:
    from hotline.wire.reactor import wall_now

    return wall_now()


def _day(text: str, settings: Settings) -> date:
    if not text:
        return _now().astimezone(ZoneInfo(settings.site.time_zone)).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--on {text!r} is no day; write it as 2027-01-01") from None
