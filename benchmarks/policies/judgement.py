"""What is claimed of our policies, and whether a run bears it out."""

from __future__ import annotations

import numpy as np

from benchmarks.policies.quality import mean_and_half_width, ranks
from benchmarks.policies.results import Results
from benchmarks.policies.speed import Speeds
from benchmarks.target import Target

OURS = "gardoon lin_ucb"
OWN = "gardoon decision_policy"
LOOKED_AT = ("wine", "breast cancer", "digits")
"""The data sets on which `LinUCB`'s default exploration was set; the mean rank is judged without them too."""

HINDSIGHT = "mabwiser linucb_0.2"
"""A peer whose exploration was chosen on the very problems: shown without counting."""

Scores = dict[str, dict[str, list[float]]]
FAST = ("gardoon linear_thompson", OURS)


def speed_targets(speed: Speeds) -> list[Target]:
    """Our Thompson sampling and what is ranked, both with exact propensities: decision, update and batch."""
    return [target for name in FAST for target in _targets_of(name, speed[name])]


def _targets_of(name: str, ours: dict[str, float]) -> list[Target]:
    short = name.removeprefix("gardoon ")
    lines = [
        (f"{short}: decision with its propensity", "decide", 5.0),
        (f"{short}: update", "update", 1.25),
    ]
    return [
        *(
            Target(
                f"{line} ({ours[what]:.1f} µs) over plain numpy LinUCB's beside it ({ours[f'plain_{what}']:.1f} µs)",
                ours[f"{what}_ratio"],
                "at most",
                wanted,
            )
            for line, what, wanted in lines
        ),
        Target(f"{short}: decisions a second, batched on one core", ours["batch"], "at least", 120_000),
    ]


def quality_targets(results: Results) -> list[Target]:
    """First or tied with the best peer on each simulated decision, and in the mean rank over all problems."""
    simulated = [name for name, found in results.scores.items() if OWN in found]
    everywhere = list(results.scores)
    elsewhere = [name for name in everywhere if name not in LOOKED_AT]
    return [
        *(_decision_target(results, name) for name in simulated),
        *(_mean_rank_target(results, problems) for problems in (everywhere, elsewhere) if problems),
    ]


def _decision_target(results: Results, problem: str) -> Target:
    """The product's policy for this decision, paired over seeds with the peer of the highest mean on the same rounds."""
    found = results.scores[problem]
    peers = {name: float(np.mean(values)) for name, values in found.items() if is_peer(name)}
    best = max(peers, key=lambda name: peers[name])
    rank = ranks({OWN: float(np.mean(found[OWN])), **peers})[OWN]
    lead, half = mean_and_half_width(np.array(found[OWN]) - np.array(found[best]))
    name = f"{problem}: rank {rank:g}, {lead:+.3g} ± {half:.2g} to {best}; upper end"
    return Target(name, lead + half, "at least", 0.0)


def _mean_rank_target(results: Results, problems: list[str]) -> Target:
    """Tied: the 95 % interval over problems of the lead in rank on the best peer reaches 0."""
    all_ranks = field_ranks({name: results.scores[name] for name in problems})
    mean = {name: float(np.mean(values)) for name, values in all_ranks.items()}
    best = min((name for name in mean if name != OURS), key=lambda name: mean[name])
    lead, half = mean_and_half_width(np.array(all_ranks[best]) - np.array(all_ranks[OURS]))
    name = (
        f"mean rank {mean[OURS]:.2f} of {len(mean)} over {len(problems)} problems"
        f"{'' if set(LOOKED_AT) & set(problems) else ' without ' + ', '.join(LOOKED_AT)}, "
        f"{lead:+.2f} ± {half:.2f} to {best} ({mean[best]:.2f}); upper end"
    )
    return Target(name, lead + half, "at least", 0.0)


def field_ranks(scores: Scores) -> dict[str, list[float]]:
    """Ranks on each problem of our one configuration and all peers; one without a result on a problem comes last there."""
    learners = sorted({name for found in scores.values() for name in found if name == OURS or is_peer(name)})
    found_ranks: dict[str, list[float]] = {name: [] for name in learners}
    for found in scores.values():
        means = {name: float(np.mean(found[name])) if name in found else -np.inf for name in learners}
        for name, rank in ranks(means).items():
            found_ranks[name].append(rank)
    return found_ranks


def is_peer(learner: str) -> bool:
    """Whether a learner is one that ours are judged against."""
    return not learner.startswith("gardoon ") and learner != HINDSIGHT
