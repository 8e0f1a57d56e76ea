"""Who belongs to a segment, asked of one customer's features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from features.encoding import FeatureVector
from features.rfm_score import EDGES_FILE, RfmEdges, group_condition, score_condition
from features.schema import Schema
from features.segment import (
    AllOf,
    AnyOf,
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

Values = Mapping[str, float | str]
"""A customer's numbers and texts by name: every column of the vector, every string feature."""


class SegmentError(ValueError):
    """Segments that cannot be told from features alone, or refer to what is not there."""


@dataclass(frozen=True)
class _Resolver:
    """Replaces what stands for something else."""

    segments: Mapping[str, Segment]
    edges: RfmEdges | None

    def resolved(self, condition: Condition, way: tuple[str, ...]) -> Condition:
        match condition:
            case InSegment(segment=name):
                return self._referred(name, way)
            case AllOf(all=inner):
                return AllOf(all=tuple(self.resolved(each, way) for each in inner))
            case AnyOf(any=inner):
                return AnyOf(any=tuple(self.resolved(each, way) for each in inner))
            case Not(not_=negated):
                return Not.model_validate({"not": self.resolved(negated, way)})
            case RfmScore():
                return score_condition(condition, self._edges(way))
            case RfmGroup():
                return group_condition(condition, self._edges(way))
        return condition

    def _referred(self, name: str, way: tuple[str, ...]) -> Condition:
        if name not in self.segments:
            raise SegmentError(f"segment {way[-1]} names {name!r}; there are {sorted(self.segments)}")
        if name in way:
            raise SegmentError(f"segments stand for each other: {' > '.join((*way, name))}")
        return self.resolved(self.segments[name].where, (*way, name))

    def _edges(self, way: tuple[str, ...]) -> RfmEdges:
        if self.edges is None:
            raise SegmentError(
                f"segment {way[-1]} asks for RFM scores, and there is no {EDGES_FILE} beside it; "
                "make one by `python -m training rfm-edges`"
            )
        return self.edges


def resolve(segments: Mapping[str, Segment], edges: RfmEdges | None = None) -> dict[str, Segment]:
    """The segments with every reference, RFM score and RFM group replaced by what it stands for.

    Raises: `SegmentError` for a reference to a segment that is not there or, on whatever way, to itself; for RFM where there
    are no edges.
    """
    resolver = _Resolver(segments, edges)
    return {
        name: segment.model_copy(update={"where": resolver.resolved(segment.where, (name,))})
        for name, segment in segments.items()
    }


def ranks_the_base(segment: Segment) -> bool:
    """Whether a resolved segment asks for a place among all customers, which is not known of one alone."""
    return any(isinstance(leaf, Top) for leaf in _leaves(segment.where))


def values_of(vector: FeatureVector, schema: Schema) -> Values:
    """What conditions ask of a customer: the vector's numbers by column, and the texts."""
    return {**dict(zip(schema.columns, vector.values.tolist(), strict=True)), **vector.strings}


def features_of(segment: Segment) -> tuple[str, ...]:
    """The features that a resolved segment asks for, each once, in the order of its text."""
    asked = [name for leaf in _leaves(segment.where) for name in _asked(leaf)]
    return tuple(dict.fromkeys(asked))


def _asked(leaf: Condition) -> tuple[str, ...]:
    match leaf:
        case Top():
            return (leaf.by,)
        case FeatureIs() | CountIs():
            return (leaf.feature,)
        case ResponseIs():
            return leaf.response.features
    return ()


def _leaves(condition: Condition) -> Iterator[Condition]:
    match condition:
        case AllOf(all=inner) | AnyOf(any=inner):
            for each in inner:
                yield from _leaves(each)
        case Not(not_=negated):
            yield from _leaves(negated)
        case _:
            yield condition


def belongs(segment: Segment, values: Values) -> bool:
    """Whether a customer belongs to a resolved segment. Raises `SegmentError` for one that is not, or ranks."""
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
            return condition.holds(float(values[condition.feature]))
        case ResponseIs(response=response):
            return response.holds(sum(float(values[name]) for name in response.features))
        case InSegment() | RfmScore() | RfmGroup():
            raise SegmentError(f"{condition!r} was not resolved")
        case Top():
            raise SegmentError(f"{condition!r} ranks the whole base, which cannot be told of one customer")


def _meets(condition: FeatureIs, value: float | str) -> bool:
    is_known = value != "" if isinstance(value, str) else not math.isnan(value)
    if condition.known is not None:
        return is_known == condition.known
    if condition.one_of is not None:
        return value in condition.one_of
    if condition.is_ is not None:
        return value == float(condition.is_)
    return condition.holds(float(value))
