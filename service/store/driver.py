"""The hot path's statements, handed to the database's driver as they are.

SQLAlchemy's own way to the driver is three fifths of the processor time of a short statement (143 µs against 58), and each
wait for an answer hands the interpreter's lock to and fro. So what every decision asks goes straight to the driver, in few
statements; whatever is asked less often goes through SQLAlchemy.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import psycopg
from sqlalchemy import BigInteger, Connection, Float, Integer, LargeBinary, String, Table, Text, select
from sqlalchemy.exc import DBAPIError

Rows = Sequence[Mapping[str, Any]]
"""Values by the names of their columns."""
_ARRAYS: Final[Mapping[type, str]] = {
    String: "s::text[]",  # whose length the column checks: a cast to its own type would cut what is too long
    Text: "s::text[]",
    BigInteger: "s::bigint[]",
    Integer: "s::bigint[]",
    Float: "s::float8[]",
    LargeBinary: "b::bytea[]",
}
_AS_THEY_ARE: Final = (Float, LargeBinary)
"""Types of columns whose values JSON does not write as they are."""
_JSON: Final = msgspec.json.Encoder()
_CONTROL: Final = re.compile(rb"\\[bfnrtu]")


@dataclass(frozen=True)
class Statement:
    """SQL of both databases. `:name` is a value, `AMONG :names` true of the members of a list.

    `FOR KEY SHARE` is PostgreSQL's alone: a transaction of SQLite has the whole file to itself.
    """

    text: str


@dataclass(frozen=True)
class Insert:
    """An insert of rows that all have these columns. `rest`: `ON CONFLICT` and `RETURNING`, the same on both databases."""

    table: Table
    names: tuple[str, ...]
    rest: str = ""


class Part(NamedTuple):
    """A statement among several that are one. `given`: an insert's rows, any other's values.

    wanted: how many rows it is to change or find, of which `counted` is not null; any number where None.
    """

    statement: Insert | Statement
    given: Any
    wanted: int | None = None
    counted: str = "*"


class Driver(Protocol):
    """Asks a database within a connection's transaction. Raises what the driver does."""

    def ask(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What the statement finds."""

    def insert(self, insert: Insert, rows: Rows) -> list[tuple[Any, ...]]:
        """What is returned of the rows that were inserted or took another's place."""

    def insert_all(self, inserts: Mapping[Insert, Rows]) -> None:
        """Insert rows into several tables, in any order of the tables; none of the inserts returns anything."""

    def do_at_once(self, parts: Sequence[Part]) -> bool:
        """As the function of that name does."""


def ask(connection: Connection, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What the statement finds. Raises: SQLAlchemy's own errors for those of the driver."""
    with _driver(connection) as driver:
        return driver.ask(statement, values)


def insert(connection: Connection, what: Insert, rows: Rows) -> list[tuple[Any, ...]]:
    """What is returned of the rows that were inserted or took another's place. Raises: as `ask`."""
    with _driver(connection) as driver:
        return driver.insert(what, rows)


def insert_all(connection: Connection, inserts: Mapping[Insert, Rows]) -> None:
    """Insert rows into several tables, in any order of the tables. Raises: as `ask`."""
    some = {what: rows for what, rows in inserts.items() if rows}
    if some:
        with _driver(connection) as driver:
            driver.insert_all(some)


def do_at_once(connection: Connection, parts: Sequence[Part]) -> bool:
    """Whether all parts are done and on disk: one statement, one transaction and one round trip. Else none of them is.

    Only where nothing was asked of the connection before, and on PostgreSQL, whose answers are what takes time. Parts whose
    rows are counted are done first, in their order. Raises: as `ask`.
    """
    with _driver(connection) as driver:
        return driver.do_at_once(parts)


@contextmanager
def _driver(connection: Connection) -> Iterator[Driver]:
    raw: Any = connection.connection.driver_connection
    try:
        yield _Sqlite(raw) if connection.dialect.name == "sqlite" else _Postgres(raw)
    except (psycopg.Error, sqlite3.Error) as error:
        raise _as_of_sqlalchemy(connection, error) from error


def _as_of_sqlalchemy(connection: Connection, error: Any) -> Exception:
    dialect = connection.dialect
    if dialect.is_disconnect(error, connection.connection.dbapi_connection, None):
        # fails as well: so the pool forgets the connection, and who listens hears of it
        connection.scalar(select(1))
    wrapped: Exception = DBAPIError.instance(
        "a statement of the hot path",
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        dialect=dialect,
    )
    return wrapped


class _Postgres:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def ask(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        given = {name: _given(value) for name, value in values.items()}
        return self._connection.execute(_postgres_text(statement), given).fetchall()

    def insert(self, insert: Insert, rows: Rows) -> list[tuple[Any, ...]]:
        return self._connection.execute(_from_arrays(insert), _columns(insert, rows)).fetchall()

    def insert_all(self, inserts: Mapping[Insert, Rows]) -> None:
        self._do([Part(insert, rows) for insert, rows in inserts.items()])

    def do_at_once(self, parts: Sequence[Part]) -> bool:
        self._connection.autocommit = True
        try:
            self._do(parts)
        except psycopg.errors.DivisionByZero:
            return False
        finally:
            if not self._connection.closed:
                self._connection.autocommit = False
        return True

    def _do(self, parts: Sequence[Part]) -> None:
        values: dict[str, Any] = {}
        for number, part in enumerate(parts):
            if isinstance(part.statement, Insert):
                values |= _columns(part.statement, part.given, f"{number}_")
            else:
                values |= {f"{number}_{name}": _given(value) for name, value in part.given.items()}
            values[f"{number}_wanted"] = part.wanted
        shape = tuple((part.statement, part.counted if part.wanted is not None else None) for part in parts)
        self._connection.execute(_postgres_parts(shape), values)


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def ask(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        given = {
            name: json.dumps(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return self._connection.execute(_sqlite_text(statement), given).fetchall()

    def insert(self, insert: Insert, rows: Rows) -> list[tuple[Any, ...]]:
        text, found = _sqlite_insert(insert), []
        for row in rows:
            found += self._connection.execute(text, row).fetchall()
        return found

    def insert_all(self, inserts: Mapping[Insert, Rows]) -> None:
        for insert, rows in inserts.items():
            self._connection.executemany(_sqlite_insert(insert), rows)

    def do_at_once(self, parts: Sequence[Part]) -> bool:
        raise NotImplementedError("SQLite has no round trips to save")


def _columns(insert: Insert, rows: Rows, prefix: str = "") -> dict[str, Any]:
    """The values of each column, as `_from_arrays` wants them."""
    found: dict[str, Any] = {}
    for name in insert.names:
        values = [row[name] for row in rows]
        as_it_is = isinstance(insert.table.c[name].type, _AS_THEY_ARE)
        found[prefix + name] = values if as_it_is else _array(values)
    return found


def _given(value: Any) -> Any:
    return _array(value) if isinstance(value, list) else value


def _array(values: list[Any]) -> list[Any] | str:
    """Texts or whole numbers as PostgreSQL writes an array of them, or themselves for the driver to write, which takes 20
    times as long.

    It is their JSON in other brackets where nothing is escaped but quotes and backslashes: control characters are not
    escaped alike.
    """
    content = _JSON.encode(values)
    if _CONTROL.search(content):
        return values
    return "{" + content[1:-1].decode() + "}"


@cache
def _postgres_text(statement: Statement, prefix: str = "") -> Any:
    among = re.sub(r"AMONG :(\w+)", r"= ANY(:\1)", statement.text)
    return re.sub(r"(?<!:):(\w+)", rf"%({prefix}\1)s", among)


@cache
def _sqlite_text(statement: Statement) -> str:
    among = re.sub(r"AMONG :(\w+)", r"IN (SELECT value FROM json_each(:\1))", statement.text)
    return among.replace("FOR KEY SHARE", "")


@cache
def _postgres_parts(shape: tuple[tuple[Insert | Statement, str | None], ...]) -> Any:
    """One statement of several, which fails by a division where one does not count what it should."""
    named, conditions = [], ["true"]
    for number, (statement, counted) in enumerate(shape):
        text = (_from_arrays if isinstance(statement, Insert) else _postgres_text)(statement, f"{number}_")
        named.append(f"part_{number} AS ({text})")
        if counted is not None:
            conditions.append(f"(SELECT count({counted}) FROM part_{number}) = %({number}_wanted)s")
    return f"WITH {', '.join(named)} SELECT 1 / CASE WHEN {' AND '.join(conditions)} THEN 1 ELSE 0 END"


@cache
def _from_arrays(insert: Insert, prefix: str = "") -> Any:
    """All rows by one statement: an array for each column."""
    arrays = [f"%({prefix}{name}){_ARRAYS[type(insert.table.c[name].type)]}" for name in insert.names]
    return f"{_into(insert)} SELECT * FROM unnest({', '.join(arrays)}) {insert.rest}"


@cache
def _sqlite_insert(insert: Insert) -> str:
    values = ", ".join([f":{name}" for name in insert.names])
    return f"{_into(insert)} VALUES ({values}) {insert.rest}"


def _into(insert: Insert) -> str:
    return f"INSERT INTO {insert.table.name} ({', '.join(insert.names)})"
