"""The contest on a later period: who saw which baskets, and how the contenders did on the carts that came after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.complements.association import Association, PairCounts, count_pairs, keep_strongest
from training.complements.baskets import Baskets, Chosen, Codes
from training.complements.contest import (
    DAY_S,
    Cart,
    HitRate,
    Ranker,
    difference,
    draw_carts,
    find_hits,
    hit_rate,
)
from training.complements.ranker import (
    best_of_categories_ranker,
    category_ranker,
    complements_ranker,
    popularity_ranker,
    random_ranker,
)

LATELY_DAYS: Final = 28
PERIOD_DAYS: Final = 61
LEAST_CARTS: Final = 100
LEAST_CUSTOMERS: Final = 30
SEED: Final = 0
UNSEEN_SHARE: Final = 0.2
"""Of the customers, whose baskets nothing is learnt from."""
ASSOCIATION: Final = Association(
    name="conditional, popularity^0.6, shrunk by 50", own_exponent=1.0, other_exponent=0.6, shrinkage=50
)
"""What is served; the validation period chose it among `CANDIDATES`."""
CANDIDATES: Final = (
    Association(name="conditional probability", own_exponent=1, other_exponent=0, shrinkage=0),
    Association(name="lift", own_exponent=1, other_exponent=1, shrinkage=0),
    Association(name="lift, shrunk by 20", own_exponent=1, other_exponent=1, shrinkage=20),
    Association(name="cosine", own_exponent=0.5, other_exponent=0.5, shrinkage=0),
    Association(name="cosine, shrunk by 5", own_exponent=0.5, other_exponent=0.5, shrinkage=5),
    Association(name="cosine, shrunk by 20", own_exponent=0.5, other_exponent=0.5, shrinkage=20),
    *(
        Association(
            name=f"conditional, popularity^{power}, shrunk by {shrinkage}",
            own_exponent=1,
            other_exponent=power,
            shrinkage=shrinkage,
        )
        for power, shrinkage in ((0.3, 20), (0.5, 5), (0.5, 20), (0.5, 50))
    ),
    ASSOCIATION,
)
POPULARITY: Final = "popularity"
POPULARITY_OF_CATEGORIES: Final = "popularity in the cart's categories"
BEST_OF_CATEGORIES: Final = "best sellers of complementary categories"


class TooFewCartsError(ValueError):
    """The later period has too few carts to judge by."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """From when, and until before when, carts are drawn; what was before is learnt from."""

    since_s: int
    until_s: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """What was learnt from, and the carts that came later; seen: whether each cart's customer was learnt from."""

    learnt: Baskets
    carts: list[Cart]
    seen: Chosen

    @property
    def customers(self) -> Codes:
        """Whose each cart is."""
        return np.array([cart.customer for cart in self.carts], dtype=np.int32)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How the complements did beside popularity, the better of the two kinds; difference: value, low and high."""

    complements: HitRate
    popularity: HitRate
    difference: tuple[float, float, float]

    @property
    def beats_popularity(self) -> bool:
        """Whether the whole interval of the difference is above 0."""
        return self.difference[1] > 0


def periods(baskets: Baskets) -> dict[str, Period]:
    """The last 61 days of the data, to judge on, and the 61 before, to choose on."""
    end = int(baskets.ordered_s[-1]) + 1
    middle = end - PERIOD_DAYS * DAY_S
    return {
        "validation": Period(since_s=middle - PERIOD_DAYS * DAY_S, until_s=middle),
        "test": Period(since_s=middle, until_s=end),
    }


def set_stage(baskets: Baskets, period: Period, *, n_carts: int) -> Stage:
    """The baskets before the period of four fifths of the customers, and carts of everybody's in it; always the same.

    Raises: `TooFewCartsError`.
    """
    rng = np.random.default_rng(SEED)
    unseen = rng.random(int(baskets.customers.max()) + 1) < UNSEEN_SHARE
    learnt = baskets.only((baskets.ordered_s < period.since_s) & ~unseen[baskets.customers])
    known = baskets.only(baskets.ordered_s < period.until_s)
    carts = draw_carts(known, period.since_s, lately_days=LATELY_DAYS, n_carts=n_carts, rng=rng)
    n_customers = len({cart.customer for cart in carts})
    if len(carts) < LEAST_CARTS or n_customers < LEAST_CUSTOMERS or learnt.n_baskets == 0:
        raise TooFewCartsError(
            f"the {PERIOD_DAYS} days to judge on have {len(carts)} carts of {n_customers} customers (baskets of two "
            f"products, one of them not bought lately), and {learnt.n_baskets} baskets came before; wanted "
            f"{LEAST_CARTS} carts of {LEAST_CUSTOMERS} customers, and baskets before"
        )
    seen = np.array([not unseen[cart.customer] for cart in carts], dtype=np.bool_)
    return Stage(learnt=learnt, carts=carts, seen=seen)


def judge(stage: Stage) -> Verdict:
    """How what is served does on the stage, beside popularity."""
    rng = np.random.default_rng(SEED)
    hits = {name: find_hits(ranker, stage.carts) for name, ranker in baselines(stage.learnt).items()}
    ours = find_hits(_fit(stage.learnt, ASSOCIATION), stage.carts)
    best = max(hits.values(), key=lambda each: float(each.mean()))
    return Verdict(
        complements=hit_rate(ours, stage.customers, rng),
        popularity=hit_rate(best, stage.customers, rng),
        difference=difference(ours, best, stage.customers, rng),
    )


def baselines(learnt: Baskets) -> dict[str, Ranker]:
    """What complements must beat."""
    return {POPULARITY: popularity_ranker(learnt), POPULARITY_OF_CATEGORIES: category_ranker(learnt)}


def contenders(learnt: Baskets, rng: np.random.Generator) -> Mapping[str, Callable[[], Ranker]]:
    """Everything that is compared, by name, each made when it is its turn."""
    counts = count_pairs(learnt)

    def fitted(association: Association) -> Callable[[], Ranker]:
        return lambda: _ranker(learnt, counts, association)

    def best_of_categories() -> Ranker:
        return best_of_categories_ranker(learnt, _fit(learnt.by_category(), ASSOCIATION))

    return {
        "random": lambda: random_ranker(learnt, rng),
        POPULARITY: lambda: popularity_ranker(learnt),
        POPULARITY_OF_CATEGORIES: lambda: category_ranker(learnt),
        BEST_OF_CATEGORIES: best_of_categories,
        **{each.name: fitted(each) for each in CANDIDATES},
    }


def _fit(learnt: Baskets, association: Association) -> Ranker:
    return _ranker(learnt, count_pairs(learnt), association)


def _ranker(learnt: Baskets, counts: PairCounts, association: Association) -> Ranker:
    kept = keep_strongest(counts, association, learnt.product_ids, {"lately_days": LATELY_DAYS})
    return complements_ranker(kept, counts, len(learnt.product_ids))
