"""Imported by a Python that starts with this folder on its PYTHONPATH: what LACKING names cannot be imported there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class Refuse:
    """First of the finders: it finds nothing of what is to be lacking, and asks no other."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


if "LACKING" in os.environ:
    sys.meta_path.insert(0, Refuse(frozenset(os.environ["LACKING"].split())))
