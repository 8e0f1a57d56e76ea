"""`POST /v1/decide/batch` beside single requests."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass

from benchmarks.batch import Asker
from benchmarks.serving.bench import Bench
from benchmarks.serving.measure import full_load
from benchmarks.serving.plan import Plan
from benchmarks.serving.shapes import WHEEL

ITEMS = 1_000
BATCH, NDJSON = "/v1/decide/batch", "application/x-ndjson"


@dataclass(frozen=True)
class Batched:
    """Decisions a second: one request after another on one connection, and a thousand in one call."""

    alone: float
    batch: float
    batch_processor_us: float


def batched(bench: Bench, name: str, plan: Plan) -> Batched:
    """A turn of each. Raises `RuntimeError` where an item was not decided."""
    way, shape = bench.ways[name], bench.shapes[name]
    alone = full_load(way, WHEEL, 1, plan.burst_s, plan.most // 4)
    items = [json.dumps({"customer_id": each, "journey": WHEEL}) for each in shape.take(ITEMS)]
    body = "\n".join(items).encode()
    with closing(Asker(way.server.address)) as asker:
        spent, began = way.server.processor_s(), time.perf_counter()
        lines = asker.post(BATCH, NDJSON, body).splitlines()
        seconds = time.perf_counter() - began
    decided = sum(json.loads(line)["status"] == 200 for line in lines)
    if decided != ITEMS:
        raise RuntimeError(f"{decided} of {ITEMS} items were decided")
    return Batched(alone.rate, ITEMS / seconds, (way.server.processor_s() - spent) / ITEMS * 1e6)
