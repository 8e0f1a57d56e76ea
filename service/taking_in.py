"""Taking in a batch of outcomes: each item is validated, recorded and counted by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from service.errors import InvalidRequestError
from service.item_body import validate_item
from service.schemas import OutcomeItem, OutcomeResult, OutcomesAnswer
from service.state import State
from service.store.outcome_log import record_outcomes

MALFORMED = "malformed"


async def take_in(gardoon: State, items: Sequence[Any]) -> OutcomesAnswer:
    """What became of each item, in order; those accepted are on disk."""
    results: dict[int, OutcomeResult] = {}
    usable: dict[int, OutcomeItem] = {}
    for place, item in enumerate(items):
        try:
            usable[place] = validate_item(OutcomeItem, item)
        except InvalidRequestError as error:
            results[place] = OutcomeResult(event_id=_event_id(item), status=422, detail=error.detail)
    gardoon.metrics.outcomes.labels(MALFORMED, "422").inc(len(results))
    recorded = await asyncio.to_thread(
        record_outcomes,
        gardoon.engine,
        list(usable.values()),
        currency=gardoon.settings.currency,
        received_at=gardoon.clock(),
        late_after=timedelta(days=gardoon.settings.late_outcome_days),
    )
    gardoon.metrics.count_outcomes(list(usable.values()), recorded)
    results |= dict(zip(usable, recorded, strict=True))
    accepted = sum(result.status == 202 for result in recorded)
    return OutcomesAnswer(accepted=accepted, results=tuple(results[place] for place in range(len(items))))


def _event_id(item: Any) -> str | None:
    found = item.get("event_id") if isinstance(item, dict) else None
    return found[:128] if isinstance(found, str) else None
