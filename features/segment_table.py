"""Who belongs to a segment, asked of a whole base at once: the condition as an Ibis expression over one row a customer.

The same answer as `features/membership.py` gives of each customer, on every engine: what is not known, be it null or nan
(which DuckDB holds to be above all numbers), meets no comparison, so no part of an expression is ever null.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce

import ibis
import ibis.expr.types as ir

from features.membership import SegmentError, features_of
from features.schema import JOIN_KEY, Feature, Schema, View
from features.segment import (
    OPERATORS,
    AllOf,
    AnyOf,
    Bounds,
    Condition,
    CountIs,
    FeatureIs,
    InSegment,
    Not,
    ResponseIs,
    RfmGroup,
    RfmScore,
    Segment,
    Top,
)


def customer_table(views: Mapping[str, ir.Table], schema: Schema) -> ir.Table:
    """One row a customer: `customer_id`, the texts and `Schema.columns`, as `features/encoding.py` makes them of one.

    views: each view's declared features by `customer_id`, one row a customer at most. A customer of any view is in the
    table; a view without a row for one has the schema's defaults, as has a feature that its view's rows lack altogether; a
    null number of a row is nan and a null text the default.
    Raises: `SegmentError` for a view that is not there.
    """
    missing = [view.name for view in schema.views if view.name not in views]
    if missing:
        raise SegmentError(f"no rows of the views {missing}; there are {sorted(views)}")
    base = ibis.union(*(views[view.name].select(JOIN_KEY) for view in schema.views), distinct=True)
    for view in schema.views:
        encoded = _encoded(view, views[view.name]).rename({f"{view.name}_customer": JOIN_KEY})
        joined = base.left_join(encoded, base[JOIN_KEY] == encoded[f"{view.name}_customer"])
        base = _with_defaults(view, joined)
    return base


def _encoded(view: View, rows: ir.Table) -> ir.Table:
    columns: dict[str, ir.Value] = {}
    for feature in view.features:
        if feature.name not in rows.columns:
            continue  # written before it was declared
        stored = rows[feature.name]
        if feature.type == "string":
            columns[feature.name] = stored.fill_null(str(feature.default))
        elif feature.type == "float_list":
            assert isinstance(stored, ir.ArrayValue)
            places = enumerate(feature.columns)
            columns |= {name: _number(stored[place]) for place, name in places}
        else:
            columns[feature.name] = _number(stored)
    return rows.select(JOIN_KEY, **columns)


def _number(stored: ir.Value) -> ir.Value:
    return stored.cast("float64").fill_null(_float(float("nan")))


def _with_defaults(view: View, joined: ir.Table) -> ir.Table:
    """Nothing that was encoded is null, so what is has no row."""
    names = {name: feature for feature in view.features for name in feature.columns or (feature.name,)}
    filled = {
        name: joined[name].fill_null(_default(feature)) if name in joined.columns else _default(feature)
        for name, feature in names.items()
    }
    kept = [column for column in joined.columns if column not in names and column != f"{view.name}_customer"]
    return joined.select(*kept, **filled)


def _default(feature: Feature) -> ir.Value:
    return ibis.literal(feature.default) if feature.type == "string" else _float(float(feature.default))


def belonging(segment: Segment, customers: ir.Table) -> ir.BooleanValue:
    """Whether each customer belongs to a resolved segment: true or false, never null.

    customers: a column for each name that conditions use, texts or floats (truths as 0 and 1), as `customer_table` has them.
    Raises: `SegmentError` for a segment that is not resolved or asks for what the table has no column of.
    """
    missing = [name for name in features_of(segment) if name not in customers.columns]
    if missing:
        raise SegmentError(f"segment {segment.name} asks for {missing}, of which the table has no column")
    return _holds(segment.where, customers)


def audience(segment: Segment, customers: ir.Table) -> ir.Table:
    """The `customer_id` of each who belongs, ascending. Raises: `SegmentError`."""
    return customers.filter(belonging(segment, customers)).select(JOIN_KEY).order_by(JOIN_KEY)


def _holds(condition: Condition, customers: ir.Table) -> ir.BooleanValue:
    match condition:
        case AllOf(all=inner):
            return ibis.and_(*(_holds(each, customers) for each in inner))
        case AnyOf(any=inner):
            return ibis.or_(*(_holds(each, customers) for each in inner))
        case Not(not_=negated):
            return ~_holds(negated, customers)
        case FeatureIs():
            return _meets(condition, customers[condition.feature])
        case CountIs():
            return _is_known(customers[condition.feature]) & _is_within(
                condition, customers[condition.feature]
            )
        case ResponseIs(response=response):
            total = reduce(operator.add, (customers[name] for name in response.features))
            return _is_known(total) & _is_within(response, total)
        case Top():
            return _is_top(condition, customers)
        case InSegment() | RfmScore() | RfmGroup():
            raise SegmentError(f"{condition!r} was not resolved")


def _meets(condition: FeatureIs, value: ir.Value) -> ir.BooleanValue:
    is_known = _is_known(value)
    if condition.known is not None:
        return is_known if condition.known else ~is_known
    if condition.one_of is not None:
        return is_known & value.isin(condition.one_of)
    if condition.is_ is not None:
        return is_known & (value == _float(float(condition.is_)))
    return is_known & _is_within(condition, value)


def _is_top(condition: Top, customers: ir.Table) -> ir.BooleanValue:
    value = customers[condition.by]
    is_known = _is_known(value)
    order = [ibis.desc(is_known), ibis.desc(value), customers[JOIN_KEY]]
    return is_known & (ibis.row_number().over(order_by=order) < condition.top)


def _is_known(value: ir.Value) -> ir.BooleanValue:
    """`false and null` is false in SQL, so `_is_known(v) & (v >= 3)` is not null for any v."""
    if isinstance(value, ir.StringValue):
        return value.notnull() & (value != "")
    assert isinstance(value, ir.FloatingValue)
    return value.notnull() & ~value.isnan()


def _is_within(bounds: Bounds, value: ir.Value) -> ir.BooleanValue:
    return ibis.and_(*(OPERATORS[name](value, _float(bound)) for name, bound in bounds.given.items()))


def _float(value: float) -> ir.Value:
    return ibis.literal(value, type="float64")
