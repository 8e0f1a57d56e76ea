"""Who belongs to a segment, asked of one customer's features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from features.encoding import FeatureVector
from features.schema import Schema
from features.segment import AllOf, AnyOf, Bounds, Condition, CountIs, FeatureIs, InSegment, Not, Segment

Values = Mapping[str, float | str]
"""A customer's numbers and texts by name: every column of the vector, every string feature."""


class SegmentError(ValueError):
    """Segments that cannot be told from features alone, or refer to what is not there."""


def resolve(segments: Mapping[str, Segment]) -> dict[str, Segment]:
    """The segments with every reference replaced by what it stands for.

    Raises: `SegmentError` for a reference to a segment that is not there or, on whatever way, to itself.
    """
    return {
        name: segment.model_copy(update={"where": _resolved(segment.where, segments, (name,))})
        for name, segment in segments.items()
    }


def _resolved(condition: Condition, segments: Mapping[str, Segment], way: tuple[str, ...]) -> Condition:
    match condition:
        case InSegment(segment=name):
            if name not in segments:
                raise SegmentError(f"segment {way[-1]} names {name!r}; there are {sorted(segments)}")
            if name in way:
                raise SegmentError(f"segments stand for each other: {' > '.join((*way, name))}")
            return _resolved(segments[name].where, segments, (*way, name))
        case AllOf(all=inner):
            return AllOf(all=tuple(_resolved(each, segments, way) for each in inner))
        case AnyOf(any=inner):
            return AnyOf(any=tuple(_resolved(each, segments, way) for each in inner))
        case Not(not_=negated):
            return Not.model_validate({"not": _resolved(negated, segments, way)})
    return condition


def values_of(vector: FeatureVector, schema: Schema) -> Values:
    """What conditions ask of a customer: the vector's numbers by column, and the texts."""
    return {**dict(zip(schema.columns, vector.values.tolist(), strict=True)), **vector.strings}


def features_of(segment: Segment) -> tuple[str, ...]:
    """The features that a resolved segment asks for, each once, in the order of its text."""
    return tuple(dict.fromkeys(_features(segment.where)))


def _features(condition: Condition) -> Iterator[str]:
    match condition:
        case AllOf(all=inner) | AnyOf(any=inner):
            for each in inner:
                yield from _features(each)
        case Not(not_=negated):
            yield from _features(negated)
        case FeatureIs() | CountIs():
            yield condition.feature


def belongs(segment: Segment, values: Values) -> bool:
    """Whether a customer belongs to a resolved segment. Raises `SegmentError` for one that is not."""
    return _holds(segment.where, values)


def _holds(condition: Condition, values: Values) -> bool:
    match condition:
        case AllOf(all=inner):
            return all(_holds(each, values) for each in inner)
        case AnyOf(any=inner):
            return any(_holds(each, values) for each in inner)
        case Not(not_=negated):
            return not _holds(negated, values)
        case FeatureIs():
            return _meets(condition, values[condition.feature])
        case CountIs():
            return _is_within(condition, float(values[condition.feature]))
        case InSegment(segment=name):
            raise SegmentError(f"segment {name} was not resolved")


def _meets(condition: FeatureIs, value: float | str) -> bool:
    is_known = value != "" if isinstance(value, str) else not math.isnan(value)
    if condition.known is not None:
        return is_known == condition.known
    if condition.one_of is not None:
        return value in condition.one_of
    if condition.is_ is not None:
        return value == float(condition.is_)
    return _is_within(condition, float(value))


def _is_within(bounds: Bounds, value: float) -> bool:
    """Whether a number is within all of the bounds; nan is within none."""
    tests = {
        "at_least": value.__ge__,
        "at_most": value.__le__,
        "more_than": value.__gt__,
        "less_than": value.__lt__,
        "exactly": value.__eq__,
    }
    return all(tests[name](bound) for name, bound in bounds.given.items())
