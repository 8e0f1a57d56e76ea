"""The record of one decision: all that it was made from, and the bytes it was answered with."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from pydantic import TypeAdapter

from models.feedback import Floats
from models.packing import pack, unpack
from service.point_decisions import DecisionName
from service.schemas import DecideRequest, Group, Status
from service.standing import Claims, Standing


class Round(Struct, frozen=True, kw_only=True):
    """One of the decision's choices: context as the policy saw it (null where unknown), probabilities after masking."""

    decision: DecisionName
    inputs: tuple[str, ...]
    context: tuple[float | None, ...]
    actions: tuple[str, ...]
    eligible: tuple[bool, ...]
    probabilities: tuple[float, ...]
    action: int
    propensity: float

    @property
    def chosen(self) -> str:
        """The chosen action's name."""
        return self.actions[self.action]

    def context_array(self) -> Floats:
        """The context `(n_inputs,)` with nan where unknown."""
        return np.array([np.nan if value is None else value for value in self.context])


class Shop(Struct, frozen=True, kw_only=True):
    """What held for the shop when it was decided."""

    time_zone: str
    currency: str


class DecisionRecord(Struct, frozen=True, kw_only=True):
    """What the decision log stores of a decision; deciding again from it must give `answer` to the byte.

    `features` is the encoded feature vector: base 64 of little-endian float64. `repeats` is the decision of the same period
    whose draw is answered again: nothing was chosen, and what an order brings belongs to that one.
    """

    decision_id: str
    decided_at: datetime
    request: DecideRequest
    features: str
    time_zone: str
    shop: Shop
    degraded: tuple[str, ...]
    versions: dict[str, str]
    status: Status
    group: Group
    rounds: tuple[Round, ...]
    effective_at: datetime
    standing: Standing = Standing()
    late: bool = False
    claims: Claims | None = None
    repeats: str | None = None
    answer: str

    def chosen(self, decision: DecisionName) -> str | None:
        """The action chosen for this decision, None where there was nothing to choose."""
        return next((round_.chosen for round_ in self.rounds if round_.decision == decision), None)

    def feature_values(self) -> Floats:
        """The feature vector `(n_columns,)`."""
        return np.frombuffer(base64.b64decode(self.features), dtype="<f8")

    def to_json(self) -> bytes:
        """The record as readers of the log know it."""
        return _ENCODER.encode(self)

    def stored(self) -> bytes:
        """The record as the log keeps it."""
        return pack(self.to_json())

    @classmethod
    def of_stored(cls, content: bytes) -> DecisionRecord:
        """The record that the log keeps so. Raises: `ValueError`."""
        return _DECODER.decode(unpack(content))


def pack_features(values: Floats) -> str:
    """A feature vector as `DecisionRecord.features` holds it."""
    return base64.b64encode(values.astype("<f8").tobytes()).decode()


_REQUEST = TypeAdapter(DecideRequest)


def _written(request: DecideRequest) -> msgspec.Raw:
    """The one part that is not ours but a caller's, and pydantic's for that."""
    return msgspec.Raw(_REQUEST.dump_json(request))


def _read(_kind: type[DecideRequest], fields: Any) -> DecideRequest:
    return _REQUEST.validate_python(fields)


_ENCODER = msgspec.json.Encoder(enc_hook=_written)
_DECODER = msgspec.json.Decoder(DecisionRecord, dec_hook=_read)
