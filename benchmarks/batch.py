"""Decisions a second of `POST /v1/decide/batch` against single requests, on SQLite and on PostgreSQL.

    make bench        or: python -m benchmarks.batch [--rounds 3]

One worker of `python -m service serve` on a small shop of its own: LightGBM scorers, Thompson policies, messages that take
their places under the caps, an `Idempotency-Key` on each decision, and commits that are flushed to disk. In each round every
way decides about customers that nobody asked about before: one request after another on one connection, as many at a time
as a batch has under way, and 1,000 in one call. The rounds' median ratio counts, so that a busy machine slows all alike.

The targets: a decision of a batch pays no HTTP request, no look-up of its key and no commit of its own, so it may cost at
most two thirds of one that was asked for and waited for alone. Requests side by side share commits too; against them there
is only the rest to be gained, so a tenth is asked for: enough that sending a batch is never the dearer way.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.target import Target, finish
from features.engine import duckdb_backend
from service.batch import AT_ONCE
from tests.databases import postgres_server
from tests.features.conftest import Shop
from tests.service.real_shop import prepare, serving

BATCH, SINGLES, WARM_UP = 1000, 300, 64
JOURNEY = "cross_sell"
CHANNELS = ("email", "sms", "app_push", "web_push")
WANTED = {"one by one": 1.5, "side by side": 1.1}
Ask = Callable[["Asker", Sequence[str]], None]


@dataclass
class Asker:
    """Asks one worker over connections that it keeps until `close`."""

    address: str
    _free: list[http.client.HTTPConnection] = field(default_factory=list)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._free:
            connection.close()

    def post(self, path: str, media_type: str, body: bytes, key: str | None = None) -> bytes:
        """The answer's body. Raises `RuntimeError` for any status but 200."""
        found = self._free.pop() if self._free else http.client.HTTPConnection(urlsplit(self.address).netloc)
        headers = {"content-type": media_type} | ({} if key is None else {"idempotency-key": key})
        found.request("POST", path, body, headers)
        response = found.getresponse()
        content = response.read()
        self._free.append(found)
        if response.status != 200:
            raise RuntimeError(f"{response.status} from {path}: {content[:300]!r}")
        return content

    def decide(self, customer: str) -> None:
        """One decision by itself."""
        body = json.dumps({"customer_id": customer, "journey": JOURNEY}).encode()
        self.post("/v1/decide", "application/json", body, str(uuid.uuid4()))


def one_by_one(asker: Asker, customers: Sequence[str]) -> None:
    """One request after another."""
    for customer in customers:
        asker.decide(customer)


def side_by_side(asker: Asker, customers: Sequence[str]) -> None:
    """As many requests at a time as a batch has decisions under way."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(asker.decide, customers))


def in_a_batch(asker: Asker, customers: Sequence[str]) -> None:
    """All in one call. Raises `RuntimeError` where an item was not decided."""
    items = [
        {"customer_id": each, "journey": JOURNEY, "idempotency_key": str(uuid.uuid4())} for each in customers
    ]
    body = "\n".join(map(json.dumps, items)).encode()
    lines = asker.post("/v1/decide/batch", "application/x-ndjson", body).splitlines()
    decided = [line for line in map(json.loads, lines) if line["status"] == 200]
    if len(decided) != len(customers):
        raise RuntimeError(f"{len(decided)} of {len(customers)} were decided")


WAYS: dict[str, tuple[Ask, int]] = {
    "one by one": (one_by_one, SINGLES),
    "side by side": (side_by_side, SINGLES),
    "batch": (in_a_batch, BATCH),
}


def ask_all(way: str, address: str, customers: Sequence[str]) -> None:
    """Decide about these customers in this way, over connections of its own: the worker closes one that rests."""
    with closing(Asker(address)) as asker:
        WAYS[way][0](asker, customers)


def measure(address: str, customers: Iterator[str], rounds: int) -> dict[str, list[float]]:
    """Decisions a second of each way, by rounds."""
    found = {name: list[float]() for name in WAYS}
    for name in WAYS:
        ask_all(name, address, [next(customers) for _ in range(WARM_UP)])
    for _ in range(rounds):
        for name, (_, count) in WAYS.items():
            asked = [next(customers) for _ in range(count)]
            began = time.perf_counter()
            ask_all(name, address, asked)
            found[name].append(count / (time.perf_counter() - began))
    return found


def make_shop(customers: Sequence[str]) -> Shop:
    """A shop whose customers have ordered and may be reached on every channel."""
    allowed = {f"consent_{channel}": True for channel in CHANNELS}
    with duckdb_backend() as backend:
        shop = Shop(backend)
    for customer in customers:
        shop.customer(customer, "2023-12-01", time_zone="Asia/Tehran", **allowed)
        shop.order(customer, "2024-02-10T12:00")
    return shop


@contextmanager
def log_urls() -> Iterator[dict[str, str]]:
    """The addresses of the logs: SQLite under the worker's own folder, and a PostgreSQL server that flushes."""
    with postgres_server() as server:
        yield {"SQLite": "", "PostgreSQL": server.get_uri()}


def main() -> None:
    """Prints each way's decisions a second and a line a target; ends with 1 where one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    needed = rounds * (BATCH + 2 * SINGLES) + 3 * WARM_UP
    customers = [f"customer {number}" for number in range(needed)]
    targets = []
    with log_urls() as urls, ExitStack() as folders:
        for database, url in urls.items():
            var = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="gardoon-batch-")))
            prepare(var, make_shop(customers), url)
            with serving(var, GARDOON_DATABASE_URL=url) as (address, _):
                found = measure(address, iter(customers), rounds)
            for way, speeds in found.items():
                print(f"{database}, {way}: {statistics.median(speeds):,.0f} decisions/s")
            targets += judge(database, found)
    finish(targets)


def judge(database: str, found: dict[str, list[float]]) -> list[Target]:
    """The targets of one database: how many times the decisions a second of each other way a batch makes."""
    return [
        Target(
            f"decisions/s on {database}, batch over {way}",
            statistics.median(b / s for b, s in zip(found["batch"], found[way], strict=True)),
            "at least",
            wanted,
        )
        for way, wanted in WANTED.items()
    ]


if __name__ == "__main__":
    main()
