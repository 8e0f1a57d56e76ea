"""A decision log of any length, generated: `python -m tests.training.evaluation.generated_log FILE.db N_ROUNDS`, or its
export: the same with a folder in place of the file.

Not what the service would have written, only what is read of it: tables and columns of the contract between the two.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.artifact import Artifact
from training.evaluation.decision_source import DECISIONS

ACTIONS = ["email", "sms", "app_push", "web_push"]
INPUTS = [f"input_{number:02d}" for number in range(60)]
RULES = {
    "journey": "wheel",
    "salt": "s",
    "shares": {"random": 0.2},
    "channel": {"reward": {"kind": "click", "window_hours": 48}},
}
TABLES = """
create table decisions (decision_id text primary key, customer_id text, journey text, decided_at integer,
  effective_at integer, status text, group_name text, record blob);
create table rewards (decision_id text, decision text, state text, reward real, primary key (decision_id, decision));
create table snapshots (scanned_until integer);
create table artifacts (kind text, digest text, content blob);
create table outcomes (decision_id text, kind text, occurred_at integer);
"""
BATCH = 5_000
TIME, TEXT, NUMBERS = pa.timestamp("us", tz="UTC"), pa.string(), pa.list_(pa.float64())
ROUND = {"decision": TEXT, "inputs": pa.list_(TEXT), "context": NUMBERS, "actions": pa.list_(TEXT)} | {
    "eligible": pa.list_(pa.bool_()),
    "probabilities": NUMBERS,
    "action": pa.int32(),
    "propensity": pa.float64(),
}
TEXTS = ("decision_id", "customer_id", "journey", "status", "group")
COLUMNS = {
    "decisions": pa.schema(
        dict.fromkeys(TEXTS, TEXT)
        | {"decided_at": TIME, "effective_at": TIME, "versions": pa.map_(TEXT, TEXT)}
        | {"rounds": pa.list_(pa.struct(ROUND))}
    ),
    "rewards": pa.schema({"decision_id": TEXT, "decision": TEXT, "state": TEXT, "reward": pa.float64()}),
}


def write_log(file: Path, n_rounds: int, seed: int = 0) -> None:
    """Rounds of 60 inputs and 4 actions, clicks at 5 % and more; every decision has had its window."""
    rng = np.random.default_rng(seed)
    with sqlite3.connect(file) as connection:
        connection.executescript(TABLES)
        content = Artifact({"kind": "decision_point", **RULES}, {}).to_bytes()
        connection.execute("insert into artifacts values ('decision_point', 'r1', ?)", (content,))
        connection.execute("insert into snapshots values (?)", (2 * 10**15,))
        for start in range(0, n_rounds, BATCH):
            rounds = list(_rounds(rng, start, min(BATCH, n_rounds - start)))
            connection.executemany(
                "insert into decisions values (?, ?, 'wheel', ?, ?, 'act', ?, ?)",
                [each[0] for each in rounds],
            )
            connection.executemany(
                "insert into rewards values (?, 'channel', 'resolved', ?)", [each[1] for each in rounds]
            )


def _rounds(rng: np.random.Generator, start: int, size: int) -> Iterator[tuple[tuple, tuple]]:
    contexts = rng.normal(size=(size, len(INPUTS))).round(4)
    probabilities = 0.05 + 0.8 * rng.dirichlet(np.ones(4), size=size)
    actions = (rng.random(size)[:, None] > np.cumsum(probabilities, axis=1)[:, :3]).sum(axis=1)
    clicks = rng.random(size) < 0.05 + 0.05 * actions + 0.02 * (contexts[:, 0] > 0)
    for row in range(size):
        chances, action = probabilities[row].tolist(), int(actions[row])
        round_ = {
            "decision": DECISIONS[0],
            "inputs": INPUTS,
            "context": contexts[row].tolist(),
            "actions": ACTIONS,
            "eligible": [True] * 4,
            "probabilities": chances,
            "action": action,
            "propensity": chances[action],
        }
        record = json.dumps({"versions": {"journey": "r1"}, "rounds": [round_]}).encode()
        number = start + row
        group = "random" if number % 5 == 0 else "decisioning"
        decided_at = 1_700_000_000_000_000 + number * 1_000_000
        yield (
            (f"{number:012d}", f"c{number}", decided_at, decided_at, group, record),
            (f"{number:012d}", float(clicks[row])),
        )


def write_export(folder: Path, n_rounds: int, seed: int = 0) -> None:
    """The same rounds as the files that the service would export, each day in its own."""
    rng, n_by_day = np.random.default_rng(seed), Counter[str]()
    for name in ("days", "rules"):
        (folder / name).mkdir(parents=True)
    with ExitStack() as stack:
        writers: dict[tuple[str, str], pq.ParquetWriter] = {}
        for start in range(0, n_rounds, BATCH):
            rounds = list(_rounds(rng, start, min(BATCH, n_rounds - start)))
            for day, of_day in groupby(
                rounds, lambda each: str(datetime.fromtimestamp(each[0][2] / 1e6, UTC).date())
            ):
                part = list(of_day)
                n_by_day[day] += len(part)
                for name, rows in (("decisions", _decisions(part)), ("rewards", _rewards(part))):
                    if (name, day) not in writers:
                        file = folder / name / f"day={day}" / "part.parquet"
                        file.parent.mkdir(parents=True)
                        writers[name, day] = stack.enter_context(
                            pq.ParquetWriter(file, COLUMNS[name], compression="zstd")
                        )
                    writers[name, day].write_table(pa.Table.from_pylist(list(rows), COLUMNS[name]), 1_000)
    for day, rows in n_by_day.items():
        told = {"day": day, "closed": True, "rows": {"decisions": rows, "rewards": rows}}
        note = json.dumps(told | {"scanned_until": "2033-05-18T00:00Z"})
        (folder / "days" / f"{day}.json").write_text(note)
    (folder / "rules" / "r1.json").write_text(json.dumps(RULES))


def _decisions(rounds: list[tuple[tuple, tuple]]) -> Iterator[dict[str, object]]:
    for (identity, customer, decided_at, effective_at, group, record), _ in rounds:
        yield {
            "decision_id": identity,
            "customer_id": customer,
            "journey": "wheel",
            "decided_at": decided_at,
            "effective_at": effective_at,
            "status": "act",
            "group": group,
            **json.loads(record),
        }


def _rewards(rounds: list[tuple[tuple, tuple]]) -> Iterator[dict[str, object]]:
    for _, (identity, reward) in rounds:
        yield {"decision_id": identity, "decision": "channel", "state": "resolved", "reward": reward}


if __name__ == "__main__":
    target, size = Path(sys.argv[1]), int(sys.argv[2])
    (write_log if target.suffix == ".db" else write_export)(target, size)
