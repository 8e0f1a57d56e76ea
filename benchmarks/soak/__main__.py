"""Constant load on workers, PostgreSQL and Redis while each is killed and started again; then the books are audited.

    make soak        or: python -m benchmarks.soak [--seconds 300] [--workers 3] [--rate 20] [--var var]

Needs what `make run` prepares. Everything listens on loopback and ends with this process. A line for each promise: what was
measured, what is wanted, pass or short; the exit code is 1 when one is short.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine

from benchmarks.soak.audit import broken_promises, figures, seen
from benchmarks.soak.books import Books, read_books, rows
from benchmarks.soak.erasure_audit import left_of_erased
from benchmarks.soak.erasures import forget_now_and_then
from benchmarks.soak.expected_reward import earned_rounds
from benchmarks.soak.kills import Killer
from benchmarks.soak.learning_audit import learning_targets
from benchmarks.soak.load import Caller
from benchmarks.soak.rules import Rules, read_rules
from benchmarks.soak.shop import Shop, customer_ids, running
from benchmarks.soak.stack import ROOT, wait_for
from benchmarks.soak.told import Told
from benchmarks.target import Target, finish

VISITS_A_CUSTOMER = 8
"""So many that caps bind, and so few that there is something to learn until the end."""
TO_FORGET_EVERY_S = 6.0
"""One more customer who may ask to be forgotten for so many seconds."""
LONGEST_TAKEOVER_S = 10.0
SETTLE_S = 120.0
EXPORTED = 2
"""Of so many who were forgotten an export is tried."""


@dataclass(frozen=True)
class Run:
    """What was done, and what callers were told."""

    shop: Shop
    rules: Rules
    told: Told
    killer: Killer
    seconds: float


def main() -> None:
    """Load, kill, audit; leaves with 1 when a promise was broken."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument("--workers", type=int, default=3)
    options.add_argument("--rate", type=float, default=20, help="visits a second")
    options.add_argument("--var", type=Path, default=ROOT / "var")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", type=Path, help="leave logs and data in this folder")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("ended from outside"))
    with tempfile.TemporaryDirectory(prefix="gardoon-soak-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        with running(folder, given.var, given.workers) as shop:
            targets = soak(shop, given)
        finish(targets)


def soak(shop: Shop, given: argparse.Namespace) -> list[Target]:
    """The audit of a run as targets."""
    customers, leaving = chosen_customers(customer_ids(given.var), given.seconds, given.rate)
    told = Told()
    caller = Caller(ports=shop.ports, customers=[*customers, *leaving], seed=given.seed, told=told)
    killer = Killer(parts=shop.parts, learners=shop.learners, seed=given.seed)
    run = Run(shop, read_rules(shop.rules), told, killer, given.seconds)
    try:
        asyncio.run(load_and_kill(run, caller, given.rate, leaving))
    finally:
        for fault in told.faults[:10]:
            print(f"fault: {fault}")
    with quiet_log(shop.log_url) as connection:
        books = read_books(connection)
        tell(run, books)
        return [*audit(run, connection, books), *conditions(run, books, given.rate)]


def chosen_customers(known: list[str], seconds: float, rate: float) -> tuple[list[str], list[str]]:
    """Customers who stay, and some who will ask to be forgotten; their longer ids look like nothing else in the log."""
    wanted = int(seconds * rate / VISITS_A_CUSTOMER)
    leaving = [each for each in known[wanted:] if len(each) > 3]
    return known[:wanted], leaving[: int(seconds / TO_FORGET_EVERY_S)]


async def load_and_kill(run: Run, caller: Caller, rate: float, leaving: list[str]) -> None:
    """Visits, kills and erasures side by side until the time is over and each kind of part was killed; then all is quiet."""
    ends_at = time.monotonic() + run.seconds
    over: Callable[[], bool] = lambda: time.monotonic() >= ends_at and run.killer.has_killed_every_kind  # noqa: E731
    async with asyncio.TaskGroup() as together:
        together.create_task(run.killer.run(over))
        together.create_task(caller.run(rate, over))
        together.create_task(forget_now_and_then(caller, run.told, leaving, run.shop.environment, over))
    await asyncio.sleep(run.rules.longest_wait().total_seconds() + 2)  # from now on no window closes any more
    last = await caller.tell_last()
    await asyncio.to_thread(
        wait_for, lambda: is_taken_in(run.shop.log_url, last), seconds=SETTLE_S, what="the learner to settle"
    )
    await caller.close()


@contextmanager
def quiet_log(url: str) -> Iterator[Connection]:
    """A connection to the log."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def is_taken_in(url: str, event: str) -> bool:
    """Whether the learner committed a step that saw this outcome, and has nothing left that is open."""
    query = (
        "SELECT snapshot FROM outcomes WHERE event_id = :event AND snapshot IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM rewards WHERE state = 'open')"
    )
    with quiet_log(url) as connection:
        return bool(rows(connection, query, event=event))


def tell(run: Run, books: Books) -> None:
    """Print what happened."""
    told = run.told
    print(f"{run.seconds:g} s, {len(run.shop.ports)} workers, {len(run.shop.learners)} learners")
    print("log: " + ", ".join(f"{name} {n:,}" for name, n in figures(books).items()))
    print(
        f"callers: {len(told.decision_ids()):,} answers; {told.retries:,} broken calls, {told.refused:,} refusals"
    )


def audit(run: Run, connection: Connection, books: Books) -> list[Target]:
    """Every promise: none may be broken once."""
    found = broken_promises(books, run.told, run.rules) | left_of_erased(connection, books, run.told)
    found["rows that export still prints of forgotten customers"] = exported(run)
    found["decisions that re-enact otherwise"] = reenact(run.shop.environment)
    earned = list(earned_rounds(books, run.rules, datetime.now(UTC)))
    targets = [Target(name, float(n), "at most", 0.0) for name, n in found.items()]
    return [*targets, *learning_targets(connection, books, earned)]


def conditions(run: Run, books: Books, rate: float) -> list[Target]:
    """What has to have happened for the promises to have been put to the test."""
    takeovers = run.killer.takeovers_s
    killed = {f"kills of kind {kind}": n for kind, n in sorted(run.killer.times.items())}
    forgotten = sum(bool(mine.answers) for mine in run.told.forgotten.values())
    counted = {**killed, **seen(books, run.told), "customers with decisions forgotten": forgotten}
    return [
        Target("answers", float(len(run.told.decision_ids())), "at least", run.seconds * rate / 2),
        *(Target(name, float(n), "at least", 1.0) for name, n in counted.items()),
        Target("takeovers by another learner", float(len(takeovers)), "at least", 1.0),
        Target("slowest takeover, s", max(takeovers, default=float("nan")), "at most", LONGEST_TAKEOVER_S),
    ]


def exported(run: Run) -> int:
    """How many rows and features `export` finds of some who were forgotten."""
    lines = 0
    for customer in sorted(run.told.forgotten)[:EXPORTED]:
        done = command(run.shop.environment, "export", customer)
        lines += len(done.stdout.splitlines()) + (done.returncode != 0)
    return lines


def reenact(environment: dict[str, str]) -> int:
    """How many decisions of the log come out otherwise when they are made again."""
    done = command(environment, "verify")
    print(f"verify: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]}")
    if done.returncode == 0:
        return 0
    return max(done.stdout.count("differs"), 1)


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What became of one of the service's commands."""
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
