"""All measures of a data set and of the service's log as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.zone import load_zone
from training.evaluation.log_export import LogExport
from training.evaluation.log_rules import Rules, sample_ratios
from training.evaluation.log_store import LogStore, open_connection
from training.evaluation.round_labels import microseconds
from training.measures.aov import AovRow, aov
from training.measures.budget import BudgetRow, read_budgets
from training.measures.budget_course import BudgetHourRow, read_budget_course
from training.measures.clv import ClvRow, clv
from training.measures.economics import HOLDOUT, EconomicsRow, economics
from training.measures.funnel import FunnelRow, funnel
from training.measures.lifetime import LifetimeStep, lifetime_steps
from training.measures.log_facts import LogFacts, read_export_facts, read_log_facts
from training.measures.logged_decision import Window
from training.measures.message_test import VariantRow, message_tests
from training.measures.moment import moment_of
from training.measures.note import Note
from training.measures.response import ATTRIBUTION_DAYS, ResponseRow, response_by, trace
from training.measures.retention import DAYS, MONTHS, WEEKS, RetentionRow, retention
from training.measures.returning import ReturningRow, returning
from training.measures.shop_facts import ShopFacts, read_shop_facts
from training.measures.table import MeasureTable

TITLES: Final = {
    "retention_days": "Retention by day after joining, by week of joining",
    "retention_weeks": "Retention by week after joining, by month of joining",
    "retention_months": "Retention by month after joining, by month of joining",
    "lifetime_steps": "Steps of a customer's life",
    "retention_interval": "Retention from one interval to the next",
    "funnel": "Purchase funnel",
    "clv": "Customer lifetime value, by month of joining",
    "aov": "Average order value, by month",
    "economics": "What orders cost, by journey and group",
    "response_channel": "Response by channel",
    "response_hour": "Response by hour of sending",
    "response_topic": "Response by topic",
    "message_tests": "Tests of message variants",
    "budget": "Coupon budgets and their price λ",
    "budget_hours": "Coupon budgets and λ through the hours of a day",
}
"""Every table by its id, in the order of the report."""
FUNNEL_DAYS: Final = 7
NO_LOG: Final = Note("The service has not run here: there is no decision log.")
_NO_BUDGETS: Final = Note("No day of a journey with a budget has given a coupon.")
_NOT_EXPORTED: Final = Note("An export of the log holds no budgets; its database does.")
_NO_JOINER: Final = Note("Nobody joined in the period.")
_NO_PERIOD: Final = Note("Nobody who joined in the period has lived through a whole one yet.")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked for: customers, orders and decisions of [since, until), where these are given.

    interval_days: lengths of the intervals of `retention_interval`. In the shop's currency: message_cost of one message,
    acquisition_cost of an order of an acquired customer, None where it is not known.
    """

    since: datetime | None
    until: datetime | None
    time_zone: str
    interval_days: tuple[int, ...]
    message_cost: float
    acquisition_cost: float | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Every table of `TITLES` by its id; `simulated`: the parts of the data set that hold made-up data."""

    made_at: datetime
    begins: date
    ends: date
    currency: str
    dataset: str
    simulated: tuple[str, ...]
    notes: tuple[str, ...]
    tables: Mapping[str, MeasureTable]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "made_at": self.made_at.isoformat(),
            "from": self.begins.isoformat(),
            "to": self.ends.isoformat(),
            "currency": self.currency,
            "dataset": self.dataset,
            "simulated": bool(self.simulated),
            "notes": self.notes,
            "tables": {name: self.tables[name].as_json() for name in TITLES},
        }


def make_report(folder: Path, read: ReadLog | None, asked: Question, now: datetime) -> Report:
    """The measures of the data set in the folder and of the log that is read, None: there is none.

    Raises: `DatasetError`, `LogError`, `UnknownTimeZoneError`.
    """
    load_zone(asked.time_zone)
    shop = read_shop_facts(folder, asked.time_zone)
    ends_us = min(shop.ends_us, _microseconds(asked.until, shop.ends_us))
    shop = shop.of(shop.joined_us < ends_us)
    first_us = int(min(shop.joined_us.min(initial=ends_us), shop.ordered_us.min(initial=ends_us)))
    begins_us = max(_microseconds(asked.since, first_us), first_us)
    span = Window(begins_us=min(begins_us, ends_us), ends_us=ends_us)
    log = None
    if read is not None:
        until_us = _microseconds(asked.until, microseconds(now))
        window = Window(begins_us=_microseconds(asked.since, 0), ends_us=until_us)
        log = read(window, asked.time_zone)
    last_us = max(begins_us, ends_us - 1, (log and log.facts.last_us) or 0)
    return Report(
        made_at=now,
        begins=_day(begins_us, asked.time_zone),
        ends=_day(last_us, asked.time_zone),
        currency=shop.manifest.currency,
        dataset=shop.manifest.name,
        simulated=shop.manifest.simulated,
        notes=shop.manifest.notes,
        tables={
            **_cohort_tables(shop, span, asked),
            **_order_tables(shop, span, asked),
            **_response_tables(shop, span, log),
            **_log_tables(log, asked),
        },
    )


def _cohort_tables(shop: ShopFacts, span: Window, asked: Question) -> dict[str, MeasureTable]:
    """What is told of those who joined in the span."""
    joiners = shop.of(shop.joined_us >= span.begins_us).within(0, span.ends_us)
    history = joiners.joined_us, joiners.buyer, joiners.ordered_us
    ends_us = span.ends_us
    tables = {}
    for name, grain in (("retention_days", DAYS), ("retention_weeks", WEEKS), ("retention_months", MONTHS)):
        rows = retention(*history, ends_us=ends_us, time_zone=asked.time_zone, grain=grain)
        tables[name] = MeasureTable.of(
            RetentionRow, rows, *(_joining_notes(joiners) if rows else (_NO_PERIOD,))
        )
    steps = lifetime_steps(*history, ends_us=ends_us)
    values, foretold = clv(*history, joiners.amount, ends_us=ends_us, time_zone=asked.time_zone)
    return {
        **tables,
        "lifetime_steps": MeasureTable.of(
            LifetimeStep, steps, *(_joining_notes(joiners) if steps else (_NO_JOINER,))
        ),
        "clv": MeasureTable.of(ClvRow, values, *(foretold if values else (_NO_JOINER,))),
    }


def _order_tables(shop: ShopFacts, span: Window, asked: Question) -> dict[str, MeasureTable]:
    """What is told of everybody's orders and steps in the span."""
    inside = shop.within(span.begins_us, span.ends_us)
    between = {"begins_us": span.begins_us, "ends_us": span.ends_us}
    intervals = [
        row
        for days in asked.interval_days
        for row in returning(inside.joined_us, inside.buyer, inside.ordered_us, **between, days=days)
    ]
    steps = inside.steps
    entered = funnel(steps.customer, steps.step, steps.at_us, **between, within_days=FUNNEL_DAYS)
    orders = aov(inside.buyer, inside.ordered_us, inside.amount, time_zone=asked.time_zone)
    no_views = Note(
        "No product_viewed event of %(days)s days ago or earlier is in %(shop)s.",
        {"days": FUNNEL_DAYS, "shop": shop.manifest.name},
    )
    too_short = Note("No two intervals of that length fit between the first order and the end.")
    no_orders = Note("No order is in the period.")
    return {
        "retention_interval": MeasureTable.of(ReturningRow, intervals, *_unless(intervals, too_short)),
        "funnel": MeasureTable.of(FunnelRow, entered, *_unless(entered, no_views)),
        "aov": MeasureTable.of(AovRow, orders, *_unless(orders, no_orders)),
    }


