"""Which segments a logged decision's customer was in: told by the features that it was made from, or not at all."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from features.membership import resolve
from features.schema import load_schema
from features.segment import Segment
from training.evaluation.errors import EvaluationError, LogError
from training.evaluation.round_segments import RoundSegments

SCHEMA = load_schema()
DECLARED = resolve(
    {
        name: Segment.model_validate({"name": name, "description": "", "where": where})
        for name, where in {
            "often": {"feature": "orders_28d", "at_least": 2},
            "tehran": {"feature": "time_zone", "one_of": ["Asia/Tehran"]},
            "first": {"top": 1, "by": "orders_28d"},
        }.items()
    }
)
SEGMENTS = RoundSegments.named(("often", "tehran"), DECLARED, SCHEMA)
VALUES = np.where(np.array(SCHEMA.columns) == "orders_28d", 2.0, np.nan)
PACKED = base64.b64encode(VALUES.astype("<f8").tobytes()).decode()
RECORD = {
    "features": PACKED,
    "time_zone": "Europe/Berlin",
    "versions": {"features": SEGMENTS.version, "journey": "r1"},
}


@pytest.mark.parametrize("features", [PACKED, VALUES.tolist()], ids=["log", "export"])
def test_the_recorded_features_tell_who_was_in(features):
    found = SEGMENTS.labels("d1", {**RECORD, "features": features})

    assert found == {"segment:often": "in", "segment:tehran": "out"}


@pytest.mark.parametrize(
    "change",
    [{"features": ""}, {"features": []}, {"versions": {"features": "another"}}, {"versions": {}}],
)
def test_a_forgotten_customer_and_features_declared_otherwise_are_unknown(change):
    found = SEGMENTS.labels("d1", {**RECORD, **change})

    assert set(found.values()) == {"unknown"}


@pytest.mark.parametrize("features", [PACKED[:-12], "not base 64", [1.0, 2.0], None])
def test_features_that_cannot_be_read_are_an_error_that_names_the_decision(features):
    with pytest.raises(LogError, match="decision d1 has features that cannot be read"):
        SEGMENTS.labels("d1", {**RECORD, "features": features})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rarely", r"no such segment; there are \['first', 'often', 'tehran'\]"),
        ("first", "ranks the whole base"),
    ],
)
def test_a_segment_that_no_round_can_tell_is_refused(name, message):
    with pytest.raises(EvaluationError, match=message):
        RoundSegments.named((name,), DECLARED, SCHEMA)
