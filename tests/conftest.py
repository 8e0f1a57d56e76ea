"""Fixtures that several packages' tests share."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from service.store.engine import connect_log, open_log
from tests.databases import POSTGRESQL, SQLITE, EmptiedDatabase, new_database, running_postgres
from tests.features.conftest import backend, busy_shop
from tests.running import run

__all__ = ["backend", "busy_shop"]
collect_ignore = ["lacking"]  # for processes that tests start


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `python -m training prepare` has run: real data, features, registered models, online store."""
    var = tmp_path_factory.mktemp("prepared") / "var"
    shutil.copytree(prepared_once(tmp_path_factory.getbasetemp()), var)
    return var


def prepared_once(folder: Path) -> Path:
    """The same for every process of the session to copy, since it takes a minute; models keep naming it in the registry."""
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    var, done = shared / "prepared-once", shared / "prepared-once.done"
    with (shared / "prepared-once.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_file():
            run("training", "prepare", var=var)
            done.touch()
    return var


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[str]:
    """The folder of the socket of the session's PostgreSQL server, started when a test first asks for it."""
    with running_postgres() as socket:
        yield socket


@pytest.fixture(scope="session")
def postgres_template(postgres_socket: str) -> Iterator[str]:
    """A log without anything in it: copying it takes less time than making its tables."""
    with new_database(postgres_socket) as url:
        open_log(url).dispose()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file."""
    path = tmp_path_factory.mktemp("log") / "template.db"
    open_log(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path) -> str:
    """The address of an empty log in a file, at the same place for every test of the session."""
    path = sqlite_template.with_name("log.db")
    for old in path.parent.glob("log.db*"):
        old.unlink()
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def emptied_database(postgres_socket: str, postgres_template: str) -> Iterator[EmptiedDatabase]:
    """The session's log on PostgreSQL."""
    database = EmptiedDatabase(postgres_socket, postgres_template)
    yield database
    database.drop()


@pytest.fixture
def postgresql_url(emptied_database: EmptiedDatabase) -> str:
    """The address of an empty log on PostgreSQL."""
    return emptied_database.url()


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)])
def log_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty log, on each of the two databases; it is the same for every test of the session."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@lru_cache(maxsize=4)
def shared_engine(url: str) -> Engine:
    """The engine of a log, with the statements that it has put into words."""
    return connect_log(url)


@pytest.fixture
def engine(log_url: str) -> Iterator[Engine]:
    """A log on SQLite and, in slow tests, on PostgreSQL.

    Putting every statement into words anew was a third of a small test. What listens to this one hears nothing of the next.
    """
    shared = shared_engine(log_url)
    yield shared.execution_options()
    shared.dispose()


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables, on each of the two databases."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    with new_database(request.getfixturevalue("postgres_socket")) as url:
        yield url
