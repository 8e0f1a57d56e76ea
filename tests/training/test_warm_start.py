"""The warm start on the real households: worth more than chance in the world it was simulated in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.schema import load_schema
from models.feedback import Floats
from models.inputs import SCORES
from training.drift.distribution import InputDistributions
from training.importing.dataset import dataset_folder
from training.places import Places
from training.policies import WARM_STARTS, WarmStart
from training.prepare import DATASET
from training.simulation.audience import AudienceError
from training.simulation.stage import Stage, open_stage
from training.warm_start import start_policy

pytestmark = pytest.mark.slow
COLUMNS = load_schema().columns


class OrderRate:
    """A score from the orders of the last 90 days: 1 - exp(-rate·days)."""

    def __init__(self, days: float) -> None:
        self.days = days

    def score_many(self, vectors: Floats) -> Floats:
        """One score a row."""
        return np.asarray(1 - np.exp(-vectors[:, COLUMNS.index("orders_90d")] / 90 * self.days))


SCORERS = {"purchase_propensity": OrderRate(7), "churn_risk": OrderRate(-1), "expected_value": OrderRate(90)}


@pytest.fixture(scope="module")
def dataset(prepared: Path) -> Path:
    """The Complete Journey with its simulated messages."""
    return dataset_folder(prepared, DATASET)


@pytest.fixture(scope="module")
def snapshots(prepared: Path) -> Path:
    """One snapshot of every view."""
    return Places(var=prepared).snapshots


@pytest.fixture(scope="module")
def real_stage(dataset: Path, snapshots: Path) -> Stage:
    from features.bulk import latest_as_of

    return open_stage(dataset, snapshots, load_schema(), SCORERS, as_of=latest_as_of(snapshots), seed=0)


def test_app_push_is_clicked_at_the_journeys_rates(dataset: Path) -> None:
    """The reference journeys' app pushes were clicked at 3.5 to 8 %."""
    events = pq.read_table(dataset / "events.parquet")
    push = events.filter(pc.match_substring(events["properties"], '"app_push"'))

    counts = {row["values"]: row["counts"] for row in pc.value_counts(push["event"]).to_pylist()}

    assert 0.035 < counts["message_clicked"] / counts["message_delivered"] < 0.08


def test_real_households_see_simulated_messages_only_with_the_label(dataset: Path) -> None:
    manifest = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    events = pq.read_table(dataset / "events.parquet")

    assert "events" in manifest["simulated"]
    assert all(json.loads(each)["simulated"] is True for each in events["properties"].unique().to_pylist())
    assert pc.max(events["occurred_at"]).as_py() < datetime.fromisoformat(manifest["ends_at"])


@pytest.mark.parametrize("start", WARM_STARTS, ids=lambda start: start.name)
def test_each_policy_starts_above_chance_and_below_the_optimum(start: WarmStart, real_stage: Stage) -> None:
    """The gain is 4 standard errors above 0: a policy no better than chance passes once in 30,000 runs."""
    started = start_policy(start, real_stage, seed=0)

    value, trained_on = started.value, InputDistributions.read(started.artifact)
    assert trained_on.names == start.request.input_names
    assert 1_000 < trained_on.n_customers <= 2_469 < trained_on.n_rows
    assert value.gain > 4 * value.gain_se
    assert 0.1 < value.share_of_possible < 1


def test_features_show_the_hidden_preferences(real_stage: Stage) -> None:
    """Click rates rank customers by taste, activity curves by hour: a rank correlation by chance exceeds 0.1 once in 10⁶."""
    rates = real_stage.audience.columns(("click_rate_sms",))[:, 0]
    sms = real_stage.world.taste.channel[:, 1] + real_stage.world.taste.interest
    reached = real_stage.audience.channels()[:, 1]
    evening = real_stage.audience.columns(("activity_by_hour_21",))[:, 0]

    by_taste = np.corrcoef(_ranks(rates[reached]), _ranks(sms[reached]))[0, 1]
    by_hour = np.corrcoef(_ranks(evening), _ranks(real_stage.world.taste.hours[:, 21]))[0, 1]

    assert by_taste > 0.15
    assert by_hour > 0.15


def test_a_missing_scorer_is_named(dataset: Path, snapshots: Path) -> None:
    two = {name: SCORERS[name] for name in SCORES[:2]}

    with pytest.raises(AudienceError, match="expected_value"):
        open_stage(dataset, snapshots, load_schema(), two, as_of=datetime(2018, 1, 1, tzinfo=UTC), seed=0)


def _ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(values)).astype(np.float64)
