"""Definitions as files: one YAML file a journey."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from journeys.definition import Journey

SHIPPED = Path(__file__).parent / "definitions"


class DefinitionError(ValueError):
    """A definition that cannot be used: file, place and fault, a line each."""


def load_journeys(folder: Path = SHIPPED) -> Mapping[str, Journey]:
    """The journeys of a folder by name. Raises `DefinitionError` with all faults of all files."""
    journeys: dict[str, Journey] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            journey = parse_journey(path.read_text(encoding="utf-8"), str(path))
        except DefinitionError as error:
            faults.append(str(error))
            continue
        if journey.journey != path.stem:
            faults.append(
                f"{path}: found the journey {journey.journey!r}; wanted the file's name, {path.stem!r}"
            )
        journeys[journey.journey] = journey
    if faults:
        raise DefinitionError("\n".join(faults))
    if not journeys:
        raise DefinitionError(f"{folder}: no *.yaml file; wanted one for each journey")
    return journeys


def parse_journey(text: str, origin: str) -> Journey:
    """The journey in a YAML text. Raises `DefinitionError`, which names `origin`."""
    try:
        return Journey.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise DefinitionError(f"{origin}: {error}") from error
    except ValidationError as error:
        lines = (
            f"{origin}: {'.'.join(map(str, fault['loc']))}: {_told(fault['msg'])}" for fault in error.errors()
        )
        raise DefinitionError("\n".join(lines)) from error


def _told(message: str) -> str:
    return message.removeprefix("Value error, ")
