"""Which columns a scorer may learn from: none that simulated data, or a state without history, can reach."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from features.schema import CHANNELS, Feature, Schema

VIEW_SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "profile": ("customers",),
    "rfm": ("orders",),
    "funnel": ("events",),
    "engagement": ("events", "orders", "customers.time_zone"),
    "coupons": ("campaigns", "redemptions"),
}
"""What each view reads: tables, or `table.column`. A feature that reads something else stands in `FEATURE_SOURCES`."""

FEATURE_SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "tenure_days": ("customers.joined_at",),
    **{
        name: (f"customers.{name}",)
        for name in ("age_years", "income_thousand", "household_size", "kids_count")
    },
    **dict.fromkeys(("purchases_1d", "purchases_7d", "purchases_28d", "minutes_since_purchase"), ("orders",)),
}

WITHOUT_HISTORY: Final = tuple(
    f"{fact}_{channel}" for fact in ("consent", "reachable") for channel in CHANNELS
)
"""Known as they are today only: at an earlier as-of date they would tell of the days after it."""


def learnable_columns(schema: Schema, simulated: Collection[str]) -> tuple[str, ...]:
    """The vector's columns, in schema order, that no label of `simulated` (a table or `table.column`) touches."""
    features = [feature for feature in schema.features if _is_learnable(feature, simulated)]
    return tuple(column for feature in features for column in feature.columns)


def sources_of(feature: Feature) -> tuple[str, ...]:
    """The tables, or columns of tables, that a feature is made of."""
    return FEATURE_SOURCES.get(feature.name, VIEW_SOURCES[feature.view])


def _is_learnable(feature: Feature, simulated: Collection[str]) -> bool:
    touched = any(_overlap(source, label) for source in sources_of(feature) for label in simulated)
    return feature.name not in WITHOUT_HISTORY and not touched


def _overlap(source: str, label: str) -> bool:
    """Whether they are the same, or one is a table and the other a column of it."""
    return source == label or source.startswith(f"{label}.") or label.startswith(f"{source}.")
