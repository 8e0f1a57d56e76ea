"""Rows of a view as the HSET commands that store them in Feast's layout, made a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.redis_layout import feature_field, pack_arguments, time_field
from features.schema import Feature, View
from features.wire import FLOAT_TAG, NULL, encode_values


def pack_rows(view: View, rows: pa.RecordBatch, keys: Sequence[bytes], stored_at: bytes) -> list[bytes]:
    """One packed HSET a row: the view's event time and every feature into the hash of the row's key."""
    columns = [_arguments(feature, rows[feature.name]) for feature in view.features]
    head = b"*%d\r\n$4\r\nHSET\r\n" % (2 + 2 + 2 * len(columns))
    time = pack_arguments([time_field(view.name), stored_at])
    return [
        b"%b$%d\r\n%b\r\n%b%b" % (head, len(key), key, time, b"".join(values))
        for key, values in zip(keys, zip(*columns, strict=True), strict=True)
    ]


def _arguments(feature: Feature, column: pa.Array) -> list[bytes]:
    """Field and value of the feature in each row, as two arguments on the wire."""
    name = pack_arguments([feature_field(feature.view, feature.name)])
    if feature.type == "float":
        return _floats(name, column.to_numpy(zero_copy_only=False))
    if feature.type == "float_list":
        stored = encode_values(feature.type, column.to_pylist())
        return [name + pack_arguments([value]) for value in stored]
    values = column.to_pylist()
    different: list[Any] = list(set(values))  # flags and time zones: a handful in all rows
    stored = encode_values(feature.type, different)
    packed = {v: name + pack_arguments([s]) for v, s in zip(different, stored, strict=True)}
    return [packed[value] for value in values]


def _floats(name: bytes, values: npt.NDArray[np.float64]) -> list[bytes]:
    """The same for floats, a null where nan stands: equally long but for the nulls, so made as one matrix of bytes."""
    head = name + b"$9\r\n" + bytes([FLOAT_TAG])
    width = len(head) + 8 + 2
    matrix = np.empty((len(values), width), dtype=np.uint8)
    matrix[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    matrix[:, len(head) : -2] = np.ascontiguousarray(values, dtype="<f8").view(np.uint8).reshape(-1, 8)
    matrix[:, -2:] = np.frombuffer(b"\r\n", dtype=np.uint8)
    packed: list[bytes] = matrix.view(f"S{width}").ravel().tolist()
    null = name + pack_arguments([NULL])
    for row in np.flatnonzero(np.isnan(values)):
        packed[row] = null
    return packed
