"""Whether anything is left in the log of customers who were forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, inspect, text

from benchmarks.soak.books import Books
from benchmarks.soak.told import Told

_OTHER = frozenset({"versions"})
"""Fields whose short numbers may look like a customer's id."""


def left_of_erased(connection: Connection, books: Books, told: Told) -> dict[str, int]:
    """How often each promise to the forgotten was broken, by name."""
    pseudonyms = {row["pseudonym"] for row in books.tables["erasures"]}
    identities = {identity for mine in told.forgotten.values() for identity in mine.answers}
    missing = identities - books.decisions.keys()
    known = {i for i in identities - missing if books.decisions[i].customer not in pseudonyms}
    codes = {row["code"] for row in books.tables["coupons"]}
    shown = {
        coupon["code"]
        for mine in told.forgotten.values()
        for content in mine.answers.values()
        if (coupon := json.loads(content)["coupon"])
    }
    names = {*told.forgotten, *shown}
    return {
        "decisions of forgotten customers that are gone or still known as theirs": len(missing | known),
        "codes of forgotten customers that can still be looked up": len(codes & shown),
        "places that still name a forgotten customer or a code of theirs": _named(connection, names),
    }


def _named(connection: Connection, names: set[str]) -> int:
    """How often one of the names stands anywhere in the log: as a value, within JSON, or at the start of a key."""
    found = 0
    for table in inspect(connection).get_table_names():
        for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():
            for value in row.values():
                found += sum(_is_named(each, names) for each in _strings(value))
    return found


def _is_named(value: str, names: set[str]) -> bool:
    return value in names or value.split(".")[0] in names


def _strings(value: Any) -> Iterator[str]:
    """Every string in a column's value, those within JSON and within JSON in a string of it as well."""
    if isinstance(value, (bytes, memoryview)):
        value = bytes(value)
        if value[:1] in (b"{", b"["):
            yield from _strings(json.loads(value))
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            yield from _strings(json.loads(value))
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in _OTHER:
                yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
