"""Metrics and logs. Neither holds customer data."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.decision_tally import SECONDS, DecisionTally
from service.events.told import Told
from service.safe_trace import tell_exception
from service.schemas import OutcomeItem, OutcomeResult


@dataclass(frozen=True)
class _Registered:
    """Makes the metrics of one registry."""

    registry: CollectorRegistry

    def counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(name, told, labels, registry=self.registry)

    def gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(name, told, labels, registry=self.registry)

    def seconds(self, name: str, told: str, *labels: str) -> Histogram:
        return Histogram(name, told, labels, registry=self.registry, buckets=SECONDS)


class Metrics:
    """What `/metrics` shows; one set an application, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.of_decisions = DecisionTally()
        self.registry.register(self.of_decisions)
        make = _Registered(self.registry)
        self._time(make)
        self._count(make)
        self._show(make)

    def _time(self, make: _Registered) -> None:
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
        self.online_store_up = make.gauge(
            "gardoon_online_store_up", "1 while the online store answers, 0 while defaults stand in"
        )
        self.log_up = make.gauge(
            "gardoon_log_up", "1 while the log's database answers, 0 while all that needs it is refused"
        )

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
