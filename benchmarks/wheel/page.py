"""The page in `docs/`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.policies.quality import mean_and_half_width
from benchmarks.target import Target
from benchmarks.wheel.belief import CLASSES
from benchmarks.wheel.play import DECIDED, EVEN, MANY, OPENINGS_A_WEEK, WEEKLY
from benchmarks.wheel.run import Plan, Result
from models.feedback import Floats
from training.simulation.world import COUPON_AMOUNTS

PAGE = """# The wheel's policy and the talk's rule

**Simulated**: customers are households of the real data with the hidden preferences of `training/simulation/`,
calibrated to the talk's rates. Written by `{command}` (numpy {numpy}, Python {python}).

{targets}

The talk gives the wheel's code by a fixed rule, larger for the valuable who would not buy anyway. Why learn, then?
Here the two play the wheel of a shop with {customers:,} customers for {weeks} weeks: {openings:g} openings of the app
a customer and week, {decided:.0%} of the customers decided for by the policy, {even:.0%} drawn evenly, the rest held
out. There are {seeds} seeds, each a world with other hidden preferences than the one that the policy's warm start was
made in. Values are expected incremental net values of a code in toman: margin of the orders that it brings, less all
coupons redeemed, also by who would have ordered anyway. They are the world's own, so that no luck of orders is in
them; ± is half the 95 % interval over seeds (Student's t).

## Where the value goes
In the world that stays as it is, mean of the {weeks} weeks and the last week. Each line is what is worth less than
the line before.

| | mean of the weeks | less than the line before | last week | less |
| --- | --- | --- | --- | --- |
{ladder}
| the talk's rule | {rule} | | {rule_last} | |
| even draws | {random} | | {random_last} | |

- **Hidden** is what no data tell: two households of one history differ in what they buy and how they take to coupons.
- **Form** is what the belief cannot say however much it learns (here {many:,} even rounds): a straight P(order), the
  coupon's effect by two inputs.
- **Few rounds** is what those learnt so far leave unknown. It and the next line go away by themselves.
- **Draws** is Thompson sampling: what is not known well is tried. **Floor** is the least probability of each size,
  0.005, for judging other policies by the log.

Not in this table: the {even:.0%} of customers in the group `random` cost {random_share} toman a code decided, and
learning at the end of the week instead of a day after each code at most {delay}.

## Week by week
Policy less rule, toman a code.

| week | policy | rule | policy less rule | drifting: policy | drifting: rule | policy less rule |
| --- | --- | --- | --- | --- | --- | --- |
{curve}

Drifting: the households' hidden preferences turn into those of another world within the weeks; the policy forgets
nothing.
{verdict}

## What is believed and what is true
In the last week, means over seeds, by thirds of the customers by `purchase_propensity`. Orders are those that 1,000
codes add; the cost of a code is what is redeemed of it; given and best are the shares of customers who get the size
by the policy and by the truth. Where belief and truth part, it is the form: P(order) is straight in its inputs, so for
who hardly ever orders anyway too much of what comes is put down to the coupon, and too little for who often does.

| customers | size | orders believed | true | cost believed | true | given | best |
| --- | --- | --- | --- | --- | --- | --- | --- |
{belief}

## What was mended, and what is not the policy's to mend
What a coupon costs, the floor and the prior were: [ADR 7](adr/0007-what-a-coupon-costs.md) tells what the same weeks
were worth before. Not mended: what is hidden stays hidden, and the first weeks cost what learning costs. A shop that
has a rule keeps it as `business_as_usual` with a large share until the report shows the policy ahead, or fits and
promotes the policy from the log ([promotion](promotion.md)). No budget binds here; where one does, λ makes coupons
dearer for both.
"""
Weekly = Callable[[Result], Floats]


def targets_of(plan: Plan, results: Sequence[Result]) -> list[Target]:
    """The policy's lead on the rule in the last quarter of the weeks, its lower end, in both variants."""
    last = max(plan.weeks // 4, 1)
    found = []
    for name, weekly in (("stationary", _stationary), ("drifting", _drifting)):
        value, half = mean_and_half_width(np.array([_lead(weekly(each))[-last:].mean() for each in results]))
        title = (
            f"{name}, last {last} weeks: policy less rule, toman a code ({value:.0f} ± {half:.0f}); lower end"
        )
        found.append(Target(title, value - half, "more than", 0.0))
    return found


def write_page(path: Path, plan: Plan, results: Sequence[Result], command: str) -> None:
    """Write the page of these seeds."""
    means, lasts = _ladder(results, slice(None)), _ladder(results, slice(-1, None))
    rule, random = means[-2:]
    names = ("who knows the truth", "hidden", "form", "few rounds", "draws", "floor: the policy")
    rows = [
        f"| {name} | {_told(means[i])} | {_less(means, i)} | {_told(lasts[i])} | {_less(lasts, i)} |"
        for i, name in enumerate(names)
    ]
    policy = _weekly(results, _stationary, "policy")
    path.write_text(
        PAGE.format(
            command=command,
            numpy=np.__version__,
            python=platform.python_version(),
            targets="\n".join(f"- {target}" for target in targets_of(plan, results)),
            customers=plan.customers,
            weeks=plan.weeks,
            seeds=plan.seeds,
            openings=OPENINGS_A_WEEK,
            decided=DECIDED,
            even=EVEN,
            many=MANY,
            ladder="\n".join(rows),
            rule=_told(rule),
            rule_last=_told(lasts[-2]),
            random=_told(random),
            random_last=_told(lasts[-1]),
            random_share=f"{EVEN / DECIDED * (means[-3] - random).mean():,.0f}",
            delay=f"{(policy[:, -1] - policy[:, 0]).mean() / plan.weeks:,.0f}",
            curve="\n".join(_curve(results, week) for week in range(plan.weeks)),
            verdict=" ".join(
                _verdict(name, results, weekly)
                for name, weekly in (("stationary", _stationary), ("drifting", _drifting))
            ),
            belief=_belief(results),
        ),
        encoding="utf-8",
    )


def _stationary(result: Result) -> Floats:
    return result.stationary


def _drifting(result: Result) -> Floats:
    return result.drifting


def _lead(weekly: Floats) -> Floats:
    return np.asarray(weekly[:, WEEKLY.index("policy")] - weekly[:, WEEKLY.index("rule")])


def _weekly(results: Sequence[Result], weekly: Weekly, name: str) -> Floats:
    """`(n_seeds, n_weeks)`."""
    return np.stack([weekly(each)[:, WEEKLY.index(name)] for each in results])


def _ladder(results: Sequence[Result], weeks: slice) -> list[Floats]:
    """Values by seed, from the truth down to the policy, then the rule's and those of even draws."""

    def mean_of(name: str) -> Floats:
        return np.asarray(_weekly(results, _stationary, name)[:, weeks].mean(axis=1))

    known = [np.array([each.seen for each in results]), np.array([each.form for each in results])]
    return [mean_of("truth"), *known, *(mean_of(name) for name in WEEKLY[1:])]


def _told(values: Floats) -> str:
    value, half = mean_and_half_width(values)
    return f"{value:,.0f} ± {half:,.0f}"


def _less(ladder: Sequence[Floats], place: int) -> str:
    return _told(ladder[place - 1] - ladder[place]) if place else ""


def _curve(results: Sequence[Result], week: int) -> str:
    cells = [str(week + 1)]
    for weekly in (_stationary, _drifting):
        cells += [f"{_weekly(results, weekly, name)[:, week].mean():,.0f}" for name in ("policy", "rule")]
        cells.append(_told(np.array([_lead(weekly(each))[week] for each in results])))
    return f"| {' | '.join(cells)} |"


def _verdict(name: str, results: Sequence[Result], weekly: Weekly) -> str:
    """From which week on the lead's interval stays above 0, and when what the first weeks cost has been earned back."""
    leads = np.stack([_lead(weekly(each)) for each in results])
    ends = [value - half for value, half in map(mean_and_half_width, leads.T)]
    behind = [week for week, end in enumerate(ends, 1) if not end > 0]
    total = np.cumsum(leads, axis=1).mean(axis=0)
    short = [week for week, earned in enumerate(total, 1) if earned <= 0]
    ahead = f"the policy is ahead from week {max(behind, default=0) + 1} on"
    if max(behind, default=0) == len(ends):
        ahead = "the policy is not shown to be ahead in the last week"
    paid = f"what it cost before is earned back by week {max(short, default=0) + 1}"
    if max(short, default=0) == len(total):
        paid = "what it cost before is not earned back"
    return f"{name.capitalize()}: {ahead}; {paid}."


def _belief(results: Sequence[Result]) -> str:
    found = np.mean([each.belief for each in results], axis=0)
    return "\n".join(
        f"| {label} | {amount:,} | {row[0]:.1f} | {row[1]:.1f} | {row[2]:,.0f} | {row[3]:,.0f} "
        f"| {row[4]:.0%} | {row[5]:.0%} |"
        for label, table in zip(CLASSES, found, strict=True)
        for amount, row in zip(COUPON_AMOUNTS, table, strict=True)
    )
