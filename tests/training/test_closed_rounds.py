"""Which rounds of a log are learnt: all that were decided before the first window that was still open, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from training.closed_rounds import closed_rounds
from training.evaluation.errors import TooFewRoundsError
from training.evaluation.round_buffer import LogRow, RewardRule
from training.evaluation.round_spool import SpooledLog, spool_rounds
from training.evaluation.round_window import count_rounds, whole_feedback

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000_000
RULES = {
    "short": RewardRule(kind="click", closes_after_hours=10),
    "long": RewardRule(kind="click", closes_after_hours=48),
}


def row(hour: float, journey: str, *, group: str = "decisioning", reward: float = 1.0) -> LogRow:
    round_ = {
        "decision": "channel",
        "inputs": ["recency_days"],
        "context": [hour],
        "actions": ["email", "sms"],
        "eligible": [True, True],
        "probabilities": [0.5, 0.5],
        "action": 0,
        "propensity": 0.5,
    }
    return LogRow(
        decision_id=f"d{hour}",
        journey=journey,
        decided_at_us=int(hour * HOUR),
        status="act",
        group=group,
        record=json.dumps({"versions": {"journey": journey}, "rounds": [round_]}).encode(),
        state="resolved",
        reward=reward,
    )


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., SpooledLog]:
    """The log of these rows as the learner saw it at hour 100."""
    asked = {"decision": "channel", "rules": RULES, "scanned_until_us": 100 * HOUR, "folder": tmp_path}
    return lambda *rows: spool_rounds(rows, **asked)


def learnt(found: SpooledLog, until: datetime | None = None) -> tuple[list[float], datetime]:
    """The hours of the rounds that are learnt, and up to when."""
    rounds, moment = closed_rounds(found, until)
    return whole_feedback(rounds).contexts[:, 0].tolist(), moment


def at(hours: float) -> datetime:
    return EPOCH + timedelta(hours=hours)


def test_a_round_decided_after_one_that_is_still_open_waits_although_its_own_window_closed(log) -> None:
    found = log(row(20, "long"), row(30, "short"), row(55, "long"), row(60, "short"), row(70, "short"))

    assert count_rounds(found.rounds) == 4
    assert learnt(found) == ([20, 30], at(55))


def test_where_no_window_is_open_every_round_is_learnt_and_the_next_one_is_not(log) -> None:
    """Up to the latest moment that leaves the shortest window closed, so that a decision made since is not in it."""
    found = log(row(20, "long"), row(51, "long"), row(80, "short"))

    assert learnt(found) == ([20, 51, 80], at(90))


def test_what_no_reward_is_learnt_of_holds_nothing_up(log) -> None:
    found = log(row(20, "long"), row(60, "long", group="holdout"), row(70, "short"))

    assert learnt(found) == ([20, 70], at(90))


def test_an_earlier_moment_may_be_asked_for_a_later_one_is_cut(log) -> None:
    found = log(row(20, "long"), row(30, "short"), row(55, "long"))

    assert learnt(found, at(30)) == ([20], at(30))
    assert learnt(found, at(99)) == ([20, 30], at(55))
    with pytest.raises(TooFewRoundsError, match="none of 2 rounds was decided before 1970-01-01T10"):
        learnt(found, at(10))
