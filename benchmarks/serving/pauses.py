"""The longest time without an answer while the learner runs, its snapshots are swapped in and the log flushes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.request import urlopen

from benchmarks.batch import Asker
from benchmarks.serving.bench import Bench
from benchmarks.serving.load import post
from benchmarks.serving.measure import Burst, steady_load
from benchmarks.serving.plan import Plan
from benchmarks.serving.processes import OTHER_CORE, starting
from benchmarks.serving.shapes import READY, WHEEL

LEARN = [sys.executable, "-m", "service", "learn"]
LEARN_SECONDS, TOLD, AT_A_TIME = "0.5", 500, 5
_FIRST_SNAPSHOT_S = 90.0


@dataclass(frozen=True)
class Paused:
    """A steady load with outcomes among the requests, and how many snapshots were published and taken up meanwhile."""

    burst: Burst
    snapshots: int


def paused_load(bench: Bench, name: str, rate: float, plan: Plan) -> Paused:
    """At that rate, a learner running beside; outcomes of earlier decisions come all the while.

    Raises `RuntimeError` where the learner publishes nothing.
    """
    way, shape = bench.ways[name], bench.shapes[name]
    given = shape.environment | {"GARDOON_LEARN_SECONDS": LEARN_SECONDS}
    with starting(f"{name} learner", LEARN, bench.folder, **given) as learner:
        learner.pin((OTHER_CORE,))
        outcomes = outcome_requests(decided(way.server.address, shape.take(TOLD)))
        _tell(way.server.address, next(outcomes))
        before = _wait_for_snapshot(way.server.address)
        burst = steady_load(way, WHEEL, rate, plan.pause_s, plan.most_steady, list(outcomes))
        return Paused(burst, _snapshot(way.server.address) - before)


def decided(address: str, customers: Sequence[str]) -> list[dict[str, Any]]:
    """The answers about these customers that sent a message."""
    items = [{"customer_id": each, "journey": WHEEL} for each in customers]
    with closing(Asker(address)) as asker:
        lines = asker.post(
            "/v1/decide/batch", "application/x-ndjson", "\n".join(map(json.dumps, items)).encode()
        )
    answers = [json.loads(line)["answer"] for line in lines.splitlines()]
    return [answer for answer in answers if answer and answer["channel"]]


def outcome_requests(answers: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """Requests that tell of a click on each message, some in each."""
    now = datetime.now(UTC).isoformat()
    for start in range(0, len(answers), AT_A_TIME):
        told = [
            {
                "event_id": f"click-{each['decision_id']}",
                "decision_id": each["decision_id"],
                "kind": "clicked",
            }
            for each in answers[start : start + AT_A_TIME]
        ]
        body = {"outcomes": [{**each, "occurred_at": now} for each in told]}
        yield post("/v1/outcomes", json.dumps(body).encode())


def _tell(address: str, request: bytes) -> None:
    with closing(Asker(address)) as asker:
        asker.post("/v1/outcomes", "application/json", request.split(b"\r\n\r\n", 1)[1])


def _wait_for_snapshot(address: str) -> int:
    """The number of a snapshot that is newer than the one at the start."""
    began, first = time.monotonic(), _snapshot(address)
    while (found := _snapshot(address)) == first:
        if time.monotonic() - began > _FIRST_SNAPSHOT_S:
            raise RuntimeError("the learner published no snapshot")
        time.sleep(0.1)
    return found


def _snapshot(address: str) -> int:
    with urlopen(f"{address}{READY}", timeout=10) as answer:
        return int(json.load(answer)["versions"]["snapshot"])
