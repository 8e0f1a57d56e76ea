"""The hot path's statements: what goes in comes out, whatever characters it is made of, on both databases."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from service.store.driver import Insert, Statement, ask, insert, insert_all
from service.store.tables import messages, standings

MESSAGE = Insert(
    messages, ("decision_id", "customer_id", "journey", "channel", "tags", "due_at", "lapses_at")
)
KNOWN = Statement("SELECT customer_id FROM messages WHERE customer_id AMONG :customer_ids")
AWKWARD = (
    "",
    "null",
    "NULL",
    'a "b"',
    "\\",
    '\\"',
    "\\n",
    "a\nb",
    "\t",
    "\x7f",
    "{a,b}",
    "'; --",
    " ",
    "گردون",
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(AWKWARD)
numbers = st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(texts, texts | st.none(), numbers, numbers | st.none()), min_size=1, max_size=6))
@example([(text, text, -1, None) for text in AWKWARD])
def test_texts_and_numbers_come_back_as_they_were(
    engine: Engine, told: list[tuple[str, str | None, int, int | None]]
) -> None:
    rows = [
        {
            "decision_id": f"d{place}",
            "customer_id": customer,
            "journey": "j",
            "channel": channel,
            "tags": customer,
            "due_at": due_at,
            "lapses_at": lapses_at,
        }
        for place, (customer, channel, due_at, lapses_at) in enumerate(told)
    ]
    with engine.connect() as connection:
        insert_all(connection, {MESSAGE: rows})
        found = connection.execute(select(messages).order_by(messages.c.decision_id)).mappings().all()
        customers = {row["customer_id"] for row in rows}
        known = {name for (name,) in ask(connection, KNOWN, {"customer_ids": [*customers, "nobody "]})}
        connection.rollback()

    assert sorted(map(dict, found), key=str) == sorted(rows, key=str)
    assert known == customers


def test_nobody_is_asked_about_by_an_empty_list(engine: Engine) -> None:
    with engine.connect() as connection:
        assert ask(connection, KNOWN, {"customer_ids": []}) == []


def test_what_takes_another_s_place_is_returned(engine: Engine) -> None:
    put = Insert(
        standings,
        ("customer_id", "version"),
        "ON CONFLICT (customer_id) DO UPDATE SET version = excluded.version RETURNING customer_id, version",
    )
    with engine.connect() as connection:
        for version in (1, 2):
            rows = [{"customer_id": each, "version": version} for each in ("a b", "null")]
            assert sorted(insert(connection, put, rows)) == [("a b", version), ("null", version)]
        connection.rollback()


def test_a_number_that_the_column_does_not_hold_is_refused(engine: Engine) -> None:
    row = dict.fromkeys(MESSAGE.names, "x") | {"due_at": 2**63, "lapses_at": None}
    with engine.connect() as connection, pytest.raises(Exception, match=r"out of range|too large"):
        insert_all(connection, {MESSAGE: [row]})