def _response_tables(shop: ShopFacts, span: Window, log: LogTold | None) -> dict[str, MeasureTable]:
    inside = shop.within(span.begins_us, span.ends_us).messages
    messages, n_lost = trace(inside, shop.time_zones)
    told = [("events", messages)]
    notes = list[Note]()
    if "events" in shop.manifest.simulated:
        notes.append(Note("Those of source events are simulated."))
    if n_lost:
        lost = {"n": n_lost, "days": ATTRIBUTION_DAYS}
        notes.append(Note("%(n)s responses were to no message sent within %(days)s days before.", lost))
    if log is None:
        notes.append(NO_LOG)
    else:
        told.append(("decisions", log.facts.messages))
    names = ("channel", "hour", "topic")
    tables = {f"response_{name}": MeasureTable.of(ResponseRow, response_by(told, name)) for name in names}
    return {name: table.noted(*notes) for name, table in tables.items()}


def _log_tables(log: LogTold | None, asked: Question) -> dict[str, MeasureTable]:
    if log is None:
        kinds = {
            "economics": EconomicsRow,
            "message_tests": VariantRow,
            "budget": BudgetRow,
            "budget_hours": BudgetHourRow,
        }
        return {name: MeasureTable.of(kind, (), NO_LOG) for name, kind in kinds.items()}
    facts = log.facts
    costs = economics(facts.groups, message_cost=asked.message_cost, acquisition_cost=asked.acquisition_cost)
    tests = message_tests(facts.tests)
    no_tests = Note("No message of a declared variant was delivered and its reward window has closed.")
    return {
        "economics": MeasureTable.of(EconomicsRow, costs, *_economics_notes(log)),
        "message_tests": MeasureTable.of(VariantRow, tests, *_unless(tests, no_tests)),
        "budget": MeasureTable.of(BudgetRow, log.budgets, *_unless(log.budgets, log.no_budgets)),
        "budget_hours": MeasureTable.of(
            BudgetHourRow, log.budget_hours, *_unless(log.budget_hours, log.no_budgets)
        ),
    }


