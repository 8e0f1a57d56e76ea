"""Deciding for whoever asks: a decision that is forced and counts needs the right to be, and is on record."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from service.access.audit import Act, AuditEntry, begin_act, end_act
from service.asker import Asker
from service.idempotency import Decided, decide_once
from service.schemas import DecideRequest
from service.state import State
from service.store.key_log import KeyClaim


async def decide_for(
    gardoon: State, asking: Asker, request: DecideRequest, claim: KeyClaim | None
) -> Decided:
    """The answer to a request, the first one given under the claim's key.

    Raises: what `decide_once` does; `ScopeError` when it is forced by one who may not.
    """
    asking.check(request)
    if not request.force or request.dry_run:
        return await decide_once(gardoon, request, claim)
    gardoon.rules_of(request.journey)  # until it is known to be a journey, the caller's text may be anything
    entry = AuditEntry(
        at=gardoon.clock(),
        actor=asking.identity,
        act=Act.DECISION_FORCED,
        subject=f"journey:{request.journey}",
        detail={"forced": " ".join(sorted(request.force))},
    )
    await asyncio.to_thread(begin_act, gardoon.engine, entry)
    try:
        decided = await decide_once(gardoon, request, claim)
    except BaseException as error:
        await asyncio.to_thread(end_act, gardoon.engine, entry, error)
        raise
    await asyncio.to_thread(end_act, gardoon.engine, _of_decision(entry, request, decided.content))
    return decided


def _of_decision(entry: AuditEntry, request: DecideRequest, answer: bytes) -> AuditEntry:
    """The entry of what was decided, whose names are checked by now. The decision is named and not its customer, who may be
    forgotten one day.
    """
    said = json.loads(answer)
    forced = " ".join(f"{decision}={action}" for decision, action in sorted(request.force.items()))
    detail = {**entry.detail, "forced": forced, "status": said["status"]}
    return replace(entry, subject=f"decision:{said['decision_id']}", detail=detail)
