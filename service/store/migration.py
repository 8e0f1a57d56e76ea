"""The log's schema and its versions: made whole in an empty database, brought forward by `python -m service migrate` only.

A migration is a file in `migrations/versions`, written by `python -m service.store.draft_migration WHAT`; a test holds them
and the tables of `tables.py` together.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from service.store.partition import is_partition, make_partitions
from service.store.tables import metadata

FOLDER = Path(__file__).parent / "migrations"
VERSION_TABLE = "gardoon_schema"


class SchemaError(RuntimeError):
    """The log's schema is another than this Gardoon works on; the message names both and says what to do."""


def settle_schema(connection: Connection, folder: Path = FOLDER, now: datetime | None = None) -> None:
    """Return if the log's schema is the newest known, having made it where there is none. Raises `SchemaError`."""
    found, newest = find_revision(connection), newest_revision(folder)
    if found == newest:
        return
    if found is None and not _has_tables(connection):
        metadata.create_all(connection)
        make_partitions(connection, now)
        _context(connection).stamp(_scripts(folder), newest)
        return
    raise SchemaError(_complaint(found, newest, folder))


def upgrade_schema(connection: Connection, folder: Path = FOLDER) -> tuple[str | None, str]:
    """The revisions before and after bringing the schema to the newest one known, data kept. Raises `SchemaError`."""
    found, newest = find_revision(connection), newest_revision(folder)
    if found not in (None, *_revisions(folder)) or (found is None and _has_tables(connection)):
        raise SchemaError(_complaint(found, newest, folder))
    scripts = _scripts(folder)
    context = _context(connection, fn=lambda revision, _: scripts._upgrade_revs("head", revision))
    with Operations.context(context):
        context.run_migrations()
    make_partitions(connection)
    return found, newest


def find_revision(connection: Connection) -> str | None:
    """The revision that the log's schema is at; None where it was never stamped."""
    return _context(connection).get_current_revision()


def newest_revision(folder: Path = FOLDER) -> str:
    """The revision of the newest migration."""
    return str(_scripts(folder).get_current_head())


def compare_schema(connection: Connection) -> list[Any]:
    """What would have to change for the database to have the tables declared; nothing when they agree."""
    from alembic.autogenerate import compare_metadata

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or not is_partition(name)

    return list(compare_metadata(_context(connection, include_name=ours, compare_type=True), metadata))


def _complaint(found: str | None, newest: str, folder: Path) -> str:
    if found is None:
        return (
            f"the log has tables but no schema version, as one made before there were any; wanted {newest}: "
            "move that database away and start with an empty one"
        )
    if found in _revisions(folder):
        return (
            f"the log's schema is at {found}, this Gardoon works on {newest}: run `python -m service migrate`"
        )
    return (
        f"the log's schema is at {found}; the newest that this Gardoon knows is {newest}: run a newer Gardoon"
    )


def _revisions(folder: Path) -> list[str]:
    return [script.revision for script in _scripts(folder).walk_revisions()]


def _has_tables(connection: Connection) -> bool:
    return bool(set(inspect(connection).get_table_names()) & set(metadata.tables))


def _scripts(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(str(folder))


def _context(connection: Connection, **options: Any) -> MigrationContext:
    """Alembic's context; on SQLite a column is changed by copying its table."""
    given = {
        "version_table": VERSION_TABLE,
        "target_metadata": metadata,
        "transactional_ddl": True,
        **options,
    }
    given["render_as_batch"] = connection.dialect.name == "sqlite"
    return MigrationContext.configure(connection, opts=given)
