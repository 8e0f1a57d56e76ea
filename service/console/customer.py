"""One customer: what is known, what they may still get, and what would be decided now."""

from __future__ import annotations

import json
from typing import Any

from service.asker import Asker
from service.forcing import decide_for
from service.schemas import DecideRequest
from service.state import State


async def decided_now(gardoon: State, asking: Asker, customer_id: str, journey: str) -> dict[str, Any]:
    """What would be decided now and what would flip it; nothing is logged, given or learnt.

    Raises: what deciding raises.
    """
    request = DecideRequest(customer_id=customer_id, journey=journey, dry_run=True, explain="counterfactual")
    answer: dict[str, Any] = json.loads((await decide_for(gardoon, asking, request, None)).content)
    return answer
