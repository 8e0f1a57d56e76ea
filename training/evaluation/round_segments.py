"""Which segments a decision's customer belonged to: today's definitions, asked of the features that it was made from."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from features.membership import belongs, ranks_the_base
from features.schema import Schema
from features.segment import Segment
from training.evaluation.errors import EvaluationError, LogError
from training.evaluation.logged_vector import schema_version

PREFIX: Final = "segment:"
IN, OUT, UNKNOWN = "in", "out", "unknown"


@dataclass(frozen=True)
class RoundSegments:
    """Resolved segments, and the schema whose features they ask for."""

    segments: tuple[Segment, ...]
    schema: Schema

    @classmethod
    def named(cls, names: Sequence[str], declared: Mapping[str, Segment], schema: Schema) -> RoundSegments:
        """The segments of these names. Raises: `EvaluationError` for one that is not there or ranks the whole base."""
        for name in names:
            if name not in declared:
                raise EvaluationError(f"slice {PREFIX}{name}: no such segment; there are {sorted(declared)}")
            if ranks_the_base(declared[name]):
                raise EvaluationError(
                    f"slice {PREFIX}{name} ranks the whole base (`top`), which no decision's features tell"
                )
        return cls(tuple(declared[name] for name in names), schema)

    @cached_property
    def version(self) -> str:
        """How a record names the schema."""
        return schema_version(self.schema)

    def labels(self, decision_id: str, record: Mapping[str, Any]) -> dict[str, str]:
        """`in`, `out` or `unknown` by `segment:NAME`.

        Unknown is a decision whose customer was forgotten or whose features were declared otherwise. Raises: `LogError`.
        """
        values = self._values(decision_id, record)
        if values is None:
            return {PREFIX + each.name: UNKNOWN for each in self.segments}
        return {PREFIX + each.name: IN if belongs(each, values) else OUT for each in self.segments}

    def _values(self, decision_id: str, record: Mapping[str, Any]) -> dict[str, float | str] | None:
        try:
            stored = record["features"]
            if len(stored) == 0 or record["versions"].get("features") != self.version:
                return None
            numbers = np.frombuffer(base64.b64decode(stored), "<f8") if isinstance(stored, str) else stored
            columns = dict(zip(self.schema.columns, map(float, numbers), strict=True))
            return {**columns, "time_zone": str(record["time_zone"])}
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise LogError(f"decision {decision_id} has features that cannot be read: {error!r}") from error
