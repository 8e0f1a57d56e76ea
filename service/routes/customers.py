"""What customers may still get, and how the budgets stand."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from service.allowance_schema import AllowanceAnswer, BudgetsAnswer
from service.pacing import budgets_now
from service.routes.dependencies import Gardoon, problems
from service.schemas import Identifier
from service.standing_reader import read_allowance

router = APIRouter()


@router.get("/v1/customers/{customer_id}/allowance", responses=problems(422, 503), tags=["standing"])
async def read_customer_allowance(customer_id: Identifier, gardoon: Gardoon) -> AllowanceAnswer:
    """What caps, draws and budgets leave for one customer, and when each frees up."""
    return await asyncio.to_thread(read_allowance, gardoon, customer_id)


@router.get("/v1/budgets", responses=problems(503), tags=["standing"])
async def read_budgets(gardoon: Gardoon) -> BudgetsAnswer:
    """Today's coupon budgets: what is used, what is left, and the shadow price that paces them."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    found = await asyncio.to_thread(
        budgets_now, gardoon.engine, points, gardoon.settings.time_zone, gardoon.clock()
    )
    return BudgetsAnswer(currency=gardoon.settings.currency, budgets=tuple(found))
