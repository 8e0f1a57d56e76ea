"""The comparison that docs/complements.md shows: every contender, chosen on one period, judged on the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.complements.baskets import Baskets, Chosen
from training.complements.contest import HitRate, find_hits, hit_rate
from training.complements.judge import (
    BEST_OF_CATEGORIES,
    LEAST_CUSTOMERS,
    POPULARITY_OF_CATEGORIES,
    SEED,
    Stage,
    contenders,
    periods,
    set_stage,
)

OF_PRODUCTS: Final = (POPULARITY_OF_CATEGORIES, BEST_OF_CATEGORIES)
"""What would say nothing where categories themselves are asked for."""
N_CARTS: Final = 8_000


@dataclass(frozen=True, kw_only=True)
class Line:
    """One contender on the two periods; seen and unseen: customers whose earlier baskets were learnt from, or not.

    level: what is offered, products or categories. None: too few customers to say.
    """

    level: str
    name: str
    validation: HitRate
    test: HitRate
    seen: HitRate | None
    unseen: HitRate | None


def compare(baskets: Baskets, n_carts: int = N_CARTS) -> Iterator[Line]:
    """A line a contender, on products and on categories."""
    for level, sold in (("product", baskets), ("category", baskets.by_category())):
        stages = {name: set_stage(sold, period, n_carts=n_carts) for name, period in periods(sold).items()}
        made = {name: contenders(s.learnt, np.random.default_rng(SEED)) for name, s in stages.items()}
        for name in made["test"]:
            if level == "category" and name in OF_PRODUCTS:
                continue
            hits = {period: find_hits(made[period][name](), s.carts) for period, s in stages.items()}
            yield _line(level, name, stages, hits)


def _line(level: str, name: str, stages: dict[str, Stage], hits: dict[str, Chosen]) -> Line:
    rng, test = np.random.default_rng(SEED), stages["test"]

    def rate(of: Chosen) -> HitRate | None:
        if len(np.unique(test.customers[of])) < LEAST_CUSTOMERS:
            return None
        return hit_rate(hits["test"][of], test.customers[of], rng)

    return Line(
        level=level,
        name=name,
        validation=hit_rate(hits["validation"], stages["validation"].customers, rng),
        test=hit_rate(hits["test"], test.customers, rng),
        seen=rate(test.seen),
        unseen=rate(~test.seen),
    )


def table_of(lines: list[Line]) -> str:
    """The lines as a table in Markdown; the highest share on the validation period of each level is bold."""
    best = {
        level: max(x.validation.value for x in lines if x.level == level)
        for level in {x.level for x in lines}
    }
    head = [
        "| offered | by | validation | test | customers seen | not seen |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(x, chosen=x.validation.value == best[x.level]) for x in lines)])


def _row(line: Line, *, chosen: bool) -> str:
    name = f"**{line.name}**" if chosen else line.name
    rates = " | ".join(map(_shown, (line.validation, line.test, line.seen, line.unseen)))
    return f"| {line.level} | {name} | {rates} |"


def _shown(rate: HitRate | None) -> str:
    if rate is None:
        return "-"
    return f"{rate.value:.2%} ({rate.low:.2%} to {rate.high:.2%})"
