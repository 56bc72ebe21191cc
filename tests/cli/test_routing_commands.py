"""``hotline routing``: judging and teaching from a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.errors import ConfigError
from hotline.routing.district import KindRow
from hotline.routing.evaluation import judge
from hotline.routing.joint import DAY_ONE
from hotline.routing.kind_model import KindModel, Sample
from hotline.routing.model_file import Knowledge
from hotline.routing.training import Trained
from hotline.store.kind_files import MODEL_FILE, load_blocking, save_blocking

DATA = Path(__file__).parents[1] / "data"
CONFIG = Path(__file__).parents[2] / "config"
SENTENCES = str(DATA / "kind_sentences.csv")


@pytest.fixture
def site(tmp_path: Path) -> list[str]:
    settings = tmp_path / "hotline.toml"
    settings.write_text(f'[site]\nconfig_dir = "{CONFIG}"\ndata_dir = "{tmp_path / "data"}"\n')
    return ["--config", str(settings)]


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["routing", *words])
    if isinstance(result.exception, ConfigError):
        raise result.exception
    return result.exit_code, result.output


def test_the_first_day_is_judged_with_all_its_tables(site: list[str]) -> None:
    code, text = call("evaluate", SENTENCES, *site)
    assert code == 0
    assert "120 texts; the model has learned from 0 decisions" in text
    for part in ("keywords", "model", "together", "stated chance", "right at least", "0503  路灯与照明故障"):
        assert part in text


def test_programs_get_json(site: list[str]) -> None:
    utterances = str(DATA / "utterances.csv")
    columns = ("--text-column", "utterance_zh", "--kind-column", "code")
    code, text = call("evaluate", utterances, *columns, "--json", *site)
    found = json.loads(text)
    assert code == 0
    assert found["learned_from"] == 0
    assert found["together"]["count"] == 60
    # Issue: the kind is among the first three for at least 52 of 60 on the first day.
    assert found["together"]["third"] >= 58
    assert len(found["together"]["kinds"]) == 60


def test_training_saves_what_evaluation_then_uses(site: list[str], tmp_path: Path) -> None:
    code, text = call("train", SENTENCES, "--passes", "2", "--force", *site)
    assert code == 0
    assert "catalogue alone" in text
    assert "learned from 120 texts" in text
    model = tmp_path / "data" / MODEL_FILE
    assert load_blocking(model).samples == 120
    code, text = call("evaluate", SENTENCES, "--json", *site)
    seen = json.loads(text)
    assert seen["learned_from"] == 120
    assert seen["model"]["first"] >= 118, "it was trained on these"
    code, text = call("evaluate", SENTENCES, "--json", "--day-one", *site)
    assert json.loads(text)["learned_from"] == 0


def test_training_goes_on_where_learning_was_in_the_log(site: list[str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    save_blocking(tmp_path / "data" / MODEL_FILE, Knowledge(position=4711))
    call("train", SENTENCES, "--passes", "1", "--force", *site)
    assert load_blocking(tmp_path / "data" / MODEL_FILE).position == 4711


def test_a_model_that_is_worse_than_the_catalogue_is_not_saved(
    site: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def badly(kinds: Sequence[KindRow], samples: Sequence[Sample], *, passes: int) -> Trained:
        assert passes == 4
        answers = [(sample.kind, [("2202", 0.5)]) for sample in samples]
        return Trained(KindModel(kinds), DAY_ONE, judge(answers))

    monkeypatch.setattr("hotline.routing.training.train", badly)
    code, text = call("train", SENTENCES, *site)
    assert code == 1
    assert "not saved" in text
    assert not (tmp_path / "data" / MODEL_FILE).exists()


def test_bad_files_are_named(site: list[str], tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("kind,text\n0503,路灯不亮\n9999,路灯\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="1 samples could be used and 100 are needed"):
        call("train", str(few), *site)
    code, text = call("evaluate", str(few), *site)
    assert code == 0
    assert f"left out: {few}:3: the catalogue has no kind '9999'" in text.replace("\n", "")
    with pytest.raises(ConfigError, match="cannot be read"):
        call("evaluate", str(tmp_path / "none.csv"), *site)
    with pytest.raises(ConfigError, match="no such file of learned kinds"):
        call("evaluate", str(few), "--model", str(tmp_path / "none.model"), *site)
