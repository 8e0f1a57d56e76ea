"""What one decision saw of its customer: the feature vector, what of it defaults stood in for, and the scores of it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import Schema
from models.artifact import Artifact
from models.feedback import Floats
from models.packing import unpack
from training.evaluation.errors import LogError


def schema_version(schema: Schema) -> str:
    """How a decision names the feature schema, under `features`: the digest of the service's artifact of it."""
    return Artifact({"kind": "feature_schema"}, texts={"schema.toml": schema.text}).digest


@dataclass(frozen=True, kw_only=True)
class LoggedVector:
    """A decision's inputs; `decided_at_us` in microseconds since 1970 UTC.

    features: empty of a customer who was forgotten. degraded: `VIEW:PROBLEM`, as the answer told. versions: what it was made
    by, the digest of the feature schema under `features` and of each scorer under its name.
    """

    decision_id: str
    customer_id: str
    journey: str
    decided_at_us: int
    features: Floats
    scores: Mapping[str, float]
    degraded: tuple[str, ...]
    versions: Mapping[str, str]

    @classmethod
    def of_record(cls, content: bytes, **of_row: Any) -> LoggedVector:
        """From the record as the service logged it and the fields that have columns of their own. Raises: `LogError`."""
        try:
            record = json.loads(unpack(content))
            scores = json.loads(record["answer"]).get("scores") or {}
            return cls(
                features=np.frombuffer(base64.b64decode(record["features"]), "<f8"),
                scores={name: value for name, value in scores.items() if not isinstance(value, str)},
                degraded=tuple(record["degraded"]),
                versions=record["versions"],
                **of_row,
            )
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            identity = of_row["decision_id"]
            raise LogError(f"decision {identity} has a record that cannot be read: {error!r}") from error
