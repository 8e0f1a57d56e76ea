"""Reading what is answered into values, by the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from gardoon_client.problem import UnreadableAnswerError

RAW = "raw"
"""The field that has the whole of what was found."""
_T = TypeVar("_T")


def reading(kind: type[_T]) -> Callable[[Any], _T]:
    """What reads answers of this kind: fields that a newer service adds are left out, missing ones stay at their defaults.

    Raises, when called: `UnreadableAnswerError` naming the field.
    """
    return partial(_dataclass, kind, place=kind.__name__)


def _dataclass(kind: Any, found: Any, place: str) -> Any:
    if not isinstance(found, Mapping):
        raise UnreadableAnswerError(f"{place}: found {type(found).__name__}; wanted an object")
    hints = _hints(kind)
    given = {
        field.name: _value(hints[field.name], found.get(field.name), f"{place}.{field.name}")
        for field in fields(kind)
        if field.name != RAW and not (field.name not in found and _has_default(field))
    }
    return kind(**given, **({RAW: found} if RAW in hints else {}))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _value(wanted: Any, found: Any, place: str) -> Any:
    """The found JSON value as the wanted type."""
    if wanted is Any:
        return found
    choices = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    for choice in choices:
        if _fits(choice, found):
            return _of_choice(choice, found, place)
    raise UnreadableAnswerError(f"{place}: found {found!r}; wanted {wanted}")


def _fits(choice: Any, found: Any) -> bool:
    origin = get_origin(choice) or choice
    if origin is tuple:
        return isinstance(found, list)
    if origin is Mapping or is_dataclass(origin):
        return isinstance(found, Mapping)
    if origin is float:
        return isinstance(found, int | float) and not isinstance(found, bool)
    if origin is int:
        return isinstance(found, int) and not isinstance(found, bool)
    return isinstance(found, str if origin is datetime else origin)


def _of_choice(choice: Any, found: Any, place: str) -> Any:
    origin = get_origin(choice) or choice
    if origin is tuple:
        return tuple(_value(get_args(choice)[0], each, f"{place}[{n}]") for n, each in enumerate(found))
    if origin is Mapping:
        return {key: _value(get_args(choice)[1], each, f"{place}.{key}") for key, each in found.items()}
    if is_dataclass(origin):
        return _dataclass(choice, found, place)
    if origin is datetime:
        return _moment(found, place)
    return None if origin is NoneType else found


def _moment(text: str, place: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UnreadableAnswerError(f"{place}: found {text!r}; wanted a moment in ISO 8601") from error
