"""What the OpenAPI document says beyond the endpoints' own types: bodies of batches, and an example of every problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from service import errors
from service.batch_schema import BatchItem, BatchLine
from service.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    KeyInUseError,
    KeyReusedError,
    ServiceError,
    UnknownDecisionError,
    UnknownJourneyError,
    UnusableRequestError,
)
from service.events.schema import EventBatch
from service.events.shape import Alias, Group, Identify, Page, Track
from service.item_body import NDJSON
from service.personalizer.schema import RankRequest, RewardRequest
from service.problem import PROBLEM
from service.schemas import Answer, OutcomeItem, OutcomesRequest, Reason

_SCHEMAS = "#/components/schemas/{model}"
EXAMPLES = "#/components/examples/"
DETAILS: dict[type[ServiceError], str] = {
    UnknownJourneyError: "no journey 'lucky_weel'; there are ['cart_abandonment', 'lucky_wheel']",
    UnknownDecisionError: "no decision '019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11' in the log",
    UnusableRequestError: "coupon has the actions ['none', '10000', '20000']; named were ['25000']",
    InvalidRequestError: "customer_id: Field required",
    KeyReusedError: "Idempotency-Key 'wheel-1001-7' was used for another request",
    KeyInUseError: "the request with Idempotency-Key 'wheel-1001-7' is still being answered",
    BodyTooLargeError: "the body is larger than 262144 bytes",
}
"""What an example says; of the others, the error's first line."""
PARAMETERS = {
    "customer_id": "1001",
    "since": "2026-11-15T00:00:00Z",
    "limit": 50,
    "before": "1795338720000000~view-1001-7",
    "decision_id": "019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
    "code": "7K3M-9QXT-0R5C-HWB2",
    "Idempotency-Key": "wheel-1001-7",
    "Gardoon-Loop": "default",
}
BODIES: tuple[type[BaseModel], ...] = (
    BatchItem,
    BatchLine,
    OutcomesRequest,
    OutcomeItem,
    RankRequest,
    RewardRequest,
    *(Identify, Track, Page, Alias, Group, EventBatch),
)
"""Read by the endpoints themselves, so FastAPI does not see them."""


def describe(app: FastAPI, *additions: Callable[[dict[str, Any]], None]) -> None:
    """Complete the application's OpenAPI document, addition by addition, when it is first asked for."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        made = app.openapi_schema is None
        document: dict[str, Any] = plain()
        if made:
            for add in additions:
                add(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def add_examples(document: dict[str, Any]) -> None:
    """Add the batches' schemas to the document, and an example of each problem wherever one is named."""
    components = document["components"]
    _, schemas = models_json_schema([(model, "validation") for model in BODIES], ref_template=_SCHEMAS)
    components["schemas"] = schemas["$defs"] | components["schemas"]
    for model in (*_models(BaseModel), Answer, Reason):
        if model.__name__ in components["schemas"]:
            components["schemas"][model.__name__] |= _whole_example(model)
    examples = problem_examples()
    components["examples"] = {name: {"value": value} for name, value in examples.items()}
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        for parameter in operation.get("parameters", ()):
            if not parameter["schema"].get("examples"):
                parameter["example"] = PARAMETERS.get(parameter["name"])
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if PROBLEM in content:
                named = [name for name, value in examples.items() if str(value["status"]) == status]
                shown = {"examples": {name: {"$ref": EXAMPLES + name} for name in named}, **content[PROBLEM]}
                response["content"] = {**content, PROBLEM: shown}


def _models(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Our own models of this kind."""
    for model in kind.__subclasses__():
        if model.__module__.startswith("service."):
            yield model
        yield from _models(model)


def _whole_example(model: type[BaseModel | Answer | Reason]) -> dict[str, Any]:
    """The model's example with its nulls, which FastAPI leaves out of a document."""
    config = model.model_config if issubclass(model, BaseModel) else model.__pydantic_config__
    shown = config.get("json_schema_extra")
    return {"example": shown["example"]} if isinstance(shown, dict) and "example" in shown else {}


def problem_examples() -> dict[str, dict[str, Any]]:
    """A problem document for each error that a caller can meet, by the name of its class."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {
        kind.__name__: _example(kind)
        for kind in kinds
        if issubclass(kind, ServiceError) and kind.status != 500
    }


def _example(kind: type[ServiceError]) -> dict[str, Any]:
    detail = DETAILS.get(kind, (kind.__doc__ or "").partition("\n")[0])
    example = {"type": "about:blank", "title": kind.title, "status": kind.status, "detail": detail}
    if kind is InvalidRequestError:
        field, _, fault = detail.partition(": ")
        example["errors"] = [{"field": field, "fault": fault}]
    return example


def body_of(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint that reads its body itself."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def batch_body(schema: dict[str, Any], example: Any, items: Sequence[Any]) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint that takes a JSON document of this schema, or its items a line each."""
    body = body_of(schema, example)
    body["requestBody"]["content"] |= _lines("an item a line", items)
    return body


def ndjson_answer(description: str, lines: Sequence[Any]) -> dict[str, Any]:
    """The OpenAPI entry of an answer that is NDJSON."""
    return {"description": description, "content": _lines(description, lines)}


def _lines(description: str, items: Sequence[Any]) -> dict[str, Any]:
    example = "\n".join(json.dumps(item) for item in items) + "\n"
    return {NDJSON: {"schema": {"type": "string", "description": description}, "example": example}}


def reference_to(model: type[BaseModel]) -> dict[str, Any]:
    """The schema that points to the model's."""
    return {"$ref": _SCHEMAS.format(model=model.__name__)}


def example_of(model: type) -> Any:
    """The example that the model's schema shows."""
    return TypeAdapter(model).json_schema()["example"]
