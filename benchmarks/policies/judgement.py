"""What is claimed of our policies, and whether a run bears it out."""

from __future__ import annotations

import numpy as np

from benchmarks.policies.quality import mean_and_half_width, ranks
from benchmarks.policies.results import Results
from benchmarks.target import Target

OURS = "gardoon lin_ucb"
OWN = "gardoon decision_policy"
FAST = "gardoon linear_thompson"
REFERENCE = "plain_numpy linucb"


def speed_targets(results: Results) -> list[Target]:
    """Our Thompson sampling with exact propensities: its decision and update over plain numpy LinUCB's, and its batch."""
    ours, plain = results.speed[FAST], results.speed[REFERENCE]
    decision, update = ours["decide"], ours["update"]
    return [
        Target(
            f"decision with propensity ({decision:.1f} µs) over plain numpy LinUCB's ({plain['decide']:.1f} µs)",
            decision / plain["decide"],
            "at most",
            5.0,
        ),
        Target(
            f"update ({update:.1f} µs) over plain numpy LinUCB's ({plain['update']:.1f} µs)",
            update / plain["update"],
            "at most",
            1.25,
        ),
        Target("decisions a second, batched on one core", ours["batch"], "at least", 120_000),
    ]


def quality_targets(results: Results) -> list[Target]:
    """First or tied with the best peer on each simulated decision, and in the mean rank over all problems."""
    simulated = [name for name, found in results.scores.items() if OWN in found]
    return [*(_decision_target(results, name) for name in simulated), _mean_rank_target(results)]


def _decision_target(results: Results, problem: str) -> Target:
    """The product's policy for this decision, paired over seeds with the peer of the highest mean on the same rounds."""
    found = results.scores[problem]
    peers = {name: float(np.mean(values)) for name, values in found.items() if not is_ours(name)}
    best = max(peers, key=lambda name: peers[name])
    rank = ranks({OWN: float(np.mean(found[OWN])), **peers})[OWN]
    lead, half = mean_and_half_width(np.array(found[OWN]) - np.array(found[best]))
    name = f"{problem}: rank {rank:g}, {lead:+.3g} ± {half:.2g} to {best}; upper end"
    return Target(name, lead + half, "at least", 0.0)


def _mean_rank_target(results: Results) -> Target:
    """Tied: the 95 % interval over problems of the lead in rank on the best peer reaches 0."""
    all_ranks = field_ranks(results)
    mean = {name: float(np.mean(values)) for name, values in all_ranks.items()}
    best = min((name for name in mean if name != OURS), key=lambda name: mean[name])
    lead, half = mean_and_half_width(np.array(all_ranks[best]) - np.array(all_ranks[OURS]))
    name = (
        f"mean rank {mean[OURS]:.2f} of {len(mean)} over {len(results.scores)} problems, {lead:+.2f} ± {half:.2f} to {best} "
        f"({mean[best]:.2f}); upper end"
    )
    return Target(name, lead + half, "at least", 0.0)


def field_ranks(results: Results) -> dict[str, list[float]]:
    """Ranks on each problem of our one configuration and all peers; one without a result on a problem comes last there."""
    learners = sorted(
        {name for found in results.scores.values() for name in found if name == OURS or not is_ours(name)}
    )
    found_ranks: dict[str, list[float]] = {name: [] for name in learners}
    for found in results.scores.values():
        means = {name: float(np.mean(found[name])) if name in found else -np.inf for name in learners}
        for name, rank in ranks(means).items():
            found_ranks[name].append(rank)
    return found_ranks


def is_ours(learner: str) -> bool:
    """Whether a learner is one of our policies."""
    return learner.startswith("gardoon ")
