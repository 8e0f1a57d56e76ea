"""Rounds not delivered are left out of a log: what that does to a policy that prefers channels which deliver well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.schema import CHANNELS
from models.reward import RewardSpec
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk
from training.evaluation.opened_log import OneChunk, OpenedLog
from training.simulation.occasions import draw_occasions
from training.simulation.rounds import Request, simulate_channels
from training.simulation.stage import Stage

pytestmark = pytest.mark.slow

N_OCCASIONS = 400_000


def by_email_mostly(feedback):
    weights = feedback.eligible * np.where(np.array(CHANNELS) == "email", 8.0, 1.0)
    return weights / weights.sum(axis=1, keepdims=True)


def test_snips_still_states_the_value_of_a_delivered_decision_and_the_mean_weight_warns_of_ips(
    stage: Stage,
) -> None:
    """Values within 4 standard errors of their limits: fails by chance with probability 6e-5 each."""
    rng = np.random.default_rng(1)
    occasions = draw_occasions(rng, stage.audience, stage.population, N_OCCASIONS)
    asked = Request(input_names=("local_hour",), reward=RewardSpec(kind="click", window_hours=48))
    rate = np.array(stage.world.spec.delivery_rate)
    sure = replace(stage.world, spec=replace(stage.world.spec, delivery_rate=(1.0,) * len(rate)))
    sent = simulate_channels(rng, sure, stage.audience, occasions, asked)
    arrived = rng.random(sent.feedback.n_rounds) < rate[sent.feedback.actions]
    delivered, lost = sent.take(arrived), sent.take(~arrived)
    log = delivered.feedback
    left, out = (OneChunk(chunk=LogChunk(feedback=each.feedback)) for each in (delivered, lost))
    opened = OpenedLog(source=left, undelivered=out)
    question = Question(policy=lambda chunk: by_email_mostly(chunk.feedback))

    found = opened.judge(question, rng)

    chances = by_email_mostly(log) * rate
    arrives = (log.eligible * rate).sum(axis=1) / log.eligible.sum(axis=1)  # under the logged policy, uniform
    earned = (chances * np.nan_to_num(delivered.expected)).sum(axis=1) / arrives
    per_delivered = earned.sum() / (chances.sum(axis=1) / arrives).sum()
    ips, snips = (
        next(each for each in found.evaluation.estimates if each.estimator == name)
        for name in ("ips", "snips")
    )
    print(
        f"mean weight {found.evaluation.diagnostics.mean_weight:.3f}, z {found.evaluation.diagnostics.weight_z:.0f}"
    )
    print(f"value of a delivered decision {per_delivered:.5f}; ips tends to {earned.mean():.5f}")
    assert abs(snips.value - per_delivered) < 4 * snips.standard_error
    assert abs(ips.value - earned.mean()) < 4 * ips.standard_error
    assert earned.mean() > 1.01 * per_delivered
    assert found.evaluation.diagnostics.weight_z > 4
    assert found.evaluation.verdict.grade == "weak"
    assert found.evaluation.diagnostics.propensities_hold
