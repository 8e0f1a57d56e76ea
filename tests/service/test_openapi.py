"""The OpenAPI document: everything has an example, every example is what it claims to be, and those of requests work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service import errors
from service.app import create_app
from service.errors import ServiceError
from service.openapi import problem_examples
from tests.service.conftest import Worker

DOCUMENT: dict[str, Any] = create_app().openapi()
NAMES_WHAT_IS_NOT_THERE = {"/v1/decisions/{decision_id}", "/v1/decisions/{decision_id}/activate"} | {
    "/v1/coupons/redeem",
    "/v1/coupons/{code}",
}
"""Endpoints whose examples name a decision or a coupon that an empty log has not: there, the documented 404 is right."""

WITHOUT_DRAWS = {"/v1/wheel/links"}
"""Endpoints that need a journey with one draw a period, which the tests' journeys have not: the documented 422 is right."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


OPERATIONS = list(operations())
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def examples_of(content: dict[str, Any]) -> list[Any]:
    """The examples of a media type, a parameter or, where it has none of its own, its schema."""
    if "examples" in content:
        return [resolved(example)["value"] for example in content["examples"].values()]
    if "example" in content:
        return [content["example"]]
    schema = resolved(content["schema"])
    return [schema["example"]] if "example" in schema else list(schema.get("examples", ()))


def accept(schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole).validate(value)


def media_types(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for response in operation["responses"].values():
        yield from response.get("content", {}).items()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_endpoint_has_examples_that_its_own_schemas_accept(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["description"], f"{method} {path}"
    for media_type, content in media_types(operation):
        examples = examples_of(content)
        assert examples or media_type == "text/plain", media_type
        for example in examples:
            accept(content["schema"], example)
    for parameter in operation.get("parameters", ()):
        assert examples_of(parameter), parameter["name"]
        for example in examples_of(parameter):
            accept(parameter["schema"], example)


def test_every_error_has_an_example_somewhere() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ServiceError)
    ]

    shown = problem_examples()

    assert {kind.__name__ for kind in kinds if kind.status != 500} == set(shown)
    for name, example in shown.items():
        accept(DOCUMENT["components"]["schemas"]["Problem"], example)
        assert example["detail"], name


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [each for each in OPERATIONS if "requestBody" in each[2]],
    ids=[name for name, each in zip(NAMES, OPERATIONS, strict=True) if "requestBody" in each[2]],
)
def test_the_example_of_a_request_is_answered_as_documented(
    worker: Worker, method: str, path: str, operation: dict[str, Any]
) -> None:
    worker.client.post("/personalizer/v1.0/rank", json={"actions": [{"id": "a"}], "eventId": "known"})
    success = next(int(status) for status in operation["responses"] if status.startswith("2"))
    wanted = 404 if path in NAMES_WHAT_IS_NOT_THERE else 422 if path in WITHOUT_DRAWS else success
    address = path.replace("{event_id}", "known")
    for media_type, content in operation["requestBody"]["content"].items():
        for example in examples_of(content):
            sent = {"content": example} if isinstance(example, str) else {"json": example}
            headers = {"content-type": media_type}

            response = worker.client.request(method, address, headers=headers, **sent)

            assert response.status_code == wanted, response.text
