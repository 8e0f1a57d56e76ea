"""The decision log in files: the same rounds as in memory, chunk by chunk."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from training.evaluation.errors import TooFewRoundsError
from training.evaluation.round_buffer import LogRow, RewardRule
from training.evaluation.round_spool import CHUNK, spool_rounds
from training.evaluation.round_window import count_rounds, whole_feedback

HOUR = 3_600_000_000
RULES = {"r1": RewardRule(kind="click", closes_after_hours=48, declared={"kind": "click"})}


def rows(n_rounds: int):
    """Rounds of two journeys and groups, every 50th of other inputs, every 20th still open."""
    rng = np.random.default_rng(6)
    for number in range(n_rounds):
        chance = float(rng.uniform(0.2, 0.8))
        action = int(rng.random() < chance)
        round_ = {
            "decision": "channel",
            "inputs": ["recency", "risk"] if number % 50 else ["recency"],
            "context": [float(number), None] if number % 50 else [1.0],
            "actions": ["email", "sms"],
            "eligible": [True, True],
            "probabilities": [1 - chance, chance],
            "action": action,
            "propensity": (1 - chance, chance)[action],
        }
        yield LogRow(
            decision_id=f"d{number:06d}",
            journey=("wheel", "cart_reminder")[number % 2],
            decided_at_us=number if number % 20 else 90 * HOUR,
            status="act",
            group=("decisioning", "random")[number % 3 == 0],
            record=json.dumps({"versions": {"journey": "r1"}, "rounds": [round_]}).encode(),
            state="void" if number % 17 == 0 else "resolved",
            reward=float(rng.random() < 0.1),
        )


ASKED = {"decision": "channel", "rules": RULES, "scanned_until_us": 100 * HOUR}


def test_the_files_hold_the_rounds_of_the_rows_in_their_order(tmp_path):
    n_rounds = 2 * CHUNK + CHUNK // 2 + CHUNK // 5

    spooled = spool_rounds(rows(n_rounds), folder=tmp_path, **ASKED)

    closed = [row for row in rows(n_rounds) if row.decided_at_us < 50 * HOUR and row.decided_at_us % 50]
    told = [row for row in closed if row.state == "resolved"]
    rounds = [json.loads(row.record)["rounds"][0] for row in told]
    chunks = list(spooled.rounds.chunks())
    assert [chunk.feedback.n_rounds for chunk in chunks[:-1]] == [CHUNK] * (len(chunks) - 1)
    assert len(chunks) == 3
    assert {chunk.feedback.input_names for chunk in chunks} == {("recency", "risk")}
    feedback = whole_feedback(spooled.rounds)
    assert feedback.rewards.tolist() == [row.reward for row in told]
    assert feedback.contexts[:, 0].tolist() == [round_["context"][0] for round_ in rounds]
    assert np.isnan(feedback.contexts[:, 1]).all()
    for name, values in {"actions": "action", "propensities": "propensity", "eligible": "eligible"}.items():
        assert getattr(feedback, name).tolist() == [round_[values] for round_ in rounds]
    assert [each for c in chunks for each in c.behavior.tolist()] == [r["probabilities"] for r in rounds]
    for name in ("journey", "group"):
        texts = np.concatenate([chunk.labels.texts[name] for chunk in chunks])
        assert texts.tolist() == [getattr(row, name) for row in told]
    times = np.concatenate([chunk.labels.decided_at_us for chunk in chunks])
    assert times.tolist() == [row.decided_at_us for row in told]
    assert count_rounds(spooled.undelivered) == len(closed) - len(told)
    assert spooled.n_by_journey == Counter((row.journey, "click") for row in told)


def test_the_rounds_can_be_read_again_and_again(tmp_path):
    spooled = spool_rounds(rows(300), folder=tmp_path, **ASKED)

    first, second = ([chunk.feedback.rewards.tolist() for chunk in spooled.rounds.chunks()] for _ in range(2))

    assert first == second
    assert len(first) == 1


def test_a_log_without_a_round_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(TooFewRoundsError, match="no coupon round"):
        spool_rounds(rows(10), folder=tmp_path, **{**ASKED, "decision": "coupon"})

    assert list(tmp_path.iterdir()) == []
