"""Which columns a scorer may learn from: none that simulated data can reach, nor those of `NOT_LEARNT`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from features.profile import DEMOGRAPHICS
from features.schema import CHANNELS, Feature, Schema

VIEW_SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "profile": ("customers",),
    "rfm": ("orders",),
    "funnel": ("events",),
    "engagement": ("events",),
    "coupons": ("campaigns", "redemptions"),
    "topics": ("events",),
}
"""What each view's features read, those of `NOT_LEARNT` apart: tables, or `table.column`."""

FEATURE_SOURCES: Final[dict[str, tuple[str, ...]]] = {"tenure_days": ("customers.joined_at",)}
"""What a feature reads where that is less than its view does."""

NOT_LEARNT: Final = (
    # Known as they are today only: at an earlier as-of date they would tell of the days after it.
    *(f"{fact}_{channel}" for fact in ("consent", "reachable") for channel in CHANNELS),
    "sms_blacklisted",
    *DEMOGRAPHICS,
    # The view `rfm` says the same of orders.
    *(f"purchases_{days}d" for days in (1, 7, 28)),
    "minutes_since_purchase",
    # Price sensitivity: the scorers gain nothing by it (docs/scorers.md).
    *("discount_share_365d", "discounted_order_share_365d", "mean_discount_365d", "coupon_use_share_365d"),
    # Says at what hour, not on which of many days: 24 columns of noise to a horizon in days.
    "activity_by_hour",
)


def learnable_columns(schema: Schema, simulated: Collection[str]) -> tuple[str, ...]:
    """The vector's columns, in schema order, that may be learnt from: none that a label of `simulated` touches.

    A label is a table or `table.column`.
    """
    features = [feature for feature in schema.features if _is_learnable(feature, simulated)]
    return tuple(column for feature in features for column in feature.columns)


def sources_of(feature: Feature) -> tuple[str, ...]:
    """The tables, or columns of tables, that a feature is made of."""
    return FEATURE_SOURCES.get(feature.name, VIEW_SOURCES[feature.view])


def _is_learnable(feature: Feature, simulated: Collection[str]) -> bool:
    touched = any(_overlap(source, label) for source in sources_of(feature) for label in simulated)
    return feature.name not in NOT_LEARNT and not touched


def _overlap(source: str, label: str) -> bool:
    """Whether they are the same, or one is a table and the other a column of it."""
    return source == label or source.startswith(f"{label}.") or label.startswith(f"{source}.")
