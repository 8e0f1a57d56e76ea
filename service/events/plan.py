"""The tracking plan: which properties an event of a name must have, a JSON Schema file an event.

The schemas keep to the part of JSON Schema that is listed here; a file with any other keyword is refused when the plan is
loaded, so that nothing is written in one that would not be held. Properties that a schema does not name may be anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from service.events.told import Told

FOLDER: Final = Path(__file__).parents[1] / "tracking_plan"
_TOP: Final = {"$schema", "title", "description", "type", "properties", "required", "examples"}
_TYPES: Final = {"string": str, "integer": int, "number": float, "boolean": bool}
_BOUNDS: Final = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}
_LENGTHS: Final = {"minItems": "min_length", "maxItems": "max_length"}
"""JSON Schema's names and pydantic's, of texts and numbers and of arrays."""
_ITEM: Final = {"type", "description", "properties", "required"}


class PlanError(ValueError):
    """A file of the tracking plan that cannot be used; the message names file and place."""


@dataclass(frozen=True)
class PlannedEvent:
    """An event of the plan: its schema as it stands in the file, and the model that holds properties to it."""

    schema: Mapping[str, Any]
    model: type[BaseModel]


@dataclass(frozen=True)
class TrackingPlan:
    """The events of a plan by name."""

    events: Mapping[str, PlannedEvent]

    def plans(self, told: Told) -> bool:
        """Whether the plan says anything of the event."""
        return told.type == "track" and told.name in self.events

    def fault_of(self, told: Told) -> dict[str, str] | None:
        """The first field that breaks the plan, with its fault; None for what keeps to it or is not in it."""
        if not self.plans(told):
            return None
        try:
            self.events[str(told.name)].model.model_validate(told.content.get("properties", {}))
        except ValidationError as error:
            found = error.errors(include_url=False)[0]
            return {"field": ".".join(("properties", *map(str, found["loc"]))), "fault": found["msg"]}
        return None


def load_plan(folder: Path = FOLDER) -> TrackingPlan:
    """The plan of a folder: one file an event, named like it. Raises `PlanError`."""
    events = {path.stem: _read_event(path) for path in sorted(folder.glob("*.json"))}
    if not events:
        raise PlanError(f"{folder}: no *.json; wanted the schemas of a tracking plan")
    return TrackingPlan(events)


def _read_event(path: Path) -> PlannedEvent:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PlanError(f"{path}: not JSON: {error}") from error
    try:
        return PlannedEvent(schema, _model_of(path.stem, schema))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(f"{path}: {error}") from error


def _model_of(name: str, schema: Mapping[str, Any]) -> type[BaseModel]:
    """What holds an event's properties to its schema. Raises `ValueError`."""
    if unknown := schema.keys() - _TOP:
        raise ValueError(f"found {sorted(unknown)}; wanted only {sorted(_TOP)}")
    if schema.get("title") != name or schema.get("type") != "object":
        raise ValueError(f"wanted the title {name!r} and the type 'object'")
    return _object_of(name, schema)


def _object_of(name: str, schema: Mapping[str, Any]) -> type[BaseModel]:
    """What holds an object to its properties. Raises `ValueError`."""
    required = set(schema.get("required", ()))
    if strange := required - schema["properties"].keys():
        raise ValueError(f"required names {sorted(strange)}, which is none of the properties")
    fields: dict[str, Any] = {
        f"p{place}": (_type_of(field, inner), Field(... if field in required else None, alias=field))
        for place, (field, inner) in enumerate(schema["properties"].items())
    }
    return create_model(name, __config__=ConfigDict(strict=True, extra="allow"), **fields)


def _type_of(field: str, schema: Mapping[str, Any]) -> Any:
    """The type of a property, as pydantic has it. Raises `ValueError`."""
    if schema.get("type") == "array":
        return _array_of(field, schema)
    if unknown := schema.keys() - {"type", "enum", "description"} - _BOUNDS.keys():
        raise ValueError(f"{field}: found {sorted(unknown)}; wanted type or enum and {sorted(_BOUNDS)}")
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if schema.get("type") not in _TYPES:
        raise ValueError(
            f"{field}: found the type {schema.get('type')!r}; wanted array or one of {sorted(_TYPES)}"
        )
    bounds = {_BOUNDS[key]: value for key, value in schema.items() if key in _BOUNDS}
    return Annotated[_TYPES[schema["type"]], Field(**bounds)]


def _array_of(field: str, schema: Mapping[str, Any]) -> Any:
    """The same of an array, whose items are objects. Raises `ValueError`."""
    if unknown := schema.keys() - {"type", "items", "description"} - _LENGTHS.keys():
        raise ValueError(f"{field}: found {sorted(unknown)}; wanted items and {sorted(_LENGTHS)}")
    items = schema.get("items", {})
    if items.get("type") != "object" or (unknown := items.keys() - _ITEM):
        raise ValueError(f"{field}: found the items {sorted(items)}; wanted objects of {sorted(_ITEM)}")
    bounds = {_LENGTHS[key]: value for key, value in schema.items() if key in _LENGTHS}
    return Annotated[GenericAlias(list, (_object_of(field, items),)), Field(**bounds)]


def describe_plan(plan: TrackingPlan) -> str:
    """The plan as tables in Markdown, as they stand in docs/tracking-plan.md."""
    return "\n".join(_described(name, event.schema) for name, event in plan.events.items())


def _described(name: str, schema: Mapping[str, Any]) -> str:
    head = ["| property | form | required | |", "|---|---|---|---|"]
    return "\n".join([f"### {name}", "", schema.get("description", ""), "", *head, *_rows(schema), ""])


def _rows(schema: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """A row a property, of an array's items too."""
    for field, inner in schema["properties"].items():
        required = "yes" if field in schema.get("required", ()) else ""
        yield f"| `{within}{field}` | {_form(inner)} | {required} | {inner.get('description', '')} |"
        if inner.get("type") == "array":
            yield from _rows(inner["items"], f"{within}{field}[].")


def _form(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    bounds = (f"{key} `{value}`" for key, value in schema.items() if key in {*_BOUNDS, *_LENGTHS})
    return ", ".join(("array of objects" if schema["type"] == "array" else str(schema["type"]), *bounds))
