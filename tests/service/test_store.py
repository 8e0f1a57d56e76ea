"""The log's database."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from service.store.engine import open_log
from service.store.migration import VERSION_TABLE
from service.store.tables import metadata


def test_many_may_open_an_empty_log_at_the_same_moment(tmp_path: Path) -> None:
    for attempt in range(5):
        url = f"sqlite:///{tmp_path / f'log-{attempt}.db'}"
        with ThreadPoolExecutor(8) as pool:
            engines = list(pool.map(open_log, [url] * 8))

        tables = inspect(engines[0]).get_table_names()
        for engine in engines:
            engine.dispose()
        assert set(tables) == {*metadata.tables, VERSION_TABLE}


@pytest.mark.slow
def test_a_server_that_accepts_and_says_nothing_is_an_error_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()

        with pytest.raises(OperationalError):
            open_log(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/log")

    assert time.monotonic() - began < 10


def test_opening_a_log_again_keeps_what_is_in_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    champions = metadata.tables["champions"]
    with open_log(url).begin() as connection:
        connection.execute(champions.insert().values(name="n", digest="d", registry_version="1", moved_at=0))

    with open_log(url).connect() as connection:
        assert connection.execute(champions.select()).one().name == "n"