def _unless(rows: Sequence[object], why_none: Note) -> tuple[Note, ...]:
    """Why there are no rows, where there are none."""
    return () if rows else (why_none,)


def _economics_notes(log: LogTold) -> list[Note]:
    facts = log.facts
    if not facts.groups:
        return [Note("No decision was made in the period.")]
    without = sorted(
        {journey for journey, _ in facts.groups} - {j for j, group in facts.groups if group == HOLDOUT}
    )
    notes = list[Note]()
    if without:
        named = {"journeys": ", ".join(without)}
        notes.append(
            Note("Nobody was held out in %(journeys)s: what was incremental is not known there.", named)
        )
    if facts.n_moved:
        moved = {"n": facts.n_moved}
        notes.append(Note("%(n)s customers changed their group and are left out.", moved))
    return [*notes, *log.group_faults]


def _joining_notes(shop: ShopFacts) -> tuple[Note, ...]:
    """What has to be known where joining is the first order, and the first period is everybody's by definition."""
    first_us = np.full(len(shop.joined_us), -1)
    first_us[shop.buyer[::-1]] = shop.ordered_us[::-1]
    if len(first_us) and (first_us == shop.joined_us).all():
        known = Note(
            "Customers are known from their first order on, so all of them are active in their first period."
        )
        return (known,)
    return ()


@dataclass(frozen=True, kw_only=True)
class LogTold:
    """All that the log tells; group_faults: of journeys whose groups do not come in the shares that were set for them.

    no_budgets: why there are none, where there are none.
    """

    facts: LogFacts
    budgets: list[BudgetRow]
    budget_hours: list[BudgetHourRow]
    group_faults: tuple[Note, ...]
    no_budgets: Note = _NO_BUDGETS


ReadLog = Callable[[Window, str], LogTold]
"""Reads what was decided in a window; the zone is the shop's."""


def read_log(url: str, window: Window, time_zone: str) -> LogTold:
    """All of the window. Raises: `LogError`."""
    with open_connection(url) as connection:
        begins, ends = (_day(each, time_zone) for each in (window.begins_us, window.ends_us - 1))
        rules = LogStore(connection=connection).rules()
        facts = read_log_facts(connection, window, time_zone)
        budgets = read_budgets(connection, rules, begins, ends, time_zone)
        return LogTold(
            facts=facts,
            group_faults=_group_faults(rules, facts),
            budgets=budgets,
            budget_hours=read_budget_course(connection, rules, budgets, time_zone),
        )


def read_exported_log(folder: Path, window: Window, time_zone: str) -> LogTold:
    """All of the window that an export of the log tells, which holds no budgets. Raises: `LogError`."""
    export = LogExport.open(folder)
    facts = read_export_facts(export, window, time_zone)
    return LogTold(
        facts=facts,
        group_faults=_group_faults(export.rules(), facts),
        budgets=[],
        budget_hours=[],
        no_budgets=_NOT_EXPORTED,
    )


def _group_faults(rules: Rules, facts: LogFacts) -> tuple[Note, ...]:
    ratios = sample_ratios(rules, facts.customers_by_group)
    told = [{"journey": ratio.journey, "p": f"{ratio.p_value:.1g}"} for ratio in ratios if ratio.fault]
    return tuple(
        Note(
            "Nothing incremental holds in %(journey)s: its groups do not come in the shares that were set (p = %(p)s).",
            each,
        )
        for each in told
    )


def _microseconds(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else microseconds(moment)


def _day(at_us: int, time_zone: str) -> date:
    return moment_of(at_us).astimezone(load_zone(time_zone)).date()
