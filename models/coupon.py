"""Thompson sampling over coupon sizes whose effect cannot fall as the size grows."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from scipy.special import expit, ndtri

from models.artifact import Artifact
from models.context import LIMIT, Standardizer
from models.exact_sum import on_grid
from models.feedback import Booleans, Floats, Integers
from models.inputs import BUDGET_PRICE
from models.linear_statistics import LinearStatistics, NormalInverseGamma
from models.policy import Policy
from models.truncated_normal import draw_non_negative
from models.win_counts import win_counts

DRAWS: Final = 512
RAMPS: Final = 3
SHARE_SCALE: Final = 0.2
_SEED: Final = 20260318
_ORDER, _VALUE = 0, 1
_LEAST: Final = 1e-9
_TOGETHER: Final = 8  # rounds at a time, so that their draws stay in the processor's cache
_NOTHING, _CERTAIN = np.array(0.0), np.array(1.0)  # as arrays, which numpy need not convert


class CouponThompson(Policy):
    """Two regressions: what a coupon adds to P(order), never less than a smaller one does, and what an order then earns.

    Rewards are net values (`models.reward`): thousands of the shop's currency, 0 when nothing came of the round (an order
    whose margin is just its coupon looks alike; E[r] below holds with those among the zeros).
    So E[r | x, c] = P(r ≠ 0 | x, c)·E[r | r ≠ 0, x, c], a two-part (hurdle) model, of
        P(x, c) = P_0(x) + D(x, c),  P_0 = φ(x)ᵀβ,  D = Σ_jk θ_jk·h_j(x)·s_k(c),  θ ≥ 0,
        E[r | r ≠ 0, x, c] = V(x) - c·a(c) on average over x,  V = φ(x)ᵀω,  a(c) = a_0 + a_1·c/c_max.
    φ: the scaled inputs with a leading 1; s_k: `RAMPS` straight ramps that each rise from 0 to 1 over their part of
    (0, c_max], so P is monotone in c whatever was learnt; h: for each of `effect_inputs` how high and how low it is,
    1/(1 + e^-z) and 1/(1 + e^z). a is the share of orders that use the coupon. An order that the coupon brought does use
    it; of those that come anyway a share u does, so a·P = D + u·P_0, which at the mean customer x̄ of the rounds gives u(c).
    A decision maximises P·V - (1 + λ)·c·(D + u·P_0) over the draws of the posterior: what the orders earn, less the
    coupons, less λ times the coupons again. λ ≥ 0 is the input `budget_price`, 0 where it is not among them.

    Priors: `ridge`, `shape` and the rates as in `NormalInverseGamma`; each θ is half-normal of scale effect_scale·√(noise
    variance / ridge), which at the defaults expects coupons to add some percent to P; `used_share` is the prior mean of a.

    Choices are the shares in which each size wins over a fixed set of `DRAWS` posterior draws; the action is sampled from
    those shares, so the logged propensity is exact. Approximated: P is linear, not logistic, which keeps the sums additive
    (shards merge, refunds are taken back exactly) and is cut to [0, 1] only when asked; its noise has one variance for
    all; what orders earn is taken as independent of whether they come.

    Source of the two-part model: Duan, Manning, Morris and Newhouse (1983), Journal of Business & Economic Statistics 1(2).
    """

    kind = "coupon_thompson"
    same_in_company = True

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        effect_inputs: tuple[str, ...],
        standardizer: Standardizer,
        floor: float = 0.005,
        ridge: float = 5.0,
        shape: float = 2.0,
        order_rate: float = 0.1,
        value_rate: float = 1000.0,
        effect_scale: float = 0.07,
        used_share: float = 0.3,
        statistics: LinearStatistics | None = None,
    ) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        self.standardizer = standardizer
        self.effect_inputs = effect_inputs
        self.prior = {
            "ridge": ridge,
            "shape": shape,
            "order_rate": order_rate,
            "value_rate": value_rate,
            "effect_scale": effect_scale,
            "used_share": used_share,
        }
        self.amounts = np.array([amount_of(name) for name in action_names])
        self._costs = self.amounts / 1000
        self._ramps = _ramps(self.amounts)
        self._scaled = np.array([place for place, name in enumerate(input_names) if name != BUDGET_PRICE])
        self._budget = input_names.index(BUDGET_PRICE) if BUDGET_PRICE in input_names else None
        scaled_names = [input_names[place] for place in self._scaled]
        self._effects = np.array([1 + scaled_names.index(name) for name in effect_inputs], dtype=np.int64)
        self._n_base = 1 + len(self._scaled)
        self._n_effects = RAMPS * max(2 * len(effect_inputs), 1)
        width = self._n_base + max(self._n_effects, 2)
        self.statistics = statistics or LinearStatistics.empty(2, width)
        self._drawn: tuple[LinearStatistics, Floats, Floats, Floats, Floats] | None = None

    def order_probabilities(self, context: Floats) -> Floats:
        """P(order) of each size in each posterior draw, `(n_actions, DRAWS)`: it does not fall as the size grows."""
        probabilities: Floats = self._order_probabilities(self._on_grid(context[None]))[1][0]
        return probabilities

    def _order_probabilities(self, x: Floats) -> tuple[Floats, Floats]:
        """P_0 `(n_rounds, DRAWS)` and P `(n_rounds, n_actions, DRAWS)` for designs `(n_rounds, n_base)`."""
        base, effect, _, _ = self._draws()
        anyway: Floats = x.dot(base)
        np.maximum(anyway, _NOTHING, out=anyway)
        heights = on_grid(self._heights(x), 1.0, effect.shape[0])
        probabilities: Floats = heights.dot(effect).reshape(len(x), self.n_actions, DRAWS)
        probabilities += anyway[:, None]
        np.minimum(anyway, _CERTAIN, out=anyway)
        return anyway, np.minimum(probabilities, _CERTAIN, out=probabilities)

    def net_values(self, context: Floats) -> Floats:
        """What each size earns less what it costs in each posterior draw, `(n_actions, DRAWS)`, λ applied.

        P·(V - (1 + λ)·c) + (1 + λ)·P_0·(1 - u)·c: every order uses the coupon but those that come anyway and do not.
        """
        values: Floats = self._net_values(context[None])[0]
        return values

    def _net_values(self, contexts: Floats) -> Floats:
        """The same of many rounds, `(n_rounds, n_actions, DRAWS)`."""
        _, _, value, spared = self._draws()
        x, cost = self._on_grid(contexts), 1 + self._prices(contexts)
        anyway, probabilities = self._order_probabilities(x)
        net: Floats = x.dot(value)[:, None] - (cost * self._costs)[..., None]
        net *= probabilities
        anyway *= cost
        net += np.multiply(anyway[:, None], spared, out=probabilities)
        return net

    def customer_class(self, context: Floats) -> dict[str, float]:
        """The posterior probability that the customer is persuadable, a sure thing or a lost cause; they sum to 1.

        Persuadable: some size earns more than none. Of the others a sure thing orders without a coupon at least as
        probably as the average customer does, a lost cause less so.
        """
        values, probabilities = self.net_values(context), self.order_probabilities(context)
        none = int(np.argmin(self.amounts))
        persuadable = values.max(axis=0) > values[none]
        likely = probabilities[none] >= np.maximum(self._draws()[0][0], 0.0)
        return {
            "persuadable": float(np.mean(persuadable)),
            "sure_thing": float(np.mean(~persuadable & likely)),
            "lost_cause": float(np.mean(~persuadable & ~likely)),
        }

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        wins: Floats = self._distributions(context[None], eligible[None])[0]
        return wins

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        wins = np.empty(eligible.shape)
        for start in range(0, len(contexts), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            values = self._net_values(contexts[part])
            if not eligible[part].all():
                values[~eligible[part]] = -np.inf
            wins[part] = win_counts(values)
        return wins

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Add the rounds' sums; the order of rounds does not matter."""
        self.statistics += self.sums(contexts, actions, rewards)

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Subtract the rounds' sums: exact up to rounding."""
        self.statistics -= self.sums(contexts, actions, rewards)

    def merge(self, other: Self) -> None:
        """Add the other's sums. Raises `ValueError` when its prior is another one."""
        if other.prior != self.prior:
            raise ValueError(f"a shard has the prior {other.prior}; wanted {self.prior}")
        self.statistics += other.statistics

    def discount(self, weight: float) -> None:
        """Let each round learnt so far count `weight` times."""
        self.statistics = self.statistics.scaled(weight)

    def _design(self, contexts: Floats) -> Floats:
        return self.standardizer.design(contexts[..., self._scaled])

    def _heights(self, x: Floats) -> Floats:
        """h `(..., n)`: how high and how low each effect input is; a 1 where there are none."""
        if not len(self._effects):
            return np.ones((*x.shape[:-1], 1))
        z = x[..., self._effects]
        return np.concatenate([expit(z), expit(-z)], axis=-1)

    def _on_grid(self, contexts: Floats) -> Floats:
        """φ(x), on a grid as the draws are, so that a decision's shares do not depend on what is decided beside it."""
        return on_grid(self._design(contexts), LIMIT, self._n_base)

    def _prices(self, contexts: Floats) -> Floats:
        """λ of each round, `(n_rounds, 1)`; 0 where it is not known."""
        if self._budget is None:
            return np.zeros((len(contexts), 1))
        prices = contexts[:, self._budget, None]
        return np.where(np.isfinite(prices), np.maximum(prices, 0.0), 0.0)

    def sums(self, contexts: Floats, actions: Integers, rewards: Floats) -> LinearStatistics:
        """What `learn_many` adds: the sums of the orders' regression, then those of what they earn, padded to one width."""
        x, amounts = self._design(contexts), self.amounts[actions] / 1000
        effects = (
            self.prior["effect_scale"] * self._heights(x)[:, :, None] * self._ramps[:, actions].T[:, None, :]
        )
        order = np.concatenate([x, effects.reshape(len(x), self._n_effects)], axis=1)
        value = np.concatenate([x, -self._use_terms(actions)], axis=1)
        came = rewards != 0
        earned = rewards + self.prior["used_share"] * amounts
        width = self.statistics.xx.shape[1]
        rows = [_pad(order, width), _pad(value[came], width)]
        which = np.repeat([_ORDER, _VALUE], [len(order), int(came.sum())])
        return LinearStatistics.of(
            np.concatenate(rows), which, np.concatenate([came.astype(np.float64), earned[came]]), 2
        )

    def _use_terms(self, actions: Integers) -> Floats:
        """c and c²/c_max in thousands, so scaled that the prior's deviation of a is `SHARE_SCALE`."""
        scale = SHARE_SCALE * np.sqrt(self.prior["ridge"] / self.prior["value_rate"])
        c = self.amounts[actions]
        return np.asarray(scale * np.stack([c, c * c / self.amounts.max()], axis=1) / 1000)

    def _draws(self) -> tuple[Floats, Floats, Floats, Floats]:
        """β `(n_base, DRAWS)`, Σ_k θ_jk·s_k(c) `(n_heights, n_actions·DRAWS)`, ω `(n_base, DRAWS)`, and c·(1 - u)
        `(n_actions, DRAWS)`.
        """
        if self._drawn is None or self._drawn[0] is not self.statistics:
            self._drawn = (self.statistics, *self._draw())
        return self._drawn[1:]

    def _draw(self) -> tuple[Floats, Floats, Floats, Floats]:
        rng = np.random.Generator(np.random.PCG64(_SEED))
        n, d = self._n_base, self._n_base + self._n_effects
        mean, covariance = self._posterior(_ORDER, d)
        theta = draw_non_negative(rng, mean[n:], covariance[n:, n:], DRAWS)
        gain = np.linalg.solve(covariance[n:, n:], covariance[n:, :n]).T
        rest = covariance[:n, :n] - gain @ covariance[n:, :n]
        base = mean[:n] + (theta - mean[n:]) @ gain.T + _normals(rng, rest)
        effect = self.prior["effect_scale"] * theta.reshape(DRAWS, -1, RAMPS) @ self._ramps
        flat = effect.transpose(1, 2, 0).reshape(-1, self.n_actions * DRAWS)
        omega, paid = self._draw_values(rng, theta)
        anyway, added = self._mean_orders(base, effect)
        by_others = (paid * (anyway + added) - self._costs * added) / anyway
        spared = self._costs - np.clip(by_others, 0.0, self._costs)
        summed = (_rows(base), _rows(flat.T), _rows(omega))
        base, flat, omega = (on_grid(each, np.abs(each).max(), len(each)) for each in summed)
        return base, flat, omega, _rows(spared)

    def _draw_values(self, rng: np.random.Generator, theta: Floats) -> tuple[Floats, Floats]:
        """ω and c·a in thousands, moved where the orders that coupons brought used more than all orders are thought to have.

        That is Σ c·D over the rounds learnt, for c = c_max·Σ_k s_k(c)/RAMPS, and Σ c·a over their orders. Both move by
        their regression on the latter: where coupons cost more than was thought, orders earned more.
        """
        n, d, sums = self._n_base, self._n_base + self._n_effects, self.statistics
        mean, covariance = self._posterior(_VALUE, n + 2)
        omega = mean + _normals(rng, covariance)
        terms = self._use_terms(np.arange(self.n_actions))
        paid = -sums.xx[_VALUE, 0, n : n + 2]  # Σ of the orders' terms
        along = covariance[:, n:] @ paid
        variance = paid @ along[n:]
        if variance > _LEAST:
            largest = int(np.argmax(self._costs))
            unit = self._costs[largest] / RAMPS / max(len(self._effects), 1) / self.prior["effect_scale"]
            taken = unit * (theta @ sums.xx[_ORDER, n:d, n:d].sum(axis=1))
            expected = self.prior["used_share"] * paid[0] * self._costs[largest] / terms[largest, 0]
            short = np.maximum(taken - expected - omega[:, n:] @ paid, 0.0)
            omega += short[:, None] * along / variance
        return omega[:, :n], self.prior["used_share"] * self._costs + omega[:, n:] @ terms.T

    def _mean_orders(self, base: Floats, effect: Floats) -> tuple[Floats, Floats]:
        """P_0 `(DRAWS, 1)` and D `(DRAWS, n_actions)` at x̄, the mean of the rounds and of `ridge` at the scale's centre."""
        total = self.statistics.xx[_ORDER, 0, : self._n_base].copy()
        total[0] += self.prior["ridge"]
        mean = total / total[0]
        added = np.tensordot(effect, self._heights(mean), axes=(1, 0))
        return np.maximum(base @ mean, _LEAST)[:, None], np.asarray(added)

    def _posterior(self, which: int, d: int) -> tuple[Floats, Floats]:
        """Mean `(d,)` and covariance `(d, d)` of the first d coefficients of one regression."""
        s, at = self.statistics, slice(which, which + 1)
        mine = LinearStatistics(s.count[at], s.xx[at, :d, :d], s.rx[at, :d], s.rr[at])
        rate = self.prior[("order_rate", "value_rate")[which]]
        posterior = NormalInverseGamma.of(
            mine, ridge=self.prior["ridge"], shape=self.prior["shape"], rate=rate
        )
        return posterior.mean[0], posterior.noise_variance[0] * posterior.inverse[0]

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, floor, prior. Arrays: the standardizer and the sums."""
        manifest = {
            **self._manifest(),
            "effect_inputs": list(self.effect_inputs),
            "prior": self.prior,
        }
        return Artifact(manifest, {**vars(self.standardizer), **vars(self.statistics.copy())})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest, arrays = artifact.manifest, artifact.arrays
        return cls(
            **cls._named_in(manifest),
            effect_inputs=tuple(manifest["effect_inputs"]),
            standardizer=Standardizer(arrays["center"], arrays["scale"]),
            statistics=LinearStatistics.of_arrays(arrays),
            **manifest["prior"],
        )


def amount_of(action: str) -> float:
    """The amount that a coupon action names, 0 for none.

    >>> amount_of("none"), amount_of("20000")
    (0.0, 20000.0)
    """
    return 0.0 if action == "none" else float(action)


def _ramps(amounts: Floats) -> Floats:
    """s_k of each size, `(RAMPS, n_actions)`."""
    starts = np.arange(RAMPS)[:, None]
    return np.asarray(np.clip(amounts / max(amounts.max(), 1.0) * RAMPS - starts, 0.0, 1.0), dtype=np.float64)


def _normals(rng: np.random.Generator, covariance: Floats) -> Floats:
    """`DRAWS` draws of N(0, covariance)."""
    root = np.linalg.cholesky(covariance)
    return np.asarray(ndtri(np.maximum(rng.random((DRAWS, len(root))), 2.0**-54)) @ root.T)


def _rows(columns: Floats) -> Floats:
    """What stands in columns as rows, one number after another in memory."""
    return np.ascontiguousarray(columns.T)


def _pad(rows: Floats, width: int) -> Floats:
    padded = np.zeros((len(rows), width))
    padded[:, : rows.shape[1]] = rows
    return padded
