"""What the scorers predict and the settings they are fitted with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from models.feedback import Floats
from training.dataset import Examples

Target = Literal["order", "no_order", "spend"]


@dataclass(frozen=True, kw_only=True)
class BoosterSettings:
    """Settings of a small, strongly regularised booster; README of the choice: `docs/scorers.md`.

    Chosen on as-of dates before the test dates only, the same for every data set.
    """

    rounds: int = 200
    num_leaves: int = 8
    learning_rate: float = 0.03
    min_data_in_leaf: int = 200
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.5
    lambda_l2: float = 10.0
    seed: int = 7

    def parameters(self, objective: str) -> dict[str, Any]:
        """LightGBM's parameters: one thread and fixed seeds, so that the same rows give the same bytes."""
        return {
            "objective": objective,
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_data_in_leaf,
            "min_sum_hessian_in_leaf": 0.0,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }


@dataclass(frozen=True, kw_only=True)
class ScorerSpec:
    """A scorer: its name in the registry, what it predicts over which horizon, and how it is fitted."""

    name: str
    title: str
    target: Target
    horizon_days: int
    settings: BoosterSettings = field(default_factory=BoosterSettings)

    @property
    def objective(self) -> Literal["binary", "regression"]:
        """What kind of answer it gives: a probability, or an amount."""
        return "regression" if self.target == "spend" else "binary"

    def labels(self, examples: Examples) -> Floats:
        """What it should have said, `(n_rows,)`: 0 or 1, or an amount in the shop's currency."""
        if self.target == "spend":
            return examples.spend
        return (examples.ordered if self.target == "order" else ~examples.ordered).astype(float)


# Spend is skewed and often 0: Tweedie, whose loss keeps its shape when amounts are scaled as long as nothing is added to it.
VALUE_SETTINGS: Final = BoosterSettings(lambda_l2=0.0)


def scorer_specs(
    *, purchase_days: int = 7, churn_days: int = 28, value_days: int = 90
) -> tuple[ScorerSpec, ...]:
    """The three scorers over these horizons."""
    return (
        ScorerSpec(
            name="purchase_propensity",
            title=f"an order in the next {purchase_days} days",
            target="order",
            horizon_days=purchase_days,
        ),
        ScorerSpec(
            name="churn_risk",
            title=f"no order in the next {churn_days} days",
            target="no_order",
            horizon_days=churn_days,
        ),
        ScorerSpec(
            name="expected_value",
            title=f"spend in the next {value_days} days",
            target="spend",
            horizon_days=value_days,
            settings=VALUE_SETTINGS,
        ),
    )
