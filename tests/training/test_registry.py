"""A real MLflow: what is registered can be read back as the service does, and as MLflow does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.artifact import Artifact
from training.places import Places

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory, shop_tables: dict[str, pa.Table]) -> Path:
    """A folder with the small shop's data set and, its scorers, registered, and once more without a change."""
    from training.importing.dataset import DatasetDescription, dataset_folder, write_dataset
    from training.scorers.publish import publish_scorers
    from training.scorers.run import fit_scorers
    from training.scorers.spec import scorer_specs

    var = tmp_path_factory.mktemp("var")
    about = DatasetDescription(
        name="shop",
        source="made up",
        currency="IRT",
        amount_scale=1,
        simulated=("customers.time_zone",),
        notes=("a note of the importer",),
    )
    write_dataset(dataset_folder(var, "shop"), about, shop_tables)
    specs = scorer_specs(value_days=28)
    runs = fit_scorers(var, "shop", specs, test_as_of=datetime(2024, 5, 1, tzinfo=UTC))
    for version in ("1", None):
        placings = dict(publish_scorers(Places(var=var), runs))
        assert {name: placing.version for name, placing in placings.items()} == {
            s.name: version for s in specs
        }
    return var


@pytest.mark.parametrize("name", ["purchase_propensity", "churn_risk", "expected_value"])
def test_the_champion_scores_through_our_reader_and_through_mlflow_alike(var: Path, name: str) -> None:
    import mlflow

    from features.schema import load_schema
    from models.scorer import load_scorer
    from training.champion import read_champion
    from training.registry import open_registry

    uri = open_registry(Places(var=var)).tracking_uri
    artifact = read_champion(uri, name)
    scorer = load_scorer(artifact, load_schema().columns)
    mlflow.set_tracking_uri(uri)
    booster = mlflow.lightgbm.load_model(f"models:/{name}@champion")
    vectors = np.random.default_rng(6).exponential(20, size=(50, len(load_schema().columns)))
    raw = booster.predict(vectors[:, scorer.columns], raw_score=artifact.manifest["calibration"] is not None)

    a, b = artifact.manifest["calibration"] or (None, None)
    wanted = raw if a is None else 1 / (1 + np.exp(-(a * raw + b)))
    assert scorer.score_many(vectors) == pytest.approx(wanted, rel=1e-12)


def test_the_manifest_says_what_the_service_and_a_reader_need(var: Path) -> None:
    from features.schema import load_schema
    from training.champion import read_champion
    from training.registry import open_registry

    manifest = read_champion(open_registry(Places(var=var)).tracking_uri, "churn_risk").manifest

    assert manifest["kind"] == "scorer"
    assert manifest["horizon_days"] == 28
    assert manifest["schema_digest"] == load_schema().digest
    assert manifest["tested_as_of"] == "2024-05-01T00:00:00+00:00"
    assert max(manifest["trained_as_ofs"]) == "2024-04-03T00:00:00+00:00"
    assert 0.5 < manifest["metrics"]["auc"] < 1
    assert "activity_by_hour_00" not in manifest["feature_names"]


def test_the_run_holds_everything_that_is_to_be_told(var: Path) -> None:
    from mlflow import MlflowClient

    from training.registry import open_registry

    client = MlflowClient(tracking_uri=open_registry(Places(var=var)).tracking_uri)
    version = client.get_model_version_by_alias("purchase_propensity", "champion")
    run = client.get_run(version.run_id)
    files = {file.path for file in client.list_artifacts(version.run_id)}
    folder = Path(version.source.removeprefix("file://"))
    card = (folder.parent / "model_card.md").read_text(encoding="utf-8")

    assert run.info.status == "FINISHED"
    assert {"calibration.png", "lift.png", "importance.png", "model_card.md", "model"} <= files
    assert {"auc", "ece", "later_ece", "recency_alone_auc"} <= set(run.data.metrics)
    assert {"num_leaves", "horizon_days", "trained_as_ofs"} <= set(run.data.params)
    assert {"data_fingerprint", "git_commit", "source_digest"} <= set(run.data.tags)
    assert "customers.time_zone" in card
    assert "a note of the importer" in card
    assert "signature" in (folder / "MLmodel").read_text(encoding="utf-8")
    assert not list(folder.rglob("*.pkl"))


