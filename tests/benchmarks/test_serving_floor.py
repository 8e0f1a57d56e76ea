"""The floor of the serving benchmark: an endpoint that validates and answers as ours does, and does nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from benchmarks.serving.composition import vector_of
from benchmarks.serving.do_nothing import FIXED_ANSWER, bare, create_app
from features.schema import load_schema
from service.openapi import example_of
from service.schemas import Answer


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    answer = msgspec.convert(example_of(Answer), Answer)
    (tmp_path / "answer.json").write_bytes(msgspec.json.encode(answer))
    monkeypatch.setenv(FIXED_ANSWER, str(tmp_path / "answer.json"))
    return TestClient(create_app())


def test_it_answers_the_bytes_that_it_was_given(floor: TestClient, tmp_path: Path) -> None:
    answer = floor.post("/v1/decide", json={"customer_id": "1", "journey": "lucky_wheel"})

    assert answer.status_code == 200
    assert answer.content == (tmp_path / "answer.json").read_bytes()


def test_it_refuses_what_ours_refuses(floor: TestClient) -> None:
    assert floor.post("/v1/decide", json={"customer_id": "1", "journey": "x", "decid": []}).status_code == 422


def test_less_than_that_still_answers() -> None:
    assert TestClient(bare).post("/v1/decide", json={}).json() == {}


def test_the_composition_puts_what_feast_returned_in_the_order_of_the_schema() -> None:
    schema = load_schema()
    row = {feature.name: [None] for feature in schema.features} | {"orders_7d": [3.0]}

    vector = vector_of(row, schema)

    assert len(vector) == len(schema.columns)
    assert vector[schema.columns.index("orders_7d")] == 3.0
