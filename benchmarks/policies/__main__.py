"""Our policies against their peers, in one run: what they earn while they learn, and how fast they are.

    make bench-policies        or: python -m benchmarks.policies [--var var] [--quick] [--seeds 10]

Each peer runs in an environment of its own under `var/peers`, behind one protocol (`adapters/driver.py`): the same rounds in
the same order, only the chosen action's reward told. Ours goes through the same protocol. Writes a table and prints a line a
target; ends with 1 where one is short. `--quick`: two seeds of one data set and one peer, no simulation, its quality not
judged.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.policies.classification import classification_problem, data_sets
from benchmarks.policies.document import write_document
from benchmarks.policies.judgement import quality_targets, speed_targets
from benchmarks.policies.peer import Peer, PeerError, install, read_peers
from benchmarks.policies.problem import Problem
from benchmarks.policies.quality import Score, play_all
from benchmarks.policies.results import Results
from benchmarks.policies.speed import ROUNDS, measure_speed
from benchmarks.target import finish

QUICK_PEERS = ("gardoon", "plain_numpy", "vowpalwabbit")
QUICK_SET = "wine"
Makers = dict[str, Callable[[int], Problem]]


def main() -> None:
    """Installs, measures, writes the table, judges."""
    options = _options()
    started = perf_counter()
    results = Results()
    peers = _installed(options, results)
    problems = _problems(options, results)
    if not options.no_speed:
        rounds = ROUNDS // 5 if options.quick else ROUNDS
        results.speed, lacks = measure_speed(peers, options.var, rounds=rounds)
        results.notes |= {name: f"no speed: {lack}" for name, lack in lacks.items()}
    _measure_quality(options, peers, problems, results)
    results.minutes = (perf_counter() - started) / 60
    options.out.parent.mkdir(parents=True, exist_ok=True)
    saved = options.var / "bench-policies.json"
    saved.write_text(json.dumps(results.as_json(), indent=1))
    targets = [] if options.no_speed else speed_targets(results.speed)
    targets += [] if options.quick else quality_targets(results)
    write_document(options.out, results, targets, read_peers(), options)
    print(f"wrote {options.out} after {results.minutes:.1f} minutes")
    finish(targets)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    parser.add_argument("--out", type=Path, default=Path("docs/benchmark-policies.md"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--limit-s", type=float, default=60.0, help="processor time that one run may take")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-speed", action="store_true", help="quality only")
    parser.add_argument("--only", nargs="*", help="problems to play, by name")
    parser.add_argument(
        "--quick", action="store_true", help="two seeds, one data set, one peer: under a minute"
    )
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.only = 2, [QUICK_SET]
    return options


def _installed(options: argparse.Namespace, results: Results) -> list[Peer]:
    found = []
    for name, peer in read_peers().items():
        if options.quick and name not in QUICK_PEERS:
            continue
        try:
            results.versions[name] = install(peer, options.var)
            found.append(peer)
        except PeerError as error:
            results.notes[name] = str(error)
        print(f"{name}: {results.versions.get(name) or results.notes[name]}", flush=True)
    return found


def _problems(options: argparse.Namespace, results: Results) -> dict[str, list[Problem]]:
    """Each problem's rounds of every seed, by name; the longest runs first, so that none is waited for at the end."""
    makers: Makers = {} if options.quick else _simulated(options.var)
    for name, read in data_sets(options.var).items():
        if options.only and name not in options.only:
            continue
        try:
            table = read()
        except PeerError as error:
            results.notes[name] = str(error)
            continue
        makers[name] = partial(classification_problem, table)
    return {
        name: [make(seed) for seed in range(options.seeds)]
        for name, make in makers.items()
        if not options.only or name in options.only
    }


def _simulated(var: Path) -> Makers:
    from benchmarks.policies.simulated import open_simulation, simulated_problems

    return simulated_problems(open_simulation(var))


def _measure_quality(
    options: argparse.Namespace, peers: list[Peer], problems: dict[str, list[Problem]], results: Results
) -> None:
    """Every peer on every problem, several at a time: each is a process of its own."""
    for name, of_seeds in problems.items():
        results.describe(name, of_seeds)
    tasks = [(name, peer) for name in problems for peer in peers if peer.quality]
    tasks.sort(key=lambda task: -_size(problems[task[0]]))

    def play(task: tuple[str, Peer]) -> tuple[str, Peer, dict[str, list[Score]]]:
        name, peer = task
        return name, peer, play_all(peer, options.var, problems[name], limit_s=options.limit_s)

    with ThreadPoolExecutor(options.processes) as pool:
        for name, peer, scores in pool.map(play, tasks):
            for learner, found in scores.items():
                results.add(name, f"{peer.name} {learner}", found)
                _tell(name, f"{peer.name} {learner}", found)


def _size(of_seeds: list[Problem]) -> int:
    """Numbers that a learner of one regression an action looks at: about what a run costs."""
    return of_seeds[0].rewards.size * of_seeds[0].contexts.shape[1]


def _tell(problem: str, learner: str, found: list[Score]) -> None:
    if found:
        mean, seconds = (
            float(np.mean([getattr(score, what) for score in found])) for what in ("value", "seconds")
        )
        print(f"{problem}: {learner}: {found[-1].lack or f'{mean:.4g}'} ({seconds:.1f} s a run)", flush=True)


if __name__ == "__main__":
    main()
