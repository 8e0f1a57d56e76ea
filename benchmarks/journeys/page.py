"""The page in `docs/`."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.journeys.doings import (
    ADDED_AFTER_VIEW,
    APP_OPENINGS,
    CARTS_LEFT,
    DAYS,
    FOLLOWS_ANYWAY,
    PRICE_FALLS,
    VIEWS,
)
from benchmarks.journeys.estimate import Estimate, difference, mean, ratio, share
from benchmarks.journeys.life import FOLLOWS_PER_CLICK, ORDERS_PER_CLICK
from benchmarks.journeys.run import Plan, Simulated
from benchmarks.journeys.shop import ARMS, LAPSED_DAYS, LAPSED_SHARE, PLAYED
from benchmarks.journeys.tally import Tally, together
from benchmarks.target import Target
from service.schemas import Group
from training.simulation.calibration import CLICK_RATES, RETURN_RATES, WHEEL_RATES
from training.simulation.world import COUPON_AMOUNTS

PAGE = """# The journeys, simulated

**Everything here is simulated**: journeys, rules and policies are the product's, customers and what they answer are
not. Written by `{command}`: {machine}.

{customers:,} customers (of {asked:,}), {days} days each, in {waves} waves; {decisions:,} decisions. {minutes:.1f}
minutes in {processes}, on a machine that may have had other work; {processor:,.0f} s of processor time,
{each:.1f} ms a customer, and at most {memory:,.0f} MB in a process.

{targets}
- less what is done as usual, for which there is no target: {usual} toman a customer, expected

