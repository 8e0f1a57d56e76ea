"""What an answer of `POST /v1/complements` costs in processor time of its thread, without the HTTP around it.

    python -m benchmarks.complements_speed [--var var]

A thousand real baskets of the Complete Journey are the carts, ten products are wanted. The customer's purchases are read
from a log of its own (SQLite): a new customer has none, a regular one forty orders of ten products.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from benchmarks.target import Target, finish
from service.complements.answering import compose_answer
from service.complements.feed import Published
from service.complements.schema import ComplementsRequest
from service.events.told import Told
from service.store.engine import open_log
from service.store.event_log import record_events
from service.store.purchases import read_bought
from training.complements.association import count_pairs, keep_strongest
from training.complements.baskets import NOT_OFFERED, Baskets, read_baskets
from training.complements.judge import ASSOCIATION, LATELY_DAYS
from training.importing.dataset import dataset_folder
from training.prepare import DATASET

N_CARTS, N_ORDERS = 1_000, 40
MOST_MS = {"p50": 5.0, "p99": 10.0}


def main() -> None:
    """Measure and print the targets' lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    baskets = read_baskets(dataset_folder(parser.parse_args().var, DATASET), not_offered=NOT_OFFERED[DATASET])
    counts = count_pairs(baskets)
    kept = keep_strongest(counts, ASSOCIATION, baskets.product_ids, {"lately_days": LATELY_DAYS})
    published, carts = Published(kept, kept.to_artifact().digest), draw_baskets(baskets)
    targets: list[Target] = []
    with tempfile.TemporaryDirectory() as folder:
        engine = open_log(f"sqlite:///{folder}/log.db")
        buy(engine, "regular", carts[:N_ORDERS])
        for customer in ("regular", "new"):
            spent = milliseconds(lambda cart, who=customer: answer(published, engine, who, cart), carts)
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                measured = float(np.quantile(spent, share))
                targets.append(
                    Target(
                        f"ms an answer for a {customer} customer, {name}", measured, "at most", MOST_MS[name]
                    )
                )
        engine.dispose()
    finish(targets)


def draw_baskets(baskets: Baskets) -> list[tuple[str, ...]]:
    """A thousand baskets, as a request can hold them."""
    starts = baskets.starts
    fitting = np.flatnonzero(np.diff(starts) <= 200)
    drawn = np.random.default_rng(0).choice(fitting, N_CARTS, replace=False)
    return [tuple(baskets.product_ids[c] for c in baskets.products[starts[n] : starts[n + 1]]) for n in drawn]


def buy(engine: Engine, customer_id: str, orders: Iterable[tuple[str, ...]]) -> None:
    """Tell the log of these orders, of ten products at most each."""
    now = datetime.now(UTC)
    told = [
        Told(
            message_id=f"m{n}",
            customer_id=customer_id,
            anonymous_id=None,
            type="track",
            name="purchased",
            occurred_at=now - timedelta(hours=n),
            content={"properties": {"order_id": f"o{n}", "products": [{"product_id": p} for p in held[:10]]}},
        )
        for n, held in enumerate(orders)
    ]
    record_events(engine, told, (), received_at=now)


def answer(published: Published, engine: Engine, customer_id: str, cart: tuple[str, ...]) -> str:
    """The answer as it is sent."""
    request = ComplementsRequest(customer_id=customer_id, cart=cart)
    bought = read_bought(engine, customer_id, datetime.now(UTC) - timedelta(days=LATELY_DAYS))
    return compose_answer(published, request, bought, LATELY_DAYS).model_dump_json()


def milliseconds(work: Callable[[tuple[str, ...]], str], carts: Iterable[tuple[str, ...]]) -> list[float]:
    """What each cart takes of this thread's processor time."""
    spent = []
    for cart in carts:
        started = time.thread_time()
        work(cart)
        spent.append((time.thread_time() - started) * 1000)
    return spent


if __name__ == "__main__":
    main()
