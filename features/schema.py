"""The declared features (`schema.toml`) as typed, ordered values."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

FeatureType = Literal["float", "int", "bool", "string", "float_list"]

ENTITY = "customer"
JOIN_KEY = "customer_id"
FEATURE_SERVICE = "decide_v1"
CHANNELS = ("email", "sms", "app_push", "web_push")
HOURS = tuple(range(24))
OTHER_TOPIC = "other"


_UNITS_S = {"days": 86_400.0, "minutes": 60.0}


@dataclass(frozen=True)
class Feature:
    """One declared feature; `columns` are the names of its places in the vector (none for a string).

    An age grows while its row is stored: by one in `grows_every_s` seconds. `quotient` names the two features, dividend and
    divisor, of a number that follows them.
    """

    name: str
    view: str
    type: FeatureType
    default: float | bool | str
    columns: tuple[str, ...]
    about: str
    grows_every_s: float | None = None
    quotient: tuple[str, str] | None = None

    @cached_property
    def length(self) -> int:
        """Its number of places in the vector."""
        return len(self.columns)


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

    @cached_property
    def freshness(self) -> timedelta:
        """How old a row may be."""
        return timedelta(days=self.freshness_days)

    def is_stale(self, event_at: datetime, now: datetime) -> bool:
        """Whether a row that speaks of `event_at` is too old."""
        return now - event_at > self.freshness

    @cached_property
    def numbers(self) -> tuple[Feature, ...]:
        """The features that are numbers or lists of them."""
        return tuple(each for each in self.features if each.type != "string")

    @cached_property
    def read_numbers(self) -> Callable[[Mapping[str, Any]], tuple[Any, ...]] | None:
        """All `numbers` of a row, `KeyError` where one is lacking; None where there are not two."""
        return itemgetter(*[each.name for each in self.numbers]) if len(self.numbers) > 1 else None

    @cached_property
    def lengths(self) -> tuple[int, ...] | None:
        """The number of places of each of `numbers`; None where each has one."""
        lengths = tuple(each.length for each in self.numbers)
        return None if set(lengths) <= {1} else lengths

    @cached_property
    def texts(self) -> tuple[Feature, ...]:
        """The features that are text."""
        return tuple(each for each in self.features if each.type == "string")

    @cached_property
    def ages(self) -> tuple[tuple[int, float], ...]:
        """Place among the view's places, and seconds in which it grows by one, of each age."""
        return tuple(
            (self._places[each.name], each.grows_every_s) for each in self.features if each.grows_every_s
        )

    @cached_property
    def quotients(self) -> tuple[tuple[int, int, int], ...]:
        """The places of each quotient, its dividend and its divisor."""
        places = self._places
        return tuple(
            (places[each.name], places[each.quotient[0]], places[each.quotient[1]])
            for each in self.features
            if each.quotient
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        ends = accumulate(feature.length for feature in self.features)
        return {each.name: end - each.length for each, end in zip(self.features, ends, strict=True)}


@dataclass(frozen=True)
class Schema:
    """All views in declared order; `topics` are those that messages are told apart by, `text` is the declaration itself."""

    views: tuple[View, ...]
    topics: tuple[str, ...]
    digest: str
    text: str

    @property
    def features(self) -> tuple[Feature, ...]:
        """Every feature, views in declared order."""
        return tuple(feature for view in self.views for feature in view.features)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the numeric vector's places, `(n_features,)`; strings have none."""
        return tuple(column for feature in self.features for column in feature.columns)

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """The first place of each view in the vector."""
        counts = [sum(feature.length for feature in view.features) for view in self.views]
        return tuple(accumulate(counts[:-1], initial=0))

    def view(self, name: str) -> View:
        """The view of that name. Raises `KeyError` naming the views there are."""
        for view in self.views:
            if view.name == name:
                return view
        raise KeyError(f"no feature view {name!r}; there are {[view.name for view in self.views]}")


def parse_schema(text: str) -> Schema:
    """The schema that a TOML text declares. Raises `ValueError` saying what cannot be declared."""
    declared = tomllib.loads(text)
    topics = _topics(declared.get("topics", ()))
    views = []
    for view_name, view in declared["views"].items():
        features = tuple(_feature(name, view_name, spec, topics) for name, spec in view["features"].items())
        _check_quotients(features)
        views.append(View(view_name, view["description"], float(view["freshness_days"]), features))
    return Schema(tuple(views), topics, hashlib.sha256(text.encode()).hexdigest()[:16], text)


def _topics(declared: Sequence[str]) -> tuple[str, ...]:
    topics = (*declared, OTHER_TOPIC)
    if len(set(topics)) < len(topics) or not all(re.fullmatch("[a-z][a-z0-9_]*", topic) for topic in topics):
        raise ValueError(
            f"topics {list(declared)}: wanted words of a-z, 0-9 and _, each once, without {OTHER_TOPIC!r}"
        )
    return topics


def _feature(name: str, view: str, spec: dict[str, Any], topics: tuple[str, ...]) -> Feature:
    kind = spec["type"]
    if kind not in ("float", "int", "bool", "string", "float_list"):
        raise ValueError(f"feature {name}: type {kind!r} is none of float, int, bool, string, float_list")
    default, grows, quotient = spec["default"], spec.get("grows_in"), spec.get("quotient")
    if (grows or quotient) and (kind != "float" or default == default):
        raise ValueError(f"feature {name}: grows_in and quotient need the type float and the default nan")
    if grows not in (None, *_UNITS_S):
        raise ValueError(f"feature {name}: grows_in is {grows!r}, wanted one of {', '.join(_UNITS_S)}")
    return Feature(
        name,
        view,
        kind,
        default,
        _columns(name, spec, topics),
        spec["about"],
        grows_every_s=_UNITS_S[grows] if grows else None,
        quotient=_quotient(name, quotient) if quotient else None,
    )


def _quotient(name: str, parts: list[str]) -> tuple[str, str]:
    if len(parts) != 2:
        raise ValueError(f"feature {name}: quotient is {parts}, wanted dividend and divisor")
    return parts[0], parts[1]


def _columns(name: str, spec: dict[str, Any], topics: tuple[str, ...]) -> tuple[str, ...]:
    """None for a string; of a list what `each` says, or `name_00`... up to its `length`."""
    if spec["type"] == "string":
        return ()
    if spec["type"] != "float_list":
        return (name,)
    if ("each" in spec) == ("length" in spec):
        raise ValueError(f"feature {name}: wanted one of each, length")
    if "length" in spec:
        return tuple(f"{name}_{place:02d}" for place in range(spec["length"]))
    channels = spec.get("channels", CHANNELS)
    return tuple(
        spec["each"].format(topic=topic, channel=channel) for topic in topics for channel in channels
    )


def _check_quotients(features: tuple[Feature, ...]) -> None:
    ages = {each.name for each in features if each.length == 1 and each.quotient is None}
    for each in features:
        if unknown := set(each.quotient or ()) - ages:
            raise ValueError(
                f"feature {each.name}: quotient of {sorted(unknown)}, wanted numbers of its view"
            )


@cache
def load_schema() -> Schema:
    """The schema of this installation."""
    return parse_schema(Path(__file__).with_name("schema.toml").read_text(encoding="utf-8"))
