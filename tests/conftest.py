"""Fixtures that several packages' tests share."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from service.store.engine import open_log
from tests.databases import POSTGRESQL, SQLITE, new_database, running_postgres
from tests.features.conftest import backend, busy_shop
from tests.running import run

__all__ = ["backend", "busy_shop"]


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
    """A log without anything in it: copying it takes a fifth of the time of making its tables."""
    with new_database(postgres_socket) as url:
        open_log(url).dispose()
        yield str(make_url(url).database)


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)])
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty log, on each of the two databases."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'log.db'}"
        return
    template = request.getfixturevalue("postgres_template")
    with new_database(request.getfixturevalue("postgres_socket"), template) as url:
        yield url


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables, on each of the two databases."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    with new_database(request.getfixturevalue("postgres_socket")) as url:
        yield url
