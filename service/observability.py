"""Metrics and logs. Neither holds customer data."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.record import DecisionRecord
from service.safe_trace import tell_exception
from service.schemas import OutcomeItem, OutcomeResult

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
        self.flush_seconds = Histogram(
            "gardoon_log_flush_seconds",
            "Time of one commit of the decision log",
            registry=own,
            buckets=_SECONDS,
        )
        self.degraded = Counter(
            "gardoon_degraded_inputs", "Inputs that defaults stood in for", ("input",), registry=own
        )
        self.outcomes = Counter("gardoon_outcomes", "Outcomes received", ("kind", "status"), registry=own)
        self.snapshot = Gauge("gardoon_snapshot", "Number of the policy snapshot in use", registry=own)

    def count_decision(self, record: DecisionRecord) -> None:
        """Count an answered decision and the inputs that defaults stood in for."""
        self.decisions.labels(record.request.journey, record.status, record.group).inc()
        for name in record.degraded:
            self.degraded.labels(name).inc()

    def count_outcomes(self, items: Sequence[OutcomeItem], results: Sequence[OutcomeResult]) -> None:
        """Count outcomes by what became of them."""
        for item, result in zip(items, results, strict=True):
            self.outcomes.labels(item.kind.value, str(result.status)).inc()


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
