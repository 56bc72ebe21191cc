"""The schema of a database: brought up to date at start, never by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from hotline.errors import ConfigError, OutsideError

SCRIPTS: Final = "hotline.store:migrations"


@contextmanager
def without_foreign_keys(writer: Engine) -> Iterator[Connection]:
    """Begin a transaction in which SQLite may replace a table that others point to.

    It can change no CHECK in place, and refuses to drop what is pointed to; so it says itself
    (sqlite.org, "Making Other Kinds Of Table Schema Changes"): look away, and look closely at the end.

    :raises OutsideError: when something points to nothing at the end; nothing was changed then.
    """
    if writer.dialect.name != "sqlite":
        with writer.begin() as connection:
            yield connection
        return
    with writer.connect() as connection:
        cursor = connection.connection.cursor()  # a PRAGMA within a transaction would do nothing
        cursor.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                lost = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if lost is not None:
                    raise OutsideError(f"a row of {lost[0]} points to no row of {lost[2]}: restore a backup")
        finally:
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()


def config_for(connection: Connection) -> Config:
    """Build Alembic's configuration for one connection; no file is read."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade_blocking(writer: Engine) -> None:
    """Run the migrations that the database lacks, all in one transaction.

    :raises ConfigError: when the database was written by a newer product.
    """
    with without_foreign_keys(writer) as connection:
        config = config_for(connection)
        scripts = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current == scripts.get_current_head():
            return
        known = {script.revision for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise ConfigError(
                f"the store is at revision {current}, which this version does not know: "
                "install the version that wrote it, or a newer one"
            )
        command.upgrade(config, "head")
