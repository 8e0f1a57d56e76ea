"""Values that an operator declares in a YAML file: what is wrong with one is said with its line and field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from features.yaml_place import Place, YamlFaultError, YamlText, parse_yaml


class Declared(BaseModel):
    """What a file declares: a field that there is not is an error, as is no finite number; nothing changes it afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_Declared = TypeVar("_Declared", bound=Declared)


class DeclarationError(ValueError):
    """A file that cannot be used; each line of the message names file, line, field and reason."""


def parse_declared(
    kind: type[_Declared], text: str, origin: str, context: Mapping[str, Any] | None = None
) -> _Declared:
    """The value in a YAML text; `context` is what its validators may look things up in.

    Raises `DeclarationError` naming `origin`, line, field and what is wrong.
    """
    try:
        written = parse_yaml(text)
    except YamlFaultError as error:
        raise DeclarationError(f"{origin}:{error.line}: {error}") from error
    try:
        return kind.model_validate(written.values, context=context)
    except ValidationError as error:
        faults = _faults(error, written)
        lines = [
            ": ".join(filter(None, (f"{origin}:{at.line}", at.field, " or ".join(what))))
            for at, what in faults.items()
        ]
        raise DeclarationError("\n".join(lines)) from error


def plain_fault(message: str) -> str:
    """What pydantic says is wrong, to somebody who writes YAML or JSON.

    >>> plain_fault("Input should be a valid tuple")
    'Input should be a valid list'
    """
    plain = message.removeprefix("Value error, ").replace("a valid tuple", "a valid list")
    return f"List{plain.removeprefix('Tuple')}" if plain.startswith("Tuple should") else plain


def _faults(error: ValidationError, written: YamlText) -> dict[Place, list[str]]:
    """What is wrong at each place, from the top of the file on."""
    found: dict[Place, list[str]] = {}
    for each in error.errors():
        place = written.place(each["loc"], missing=each["type"] == "missing")
        found.setdefault(place, []).append(plain_fault(each["msg"]))
    return dict(sorted(found.items(), key=lambda fault: fault[0].line))
