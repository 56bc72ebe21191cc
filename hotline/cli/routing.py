"""How good suggestions are, and teaching them: ``hotline routing``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, err, load_settings
from hotline.cli.dispatch import routing_check, routing_dry_run, routing_precision
from hotline.cli.shown import put, table
from hotline.routing.samples import KIND_COLUMN, TEXT_COLUMN

if TYPE_CHECKING:
    from hotline.routing.district import KindRow
    from hotline.routing.evaluation import Evaluation
    from hotline.routing.kind_model import Sample
    from hotline.routing.model_file import Knowledge
    from hotline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Suggestions of kinds and units: how good they are, and teaching them."
)
app.command("check")(routing_check)
app.command("dry-run")(routing_dry_run)
app.command("precision")(routing_precision)

NOT_BETTER: Final = 1
"""Exit code of a training whose model is no better than the catalogue alone."""
FEWEST_JUDGED: Final = 1

FileArgument = Annotated[
    Path, typer.Argument(help="Texts whose kind is known: CSV with a heading, or JSON Lines.")
]
TextColumn = Annotated[str, typer.Option("--text-column", help="Column or key of what was said.")]
KindColumn = Annotated[str, typer.Option("--kind-column", help="Column or key of the four-digit code.")]


@app.command("evaluate")
def routing_evaluate(
    file: FileArgument,
    text_column: TextColumn = TEXT_COLUMN,
    kind_column: KindColumn = KIND_COLUMN,
    model: Annotated[
        Path | None, typer.Option("--model", help="File of learned kinds; the site's own when not given.")
    ] = None,
    day_one: Annotated[
        bool, typer.Option("--day-one", help="Judge what the catalogue alone knows, nothing learned.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say how often suggested kinds are right on a file that was not used for training."""
    settings = load_settings(config)
    from hotline.app import read_district
    from hotline.routing.evaluation import evaluate
    from hotline.routing.joint import JointRanker
    from hotline.routing.kind_model import KindModel
    from hotline.routing.kinds import KindRanker
    from hotline.routing.model_file import Knowledge

    kinds = read_district(settings)[0].kinds
    samples = _read(file, kinds, text_column, kind_column, FEWEST_JUDGED)
    knowledge = Knowledge() if day_one else _known(settings, model)
    chances = knowledge.chances
    known = KindModel(kinds, knowledge.learned, samples=knowledge.samples)
    words, joint = KindRanker(kinds), JointRanker(kinds, known, chances)
    found = {
        "keywords": evaluate(
            samples, lambda text: [(o.kind.code, chances.by_words.chance(o.score)) for o in words.rank(text)]
        ),
        "model": evaluate(
            samples, lambda text: [(o.kind, chances.by_model.chance(o.share)) for o in known.rank(text)]
        ),
        "together": evaluate(samples, lambda text: [(o.kind.code, o.score) for o in joint.rank(text)]),
    }
    if as_json:
        shown = {name: asdict(one) for name, one in found.items()}
        put(json.dumps({"learned_from": known.samples, **shown}, ensure_ascii=False, indent=2))
        return
    put(f"{len(samples)} texts; the model has learned from {known.samples} decisions\n")
    put(_summary(found))
    put(_details(found["together"], {row.code: row.label for row in kinds}))


@app.command("train")
def routing_train(
    file: FileArgument,
    text_column: TextColumn = TEXT_COLUMN,
    kind_column: KindColumn = KIND_COLUMN,
    passes: Annotated[int, typer.Option(min=1, max=50, help="How often every text is looked at.")] = 4,
    force: Annotated[
        bool, typer.Option("--force", help="Save a model that is no better than the catalogue alone.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Train kinds anew on decided requests and save what was learned; a running product takes it over.

    Decisions that people make afterwards are learned on top of it.
    """
    settings = load_settings(config)
    from hotline.app import read_district
    from hotline.routing.evaluation import evaluate
    from hotline.routing.joint import JointRanker
    from hotline.routing.kind_model import KindModel
    from hotline.routing.model_file import Knowledge
    from hotline.routing.training import FEWEST, train
    from hotline.store.kind_files import MODEL_FILE, save_blocking

    kinds = read_district(settings)[0].kinds
    samples = _read(file, kinds, text_column, kind_column, FEWEST)
    position = _known(settings, None).position
    trained = train(kinds, samples, passes=passes)
    untaught = JointRanker(kinds, KindModel(kinds))
    before = evaluate(samples, lambda text: [(o.kind.code, o.score) for o in untaught.rank(text)])
    put(_summary({"catalogue alone": before, "trained, on parts held out": trained.held_out}))
    if trained.held_out.first < before.first and not force:
        err.print("not saved: the trained model is right less often; give it more texts, or --force")
        raise typer.Exit(NOT_BETTER)
    path = settings.site.data_dir / MODEL_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    learned = trained.model.learned
    save_blocking(path, Knowledge(learned, trained.model.samples, trained.chances, position))
    put(f"{path}: learned from {len(samples)} texts, {len(learned)} features")


def _known(settings: Settings, path: Path | None) -> Knowledge:
    from hotline.errors import ConfigError
    from hotline.routing.model_file import Knowledge
    from hotline.store.kind_files import MODEL_FILE, load_blocking

    found = load_blocking(path or settings.site.data_dir / MODEL_FILE)
    if found is None and path is not None:
        raise ConfigError("there is no such file of learned kinds", file=str(path))
    return found or Knowledge()


def _read(
    file: Path, kinds: Sequence[KindRow], text_column: str, kind_column: str, fewest: int
) -> Sequence[Sample]:
    from hotline.app import read_text
    from hotline.routing.samples import need, read_samples

    samples, rejected = read_samples(
        read_text(file, "the file of texts"),
        str(file),
        {row.code for row in kinds},
        text_column=text_column,
        kind_column=kind_column,
    )
    for line in rejected:
        err.print(f"left out: {line}", markup=False)
    need(samples, str(file), fewest)
    return samples


def _summary(found: dict[str, Evaluation]) -> str:
    heads = ("", "first", "in the first 3", "none named", "macro F1", "chance is off by")
    rows = [
        (
            name,
            f"{_percent(one.first_share)} ({one.first})",
            f"{_percent(one.third_share)} ({one.third})",
            str(one.silent),
            f"{one.macro_f1:.3f}",
            f"{100 * one.mean_error:.1f} points",
        )
        for name, one in found.items()
    ]
    return table(heads, rows)


def _details(one: Evaluation, labels: dict[str, str]) -> str:
    calibration = table(
        ("stated chance", "texts", "stated", "right"),
        [
            (
                f"{band.low:.1f} to {band.high:.1f}",
                str(band.count),
                _percent(band.stated),
                _percent(band.right),
            )
            for band in one.bands
        ],
    )
    coverage = table(
        ("right at least", "share of texts", "from chance"),
        [
            (_percent(row.precision), _percent(row.share), f"{row.threshold:.3f}" if row.share else "-")
            for row in one.coverage
        ],
    )
    kinds = table(
        ("kind", "", "texts", "first", "in 3", "claimed of others", "mostly taken for"),
        [
            (
                row.kind,
                labels[row.kind],
                str(row.count),
                str(row.first),
                str(row.third),
                str(row.claimed),
                f"{row.mistaken_for} {labels[row.mistaken_for]}" if row.mistaken_for else "",
            )
            for row in one.kinds
        ],
    )
    return f"\n{calibration}\n{coverage}\n{kinds}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
