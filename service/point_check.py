"""`python -m service check`: are the decision points right, and can everything in them be reached?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from features.declared import DeclarationError
from service.decision_point import DecisionPoint
from service.guardrails.send_slot import is_quiet
from service.point_decisions import CouponPoint, SendTimePoint
from service.point_files import SHOP_FILE, load_decision_points
from service.settings import Settings

DAY_MINUTES = 24 * 60
Folder = Annotated[Path | None, typer.Argument(help="Folder of YAML files; none: the service's own.")]


def check(folder: Folder = None) -> None:
    """Check the decision points: an error names file, line and field and ends with 1; doubts are told."""
    console, where = Console(), folder or Settings().decision_points
    try:
        points = load_decision_points(where)
    except DeclarationError as error:
        console.print(str(error), soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1) from error
    for journey, point in sorted(points.items()):
        for doubt in doubts(point):
            console.print(f"{where}: {journey}: {doubt}", soft_wrap=True, markup=False, highlight=False)
    shop = "" if (where / SHOP_FILE).is_file() else f", no {SHOP_FILE}"
    console.print(
        f"{len(points)} decision points are right{shop}: {', '.join(sorted(points))}", soft_wrap=True
    )


def doubts(point: DecisionPoint) -> Iterator[str]:
    """What is allowed but can hardly be meant: limits that nothing passes, and rules that nothing meets."""
    if point.coupon is not None:
        yield from _coupon_doubts(point.coupon)
    if point.send_time is not None:
        yield from _send_time_doubts(point.send_time)
    channels = point.channel.actions if point.channel else ()
    for cap in point.caps:
        if cap.at_most == 0:
            yield f"cap {cap.name} lets no message through"
        if cap.channel is not None and cap.channel not in channels:
            yield f"cap {cap.name} is of {cap.channel}, which is no channel of this journey"
        if cap.tag is not None and cap.tag not in point.tags:
            yield f"cap {cap.name} is of the tag {cap.tag}, which this journey's messages have not"
    if point.transactional and (point.caps or point.minimum_gap_hours):
        yield "transactional messages keep no caps and no gap, but some are declared"


def _coupon_doubts(coupon: CouponPoint) -> Iterator[str]:
    hours = 24 if coupon.valid == "until_local_midnight" else coupon.valid
    if coupon.minimum_life_minutes >= hours * 60:
        yield f"no coupon is ever given: it needs {coupon.minimum_life_minutes} minutes and lives at most {hours} hours"
    if coupon.reward.window_hours < hours:
        yield (
            f"coupons live {hours} hours, but what comes back is counted for {coupon.reward.window_hours:g}: "
            "late redemptions teach nothing"
        )
    sizes = [amount for amount in coupon.amounts if amount]
    if coupon.daily_budget is not None and sizes and coupon.daily_budget < max(sizes):
        yield f"the day's budget of {coupon.daily_budget:,} never holds a coupon of {max(sizes):,}"
    if not sizes:
        yield "no size of a coupon but none"


def _send_time_doubts(point: SendTimePoint) -> Iterator[str]:
    quiet = point.quiet_hours
    if quiet is None:
        return
    if quiet.start == quiet.end:
        yield f"quiet hours from {quiet.start:%H:%M} to {quiet.end:%H:%M} are no hours at all"
        return
    midnight = datetime(2026, 1, 1, tzinfo=UTC)  # any day: only its clock matters
    minutes = sum(
        is_quiet((midnight + timedelta(minutes=minute)).time(), quiet.start, quiet.end)
        for minute in range(DAY_MINUTES)
    )
    if minutes >= point.deadline_hours * 60:
        yield (
            f"quiet hours take {minutes / 60:g} hours and the deadline is {point.deadline_hours:g}: "
            "what is decided at their start is never sent"
        )
