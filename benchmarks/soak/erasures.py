"""Customers who ask to be forgotten while the load goes on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.soak.load import Caller
from benchmarks.soak.stack import ROOT
from benchmarks.soak.told import Told

FIRST_S, EVERY_S = 8.0, 4.0
GRACE_S = 25.0
"""A call that was given up may still be at work for so long; nobody is to be asked about when they are forgotten."""
TRIES = 20
AT_LEAST = 2


async def forget_now_and_then(
    caller: Caller,
    told: Told,
    customers: Sequence[str],
    environment: Mapping[str, str],
    over: Callable[[], bool],
) -> None:
    """Let one customer after another go, of whom most is known, until it is over; two at least are forgotten."""
    left, one_at_a_time = set(customers), asyncio.Lock()

    async def let_go(customer: str) -> None:
        caller.withdraw(customer)
        while not caller.is_done_with(customer, grace_s=GRACE_S):
            await asyncio.sleep(0.1)
        async with one_at_a_time:
            if not over() or len(told.forgotten) < AT_LEAST:
                await _forget(customer, told, environment)

    await asyncio.sleep(FIRST_S)
    async with asyncio.TaskGroup() as going:
        while left and not over():
            customer = max(sorted(left), key=lambda each: len(told.customers[each].answers))
            left.remove(customer)
            going.create_task(let_go(customer))
            await asyncio.sleep(EVERY_S)


async def _forget(customer: str, told: Told, environment: Mapping[str, str]) -> None:
    """Run the command until it says that nothing is held; a log that is away ends it with an error."""
    for _ in range(TRIES):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "forget", customer, "--yes"),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        if process.returncode == 0 or b"holds nothing" in printed:
            told.forget(customer)
            return
        await asyncio.sleep(1)
    told.faults.append(f"customer {customer} could not be forgotten: {printed[-500:].decode()}")