## What is played
Each customer is a copy of a household of the real data (dunnhumby's Complete Journey) with the hidden preferences of
`training/simulation/`, which are calibrated to the talk's rates; {lapsed:.0%} are copies of households that had
ordered nothing for {lapsed_days:.0f} days. Its events go through `journeys/definitions/` by the interpreter that the
durable runner uses; each decision is the service's own `decide`, with consent, reach, quiet hours, caps and gaps; its
groups are the service's, 20 % each as usual, at random and held out, the rest decided. Policies start as `make run`
registers them and learn after each wave what the learner would: rewards of closed windows of the decisioning and the
random group; of coupons each journey's own ([ADR 8](adr/0008-a-coupon-policy-a-journey.md)).
A wave comes 35 days after the one before.

As usual: an app push where one may be (else SMS, e-mail, web push), at ten in the morning, variant `reminder`, no
coupon; the wheel gives the size of the talk's rule by value and likelihood, and who follows the page gets the smaller code.

Assumptions without a source, on top of the world's own: in {days} days a customer views {views:g} products
({added:.0%} go to the cart, {falls:.0%} get cheaper), leaves {carts:g} carts and opens the app {opens:g} times; a
click brings an order in {per_click:.0%} of the cases where none would have come within a day. The four journeys of
clicks earn by that last number alone. Features do not move within the weeks, complements are always found, and no coupon
has a daily budget. Of the seventh journey, `follow_pages`, the talk has no numbers: {anyway:.0%} follow the page by
themselves, {per_invitation:.0%} of those who click the invitation do, and it is clicked like a message of no effect of
its own.

## Sends and clicks
Clicks of delivered messages ± half the 95 % interval. The talk's rates, and the world's calibration, are of app
pushes sent at once; here messages go out on every channel that may be used, at hours chosen, to customers who got
others before, and a household's interest falls with each.

{clicks}

## The wheel: codes redeemed, by size
The talk's rates are those of its own rule, which the world shows for codes that live 24 hours; here they die at
midnight. The other arms give sizes to other customers, so theirs are not comparable with the talk's.

{wheel}

## Churn prevention: who orders again
Of customers who had lapsed, within the {days} days, after the first message was due (talk: {none:.0%} without
messages, {all:.0%} with four). The talk's rates are calibrated over all households; the coupons' effect comes on top.

{churn}

## Followers: who follows the page, and what the reward brings
Of customers who bought, from two days later on. The talk has no numbers for it; these follow from the assumptions
above. The invitation itself earns nothing: what it brings are orders by the code of who follows.

{followers}

## Incremental orders, net value, cost per incremental order
Against hold-out. "Brought" counts the orders that would not have come, which only a simulation knows: hold-out has
none of them, so a mean is the difference itself, free of the noise of orders that come anyway. "As measured" is what
a shop would see: orders within 96 hours of the first decision, arm less hold-out, plain difference of means. Net
value: 20 % of what brought orders that were kept amount to, less coupons redeemed (also by who would have ordered
anyway), less 100 a message. "Expected" takes each order and redemption that a message sent could bring at its chance
in the world, where "net value" has what was drawn: most of the noise of few and large orders goes, nothing else.

One value a customer and journey, so a customer is its own cluster; 95 % intervals by Student's t, the cost's by the
delta method ("-": orders brought cannot be told from none). Who is held out of all journeys is left out.

{value}

## While learning
Expected net value a customer of the decisioning group less another's: the sum over journeys, each by its share of customers;
toman.

{learning}
"""


def write_page(path: Path, simulated: Simulated, plan: Plan, targets: Sequence[Target], command: str) -> None:
    """Write what was found."""
    everyone = together(simulated.waves)
    text = PAGE.format(
        command=command,
        machine=machine(),
        customers=simulated.customers,
        asked=plan.customers,
        days=DAYS,
        waves=len(simulated.waves),
        decisions=int(everyone.rows[:, 0].sum()),
        minutes=simulated.seconds / 60,
        processes="one process" if plan.processes == 1 else f"{plan.processes} processes",
        processor=simulated.processor_seconds,
        each=1000 * simulated.processor_seconds / simulated.customers,
        memory=simulated.peak_mb,
        usual=shown(lead(everyone, "business_as_usual", simulated.customers)),
        targets="\n".join(f"- {target}" for target in targets),
        lapsed=LAPSED_SHARE,
        lapsed_days=LAPSED_DAYS,
        views=VIEWS,
        added=ADDED_AFTER_VIEW,
        falls=PRICE_FALLS,
        carts=CARTS_LEFT,
        opens=APP_OPENINGS,
        per_click=ORDERS_PER_CLICK,
        anyway=FOLLOWS_ANYWAY,
        per_invitation=FOLLOWS_PER_CLICK,
        none=RETURN_RATES[0],
        all=max(RETURN_RATES.values()),
        clicks=clicks(everyone),
        wheel=wheel(everyone),
        churn=churn(everyone),
        followers=followers(everyone),
        value=value(everyone),
        learning=learning(simulated),
    )
    path.write_text(text, encoding="utf-8")


def machine() -> str:
    """Processor, Python, libraries, commit and day."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pydantic"))
    processor = models[0].partition(":")[2].strip() if models else platform.machine()
    python, today = platform.python_version(), datetime.now(UTC)
    return (
        f"{processor}, {len(models)} cores, Python {python}, {libraries}, commit {commit}, {today:%Y-%m-%d}"
    )


def clicks(found: Tally) -> str:
    """Sends and click rates by journey and arm."""
    rows = []
    for journey in PLAYED:
        if journey == "lucky_wheel":
            continue
        wanted = f"{CLICK_RATES[journey]:.1%}" if journey in CLICK_RATES else ""
        for arm in ARMS:
            each = {
                name: found.column(name, journey, arm)
                for name in ("decisions", "sends", "delivered", "clicks")
            }
            totals = {name: f"{values.sum():,.0f}" for name, values in each.items()}
            rate = ratio(each["clicks"], each["delivered"])
            rows.append(
                [
                    journey,
                    arm,
                    f"{len(each['sends']):,}",
                    *list(totals.values())[:3],
                    shown(rate, "%"),
                    wanted,
                ]
            )
    return table(["journey", "arm", "customers", "decisions", "sends", "delivered", "clicked", "talk"], rows)


