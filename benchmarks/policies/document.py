"""The page in `docs/`."""

from __future__ import annotations

import argparse
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.policies.judgement import HINDSIGHT, LOOKED_AT, OURS, OWN, field_ranks
from benchmarks.policies.peer import ROOT, Peer
from benchmarks.policies.quality import mean_and_half_width, ranks
from benchmarks.policies.results import Results
from benchmarks.policies.speed import BATCH, N_ACTIONS, N_FEATURES, ROUNDS, TURN, WARM_UP
from benchmarks.target import Target

PAGE = """# Policies against their peers

Written by `{command}`: {machine}. One run of {minutes:.0f} minutes with {processes} processes
side by side; a run of one learner may take {limit:.0f} s of processor time.

{targets}

## What was earned while learning
Mean reward a round over {seeds} seeds (± half the 95 % interval), and the rank among the learners of that column.
Everyone meets the same standardised contexts in the same order and is told the chosen action's reward only. Simulated
decisions: the true expected reward of what was chosen, {batch}; classification: 1 for the right class, told at once.
`{ours}` is the one configuration of ours that is ranked against the peers everywhere; our other rows are shown without
counting. It was fixed before this was run, on iris, `make_classification` and other seeds of the simulation; its default
exploration was also looked at on {looked}, so the mean rank without these is given too.
The peers have their libraries' defaults, or what the last table says; `{hindsight}`, whose exploration was chosen
on these very problems, shows, without counting, what that alone is worth. `{own}` is what the product uses for
that decision, here without its warm start and, as every policy here, without a probability floor.

{quality}

{missing}

## The problems
{problems}

## Speed
{k} actions, {d} features, one thread. In the process of each learner a plain numpy LinUCB, the yardstick, which neither
states a propensity nor masks, decides and learns in turns with it, ten rounds at a time. Times are processor time, medians
of up to {turns} turns of {turn} rounds after {warm_up} rounds learnt; "x" is the median over turns of the learner's time
over the yardstick's in that turn. A batch is {n:,} decisions. "States" says whether a propensity comes with each decision
(coba's Thompson sampling states 1 whatever it draws).

{speed}

## Versions and settings
{versions}
"""


def write_document(
    path: Path,
    results: Results,
    targets: list[Target],
    peers: dict[str, Peer],
    options: argparse.Namespace,
) -> None:
    """Writes the page."""
    lines = [f"- {target}" for target in targets]
    page = PAGE.format(
        command="python -m benchmarks.policies --quick" if options.quick else "make bench-policies",
        machine=machine(),
        minutes=results.minutes,
        targets="\n".join(lines),
        processes=options.processes,
        limit=options.limit_s,
        seeds=options.seeds,
        batch="rewards told in batches of 50 rounds, as the learner does",
        ours=OURS,
        own=OWN,
        hindsight=HINDSIGHT,
        looked=f"{', '.join(LOOKED_AT[:-1])} and {LOOKED_AT[-1]}",
        quality=_quality(results),
        missing=_missing(results),
        problems=_problems(results),
        k=N_ACTIONS,
        d=N_FEATURES,
        n=BATCH,
        turn=TURN,
        turns=ROUNDS // TURN,
        warm_up=WARM_UP,
        speed=_speed(results),
        versions=_versions(results, peers),
    )
    path.write_text(page, encoding="utf-8")


def machine() -> str:
    """Processor, cores, Python, numpy, commit and day."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    commit = _git("rev-parse", "--short", "HEAD")
    if _git("status", "--porcelain", "--", "models", "training", "benchmarks"):
        commit += " and changes not committed"
    return (
        f"{names[0] if names else platform.processor()}, {len(names) or '?'} cores, Python {platform.python_version()}, "
        f"numpy {np.__version__}, commit {commit}, {datetime.now(UTC).date().isoformat()}"
    )


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _quality(results: Results) -> str:
    field = {name: float(np.mean(values)) for name, values in field_ranks(results.scores).items()}
    learners = {name for found in results.scores.values() for name in found}
    by_problem = {
        problem: ranks({name: float(np.mean(values)) for name, values in found.items()})
        for problem, found in results.scores.items()
    }
    rows = []
    for name in sorted(learners, key=lambda each: (field.get(each, 0.0), each)):
        cells = [_cell(results, problem, name, by_problem[problem]) for problem in results.scores]
        rows.append([name, f"{field[name]:.2f}" if name in field else "", *cells])
    return markdown_table(["learner", "mean rank", *results.scores], rows)


def _cell(results: Results, problem: str, name: str, by_name: dict[str, float]) -> str:
    values = results.scores[problem].get(name)
    if values is None:
        return "none" if name in results.lacks.get(problem, {}) else ""
    mean, half = mean_and_half_width(np.array(values))
    return f"{mean:.4g} ± {half:.1g} ({by_name[name]:g})"


def _missing(results: Results) -> str:
    reasons: dict[tuple[str, str], list[str]] = {}
    for problem, found in results.lacks.items():
        for name, reason in found.items():
            reasons.setdefault((name, reason), []).append(problem)
    lines = [f"- {name}: {', '.join(problems)}: {reason}" for (name, reason), problems in reasons.items()]
    lines += [f"- {name}: {note}" for name, note in results.notes.items()]
    return (
        "Missing, counted as last in the mean rank where a problem was played:\n" + "\n".join(lines)
        if lines
        else ""
    )


def _problems(results: Results) -> str:
    names = list(next(iter(results.problems.values()), {}))
    rows = [
        [problem, *(f"{facts[name]:,.4g}" if np.isfinite(facts[name]) else "" for name in names)]
        for problem, facts in results.problems.items()
    ]
    return markdown_table(["problem", *names], rows)


def _speed(results: Results) -> str:
    rows = [
        [
            name,
            f"{each['decide']:.1f}",
            f"{each['decide_ratio']:.2f}",
            f"{each['update']:,.1f}",
            f"{each['update_ratio']:,.2f}",
            f"{each['batch']:,.0f}",
            "yes" if each["states"] else "no",
        ]
        for name, each in sorted(results.speed.items(), key=lambda item: item[1]["decide_ratio"])
    ]
    header = ["learner", "µs a decision", "x", "µs an update", "x", "decisions a second, batched", "states"]
    return markdown_table(header, rows)


def _versions(results: Results, peers: dict[str, Peer]) -> str:
    rows = [[name, version, peers[name].settings] for name, version in results.versions.items()]
    return markdown_table(["peer", "versions", "settings"], rows)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
