"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from features.engine import Engine, EngineName

Var = Annotated[
    Path, typer.Option("--var", envvar="GARDOON_VAR", help="Folder of everything that is generated.")
]
VAR = Path("var")
DECISION_POINTS = Path(__file__).resolve().parents[2] / "service" / "decision_points"
SEGMENTS = "segments"
DecisionPoints = Annotated[
    Path,
    typer.Option(
        "--decision-points",
        envvar="GARDOON_DECISION_POINTS",
        help="The folder that `segments/` is in; by default the one that is shipped.",
    ),
]
TrackingUri = Annotated[
    str,
    typer.Option(
        envvar="GARDOON_MLFLOW_TRACKING_URI", help="The model registry; by default SQLite in VAR/mlflow.db."
    ),
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="GARDOON_DATABASE_URL",
        help="Database of the decision log; by default SQLite in VAR/log.db.",
    ),
]
Challenger = Annotated[
    bool, typer.Option("--challenger", help="Register as challengers, the champions staying: see `promote`.")
]
FeatureStoreYaml = Annotated[
    Path | None,
    typer.Option(
        "--feature-store",
        envvar="GARDOON_FEATURE_STORE_YAML",
        exists=True,
        dir_okay=False,
        help="Settings of the feature store to serve from; by default files and SQLite in VAR/feast.",
    ),
]

EngineChoice = Annotated[
    Literal["duckdb", "spark"],
    typer.Option("--engine", help="What computes: DuckDB here, or Spark, which gives the same numbers."),
]
SparkMaster = Annotated[
    str,
    typer.Option(
        help="Spark's cluster, such as spark://host:7077; by default what spark-submit names, or this machine."
    ),
]


def chosen_engine(name: EngineName, spark_master: str, var: Path) -> AbstractContextManager[Engine]:
    """The engine that the options name. Raises, when opened: `EngineError`."""
    from features.engine import open_engine

    return open_engine(name, work=var / "spark", spark_master=spark_master)


def parse_time(text: str) -> datetime:
    """An ISO 8601 time, UTC unless it says so. Raises `typer.BadParameter`."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 time such as 2017-11-01") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