def test_a_run_that_fails_is_marked_as_failed(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    from training.registry import open_registry

    registry = open_registry(Places(var=tmp_path))
    with pytest.raises(ZeroDivisionError), registry.run("broken") as run_id:
        _ = 1 / 0

    client = MlflowClient(tracking_uri=registry.tracking_uri)
    assert client.get_run(run_id).info.status == "FAILED"


def test_the_alias_moves_to_the_newest_version(tmp_path: Path) -> None:
    from training.champion import read_champion
    from training.registry import CHAMPION, open_registry

    registry = open_registry(Places(var=tmp_path))
    for number in (1, 2):
        with registry.run("toy") as run_id:
            registry.register(Artifact({"kind": "toy", "number": number}), "toy", run_id)

    assert read_champion(registry.tracking_uri, "toy").manifest["number"] == 2
    assert registry.digest_of("toy", CHAMPION) == Artifact({"kind": "toy", "number": 2}).digest
    assert registry.digest_of("nothing", CHAMPION) is None


def test_drift_is_what_moved_in_the_log_since_training_and_the_exit_code_says_how_far(
    var: Path, tmp_path: Path
) -> None:
    import json

    from typer.testing import CliRunner

    from features.schema import load_schema
    from tests.training.drift.generated_vectors import write_vectors
    from training.cli import app
    from training.drift.comparison import monitored_champions

    models, notes = monitored_champions(Places(var=var), ("churn_risk",), load_schema())
    told = {}
    for name, moved in (("still", {}), ("moved", {"recency_days": 3.0})):
        write_vectors(tmp_path / f"{name}.db", models, 3_000, moved=moved)
        log = f"sqlite:///{tmp_path / name}.db"
        where = ["--var", str(var), "--database-url", log, "--model", "churn_risk"]
        out = str(tmp_path / f"{name}.json")
        asked = ["drift", *where, "--fail-at", "0.25", "--orders", "shop", "--out", out]
        told[name] = CliRunner().invoke(app, asked)
    page = tmp_path / "page.html"
    CliRunner().invoke(app, ["drift", *where, "--out", str(page)])

    assert notes == ()
    assert told["still"].exit_code == 0, told["still"].output
    assert "Verdict: stable" in told["still"].output
    assert told["moved"].exit_code == 3, told["moved"].output
    assert told["moved"].stderr.strip() == "shifted by 0.25 or more: recency_days"
    report = json.loads((tmp_path / "moved.json").read_text(encoding="utf-8"))
    first = report["inputs"][0]
    assert (report["grade"], first["name"], first["grade"]) == ("drift", "recency_days", "drift")
    assert report["degraded"] == {"coupons:stale": 0.1}
    assert set(report["models"]) == {"churn_risk"}
    assert {each["seen"]["n_rows"] for each in report["inputs"]} == {3_000}
    (calibration,) = report["calibrations"]  # all were decided before the shop's first order
    assert (calibration["scorer"], calibration["n_decisions"], calibration["actual"]) == (
        "churn_risk",
        3_000,
        1.0,
    )
    written = page.read_text(encoding="utf-8")
    assert "Verdict: drift" in written
    assert written.count("<svg") >= 3
    assert "<script" not in written


def test_a_log_or_a_model_that_is_not_there_is_refused_by_name(var: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from training.cli import app

    asked = {
        "no decision log at": [],
        "wanted decisions or parquet:DIR": ["--log", "events"],
        "no exported decision log in": ["--log", f"parquet:{tmp_path}"],
        "no champion of coupons": ["--model", "coupons"],
        "wanted a file .html or .json": ["--out", "page.txt"],
        "no data set": ["--orders", "another"],
    }

    found = {
        what: CliRunner().invoke(app, ["drift", "--var", str(var), *more]) for what, more in asked.items()
    }

    for what, result in found.items():
        assert result.exit_code == 2, (what, result.output)
        assert what in " ".join(result.stderr.replace("│", " ").split()), result.stderr
