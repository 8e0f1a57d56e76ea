"""Every view's definition by name: what batches, segments and the refresher run, on whatever engine."""

from __future__ import annotations

from collections.abc import Callable

import ibis.expr.types as ir

from features.coupons import coupons
from features.engagement import engagement
from features.funnel import funnel
from features.history import KEYS, Sources
from features.profile import profile
from features.rfm import rfm
from features.schema import View
from features.topics import topics

Definition = Callable[[Sources, ir.Table], ir.Table]

DEFINITIONS: dict[str, Definition] = {
    "profile": profile,
    "rfm": rfm,
    "funnel": funnel,
    "engagement": engagement,
    "coupons": coupons,
    "topics": topics,
}


class DefinitionError(ValueError):
    """A view's definition and its declaration in schema.toml differ."""


def view_rows(view: View, sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """The view's declared columns for each customer and as-of time. Raises `DefinitionError`."""
    rows = DEFINITIONS[view.name](sources, as_ofs)
    declared = [feature.name for feature in view.features]
    if set(rows.columns) != {*KEYS, *declared}:
        found = sorted(set(rows.columns) - set(KEYS))
        raise DefinitionError(
            f"view {view.name}: defined {found}, declared in schema.toml {sorted(declared)}"
        )
    return rows.select(*KEYS, *declared)