def wheel(found: Tally) -> str:
    """Codes shown and redeemed by size and arm."""
    rows = []
    for place, amount in enumerate(COUPON_AMOUNTS):
        if not amount:
            continue
        cells = []
        for arm in range(len(ARMS) - 1):
            codes, redeemed = found.codes[arm, place]
            cells += [f"{codes:,.0f}", shown(share(redeemed, codes), "%")]
        rows.append([f"{amount:,}", f"{WHEEL_RATES[amount]:.1%}", *cells])
    heads = [head for arm in ARMS[:-1] for head in (f"{arm}: codes", "redeemed")]
    return table(["size", "talk", *heads], rows)


def churn(found: Tally) -> str:
    """Who came back, by arm."""
    rows = [_beside_holdout(found, "returned", "churn_prevention", arm) for arm in ARMS]
    return table(["arm", "customers", "ordered again", "more than hold-out"], rows)


def followers(found: Tally) -> str:
    """Who followed the page, and the codes of those who were invited, by arm."""
    rows = []
    for arm in ARMS:
        codes = found.column("codes", "follow_pages", arm).sum()
        rows.append([*_beside_holdout(found, "followed", "follow_pages", arm), f"{codes:,.0f}"])
    return table(["arm", "customers", "followed", "more than hold-out", "codes given"], rows)


def _beside_holdout(found: Tally, column: str, journey: str, arm: str) -> list[str]:
    """An arm's name and size, its mean, and by how much that is more than the hold-out's."""
    values, held = found.column(column, journey, arm), found.column(column, journey, "holdout")
    ahead = "" if arm == "holdout" else shown(difference(values, held), "%")
    return [arm, f"{len(values):,}", shown(mean(values), "%"), ahead]


def value(found: Tally) -> str:
    """Orders, money and cost by journey and arm."""
    rows = []
    for journey in PLAYED:
        held = found.column("orders_after", journey, "holdout")
        for arm in ARMS[:-1]:
            brought = found.column("brought", journey, arm)
            drawn, expected = (mean(found.column(name, journey, arm)) for name in ("net", "expected_net"))
            costs = found.column("coupons", journey, arm) + found.column("messages", journey, arm)
            measured = difference(found.column("orders_after", journey, arm), held)
            rows.append(
                [
                    journey,
                    arm,
                    shown(mean(brought).scaled(1000)),
                    shown(measured.scaled(1000)),
                    shown(drawn),
                    shown(expected),
                    shown(ratio(costs, brought)),
                ]
            )
    heads = ["journey", "arm", "brought, of 1,000 customers", "as measured, of 1,000"]
    return table(
        [*heads, "net value a customer, toman", "expected", "cost per incremental order, toman"], rows
    )


def learning(simulated: Simulated) -> str:
    """The lead over choosing at random and over what is usual, wave by wave."""
    rows = [
        [f"{number}", *leads(wave, simulated.customers / len(simulated.waves))]
        for number, wave in enumerate(simulated.waves, start=1)
    ]
    rows.append(["all", *leads(together(simulated.waves), simulated.customers)])
    return table(["wave", "decisioning less random", "decisioning less usual"], rows)


def leads(found: Tally, customers: float) -> list[str]:
    """Both leads as people read them."""
    others: tuple[Group, Group] = ("random", "business_as_usual")
    return [shown(lead(found, other, customers)) for other in others]


def lead(found: Tally, other: Group, customers: float) -> Estimate:
    """Expected net value a customer of decisioning less another arm's, summed over journeys: each draws its own groups."""
    total = Estimate(value=0.0, error=0.0, freedom=np.inf)
    for place, journey in enumerate(PLAYED):
        decided, others = (found.column("expected_net", journey, arm) for arm in (ARMS[0], other))
        ahead = difference(decided, others)
        total += ahead.scaled(int((found.journeys == place).sum()) / customers)
    return total


def shown(estimate: Estimate | None, unit: str = "") -> str:
    """An estimate as people read it."""
    if estimate is None or np.isnan(estimate.value):
        return "-"
    if unit == "%":
        return f"{estimate.value:.2%} ± {estimate.half_width:.2%}"
    return f"{estimate.value:,.1f} ± {estimate.half_width:,.1f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
