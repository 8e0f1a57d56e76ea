"""Putting deferred decisions into effect."""

from __future__ import annotations

from datetime import datetime

from service.errors import ActivationExpiredError, UnknownDecisionError
from service.state import State
from service.store.activation_log import Effect, activate
from service.store.decision_log import read_record


def put_into_effect(gardoon: State, identity: str) -> datetime:
    """Since when a decision is in effect; what became of the attempt is counted.

    Raises: `UnknownDecisionError`, `ActivationExpiredError`.
    """
    attempts = gardoon.metrics.activations
    try:
        effect = _effect(gardoon, identity)
    except UnknownDecisionError:
        attempts.labels("unknown").inc()
        raise
    except ActivationExpiredError:
        attempts.labels("expired").inc()
        raise
    attempts.labels("activated" if effect.is_new else "repeated").inc()
    return effect.since


def _effect(gardoon: State, identity: str) -> Effect:
    point = gardoon.rules_of(read_record(gardoon.engine, identity).request.journey).point
    return activate(
        gardoon.engine,
        identity,
        wait=point.activation_wait,
        confirm=point.confirmation_wait,
        now=gardoon.clock(),
    )
