"""What `/metrics` shows is written down, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from service.observability import COUNTED_TOGETHER, LearnerMetrics, Metrics, RefresherMetrics
from tests.service.conftest import Worker

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_table_of_metrics_names_those_there_are_with_their_labels() -> None:
    counted = [
        each
        for metrics in (Metrics(), LearnerMetrics(), RefresherMetrics())
        for each in vars(metrics).values()
    ]
    there_are = {
        each._name + ("_total" if each._type == "counter" else ""): set(each._labelnames)
        for each in counted
        if hasattr(each, "_labelnames")
    }

    section = PAGE.read_text().partition("## Metrics\n")[2].partition("\n## ")[0]

    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    for name, labels in there_are.items():
        row = next((row for row in rows if f"`{name}`" in row[0]), None)
        assert row is not None, f"docs/operations.md has no row of {name}"
        assert labels <= set(re.findall(r"`(\w+)`", row[2])), name
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == there_are.keys()


def test_every_decision_is_counted_when_the_metrics_are_read_however_many_waited(worker: Worker) -> None:
    """Decisions are counted many at a time; who reads the metrics meets none that waits."""
    for number in range(COUNTED_TOGETHER + 3):
        worker.decide(customer_id=f"customer {number}")
        if number == 0:
            assert 'gardoon_decide_stage_seconds_count{stage="log"} 1.0' in worker.client.get("/metrics").text

    lines = worker.client.get("/metrics").text.splitlines()

    counted = [float(line.split()[-1]) for line in lines if line.startswith("gardoon_decisions_total{")]
    assert sum(counted) == COUNTED_TOGETHER + 3
    assert f'gardoon_decide_stage_seconds_count{{stage="log"}} {COUNTED_TOGETHER + 3}.0' in lines
