"""Feast without the checks of its own arguments' types."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def import_feast() -> None:
    """Import Feast, unless it is, in a third of the time.

    It has typeguard check the types of its arguments, which rewrites and compiles the source of a hundred classes at every
    import: 4 of 6 seconds of processor time, before each command that reads or registers features. What we pass is tested.
    """
    if "feast" in sys.modules:
        return
    typeguard: Any = importlib.import_module("typeguard")
    checking, typeguard.typechecked = typeguard.typechecked, _as_it_is
    try:
        importlib.import_module("feast")
    finally:
        typeguard.typechecked = checking


def _as_it_is(target: Any = None, **_options: Any) -> Any:
    """The decorator with and without options that changes nothing."""
    return _as_it_is if target is None else target
