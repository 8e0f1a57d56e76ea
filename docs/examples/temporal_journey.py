"""Churn prevention in Temporal: 90 days without a purchase, then one message, unless the customer buys before it goes out.

python docs/examples/temporal_journey.py    # a worker; GARDOON_URL and GARDOON_API_KEY say where Gardoon is
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from gardoon_client import (
        AsyncClient,
        DecideRequest,
        GoneError,
        NotFoundError,
        Outcome,
        RequestError,
        Trigger,
    )

QUEUE = "churn-prevention"
PATIENT = {
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(maximum_interval=timedelta(minutes=5)),
}


@dataclass
class Decided:
    """What a journey needs of the answer."""

    decision_id: str
    acts: bool
    channel: str | None
    send_at: datetime | None


@asynccontextmanager
async def gardoon() -> AsyncIterator[AsyncClient]:
    """The service; what it refuses for good is not asked again."""
    url, key = os.environ["GARDOON_URL"], os.environ.get("GARDOON_API_KEY")
    async with AsyncClient(url, api_key=key) as client:
        try:
            yield client
        except (GoneError, NotFoundError, RequestError) as error:
            raise ApplicationError(str(error), non_retryable=True) from error


@activity.defn
async def ask(customer_id: str) -> Decided:
    """Whether and how to write to the customer; the same answer for every try of this activity."""
    info = activity.info()
    request = DecideRequest(
        customer_id=customer_id,
        journey="churn_prevention",
        decide=("channel", "send_time"),
        trigger=Trigger(name="purchased"),
        idempotency_key=f"{info.workflow_run_id}/{info.activity_id}",
    )
    async with gardoon() as client:
        answer = await client.decide(request)
    return Decided(answer.decision_id, answer.acts, answer.channel, answer.send_at)


@activity.defn
async def send(customer_id: str, channel: str | None) -> None:
    """Hand the message over: here it is printed."""
    print(f"{channel} to {customer_id}: We miss you", flush=True)


@activity.defn
async def tell(decision_id: str, kind: str) -> None:
    """Tell what became of the message."""
    now = datetime.now(UTC)
    outcome = Outcome(event_id=f"{decision_id}/{kind}", decision_id=decision_id, kind=kind, occurred_at=now)
    async with gardoon() as client:
        await client.tell([outcome])


@workflow.defn
class ChurnPrevention:
    """Begins with a purchase; the next one is told by the signal `purchased`."""

    def __init__(self) -> None:
        self._has_bought = False

    @workflow.signal
    def purchased(self) -> None:
        """The customer bought."""
        self._has_bought = True

    @workflow.run
    async def run(self, customer_id: str) -> str:
        """How it ended."""
        if await self._buys_within(timedelta(days=90)):
            return "bought"
        decided = await workflow.execute_activity(ask, customer_id, **PATIENT)
        if not decided.acts:
            return "nothing to do"
        wait = decided.send_at - workflow.now() if decided.send_at else timedelta(0)
        if wait > timedelta(0) and await self._buys_within(wait):
            await workflow.execute_activity(tell, args=[decided.decision_id, "undelivered"], **PATIENT)
            return "bought before it was sent"
        await workflow.execute_activity(send, args=[customer_id, decided.channel], **PATIENT)
        await workflow.execute_activity(tell, args=[decided.decision_id, "delivered"], **PATIENT)
        return "sent"

    async def _buys_within(self, time: timedelta) -> bool:
        try:
            await workflow.wait_condition(lambda: self._has_bought, timeout=time)
        except TimeoutError:
            return False
        return True


def worker(client: Client) -> Worker:
    """What carries the journeys out."""
    return Worker(client, task_queue=QUEUE, workflows=[ChurnPrevention], activities=[ask, send, tell])


async def main() -> None:
    """Work until stopped, for the Temporal server of TEMPORAL_ADDRESS."""
    await worker(await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))).run()


if __name__ == "__main__":
    asyncio.run(main())
