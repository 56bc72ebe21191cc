"""``hotline catalogue``, ``hotline org`` and ``hotline region``: all or nothing, and nothing by surprise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "config"


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "config"
        shutil.copytree(SHIPPED, self.config)
        self.settings = folder / "hotline.toml"
        self.settings.write_text(f'[site]\nconfig_dir = "{self.config}"\ndata_dir = "{folder / "data"}"\n')

    def call(self, *words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*words, "--config", str(self.settings)])
        if isinstance(result.exception, ConfigError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output.replace("\n", "")

    def text(self, name: str) -> str:
        return (self.config / name).read_text("utf-8")

    def bring(self, text: str, name: str = "new.csv") -> str:
        file = self.folder / name
        file.write_text(text, "utf-8")
        return str(file)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_catalogue_is_replaced_and_both_versions_are_kept(site: Site) -> None:
    old = site.text("catalogue.csv")
    new = old.replace("非法小广告,", "小广告,", 1)
    code, text = site.call("catalogue", "import", site.bring(new))
    assert (code, "60 lines: 1 new or changed, 1 gone or changed, 0 left out" in text) == (0, True)
    assert site.text("catalogue.csv") == new
    _, listed = site.call("catalogue", "versions")
    first = listed.split("\t")[1][:8]
    site.call("catalogue", "export", "--version", first, "--to", str(site.folder / "old.csv"))
    assert (site.folder / "old.csv").read_text("utf-8") == old


def test_dry_run_changes_nothing(site: Site) -> None:
    old = site.text("catalogue.csv")
    code, text = site.call(
        "catalogue", "import", "--dry-run", site.bring(old.replace("非法小广告,", "小广告,", 1))
    )
    assert (code, "1 new or changed" in text) == (0, True)
    assert site.text("catalogue.csv") == old
    assert not (site.folder / "data" / "versions").exists()


def test_catalogue_with_a_wrong_line_is_refused_whole(site: Site) -> None:
    old = site.text("catalogue.csv")
    code, text = site.call("catalogue", "import", site.bring(old.replace("0103,", "103,", 1)))
    assert code == 1
    assert "catalogue.csv:4: code '103' must be four digits" in text
    assert "nothing was taken: 1 faults" in text
    assert site.text("catalogue.csv") == old


def test_catalogue_of_another_shape_is_refused_even_without_its_wrong_lines(site: Site) -> None:
    old = site.text("catalogue.csv")
    with pytest.raises(ConfigError, match="8/22/59 could be read"):
        site.call("catalogue", "import", "--skip-rejected", site.bring(old.replace("0103,", "103,", 1)))
    assert site.text("catalogue.csv") == old


def test_organisations_are_taken_as_json(site: Site) -> None:
    _, text = site.call("org", "export", "--json", "--to", str(site.folder / "units.json"))
    rows = json.loads((site.folder / "units.json").read_text("utf-8"))
    rows.append(
        {"code": "D063", "name": "区数据局", "type": "区直部门", "region_code": None, "illustrative": 1}
    )
    code, text = site.call("org", "import", site.bring(json.dumps(rows, ensure_ascii=False), "units.json"))
    assert (code, "63 lines: 1 new or changed, 0 gone" in text) == (0, True)
    assert "D063,区数据局,区直部门,,1" in site.text("departments.csv")


def test_unit_that_others_need_is_not_lost_by_surprise(site: Site) -> None:
    old = site.text("departments.csv")
    without = "\n".join(line for line in old.splitlines() if "区城管执法局" not in line) + "\n"
    code, text = site.call("org", "import", site.bring(without))
    assert code == 1
    assert "kind 0101 goes to '区城管执法局', which departments.csv does not know" in text
    assert site.text("departments.csv") == old


def test_good_lines_are_taken_by_choice(site: Site) -> None:
    old = site.text("departments.csv")
    code, text = site.call("org", "import", "--skip-rejected", site.bring(old + "D1,区数据局,区直部门,,1\n"))
    assert (code, "0 new or changed, 0 gone or changed, 1 left out" in text) == (0, True)
    assert "must be a capital letter and three digits" in text
    assert site.text("departments.csv").splitlines() == old.splitlines()


def test_community_that_the_new_tree_leaves_out_ends_and_stays_on_record(site: Site) -> None:
    tree = json.loads(site.text("regions.json"))
    gone = tree["streets"][-1]["communities"].pop()["code"]
    file = site.bring(json.dumps(tree, ensure_ascii=False), "regions.json")
    contacts = site.config / "contacts.csv"
    contacts.write_text(
        "".join(line for line in site.text("contacts.csv").splitlines(keepends=True) if gone not in line)
    )
    code, text = site.call("region", "import", file, "--on", "2027-01-01")
    assert (code, "0 are new, 1 end" in text) == (0, True), text
    assert gone not in site.text("regions.json")
    assert f"{gone}," in site.text("region_periods.csv")
    site.call("region", "export", "--on", "2026-12-31", "--to", str(site.folder / "then.csv"))
    assert gone in (site.folder / "then.csv").read_text("utf-8")
    site.call("region", "export", "--on", "2027-01-01", "--to", str(site.folder / "now.csv"))
    assert gone not in (site.folder / "now.csv").read_text("utf-8")


def test_street_with_its_communities_left_behind_is_refused(site: Site) -> None:
    lines = [
        line for line in site.text("region_periods.csv").splitlines() if not line.startswith("110101005,")
    ]
    old = site.text("regions.json")
    code, text = site.call("region", "import", site.bring("\n".join(lines) + "\n"))
    assert code == 1
    assert "there is no region 110101005 above 110101005" in text
    assert site.text("regions.json") == old


def test_ten_streets_of_2009_are_exported(site: Site) -> None:
    site.call("region", "export", "--on", "2009-06-30", "--json", "--to", str(site.folder / "2009.json"))
    assert len(json.loads((site.folder / "2009.json").read_text("utf-8"))["streets"]) == 10


@pytest.mark.parametrize(
    "words", [("catalogue", "export", "--version", "12345678"), ("region", "export", "--on", "1.1.27")]
)
def test_what_is_not_there_is_said(site: Site, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        site.call(*words)
