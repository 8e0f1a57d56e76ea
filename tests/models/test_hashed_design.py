"""Designs of actions from any features."""

from __future__ import annotations

import numpy as np
import pytest

from models.hashed_design import MOST_FEATURES, N_BUCKETS, TooManyFeaturesError, hashed_designs


def test_any_json_is_a_feature_and_gives_finite_designs_of_bounded_length() -> None:
    strange = [
        {"deep": {"er": {"and": [1, "two", None, True]}}, "": 0, "big": 1e308, "small": -1e-9},
        {"\ud800": "lone", "list": [[], {}], "int": 10**400, "nan": float("nan")},
    ]

    designs = hashed_designs(strange, [strange, [], [{}]])

    assert designs.shape == (3, N_BUCKETS)
    assert np.isfinite(designs).all()
    assert (np.linalg.norm(designs, axis=1) <= 3.0).all()
    assert (hashed_designs(strange, [strange, [], [{}]]) == designs).all()


def test_an_actions_design_depends_neither_on_the_other_actions_nor_on_the_order_of_features() -> None:
    context = [{"time": "morning", "device": {"os": "android"}}]
    actions = [[{"tone": "warm", "length": 60}], [{"tone": "neutral"}], []]

    together = hashed_designs(context, actions)
    alone = [hashed_designs(context, [action])[0] for action in actions]
    turned = hashed_designs(
        [{"device": {"os": "android"}, "time": "morning"}], [[{"length": 60, "tone": "warm"}]]
    )

    assert (together == alone).all()
    np.testing.assert_allclose(turned[0], together[0], rtol=0, atol=1e-12)


def test_contexts_and_actions_that_differ_are_seen_to_differ() -> None:
    seen = {
        hashed_designs([{"time": time}], [[{"tone": tone}]]).tobytes()
        for time in ("morning", "evening")
        for tone in ("warm", "neutral")
    }

    assert len(seen) == 4


def test_too_many_features_are_refused_and_as_many_as_allowed_are_not() -> None:
    most = [{str(n): n for n in range(MOST_FEATURES)}]

    assert hashed_designs(most, [most]).shape == (1, N_BUCKETS)
    with pytest.raises(TooManyFeaturesError, match=f"{MOST_FEATURES + 1} features"):
        hashed_designs([*most, {"one": "more"}], [[]])
