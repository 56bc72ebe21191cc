from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from store_world import COMMUNITY, DEPARTMENT, STREET, World, a_district

from hotline.routing.district import CATALOGUE_SHAPE, DISTRICT_FILES, Rejected, read_district
from hotline.store import Store
from hotline.store.seed import SeedReport
from hotline.store.tables import KindRow, OrganisationRow, RegionRow

CONFIG = Path(__file__).parents[2] / "config"


def test_loading_twice_changes_nothing(world: World) -> None:
    async def story(store: Store) -> None:
        assert await store.seed(a_district()) == SeedReport(0, 0, 0, ())

    world.run(story)


def test_changed_line_changes_its_row(world: World) -> None:
    async def story(store: Store) -> None:
        district = a_district()
        units = tuple(
            replace(unit, email="new@dongcheng.example") if unit.code == DEPARTMENT else unit
            for unit in district.units
        )
        assert await store.seed(replace(district, units=units)) == SeedReport(0, 1, 0, ())
        assert [u.email for u in await store.unit_choices() if u.code == DEPARTMENT] == [
            "new@dongcheng.example"
        ]

    world.run(story)


def test_unit_that_is_gone_is_no_longer_offered_but_keeps_its_requests(world: World) -> None:
    async def story(store: Store) -> None:
        district = a_district()
        units = tuple(unit for unit in district.units if unit.code != COMMUNITY)
        assert (await store.seed(replace(district, units=units))).retired == 1
        assert [u.code for u in await store.unit_choices()] == [STREET, DEPARTMENT]
        assert await store.read(lambda session: session.get(OrganisationRow, COMMUNITY)) is not None
        assert (await store.seed(district)).changed == 1
        assert len(await store.unit_choices()) == 3

    world.run(story)


def test_rejected_lines_come_back_in_the_report(world: World) -> None:
    async def story(store: Store) -> None:
        rejected = [Rejected("contacts.csv", 7, "no unit has the code 'D999'")]
        report = await store.seed(a_district(), rejected)
        assert report.rejected == tuple(rejected)

    world.run(story)


@pytest.mark.skipif(not CONFIG.is_dir(), reason="installed without the site's files")
def test_the_districts_own_files_load_wholly(tmp_path: Path) -> None:
    store = World(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite3'}").new_store()
    store.migrate_blocking()
    texts = {name: (CONFIG / name).read_text(encoding="utf-8") for name in DISTRICT_FILES}
    district, rejected = read_district(texts)
    report = store.seed_blocking(district, rejected)
    assert report.rejected == ()
    assert report.added == len(district.kinds) + len(district.regions) + len(district.units)
    counts = store.read_blocking(
        lambda session: [session.query(table).count() for table in (KindRow, RegionRow, OrganisationRow)]
    )
    assert counts == [CATALOGUE_SHAPE[2], len(district.regions), len(district.units)]
    store.close_blocking()
