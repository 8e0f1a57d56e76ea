"""The page and the verdict of the serving benchmark, and the journeys that it asks about."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.serving.batches import Batched
from benchmarks.serving.bench import BARE, FLOOR, SHAPES
from benchmarks.serving.judgement import targets_of
from benchmarks.serving.measure import Burst, Way
from benchmarks.serving.memory import Memory
from benchmarks.serving.page import full_table, write_page
from benchmarks.serving.pauses import Paused, outcome_requests
from benchmarks.serving.peers import COMPOSITION, FEAST, MLFLOW
from benchmarks.serving.plan import FULL, LOADS, PEERS_LOADS
from benchmarks.serving.processes import Server
from benchmarks.serving.results import Results
from benchmarks.serving.shapes import ENDURANCE, WHEEL, OutOfCustomersError, Shape, write_points
from benchmarks.serving.workers import Scaled
from benchmarks.target import Target, finish
from service.point_files import load_decision_points


def burst(way: str, journey: str, connections: int, rate: float, pause_ms: float = 20.0) -> Burst:
    said = Counter({(200, "act"): 90, (200, "suppressed"): 10})
    return Burst(way, journey, connections, rate, 1e6 / rate, 50.0, 30.0, 2.0, 5.0, pause_ms, 1.0, said)


def scaled_turn(*, two: float, room: float) -> Scaled:
    one = burst("production", *FULL, 1_000.0)
    return Scaled(one, replace(one, way="two workers", rate=1_000.0 * two, room=room))


def results(ours: float = 2_000.0, pause_ms: float = 20.0) -> Results:
    rates = {FLOOR: 2_500.0, BARE: 9_500.0, FEAST: 400.0, MLFLOW: 800.0, COMPOSITION: 250.0}
    rates |= dict.fromkeys(SHAPES, ours)
    full = [burst(way, *load, rates[way]) for load in LOADS for way in (FLOOR, *SHAPES)]
    full += [
        burst(way, *load, rates[way]) for load in PEERS_LOADS for way in (BARE, FEAST, MLFLOW, COMPOSITION)
    ]
    return Results(
        full=full,
        steady=[burst(way, WHEEL, 0, rates[way] / 2) for way in (FLOOR, *SHAPES)],
        paused={way: Paused(burst(way, WHEEL, 0, ours / 2, pause_ms), 4) for way in SHAPES},
        feast_us={shape: [900.0] for shape in SHAPES},
        starts_s=dict.fromkeys(SHAPES, 4.0),
        about={COMPOSITION: "all of it"},
        batched={shape: [Batched(100.0, 700.0, 900.0)] for shape in SHAPES},
        scaled=[scaled_turn(two=1.3, room=1.4)],
        memory={shape: Memory(1_000, 300.0, (320.0, 321.0)) for shape in SHAPES},
        answer_bytes=2_209,
    )


@pytest.mark.parametrize(
    ("ours", "pause_ms", "short"), [(2_000.0, 20.0, 0), (2_000.0, 70.0, 2), (1_500.0, 20.0, 4)]
)
def test_the_page_tells_each_number_and_each_target(
    ours: float, pause_ms: float, short: int, tmp_path: Path
) -> None:
    found = results(ours, pause_ms)
    targets = targets_of(found)

    write_page(tmp_path / "page.md", found, targets, command="python -m benchmarks.serving", tolerance=0.15)

    page = (tmp_path / "page.md").read_text()
    assert page.count(": short") == short
    assert full_table(found).startswith("| | journey | connections | requests/s | by the floor's |")
    assert full_table(found) in page
    assert f"| production | lucky_wheel | 32 | {ours:,.0f} | {ours / 2_500:.3f} |" in page
    assert "| production | lucky_wheel | 200 act 90.0%, 200 suppressed 10.0% |" in page
    assert f"| production, learning (4 snapshots) | {ours / 2:,.0f} |" in page
    assert "misses by more than 15%" in page
    assert "| embedded | 100 | " in page
    assert "| 2 | 1,300 | 1.40 | 929 |" in page
    assert "| embedded | 4.0 | 300 | 1,000 | 320 | 321 |" in page


def test_two_workers_are_held_against_the_cores_that_they_had() -> None:
    assert scaled_turn(two=1.3, room=1.4).times == pytest.approx(1.857, abs=0.001)
    assert scaled_turn(two=1.3, room=2.0).times == pytest.approx(1.3)


def test_a_miss_within_the_tolerance_is_short_and_does_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    near, far = Target("ratio", 0.62, "at least", 0.7), Target("ratio", 0.5, "at least", 0.7)

    with pytest.raises(SystemExit) as ended:
        finish([near], tolerance=0.15)
    with pytest.raises(SystemExit) as failed:
        finish([near, far], tolerance=0.15)

    assert (ended.value.code, failed.value.code) == (0, 1)
    assert capsys.readouterr().out.count(": short") == 3


def test_the_wheel_of_the_benchmark_has_money_and_the_endurance_journey_no_limit(tmp_path: Path) -> None:
    points = load_decision_points(write_points(tmp_path / "points"))

    assert points[WHEEL].coupon is not None
    assert points[WHEEL].coupon.daily_budget == 10**12
    assert points[WHEEL].caps
    assert not points[ENDURANCE].caps
    assert points[ENDURANCE].coupon is not None
    assert points[ENDURANCE].coupon.once_per is None


def test_nobody_is_asked_about_twice(tmp_path: Path) -> None:
    shape = Shape("embedded", tmp_path, {}, [], ["a", "b", "c", "d"])

    first = shape.take(3)
    shape.give_back(1)

    assert (first, shape.take(2)) == (["a", "b", "c"], ["c", "d"])
    with pytest.raises(OutOfCustomersError, match="--customers"):
        shape.take(1)


def test_every_message_is_told_to_have_been_clicked() -> None:
    requests = list(outcome_requests([{"decision_id": f"d{number}"} for number in range(7)]))

    assert len(requests) == 2
    assert b"".join(requests).count(b'"clicked"') == 7


def test_only_who_remembers_customers_is_given_no_more_of_them() -> None:
    server = Server("x", "http://127.0.0.1:1", None, 0.0)  # type: ignore[arg-type]
    forgetful = Way("x", server, lambda count, _journey: [b"?"] * count)

    assert len(forgetful.to_ask(500, WHEEL, 100)) == 500
    assert len(replace(forgetful, remembers=True).to_ask(500, WHEEL, 100)) == 100
