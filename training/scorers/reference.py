"""What others reach on public data, to stand beside what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A number to beat: which data, scorer, horizon and test date it speaks of, the metric, and where it comes from."""

    customers: int  # at the test date: says which data it is, whatever the data set is called
    scorer: str
    horizon_days: int
    tested_on: str
    metric: str
    value: float
    of: str


def _complete_journey(
    scorer: str, horizon_days: int, untuned: float, recency: float
) -> tuple[Reference, ...]:
    return tuple(
        Reference(
            customers=2452,
            scorer=scorer,
            horizon_days=horizon_days,
            tested_on="2017-11-01",
            metric="auc",
            value=value,
            of=of,
        )
        for value, of in ((untuned, "un-tuned LightGBM"), (recency, "recency alone"))
    )


def _cdnow(scorer: str, horizon_days: int, untuned: float, bg_nbd: float) -> tuple[Reference, ...]:
    return tuple(
        Reference(
            customers=23570,
            scorer=scorer,
            horizon_days=horizon_days,
            tested_on="1998-01-01",
            metric="auc",
            value=value,
            of=of,
        )
        for value, of in ((untuned, "un-tuned LightGBM"), (bg_nbd, "BG/NBD"))
    )


REFERENCES: Final = (
    *_complete_journey("purchase_propensity", 7, 0.825, 0.738),
    *_complete_journey("churn_risk", 28, 0.866, 0.815),
    *_cdnow("purchase_propensity", 30, 0.817, 0.806),
    *_cdnow("churn_risk", 90, 0.806, 0.798),
)


def references_for(scorer: str, horizon_days: int, tested_on: str, customers: int) -> tuple[Reference, ...]:
    """The references of the same question on the same data; none where nobody published one."""
    asked = (scorer, horizon_days, tested_on, customers)
    return tuple(
        reference
        for reference in REFERENCES
        if (reference.scorer, reference.horizon_days, reference.tested_on, reference.customers) == asked
    )
