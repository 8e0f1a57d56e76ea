"""The soak kills every kind of part in its turn, of the learners the one that learns, and waits for the other."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.kills import Killer, Pauses, turns
from benchmarks.soak.stack import LEADS, WAITS, Program


@dataclass
class FakePart:
    """A part that notes what is done with it."""

    name: str
    did: list[str]

    def start(self) -> None:
        self.did.append(f"start {self.name}")

    def kill(self) -> None:
        self.did.append(f"kill {self.name}")

    def stop(self) -> None:
        raise AssertionError("only the run's end stops parts for good")


@dataclass
class FakeLearner(FakePart):
    """A learner that waits until the one that learns is killed."""

    said: str = WAITS
    other: FakeLearner | None = None

    def last_said(self, *events: str) -> str | None:
        return self.said if self.said in events else None

    def start(self) -> None:
        super().start()
        self.said = WAITS

    def kill(self) -> None:
        super().kill()
        self.said = ""
        if self.other is not None:
            self.other.said = LEADS


def test_the_learner_that_learns_is_killed_and_another_takes_over_before_it_comes_back() -> None:
    did: list[str] = []
    first, second = FakeLearner("first", did, LEADS), FakeLearner("second", did)
    first.other, second.other = second, first
    parts = {"redis": [FakePart("redis", did)], "worker": [FakePart("worker", did)]}
    at_once = Pauses(quiet_s=(0, 0), away_s=(0, 0))
    killer = Killer(parts=parts, learners=[first, second], seed=1, pauses=at_once)

    asyncio.run(killer.run(lambda: min(killer.times.values()) == 2))

    learners = [each for each in did if each.endswith(("first", "second"))]
    assert learners == ["kill first", "start first", "kill second", "start second"]
    assert killer.has_killed_every_kind
    assert len(killer.takeovers_s) == 2
    assert did.count("kill redis") == did.count("kill worker") == 2


def test_every_kind_comes_up_before_any_comes_again() -> None:
    kinds = ["learner", "postgresql", "redis", "worker"]
    for seed in range(20):
        some = turns(kinds, random.Random(seed))

        assert sorted(next(some) for _ in kinds) == kinds
        assert sorted(next(some) for _ in kinds) == kinds


def test_what_a_program_said_last_is_of_this_start_alone(tmp_path: Path) -> None:
    printed = tmp_path / "learner.out"
    printed.write_text(f'{{"event": "{LEADS}"}}\n')
    program = Program("learner", ["sleep", "60"], {}, printed)

    program.start()
    program.kill()
    before = program.last_said(LEADS, WAITS)
    with printed.open("a") as out:
        out.write(f'no JSON\n{{"event": "{WAITS}"}}\n{{"event": "snapshot"}}\n{{"event": "{LEADS}"')

    assert before is None
    assert program.last_said(LEADS, WAITS) == WAITS
