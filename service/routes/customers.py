"""What is known of customers and what they may still get, and how budgets and groups stand."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from service.allowance_schema import AllowanceAnswer, BudgetsAnswer, GroupsAnswer, GroupsNow
from service.customer_reader import Page, read_customer_now
from service.customer_schema import CustomerAnswer
from service.errors import InvalidRequestError, LogUnavailableError
from service.group_watch import LOOK_BACK, sample_ratios
from service.pacing import budgets_now
from service.routes.dependencies import Gardoon, problems
from service.schemas import Identifier, Moment
from service.standing_reader import read_allowance
from service.store.timeline import parse_cursor

router = APIRouter()
Cursor = Annotated[str, StringConstraints(max_length=146, pattern=r"^[^\x00-\x1f\x7f]+$")]
_READ = problems(InvalidRequestError, LogUnavailableError)


@router.get("/v1/customers/{customer_id}", responses=_READ, tags=["standing"])
async def read_customer(
    customer_id: Identifier,
    gardoon: Gardoon,
    limit: Annotated[int, Query(ge=1, le=200, description="events of the timeline")] = 50,
    before: Annotated[Cursor | None, Query(description="`next_before` of an earlier page")] = None,
) -> CustomerAnswer:
    """What is known of a customer: traits, timeline, features with their age, segments, and what they may still get."""
    page = Page(limit, None if before is None else parse_cursor(before))
    return await read_customer_now(gardoon, customer_id, page)


@router.get("/v1/customers/{customer_id}/allowance", responses=_READ, tags=["standing"])
async def read_customer_allowance(customer_id: Identifier, gardoon: Gardoon) -> AllowanceAnswer:
    """What caps, draws and budgets leave for one customer, and when each frees up."""
    return await read_allowance(gardoon, customer_id)


@router.get("/v1/budgets", responses=problems(LogUnavailableError), tags=["standing"])
async def read_budgets(gardoon: Gardoon) -> BudgetsAnswer:
    """Today's coupon budgets: what is used, what is left, and the shadow price that paces them."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    found = await asyncio.to_thread(
        budgets_now, gardoon.engine, points, gardoon.settings.time_zone, gardoon.clock()
    )
    return BudgetsAnswer(currency=gardoon.settings.currency, budgets=tuple(found))


@router.get("/v1/groups", responses=_READ, tags=["standing"])
async def read_groups(gardoon: Gardoon, since: Moment | None = None) -> GroupsAnswer:
    """Customers by group against the declared shares; without `since`, of the last week."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    start = since or gardoon.clock() - LOOK_BACK
    found = await asyncio.to_thread(sample_ratios, gardoon.engine, points, start)
    groups = (
        GroupsNow(
            journey=ratio.journey,
            customers=dict(ratio.counts),
            shares=dict(ratio.shares),
            p_value=ratio.p_value,
            mismatch=bool(ratio.fault),
        )
        for ratio in found.values()
    )
    return GroupsAnswer(since=start, groups=tuple(groups))
