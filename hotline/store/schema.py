"""The schema of a database: brought up to date at start, never by hand."""

from __future__ import annotations

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from hotline.errors import ConfigError

SCRIPTS: Final = "hotline.store:migrations"


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
    with writer.begin() as connection:
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
