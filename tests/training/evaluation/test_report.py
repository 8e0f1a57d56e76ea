from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
from rich.console import Console

from tests.training.evaluation.in_memory import evaluate_policy
from training.evaluation.evaluation import Undefined
from training.evaluation.report import estimate_rows, render


def text_of(renderable) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(renderable)
    return console.file.getvalue()


def test_the_report_shows_diagnostics_before_estimates_and_the_verdict_last(world):
    feedback = world.log(1_000, seed=15)
    evaluation = evaluate_policy(feedback, world.evaluation_probabilities(feedback))

    text = text_of(render(evaluation, "ours on a log", ("simulated",)))

    places = [
        text.index(word) for word in ("ours on a log", "effective sample size", "snips", "Verdict: conclude")
    ]
    assert places == sorted(places)
    assert "Note: simulated" in text


def test_rows_are_plain_data_with_value_interval_and_grade(world):
    feedback = world.log(1_000, seed=15)
    evaluation = evaluate_policy(feedback, world.evaluation_probabilities(feedback))

    rows = json.loads(json.dumps(estimate_rows(evaluation)))

    grades = {row["estimator"]: row["grade"] for row in rows}
    assert list(grades)[:4] == ["replay", "ips", "clipped-ips", "snips"]
    assert all(row["low"] < row["value"] < row["high"] for row in rows)
    assert [grades[name] for name in ("ips", "snips", "dr", "sndr")] == ["conclude"] * 4
    assert grades["dm"] == "weak"  # says so itself
    assert "effective_sample_size" in rows[0]


def test_without_overlap_every_row_is_undefined_and_the_verdict_is_refuse(world):
    feedback = world.log(400, seed=16)
    kept = feedback.take(feedback.actions != 2)
    never_logged = np.zeros((kept.n_rounds, 3))
    never_logged[:, 2] = 1.0

    evaluation = evaluate_policy(replace(kept), never_logged)

    assert all(isinstance(estimate, Undefined) for estimate in evaluation.estimates)
    text = text_of(render(evaluation, "never"))
    assert "Verdict: refuse" in text
    assert "undefined" in text
