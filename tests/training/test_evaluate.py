"""`python -m training evaluate` on a randomised e-mail campaign that is not ours: three arms, spend as the reward."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from training.cli import app

N_CUSTOMERS = 12_000
THIRD = ("--propensity", "0.3333333333333333")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two mailings and none by lot. Men's goods sell twice as well as none, women's 1.5 times; the newer the better."""
    rng = np.random.default_rng(4)
    arm = rng.choice(["Mens E-Mail", "No E-Mail", "Womens E-Mail"], size=N_CUSTOMERS)
    months = rng.integers(1, 13, size=N_CUSTOMERS)
    lift = np.select([arm == "Mens E-Mail", arm == "Womens E-Mail"], [2.0, 1.5], 1.0)
    bought = rng.random(N_CUSTOMERS) < 0.06 * lift * (1.3 - 0.05 * months)
    spend = np.where(bought, np.round(rng.gamma(2.0, 40.0, N_CUSTOMERS), 2), 0.0)
    table = {
        "recency": months,
        "zip_code": rng.choice(["Rural", "Surburban", "Urban"], size=N_CUSTOMERS),
        "segment": arm,
        "spend": spend,
    }
    path = tmp_path_factory.mktemp("campaign") / "mail.csv"
    pa.csv.write_csv(pa.table(table), path)
    return path


def evaluate(campaign: Path, var: Path, *options: str, policy: str = "always:Mens E-Mail"):
    mapped = ["--map", "action=segment", "--map", "reward=spend", "--input", "recency", "--label", "zip_code"]
    start = ["evaluate", "--log", f"file:{campaign}", *mapped, "--policy", policy, "--var", str(var)]
    return CliRunner().invoke(app, [*start, *options])


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def test_the_best_arm_is_found_told_apart_and_reported_on_one_page(campaign, tmp_path):
    page = tmp_path / "page.html"

    result = evaluate(
        campaign,
        tmp_path,
        *THIRD,
        "--against",
        "always:No E-Mail",
        "--slice",
        "recency>6 and zip_code=Urban",
        "--bounds",
        "0:1000:0.333",
        "--report",
        str(page),
        "--no-log",
    )

    assert result.exit_code == 0, result.output
    said = words(result.output)
    assert "Verdict: conclude" in said
    assert "12,000 rounds in" in said
    assert "always:Mens E-Mail less always:No E-Mail, on the same rounds" in said
    assert "better" in said
    assert "empirical Bernstein" in said
    content = page.read_text()
    assert "Womens E-Mail" in content
    assert "zip_code=Rural" in content
    assert "recency&gt;6 and zip_code=Urban" in content
    assert list(tmp_path.iterdir()) == [page]  # no registry was made


def test_bootstrap_intervals_can_be_asked_for_instead(campaign, tmp_path):
    result = evaluate(campaign, tmp_path, *THIRD, "--interval", "bootstrap", "--no-log", policy="uniform")

    assert result.exit_code == 0, result.output
    assert "intervals from 1,000 resamples of the rounds" in words(result.output)
    (page,) = (tmp_path / "reports").iterdir()
    assert "percentile bootstrap of 1,000 resamples" in page.read_text()


@pytest.mark.parametrize(
    ("options", "policy", "message"),
    [
        (THIRD, "always:Kids E-Mail", "wanted one of ['uniform', 'logged', 'always:Mens E-Mail', 'always:No"),
        ((*THIRD, "--map", "propensity="), "uniform", "wanted OURS=THEIRS"),
        ((), "uniform", "has no column ['propensity']"),
        ((*THIRD, "--slice", "age>3"), "uniform", "no input or label age"),
        ((*THIRD, "--since", "2024-05-01"), "uniform", "does not say when"),
        (("--propensity", "0.5"), "uniform", ""),
    ],
)
def test_what_cannot_be_judged_leaves_with_1_and_says_why(options, policy, message, campaign, tmp_path):
    result = evaluate(campaign, tmp_path, *options, "--no-log", policy=policy)

    if message:
        assert result.exit_code == 1
        assert message in result.output
        assert not (tmp_path / "reports").exists()
    else:  # propensities that are not true are judged, and refused
        assert result.exit_code == 0
        assert "Verdict: refuse" in result.output


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_evaluation_is_kept_as_a_run_with_table_numbers_and_page(campaign, tmp_path):
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    result = evaluate(campaign, tmp_path, *THIRD, "--against", "uniform", "--seed", "3")

    assert result.exit_code == 0, result.output
    uri = f"sqlite:///{tmp_path.absolute() / 'mlflow.db'}"
    run_id = result.output.rsplit("MLflow run: ", 1)[1].strip()
    run = MlflowClient(tracking_uri=uri).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["policy"] == "always:Mens E-Mail"
    assert (run.data.params["against"], run.data.params["seed"]) == ("uniform", "3")
    assert run.data.tags["verdict"] == "conclude"
    assert {"git_commit", "source_digest"} <= set(run.data.tags)
    files = Path(download_artifacts(run_id=run_id, tracking_uri=uri, dst_path=str(tmp_path / "kept")))
    (page,) = (tmp_path / "reports").iterdir()
    assert (files / "report.html").read_text() == page.read_text()
    assert "snips" in (files / "evaluation.txt").read_text()
    found = json.loads((files / "evaluation.json").read_text())
    by_name = {each["estimator"]: each for each in found["estimates"]}
    assert run.data.metrics["dr_value"] == pytest.approx(by_name["dr"]["value"])
    assert run.data.metrics["difference_dr_low"] > 0
    assert run.data.metrics["effective_sample_size"] > 1_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_registry_that_is_away_is_an_error_after_table_and_page_are_out(campaign, tmp_path, monkeypatch):
    uri = "http://127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    result = evaluate(campaign, tmp_path, *THIRD, "--tracking-uri", uri)

    assert result.exit_code == 1
    assert "Verdict: conclude" in result.output
    assert "--no-log does without" in result.output
    assert uri in result.output
    assert len(list((tmp_path / "reports").iterdir())) == 1
