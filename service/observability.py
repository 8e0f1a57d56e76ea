"""Metrics and logs. Neither holds customer data."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from models.entropy import normalized_entropy
from service.events.told import Told
from service.record import DecisionRecord
from service.safe_trace import tell_exception
from service.schemas import OutcomeItem, OutcomeResult
from service.stages import STAGES, Stages

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


@dataclass
class Metrics:
    """What `/metrics` shows; one set an application, so that two in one process do not mix."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        own = self.registry
        self.decisions = Counter(
            "gardoon_decisions", "Decisions answered", ("journey", "status", "group"), registry=own
        )
        self.decide_seconds = Histogram(
            "gardoon_decide_seconds", "Time to decide, log included", registry=own, buckets=_SECONDS
        )
        self.stage_seconds = Histogram(
            "gardoon_decide_stage_seconds",
            "Time of each stage of a decision",
            ("stage",),
            registry=own,
            buckets=_SECONDS,
        )
        self._of_stage = {stage: self.stage_seconds.labels(stage) for stage in STAGES}
        self.flush_seconds = Histogram(
            "gardoon_log_flush_seconds",
            "Time of one commit of the decision log",
            registry=own,
            buckets=_SECONDS,
        )
        self.standing_seconds = Histogram(
            "gardoon_standing_read_seconds",
            "Time of one reading of the standings that decisions wait for",
            registry=own,
            buckets=_SECONDS,
        )
        self.event_flush_seconds = Histogram(
            "gardoon_event_flush_seconds",
            "Time of one commit of the event log",
            registry=own,
            buckets=_SECONDS,
        )
        self.evenness = Summary(
            "gardoon_choice_evenness",
            "Entropy of a choice's probabilities by that of an even choice among what was eligible",
            ("decision",),
            registry=own,
        )
        self.degraded = Counter(
            "gardoon_degraded_inputs", "Inputs that defaults stood in for", ("input",), registry=own
        )
        self.outcomes = Counter("gardoon_outcomes", "Outcomes received", ("kind", "status"), registry=own)
        self.events = Counter("gardoon_events", "Messages received", ("type", "result"), registry=own)
        self.redemptions = Counter(
            "gardoon_coupon_redemptions", "Redemptions asked for, by result", ("result",), registry=own
        )
        self.activations = Counter(
            "gardoon_activations", "Activations asked for, by result", ("result",), registry=own
        )
        self.complements = Counter(
            "gardoon_complements",
            "Carts that complements were asked for, by what was answered",
            ("result",),
            registry=own,
        )
        self.complements_seconds = Histogram(
            "gardoon_complements_seconds",
            "Time to find a cart's complements, the customer's purchases included",
            registry=own,
            buckets=_SECONDS,
        )
        self.snapshot = Gauge("gardoon_snapshot", "Number of the policy snapshot in use", registry=own)
        self.budget_price = Gauge(
            "gardoon_budget_price", "Shadow price of a journey's coupon budget", ("journey",), registry=own
        )
        self.budget_used = Gauge(
            "gardoon_budget_used",
            "Face value of the day's coupons that are out or used, as the last decision saw it",
            ("journey",),
            registry=own,
        )
        self.online_store_up = Gauge(
            "gardoon_online_store_up",
            "1 while the online store answers, 0 while defaults stand in",
            registry=own,
        )
        self.log_up = Gauge(
            "gardoon_log_up",
            "1 while the log's database answers, 0 while all that needs it is refused",
            registry=own,
        )
        self.refused = Counter(
            "gardoon_refused", "Requests that were not let in, by status", ("status",), registry=own
        )
        self.unavailable = Counter(
            "gardoon_unavailable",
            "Requests answered 503, by the error that says why",
            ("error",),
            registry=own,
        )

    def count_decision(self, record: DecisionRecord, stages: Stages) -> None:
        """Count an answered decision, what its stages took and the inputs that defaults stood in for."""
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


@dataclass
class LearnerMetrics:
    """What the learner's process shows on a port of its own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        own = self.registry
        self.leads = Gauge(
            "gardoon_learner_leads", "1 in the process that learns, 0 in one that waits", registry=own
        )
        self.registry_up = Gauge(
            "gardoon_model_registry_up", "1 if the registry answered when it was last asked", registry=own
        )
        self.group_mismatch = Gauge(
            "gardoon_sample_ratio_mismatch",
            "1 while a journey's customers do not come in the shares declared for its groups",
            ("journey",),
            registry=own,
        )
        self.propensity_predicted = Gauge(
            "gardoon_propensity_predicted",
            "Mean purchase propensity of a day's decisions whose horizon is over",
            ("journey",),
            registry=own,
        )
        self.propensity_observed = Gauge(
            "gardoon_propensity_observed",
            "Share of those after which the customer ordered within the horizon",
            ("journey",),
            registry=own,
        )
        self.propensity_decisions = Gauge(
            "gardoon_propensity_decisions", "How many those are", ("journey",), registry=own
        )
        self.failed = Counter(
            "gardoon_learner_failures", "Steps that failed and are tried again", registry=own
        )


@dataclass
class RefresherMetrics:
    """What the refresher's process shows on a port of its own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        own = self.registry
        self.leads = Gauge(
            "gardoon_refresher_leads", "1 in the process that refreshes, 0 in one that waits", registry=own
        )
        self.backlog = Gauge(
            "gardoon_refresh_backlog", "Events whose customers' features are not written yet", registry=own
        )
        self.backlog_seconds = Gauge(
            "gardoon_refresh_backlog_seconds",
            "Age of the oldest of them, 0 where there is none",
            registry=own,
        )
        self.customers = Counter(
            "gardoon_refreshed_customers", "Customers whose features were written", ("cause",), registry=own
        )
        self.rows = Counter("gardoon_refreshed_rows", "Rows of views written", registry=own)
        self.seconds = Histogram(
            "gardoon_refresh_seconds",
            "Time of one round, log and store included",
            registry=own,
            buckets=_SECONDS,
        )
        self.failed = Counter(
            "gardoon_refresher_failures", "Rounds that failed and are tried again", registry=own
        )


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
