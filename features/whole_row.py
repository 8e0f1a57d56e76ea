"""All that is stored of a customer, from bytes to the places of the vector in a few steps, for the usual customer.

Most customers have every feature stored in its declared type. Laid end to end, the bytes of two such customers differ only
where one of them has a null, which is no bytes at all. So where each number stands is worked out once for every such
pattern of lengths, and a customer's numbers are taken from their places together. `features.wire` and `features.encoding`
remain what this is held to: who has anything unusual goes their way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from features.schema import Feature, FeatureType, Schema
from features.stored import Whole
from features.wire import FeatureValue, encode_values

_MOST_PATTERNS: Final = 4096
_DOUBLE: Final = 8
_SHORT_HEAD: Final = 2
"""Of a text: tag and a length below 128, as any time zone's is."""
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class _Pattern:
    """Where everything stands in the bytes of customers who have nulls in the same places.

    heads: what stands before the values, at `head_places`. Numbers go from `double_bytes` `(n, 8)` and `bool_bytes` `(n,)`
    to the columns of the vector, whose others are nan. texts: a feature's name and where its value begins and ends.
    """

    head_places: Indices
    heads: bytes
    double_bytes: Indices
    double_columns: Indices
    bool_bytes: Indices
    bool_columns: Indices
    texts: tuple[tuple[str, int, int], ...]


class WholeRow:
    """Reads the stored bytes of all of a schema's features, given in this order, where they are as they usually are."""

    def __init__(self, schema: Schema, order: Sequence[Feature]) -> None:
        self._order = tuple(order)
        self._n_columns = len(schema.columns)
        columns = {name: place for place, name in enumerate(schema.columns)}
        self._first = {each.name: columns[each.columns[0]] for each in order if each.columns}
        self._patterns: dict[tuple[int, ...], _Pattern | None] = {}

    def read(self, stored: Sequence[bytes | None], event_ats: tuple[datetime, ...]) -> Whole | None:
        """What is stored, of views that speak of these times in the schema's order; None where anything is unusual."""
        if None in stored:
            return None
        stored = cast("Sequence[bytes]", stored)
        lengths = tuple(map(len, stored))
        try:
            pattern = self._patterns[lengths]
        except KeyError:
            pattern = self._keep(lengths)
        if pattern is None:
            return None
        content = b"".join(stored)
        given = np.frombuffer(content, dtype=np.uint8)
        if given[pattern.head_places].tobytes() != pattern.heads:
            return None
        values = np.full(self._n_columns, np.nan)
        values[pattern.double_columns] = given[pattern.double_bytes].view("<f8")[:, 0]
        values[pattern.bool_columns] = given[pattern.bool_bytes] != 0
        texts = {name: content[start:end].decode() for name, start, end in pattern.texts}
        return Whole(values, texts, event_ats)

    def _keep(self, lengths: tuple[int, ...]) -> _Pattern | None:
        if len(self._patterns) >= _MOST_PATTERNS:
            self._patterns.clear()
        pattern = self._patterns[lengths] = self._pattern(lengths)
        return pattern

    def _pattern(self, lengths: tuple[int, ...]) -> _Pattern | None:
        heads: list[tuple[int, int]] = []
        doubles: list[tuple[int, int]] = []
        bools: list[tuple[int, int]] = []
        texts: list[tuple[str, int, int]] = []
        at = 0
        for feature, length in zip(self._order, lengths, strict=True):
            head = _head(feature, length)
            if head is None:
                return None
            start, end = at + len(head), at + length
            heads += zip(range(at, start), head, strict=True)
            at = end
            if feature.type == "string":
                texts.append((feature.name, start, end))
            elif feature.type == "bool" and length:
                bools.append((start, self._first[feature.name]))
            else:
                first = self._first[feature.name]
                doubles += [(place, first + n) for n, place in enumerate(range(start, end, _DOUBLE))]
        return _Pattern(
            head_places=_indices([place for place, _ in heads]),
            heads=bytes([byte for _, byte in heads]),
            double_bytes=_indices([place for place, _ in doubles])[:, None] + np.arange(_DOUBLE),
            double_columns=_indices([column for _, column in doubles]),
            bool_bytes=_indices([place for place, _ in bools]),
            bool_columns=_indices([column for _, column in bools]),
            texts=tuple(texts),
        )


def _indices(places: list[int]) -> Indices:
    return np.array(places, dtype=np.intp)


def _head(feature: Feature, length: int) -> bytes | None:
    """What stands before a value that takes so many bytes with it; None where the declared type is not stored so.

    A null is no bytes, and no text: a default stands in for it.
    """
    kind, places = feature.type, (0.0,) * feature.length
    if length == 0:
        return None if kind == "string" else b""
    samples: dict[FeatureType, tuple[FeatureValue, int]] = {
        "float": (0.0, _DOUBLE),
        "bool": (False, 1),
        "float_list": (places, _DOUBLE * len(places)),
        "string": ("x" * (length - _SHORT_HEAD), length - _SHORT_HEAD),
    }
    if kind not in samples:
        return None
    value, size = samples[kind]
    (stored,) = encode_values(kind, [value])
    return stored[: length - size] if len(stored) == length else None
