from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from store_world import World, a_district


@pytest.fixture(scope="session")
def seeded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables and the test district, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("seeded")
    file = folder / "hotline.sqlite3"

    async def make() -> None:
        store = World(folder, f"sqlite:///{file}").new_store()
        await store.start()
        await store.seed(a_district())
        await store.stop()

    asyncio.run(make())
    return file


@pytest.fixture
def world(tmp_path: Path, seeded_database: Path) -> World:
    file = tmp_path / "hotline.sqlite3"
    shutil.copy(seeded_database, file)
    return World(tmp_path, f"sqlite:///{file}")
