"""Metrics and logs. Neither holds customer data."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, Summary
from prometheus_client.registry import Collector

from models.entropy import normalized_entropy
from service.events.told import Told
from service.record import DecisionRecord
from service.safe_trace import tell_exception
from service.schemas import OutcomeItem, OutcomeResult
from service.stages import STAGES, Stages

COUNTED_TOGETHER: Final = 32
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


class _BeforeReading(Collector):
    """Does something before a registry's metrics are read, and is none of them itself; registered first."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def collect(self) -> Iterator[Metric]:
        self._do()
        yield from ()


@dataclass(frozen=True)
class _Registered:
    """Makes the metrics of one registry."""

    registry: CollectorRegistry

    def counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(name, told, labels, registry=self.registry)

    def gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(name, told, labels, registry=self.registry)

    def summary(self, name: str, told: str, *labels: str) -> Summary:
        return Summary(name, told, labels, registry=self.registry)

    def seconds(self, name: str, told: str, *labels: str) -> Histogram:
        return Histogram(name, told, labels, registry=self.registry, buckets=_SECONDS)


class Metrics:
    """What `/metrics` shows; one set an application, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._uncounted: deque[tuple[DecisionRecord, Stages]] = deque()
        self.registry.register(_BeforeReading(self._count_waiting))
        make = _Registered(self.registry)
        self._time(make)
        self._count(make)
        self._show(make)

    def _time(self, make: _Registered) -> None:
        self.decide_seconds = make.seconds("gardoon_decide_seconds", "Time to decide, log included")
        self.stage_seconds = make.seconds(
            "gardoon_decide_stage_seconds", "Time of each stage of a decision", "stage"
        )
        self._of_stage = {stage: self.stage_seconds.labels(stage) for stage in STAGES}
        self.flush_seconds = make.seconds(
            "gardoon_log_flush_seconds", "Time of one commit of the decision log"
        )
        self.standing_seconds = make.seconds(
            "gardoon_standing_read_seconds", "Time of one reading of the standings that decisions wait for"
        )
        self.event_flush_seconds = make.seconds(
            "gardoon_event_flush_seconds", "Time of one commit of the event log"
        )
        self.complements_seconds = make.seconds(
            "gardoon_complements_seconds",
            "Time to find a cart's complements, the customer's purchases included",
        )

    def _count(self, make: _Registered) -> None:
        self.decisions = make.counter("gardoon_decisions", "Decisions answered", "journey", "status", "group")
        self.evenness = make.summary(
            "gardoon_choice_evenness",
            "Entropy of a choice's probabilities by that of an even choice among what was eligible",
            "decision",
        )
        self.degraded = make.counter("gardoon_degraded_inputs", "Inputs that defaults stood in for", "input")
        self.outcomes = make.counter("gardoon_outcomes", "Outcomes received", "kind", "status")
        self.events = make.counter("gardoon_events", "Messages received", "type", "result")
        self.redemptions = make.counter(
            "gardoon_coupon_redemptions", "Redemptions asked for, by result", "result"
        )
        self.activations = make.counter("gardoon_activations", "Activations asked for, by result", "result")
        self.complements = make.counter(
            "gardoon_complements", "Carts that complements were asked for, by what was answered", "result"
        )
        self.refused = make.counter("gardoon_refused", "Requests that were not let in, by status", "status")
        self.unavailable = make.counter(
            "gardoon_unavailable", "Requests answered 503, by the error that says why", "error"
        )

    def _show(self, make: _Registered) -> None:
        self.snapshot = make.gauge("gardoon_snapshot", "Number of the policy snapshot in use")
        self.budget_price = make.gauge(
            "gardoon_budget_price", "Shadow price of a journey's coupon budget", "journey"
        )
        self.budget_used = make.gauge(
            "gardoon_budget_used",
            "Face value of the day's coupons that are out or used, as the last decision saw it",
            "journey",
        )
        self.online_store_up = make.gauge(
            "gardoon_online_store_up", "1 while the online store answers, 0 while defaults stand in"
        )
        self.log_up = make.gauge(
            "gardoon_log_up", "1 while the log's database answers, 0 while all that needs it is refused"
        )

    def count_decision(self, record: DecisionRecord, stages: Stages) -> None:
        """Count an answered decision, what its stages took and the inputs that defaults stood in for.

        With the next ones, and before the metrics are read: many at a time take a fraction of the time for each.
        """
        self._uncounted.append((record, stages))
        if len(self._uncounted) >= COUNTED_TOGETHER:
            self._count_waiting()

    def _count_waiting(self) -> None:
        while self._uncounted:
            self._count_one(*self._uncounted.popleft())

    def _count_one(self, record: DecisionRecord, stages: Stages) -> None:
        for stage, seconds in stages.seconds.items():
            self._of_stage[stage].observe(seconds)
        self.decisions.labels(record.request.journey, record.status, record.group).inc()
        for name in record.degraded:
            self.degraded.labels(name).inc()
        for round_ in record.rounds:
            if sum(round_.eligible) > 1:
                self.evenness.labels(round_.decision).observe(normalized_entropy(round_.probabilities))
        if budget := record.standing.budget:
            self.budget_price.labels(record.request.journey).set(budget.price)
            self.budget_used.labels(record.request.journey).set(budget.used)

    def count_outcomes(self, items: Sequence[OutcomeItem], results: Sequence[OutcomeResult]) -> None:
        """Count outcomes by what became of them."""
        for item, result in zip(items, results, strict=True):
            self.outcomes.labels(item.kind.value, str(result.status)).inc()

    def count_events(
        self, told: Sequence[Told], new: Set[str], aside: int, planned: Callable[[Told], bool]
    ) -> None:
        """Count messages by what became of them; a repeat within the batch is known like any other."""
        left = set(new)
        for each in told:
            taken = "taken" if each.type != "track" or planned(each) else "unplanned"
            self.events.labels(each.type, taken if each.message_id in left else "known").inc()
            left.discard(each.message_id)
        self.events.labels("any", "kept_aside").inc(aside)


class LearnerMetrics:
    """What the learner's process shows on a port of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = _Registered(self.registry)
        self.leads = make.gauge("gardoon_learner_leads", "1 in the process that learns, 0 in one that waits")
        self.registry_up = make.gauge(
            "gardoon_model_registry_up", "1 if the registry answered when it was last asked"
        )
        self.group_mismatch = make.gauge(
            "gardoon_sample_ratio_mismatch",
            "1 while a journey's customers do not come in the shares declared for its groups",
            "journey",
        )
        self.propensity_predicted = make.gauge(
            "gardoon_propensity_predicted",
            "Mean purchase propensity of a day's decisions whose horizon is over",
            "journey",
        )
        self.propensity_observed = make.gauge(
            "gardoon_propensity_observed",
            "Share of those after which the customer ordered within the horizon",
            "journey",
        )
        self.propensity_decisions = make.gauge(
            "gardoon_propensity_decisions", "How many those are", "journey"
        )
        self.failed = make.counter("gardoon_learner_failures", "Steps that failed and are tried again")


class RefresherMetrics:
    """What the refresher's process shows on a port of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = _Registered(self.registry)
        self.leads = make.gauge(
            "gardoon_refresher_leads", "1 in the process that refreshes, 0 in one that waits"
        )
        self.backlog = make.gauge(
            "gardoon_refresh_backlog", "Events whose customers' features are not written yet"
        )
        self.backlog_seconds = make.gauge(
            "gardoon_refresh_backlog_seconds", "Age of the oldest of them, 0 where there is none"
        )
        self.customers = make.counter(
            "gardoon_refreshed_customers", "Customers whose features were written", "cause"
        )
        self.rows = make.counter("gardoon_refreshed_rows", "Rows of views written")
        self.seconds = make.seconds("gardoon_refresh_seconds", "Time of one round, log and store included")
        self.failed = make.counter("gardoon_refresher_failures", "Rounds that failed and are tried again")


def configure_logging() -> None:
    """Send structured logs to standard error: one JSON object a line, or coloured text on a terminal."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            tell_exception,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Standard error as it is when something is logged, not as it was when this was set up.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
