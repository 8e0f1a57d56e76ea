"""The items of a batch as they come: a JSON document or NDJSON, each item read and refused on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from features.declared import plain_fault
from service.errors import InvalidRequestError

MOST_ITEMS = 1000
NDJSON = "application/x-ndjson"
_NDJSON = {NDJSON, "application/ndjson", "application/jsonl", "application/jsonlines"}
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class NoJson:
    """A line that is no JSON, with what is wrong in it."""

    fault: str


def read_items(content_type: str, body: bytes, name: str | None = None) -> Sequence[Any]:
    """The items in order: the lines of NDJSON, else a JSON array, which is in the field `name` of an object if one is named.

    Raises: `InvalidRequestError` when the body is neither, or has no item or more than `MOST_ITEMS`.
    """
    items = _lines(body) if is_ndjson(content_type) else _listed(body, name)
    if not 1 <= len(items) <= MOST_ITEMS:
        raise InvalidRequestError.of(name or "body", f"{len(items)} items; wanted 1 to {MOST_ITEMS}")
    return items


def is_ndjson(content_type: str) -> bool:
    """Whether a body of this type has a JSON document a line.

    >>> is_ndjson("application/x-ndjson; charset=utf-8"), is_ndjson("application/json")
    (True, False)
    """
    return content_type.split(";")[0].strip().lower() in _NDJSON


def validate_item(model: type[_Model], item: Any) -> _Model:
    """The item as the model has it. Raises `InvalidRequestError` naming every fault with its place in the item."""
    if isinstance(item, NoJson):
        raise InvalidRequestError.of("item", item.fault)
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise InvalidRequestError(list(map(_fault, error.errors(include_url=False)))) from error


def _fault(error: ErrorDetails) -> dict[str, str]:
    """A fault with its place; what was sent is not repeated, it may be anything."""
    return {"field": ".".join(map(str, error["loc"])) or "item", "fault": plain_fault(error["msg"])}


def _lines(body: bytes) -> list[Any]:
    return [_line(line) for line in body.split(b"\n") if line.strip()]


def _line(line: bytes) -> Any:
    try:
        return from_json(line)
    except ValueError as error:
        return NoJson(f"not JSON in UTF-8: {error}")


def read_json(body: bytes) -> Any:
    """The JSON value of a body. Raises `InvalidRequestError` when it has none."""
    try:
        return from_json(body)
    except ValueError as error:
        raise InvalidRequestError.of("body", "not JSON in UTF-8") from error


def _listed(body: bytes, name: str | None) -> list[Any]:
    found = read_json(body)
    if name is not None:
        if not isinstance(found, dict) or found.keys() != {name}:
            raise InvalidRequestError.of("body", f"wanted an object with the one field {name!r}")
        found = found[name]
    if not isinstance(found, list):
        raise InvalidRequestError.of(name or "body", "wanted an array")
    return found
