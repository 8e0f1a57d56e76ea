"""Sizes, lists and overlaps of segments over a whole base, by the commands that tell them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from features.encoding import encode
from features.membership import belongs, ranks_the_base, values_of
from features.offline import build_snapshots
from features.online import SqliteFeatureReader
from features.rfm_score import EDGES_FILE, load_edges
from features.schema import load_schema
from features.segment_files import load_segments
from training.cli import app
from training.commands.options import DECISION_POINTS, SEGMENTS
from training.segment_base import newest_snapshot, open_base, snapshot_views

DECLARED = {
    "high_intent": (DECISION_POINTS / SEGMENTS / "high_intent.yaml").read_text(encoding="utf-8"),
    "rich": "name: rich\ndescription: x\nwhere: {feature: spend_365d, at_least: 6000}\n",
    "no_sms": "name: no_sms\ndescription: y\nwhere: {not: {feature: consent_sms, is: true}}\n",
    "nobody": "name: nobody\ndescription: z\nwhere: {all: [{segment: rich}, {not: {segment: rich}}]}\n",
}


@pytest.fixture(scope="module")
def ask(busy_shop: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Result]:
    """Runs a command over the busy shop, whose newest snapshot speaks of 2024-03-01."""
    place = tmp_path_factory.mktemp("busy_shop")
    dataset = busy_shop().write(place / "var" / "data" / "shop")
    as_ofs = [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]
    build_snapshots(dataset, as_ofs, place / "var" / "feast" / "snapshots")
    (place / SEGMENTS).mkdir()
    for name, text in DECLARED.items():
        (place / SEGMENTS / f"{name}.yaml").write_text(text, encoding="utf-8")
    where = ["--var", str(place / "var"), "--decision-points", str(place), "--dataset", "shop"]
    return lambda *arguments: CliRunner().invoke(app, [*arguments, *where])


def sizes(result: Result) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in result.output.splitlines()[1:]}


def test_every_segment_has_its_size_over_the_newest_snapshot(ask: Callable[..., Result]) -> None:
    result = ask("segments")

    assert result.output.startswith("3 customers as of 2024-03-01T00:00:00+00:00\n")
    assert sizes(result) == {"high_intent": 3, "no_sms": 2, "nobody": 0, "rich": 2}


def test_sizes_are_told_of_any_moment_from_the_data_set(ask: Callable[..., Result]) -> None:
    assert sizes(ask("segments", "--as-of", "2024-03-01")) == sizes(ask("segments"))
    assert sizes(ask("segments", "--as-of", "2024-02-20")) == {
        "high_intent": 0,
        "no_sms": 2,
        "nobody": 0,
        "rich": 1,
    }


def test_a_segment_shows_its_definition_and_who_is_in_it(ask: Callable[..., Result]) -> None:
    result = ask("segment", "rich")

    assert "feature: spend_365d" in result.output
    assert "2 of 3 customers (66.7%) as of 2024-03-01" in result.output
    assert "such as customer 1, customer 2" in result.output


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pyarrow.csv.read_csv), (".parquet", pq.read_table)])
def test_an_audience_is_listed_in_a_file(
    ask: Callable[..., Result], tmp_path: Path, suffix: str, read: Callable[..., Any]
) -> None:
    found = {}
    for name in ("rich", "nobody"):
        file = tmp_path / f"{name}{suffix}"
        assert ask("segment", name, "--list", str(file)).exit_code == 0
        found[name] = read(file).to_pydict()

    assert found["rich"] == {"customer_id": ["customer 1", "customer 2"]}
    assert found["nobody"] == {"customer_id": []}
    assert not list(tmp_path.glob("*.partial"))


def test_overlaps_count_what_two_segments_share(ask: Callable[..., Result]) -> None:
    two, none = ask("overlap", "high_intent", "rich"), ask("overlap", "nobody", "nobody")
    every = ask("overlap")

    assert two.output.splitlines()[1].split() == ["high_intent", "rich", "3", "2", "2", "0.6667"]
    assert none.output.splitlines()[1].split() == ["nobody", "nobody", "0", "0", "0", "-"]
    assert len(every.output.splitlines()) == 1 + 4 * 3 / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "poor"], "refused: no segment 'poor'; there are ['high_intent', 'no_sms'"),
        (["overlap", "rich", "poor"], "refused: no segment 'poor'"),
        (["segment", "rich", "--list", "audience.txt"], "ends in .txt; wanted one of .csv, .parquet"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(
    ask: Callable[..., Result], arguments: list[str], message: str
) -> None:
    result = ask(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_edges_of_rfm_are_kept_beside_the_segments_that_need_them(
    ask: Callable[..., Result], tmp_path: Path
) -> None:
    result = ask("rfm-edges", "--out", str(tmp_path / "edges.json"))
    edges = load_edges(tmp_path / "edges.json")

    assert edges is not None
    assert (
        f"edges of 3 customers as of 2024-03-01T00:00:00+00:00, digest {edges.digest[:12]}" in result.output
    )
    assert (edges.n_customers, edges.monetary) == (3, (3000.0, 6000.0, 6000.0, 9000.0))
    assert edges.recency == pytest.approx((8, 9, 9, 10))


@pytest.mark.slow
def test_the_shipped_edges_are_those_of_the_real_data(prepared: Path, tmp_path: Path) -> None:
    made, shipped = tmp_path / EDGES_FILE, DECISION_POINTS / SEGMENTS / EDGES_FILE

    result = CliRunner().invoke(app, ["rfm-edges", "--out", str(made), "--var", str(prepared)])

    assert result.exit_code == 0
    assert made.read_text(encoding="utf-8") == shipped.read_text(encoding="utf-8")


@pytest.mark.slow
def test_each_household_is_told_the_same_by_the_table_and_by_the_online_reader(prepared: Path) -> None:
    schema, snapshots = load_schema(), prepared / "feast" / "snapshots"
    declared = load_segments(DECISION_POINTS / SEGMENTS, schema)
    online = {name: segment for name, segment in declared.items() if not ranks_the_base(segment)}
    with open_base(snapshot_views(snapshots, newest_snapshot(snapshots)), declared) as base:
        memberships = base.engine.backend.to_pyarrow(base.table).to_pylist()
        sizes = base.sizes()

    reader = SqliteFeatureReader(database=prepared / "feast" / "online.db", schema=schema)
    one_by_one = []
    for row in memberships:
        stored = reader.read(row["customer_id"])
        read = encode(stored, now=stored.views["rfm"].event_at, schema=schema)  # ages grow from then on
        told = {name: belongs(segment, values_of(read, schema)) for name, segment in online.items()}
        one_by_one.append({"customer_id": row["customer_id"], **told})
    reader.close()

    assert one_by_one == [{name: row[name] for name in ("customer_id", *online)} for row in memberships]
    assert len(memberships) == 2_469
    assert {name: sizes[name] for name in online} == {
        name: sum(row[name] for row in one_by_one) for name in online
    }
    assert sizes["high_intent"] == 0  # the data hold no page views
    assert all(0 < sizes[name] < 2_469 for name in declared if name != "high_intent")
    assert (set(declared) - set(online), sizes["best_customers"]) == ({"best_customers"}, 100)
