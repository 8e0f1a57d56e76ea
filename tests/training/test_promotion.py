"""The gate in front of the champion alias, on a real MLflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.artifact import Artifact
from models.inputs import SCORES
from models.uniform_random import UniformRandom
from training.evaluation.gate import Condition, GateReport
from training.places import Places

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NAME = "channel_policy"
PASSED = GateReport(conditions=(Condition(name="difference", holds=True, detail="+1"),))
FAILED = GateReport(
    conditions=(
        Condition(name="difference", holds=False, detail="-1"),
        Condition(name="effective rounds", holds=False, detail="3"),
    )
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A registry with a champion and a challenger of one policy."""
    from training.registry import CHALLENGER, CHAMPION, open_registry

    places = Places(var=tmp_path)
    registry = open_registry(places)
    for number, alias in enumerate((CHAMPION, CHALLENGER)):
        plain = UniformRandom(action_names=("email", "sms")).to_artifact()
        artifact = Artifact({**plain.manifest, "number": number}, plain.arrays)
        with registry.run(alias) as run_id:
            registry.register(artifact, NAME, run_id, alias=alias)
    return places


def aliases(places: Places) -> tuple[str | None, str | None]:
    from training.registry import CHALLENGER, CHAMPION, open_registry

    registry = open_registry(places)
    return registry.version_of(NAME, CHAMPION), registry.version_of(NAME, CHALLENGER)


def tags_of(places: Places, version: str) -> dict[str, str]:
    from mlflow import MlflowClient

    return dict(MlflowClient(tracking_uri=places.registry_uri).get_model_version(NAME, version).tags)


def settle(places: Places, report: GateReport, reason: str = "") -> bool:
    from training.promotion import find_contenders, settle
    from training.registry import open_registry

    registry = open_registry(places)
    return settle(registry, find_contenders(registry, NAME), report, reason)


def test_a_challenger_is_registered_beside_the_champion_and_moves_up_when_the_gate_opens(places):
    before = aliases(places)

    promoted = settle(places, PASSED)

    assert (before, promoted, aliases(places)) == (("1", "2"), True, ("2", None))
    assert tags_of(places, "2")["gate"] == "passed"


def test_a_refused_challenger_stays_and_is_tagged_with_what_failed(places):
    promoted = settle(places, FAILED)

    assert (promoted, aliases(places)) == (False, ("1", "2"))
    assert tags_of(places, "2")["gate"] == "refused: difference, effective rounds"
    assert "forced_because" not in tags_of(places, "2")


def test_force_moves_the_alias_and_leaves_its_reason_on_the_version(places):
    promoted = settle(places, FAILED, "the old one offers a channel that is gone")

    assert (promoted, aliases(places)) == (True, ("2", None))
    assert tags_of(places, "2")["forced_because"] == "the old one offers a channel that is gone"
    assert tags_of(places, "2")["gate"].startswith("refused")


def test_the_command_refuses_with_exit_code_1_and_says_which_condition_failed(places):
    from training.cli import app

    plain = CliRunner().invoke(app, ["promote", NAME, "--var", str(places.var)])
    empty_reason = CliRunner().invoke(app, ["promote", NAME, "--var", str(places.var), "--force", " "])
    kept = aliases(places)
    forced = CliRunner().invoke(app, ["promote", NAME, "--var", str(places.var), "--force", "a test"])

    assert (plain.exit_code, empty_reason.exit_code, kept) == (1, 1, ("1", "2"))
    assert "FAILED  log: no decision log at" in plain.output
    assert "version 1 stays champion" in plain.output
    assert (forced.exit_code, aliases(places)) == (0, ("2", None))
    assert "forced: a test" in forced.output


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_policy", "no model 'no_such_policy'"),
        ("coupon_policy", "has no champion to be compared with"),
    ],
)
def test_what_cannot_be_judged_is_an_error_that_says_why(name, message, places):
    from training.promotion import PromotionError, find_contenders
    from training.registry import open_registry

    with pytest.raises(PromotionError, match=message):
        find_contenders(open_registry(places), name)


def test_without_a_challenger_the_message_says_how_to_get_one(places):
    settle(places, PASSED)

    with pytest.raises(ValueError, match="register one by `fit policy channel_policy --from-log`"):
        settle(places, PASSED)


def contest(challenger: np.ndarray, champion: np.ndarray, actual: np.ndarray, name: str = SCORES[0]):
    from datetime import UTC, datetime

    from training.scorers.gate import Contest
    from training.scorers.spec import scorer_specs

    spec = next(spec for spec in scorer_specs() if spec.name == name)
    return Contest(
        spec=spec,
        judged_as_of=datetime(2017, 12, 24, tzinfo=UTC),
        challenger=challenger,
        champion=champion,
        actual=actual,
    )


def scorer(trained: str = "2017-11-01T00:00:00+00:00") -> Artifact:
    return Artifact({"kind": "scorer", "name": SCORES[0], "horizon_days": 7, "trained_as_ofs": [trained]})


def judged(found, newest: str = "2017-11-01T00:00:00+00:00") -> tuple[str, ...]:
    from training.scorers.gate import judge_contest

    return judge_contest(found, scorer(newest), scorer(), np.random.default_rng(0)).failed


def test_a_scorer_must_rank_no_worse_stay_calibrated_and_be_judged_on_a_later_date():
    rng = np.random.default_rng(5)
    true = rng.uniform(0.02, 0.98, 3_000)
    actual = (rng.random(3_000) < true).astype(float)
    noisy = np.clip(true + rng.normal(scale=0.3, size=3_000), 0.01, 0.99)

    assert judged(contest(true, noisy, actual)) == ()
    assert judged(contest(true, true, actual)) == ()
    assert "ranking" in judged(contest(noisy, true, actual))
    assert judged(contest(true**2, true, actual)) == ("calibration", "mean")
    assert judged(contest(true, true, actual), "2017-12-20T00:00:00+00:00") == (
        "later date than the challenger's",
    )
