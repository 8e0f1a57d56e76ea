"""Two customers in docs/examples/temporal_journey.py, on Temporal's test server, which skips time; prints how each ended.

Run by the Python of the engines: `python -m tests.journeys.temporal_play SERVER`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from docs.examples.temporal_journey import QUEUE, ChurnPrevention, worker


async def main(server: str) -> None:
    """The one who stays away for 90 days, and the one who buys on the tenth."""
    async with (
        await WorkflowEnvironment.start_time_skipping(test_server_existing_path=server) as environment,
        worker(environment.client),
    ):
        start = environment.client.start_workflow
        leaves = await start(ChurnPrevention.run, "temporal leaves", id="leaves", task_queue=QUEUE)
        await environment.sleep(timedelta(days=10))
        await leaves.signal(ChurnPrevention.purchased)
        stays = await start(ChurnPrevention.run, "temporal stays", id="stays", task_queue=QUEUE)
        print(json.dumps([await leaves.result(), await stays.result()]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # threads of Temporal's library outlive the loop, and take the interpreter's end for a fault
