"""The log's schema: made once, brought forward only when asked, refused when it is another; migrations and tables agree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from service.store.draft_migration import draft_migration
from service.store.engine import alone, connect_log, open_log
from service.store.migration import (
    FOLDER,
    SchemaError,
    compare_schema,
    find_revision,
    newest_revision,
    settle_schema,
    upgrade_schema,
)
from service.store.tables import metadata
from tests.running import ROOT

LATER = '''
"""A later change."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("champions") as table:
        table.add_column(sa.Column("note", sa.Text(), nullable=False, server_default="none"))
'''


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations of a later Gardoon: those of this one and another."""
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)
    (folder / "versions" / "9999_later.py").write_text(LATER.format(newest=newest_revision()))
    return folder


def put_champion(engine: Engine) -> None:
    row = {"name": "n", "digest": "d", "registry_version": "1", "moved_at": 0}
    with engine.begin() as connection:
        connection.execute(metadata.tables["champions"].insert().values(row))


def test_the_migrations_make_the_tables_that_are_declared(bare_url: str) -> None:
    engine = connect_log(bare_url)
    with alone(engine) as connection:
        before, after = upgrade_schema(connection)
        differences = compare_schema(connection)
    with alone(engine) as connection:
        settle_schema(connection)
    engine.dispose()

    assert (before, after) == (None, newest_revision())
    assert differences == [], "write a migration: python -m service.store.draft_migration WHAT"


def test_an_empty_database_gets_the_tables_that_are_declared_and_the_newest_revision(bare_url: str) -> None:
    engine = open_log(bare_url)
    with engine.connect() as connection:
        differences, revision = compare_schema(connection), find_revision(connection)
    engine.dispose()

    assert differences == []
    assert revision == newest_revision()


def test_a_log_of_an_older_schema_is_refused_naming_both_until_it_is_migrated(
    engine: Engine, later: Path
) -> None:
    put_champion(engine)

    with alone(engine) as connection, pytest.raises(SchemaError, match=f"{newest_revision()}.*9999.*migrate"):
        settle_schema(connection, later)
    with alone(engine) as connection:
        upgraded = upgrade_schema(connection, later)
        settle_schema(connection, later)

    with engine.connect() as connection:
        kept = connection.execute(text("SELECT name, digest, note FROM champions")).one()
    assert upgraded == (newest_revision(), "9999")
    assert tuple(kept) == ("n", "d", "none")


def test_a_log_of_a_newer_schema_is_refused_naming_both(engine: Engine, later: Path, log_url: str) -> None:
    with alone(engine) as connection:
        upgrade_schema(connection, later)

    with pytest.raises(SchemaError, match=f"9999.*{newest_revision()}.*newer Gardoon"):
        open_log(log_url)


def test_tables_without_a_version_are_refused(engine: Engine, log_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE gardoon_schema"))

    with pytest.raises(SchemaError, match="no schema version"):
        open_log(log_url)


def test_a_migration_that_fails_leaves_the_log_as_it_was(engine: Engine, later: Path) -> None:
    put_champion(engine)
    broken = LATER.format(newest="9999").replace('"9999"\nd', '"99999"\nd') + '    op.execute("NONSENSE")\n'
    (later / "versions" / "99999_broken.py").write_text(broken.replace('"note"', '"more"'))

    with pytest.raises(Exception, match="NONSENSE"), alone(engine) as connection:
        upgrade_schema(connection, later)

    with engine.connect() as connection:
        assert find_revision(connection) == newest_revision()
        columns = {column["name"] for column in inspect(connection).get_columns("champions")}
    assert "more" not in columns


def test_a_migration_is_drafted_from_what_changed(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)

    first = draft_migration("All of it", folder)
    second = draft_migration("Nothing", folder)

    assert first.name == "0001_all_of_it.py"
    assert "create_table('decisions'" in first.read_text()
    assert second.name == "0002_nothing.py"
    assert "pass" in second.read_text()


def test_a_command_on_a_log_of_another_schema_ends_with_what_to_do(log_url: str, tmp_path: Path) -> None:
    engine = open_log(log_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE gardoon_schema SET version_num = '9999'"))
    engine.dispose()

    done = subprocess.run(
        [sys.executable, "-m", "service", "verify"],
        cwd=ROOT,
        env={**os.environ, "GARDOON_DATABASE_URL": log_url, "GARDOON_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "run a newer Gardoon" in done.stderr
    assert "Traceback" not in done.stderr
