"""What `/metrics` shows is written down, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.samples import Sample

from service.decision_tally import SECONDS, DecisionTally
from service.observability import LearnerMetrics, Metrics, RefresherMetrics
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
    } | {
        each.name + ("_total" if each.type == "counter" else ""): set(each._labelnames)
        for each in DecisionTally().collect()
    }

    section = PAGE.read_text().partition("## Metrics\n")[2].partition("\n## ")[0]

    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    for name, labels in there_are.items():
        row = next((row for row in rows if f"`{name}`" in row[0]), None)
        assert row is not None, f"docs/operations.md has no row of {name}"
        assert labels <= set(re.findall(r"`(\w+)`", row[2])), name
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == there_are.keys()


def test_every_decision_is_counted_once_by_status_by_stage_and_by_bucket(worker: Worker) -> None:
    for number in range(35):
        worker.decide(customer_id=f"customer {number}")

    lines = worker.client.get("/metrics").text.splitlines()

    counted = [float(line.split()[-1]) for line in lines if line.startswith("gardoon_decisions_total{")]
    assert sum(counted) == 35
    assert 'gardoon_decide_stage_seconds_count{stage="log"} 35.0' in lines
    assert 'gardoon_decide_stage_seconds_bucket{le="+Inf",stage="log"} 35.0' in lines
    assert "gardoon_decide_seconds_count 35.0" in lines


def test_a_time_lies_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    """As the client library's own histogram has it, which the others are counted by."""
    registry, times = CollectorRegistry(), (0.0, 0.0005, 0.00051, 0.25, 1.0, 7.0)
    reference = Histogram("gardoon_decide_seconds", "the same", buckets=SECONDS, registry=registry)
    tally = DecisionTally()
    for seconds in times:
        reference.observe(seconds)
        tally.count_time(seconds)

    (wanted,) = reference.collect()
    found = next(each for each in tally.collect() if each.name == wanted.name)
    kept = [sample for sample in wanted.samples if not sample.name.endswith("_created")]
    assert sorted(map(_told, found.samples)) == sorted(map(_told, kept))


def _told(sample: Sample) -> tuple[str, str, float]:
    return sample.name, sample.labels.get("le", ""), sample.value
