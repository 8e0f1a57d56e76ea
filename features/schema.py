"""The declared features (`schema.toml`) as typed, ordered values."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

FeatureType = Literal["float", "int", "bool", "string", "float_list"]

ENTITY = "customer"
JOIN_KEY = "customer_id"
FEATURE_SERVICE = "decide_v1"
CHANNELS = ("email", "sms", "app_push", "web_push")
HOURS = tuple(range(24))


@dataclass(frozen=True)
class Feature:
    """One declared feature; `length` is its number of places in the vector (0 for a string)."""

    name: str
    view: str
    type: FeatureType
    default: float | bool | str
    length: int
    about: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the feature's places in the vector: none for a string, `name_00`... for a list."""
        if self.type == "string":
            return ()
        if self.type == "float_list":
            return tuple(f"{self.name}_{place:02d}" for place in range(self.length))
        return (self.name,)


@dataclass(frozen=True)
class View:
    """Features that are computed, stored and aged together."""

    name: str
    description: str
    freshness_days: float
    features: tuple[Feature, ...]

    @cached_property
    def feature_names(self) -> frozenset[str]:
        """The names of the view's features."""
        return frozenset(feature.name for feature in self.features)


@dataclass(frozen=True)
class Schema:
    """All views in declared order; `text` is the declaration itself."""

    views: tuple[View, ...]
    digest: str
    text: str

    @property
    def features(self) -> tuple[Feature, ...]:
        """Every feature, views in declared order."""
        return tuple(feature for view in self.views for feature in view.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numeric vector's places, `(n_features,)`; strings have none."""
        return tuple(column for feature in self.features for column in feature.columns)

    def view(self, name: str) -> View:
        """The view of that name. Raises `KeyError` naming the views there are."""
        for view in self.views:
            if view.name == name:
                return view
        raise KeyError(f"no feature view {name!r}; there are {[view.name for view in self.views]}")


def _feature(name: str, view: str, spec: dict[str, object]) -> Feature:
    kind = spec["type"]
    if kind not in ("float", "int", "bool", "string", "float_list"):
        raise ValueError(f"feature {name}: type {kind!r} is none of float, int, bool, string, float_list")
    length = 0 if kind == "string" else int(str(spec.get("length", 1)))
    default = spec["default"]
    assert isinstance(default, float | bool | str)
    return Feature(name, view, kind, default, length, str(spec["about"]))


def parse_schema(text: str) -> Schema:
    """The schema that a TOML text declares. Raises `ValueError` on an unknown type."""
    views = []
    for view_name, view in tomllib.loads(text)["views"].items():
        features = tuple(_feature(name, view_name, spec) for name, spec in view["features"].items())
        views.append(View(view_name, view["description"], float(view["freshness_days"]), features))
    return Schema(tuple(views), hashlib.sha256(text.encode()).hexdigest()[:16], text)


@cache
def load_schema() -> Schema:
    """The schema of this installation."""
    return parse_schema(Path(__file__).with_name("schema.toml").read_text(encoding="utf-8"))
