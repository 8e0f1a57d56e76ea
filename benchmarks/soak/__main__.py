"""Constant load on workers, PostgreSQL and Redis while each is killed and started again; then the books are audited.

    make soak        or: python -m benchmarks.soak [--seconds 300] [--workers 3] [--rate 40] [--var var]

Needs what `make run` prepares. Everything listens on loopback and ends with this process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.soak.audit import audit, figures, settled
from benchmarks.soak.load import Caller, Told
from benchmarks.soak.stack import (
    ROOT,
    RULES,
    Part,
    Postgres,
    free_port,
    learner,
    redis,
    wait_for,
    worker,
)
from benchmarks.target import Target, finish

LEARNERS = 2
AWAY_S = (0.5, 4.0)
"""How long a killed part stays away."""
EVERY_S = (4.0, 10.0)
"""How long it is quiet between two kills."""
CUSTOMERS = 300


def main() -> None:
    """Load, kill, audit; leaves with 1 when a promise was broken."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument("--workers", type=int, default=3)
    options.add_argument("--rate", type=float, default=40, help="visits a second")
    options.add_argument("--var", type=Path, default=ROOT / "var")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", type=Path, help="leave logs and data in this folder")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("ended from outside"))
    with tempfile.TemporaryDirectory(prefix="gardoon-soak-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        finish(soak(folder, given))


def soak(folder: Path, given: argparse.Namespace) -> list[Target]:
    """The audit's figures as targets."""
    told, killed = Told(), Counter[str]()
    with running(folder, given) as (parts, postgres, ports, environment):
        started_at = time.monotonic()
        over: Callable[[], bool] = lambda: time.monotonic() - started_at >= given.seconds  # noqa: E731
        customers = customer_ids(given.var)
        caller = Caller(ports=ports, customers=customers, seed=given.seed, told=told)
        asyncio.run(load_and_kill(caller, given, parts, killed, over))
        wait_for(lambda: settled(postgres.url), seconds=120, what="the learner to settle")
        found = audit(postgres.url, told)
        print(
            f"{given.seconds:g} s, {given.workers} workers, {LEARNERS} learners, {given.rate:g} visits a second"
        )
        print("killed: " + ", ".join(f"{name} {n}" for name, n in sorted(killed.items())))
        print("log: " + ", ".join(f"{name} {n:,}" for name, n in figures(postgres.url).items()))
        print(
            f"callers: {len(told.answers):,} answers; tried again {told.retries:,} broken calls, "
            f"{told.refused:,} refusals"
        )
        for fault in told.faults[:10]:
            print(f"  fault: {fault}")
        differing = reenact(environment)
    targets = [Target(name, float(n), "at most", 0.0) for name, n in found.items()]
    targets.append(Target("decisions that re-enact otherwise", float(differing), "at most", 0.0))
    targets.append(Target("answers", float(len(told.answers)), "at least", given.seconds * given.rate / 2))
    targets.append(Target("parts killed", float(sum(killed.values())), "at least", given.seconds / 20))
    return targets


@contextmanager
def running(
    folder: Path, given: argparse.Namespace
) -> Iterator[tuple[list[Part], Postgres, list[int], dict[str, str]]]:
    """All parts, up: those that may be killed, the log's server, the workers' ports, and their environment."""
    store = redis(folder, free_port())
    postgres = Postgres(folder / "postgres")
    environment = {
        "GARDOON_VAR": str(folder / "var"),
        "GARDOON_DATABASE_URL": postgres.url,
        "GARDOON_REDIS": f"127.0.0.1:{store.command[store.command.index('--port') + 1]}",
        "GARDOON_REGISTRY": f"sqlite:///{folder / 'registry.db'}",
        "GARDOON_SNAPSHOTS": str(folder / "var" / "snapshots"),
        "GARDOON_FEATURE_STORE_YAML": str(ROOT / "feature_repo" / "feature_store.production.yaml"),
        "GARDOON_DECISION_POINTS": str(RULES),
        "GARDOON_LEARN_SECONDS": "0.5",
        "GARDOON_POLL_SECONDS": "0.5",
    }
    up: list[Part] = [postgres]
    try:
        store.start()
        up.append(store)
        fill(folder, given.var, environment)
        ports = [free_port() for _ in range(given.workers)]
        learners = [learner(folder, number, environment) for number in range(LEARNERS)]
        workers = [worker(folder, port, environment) for port in ports]
        for part in (*learners, *workers):
            up.append(part)
            part.start()
        yield [store, postgres, *learners, *workers], postgres, ports, environment
    finally:
        for part in reversed(up):
            part.stop()


def fill(folder: Path, var: Path, environment: dict[str, str]) -> None:
    """The registry and data of `make run`, with the features in this Redis."""
    ignored = shutil.ignore_patterns("log.db*", "packages", "peers", "reports")
    shutil.copytree(var, folder / "var", ignore=ignored)
    steps = "from training.prepare import build_features, fill_online_store as fill"
    places = "Places(var=Path(os.environ['GARDOON_VAR']), feature_store_yaml=Path(os.environ['GARDOON_FEATURE_STORE_YAML']))"
    code = f"import os; from pathlib import Path; from training.places import Places; {steps}; places = {places}; "
    with (folder / "prepare.out").open("w") as out:
        subprocess.run(
            [sys.executable, "-c", code + "print(build_features(places)); print(fill(places))"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=True,
        )


def customer_ids(var: Path) -> list[str]:
    """Some customers of the data set."""
    import pyarrow.parquet as pq

    table = pq.read_table(var / "data" / "complete-journey" / "customers.parquet", columns=["customer_id"])
    return [str(each) for each in table["customer_id"].to_pylist()[:CUSTOMERS]]


async def load_and_kill(
    caller: Caller,
    given: argparse.Namespace,
    parts: list[Part],
    killed: Counter[str],
    over: Callable[[], bool],
) -> None:
    """Visits and kills side by side until the time is over; then all parts are up and every visit is seen to its end."""
    async with asyncio.TaskGroup() as both:
        both.create_task(kill_now_and_then(parts, killed, over, given.seed))
        both.create_task(caller.run(given.rate, over))


async def kill_now_and_then(
    parts: list[Part], killed: Counter[str], over: Callable[[], bool], seed: int
) -> None:
    """Kill one part at a time, let it be away for a while, start it again."""
    choose = random.Random(seed)
    while not over():
        await asyncio.sleep(choose.uniform(*EVERY_S))
        if over():
            return
        part = choose.choice(parts)
        await asyncio.to_thread(part.kill)
        killed[part.name.split()[0]] += 1
        await asyncio.sleep(choose.uniform(*AWAY_S))
        await asyncio.to_thread(part.start)


def reenact(environment: dict[str, str]) -> int:
    """How many decisions of the log come out otherwise when they are made again."""
    done = subprocess.run(
        [sys.executable, "-m", "service", "verify"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"verify: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]}")
    if done.returncode == 0:
        return 0
    return max(done.stdout.count("differs"), 1)


if __name__ == "__main__":
    main()
