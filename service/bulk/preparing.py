"""Beginning a run, or going on with one: its note and its list, and what a process decides with."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa

from features.membership import ranks_the_base
from features.schema import load_schema
from features.segment import Segment
from features.segment_files import load_segments
from service.app import open_reader, utc_now
from service.bulk.customer_list import file_source, read_list, sorted_list, write_list
from service.bulk.decider import BulkDecider
from service.bulk.run import Run, RunError, read_run, write_run
from service.coupons.key_ring import open_coupon_keys
from service.course import Rules
from service.model_feed import published_versions
from service.model_set import build_model_set
from service.point_files import SEGMENTS, load_decision_points
from service.settings import Settings
from service.store.artifact_store import get_artifact, put_artifact
from service.store.engine import opened_log

PART_ROWS: Final = 10_000
ONLINE_STORE: Final = "online store"
AHEAD, BEHIND = timedelta(days=7), timedelta(hours=12)
"""How far its moment may lie ahead of now and behind it: later, the messages' own times would be over."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for. `at`: None for now. `customers`: a file; None for everybody in the online store."""

    journey: str
    segment: str | None
    customers: Path | None
    at: datetime | None
    part_rows: int = PART_ROWS


def begin_run(settings: Settings, folder: Path, wanted: Wanted, now: datetime) -> Run:
    """The run of a folder: the one that was begun there, or a new one as wanted.

    Raises: `RunError` when it cannot be decided as wanted, or another run was begun in the folder.
    """
    at = wanted.at or now
    folder.mkdir(parents=True, exist_ok=True)
    begun = read_run(folder)
    if begun is not None:
        _require_same(begun, wanted, folder)
        _require_current(begun, _current_rules(settings, begun.journey), folder)
        _require_near(begun.at, now)
        return begun
    _require_near(at, now)
    segment = _segment(settings, wanted)
    rules = _current_rules(settings, wanted.journey)
    versions = _published(settings)
    customers = _customers(settings, wanted)
    write_list(folder, customers, wanted.part_rows)
    run = Run(
        run_id=secrets.token_hex(16),
        at=at,
        journey=wanted.journey,
        segment=segment,
        source=_source(wanted),
        customers=len(customers),
        part_rows=wanted.part_rows,
        rules=rules,
        versions=versions,
    )
    write_run(folder, run)
    return run


def _require_near(at: datetime, now: datetime) -> None:
    if not now - BEHIND <= at <= now + AHEAD:
        raise RunError(
            f"the decisions' moment is {at.isoformat()}, now is {now.isoformat()}; wanted one at most "
            f"{BEHIND / timedelta(hours=1):g} hours ago and {AHEAD.days} days ahead"
        )


def _segment(settings: Settings, wanted: Wanted) -> Segment | None:
    if wanted.segment is None:
        if wanted.customers is None:
            raise RunError("for whom? wanted --segment, --customers or both")
        return None
    declared = load_segments(settings.decision_points / SEGMENTS, load_schema())
    if wanted.segment not in declared:
        raise RunError(f"no segment {wanted.segment!r}; there are {sorted(declared)}")
    found = declared[wanted.segment]
    if ranks_the_base(found) and wanted.customers is None:
        raise RunError(
            f"segment {found.name!r} ranks the whole base, which is not known of one customer; give its list by "
            f"--customers, made by `python -m training segment {found.name} --list FILE`"
        )
    return found


def _current_rules(settings: Settings, journey: str) -> str:
    """The version of a journey's rules as they are declared now, put into the log's store."""
    points = load_decision_points(settings.decision_points)
    if journey not in points:
        raise RunError(f"no journey {journey!r}; there are {sorted(points)}")
    with opened_log(settings.log_url) as engine, engine.begin() as connection:
        return put_artifact(engine, connection, points[journey].to_artifact())


def _published(settings: Settings) -> dict[str, str]:
    with opened_log(settings.log_url) as engine, engine.connect() as connection:
        versions = published_versions(connection)
    if versions is None:
        raise RunError(
            "no champion scorers and policies have been published yet: `python -m service learn` does it"
        )
    return versions


def _customers(settings: Settings, wanted: Wanted) -> pa.Array:
    if wanted.customers is not None:
        return read_list(wanted.customers)
    return sorted_list(open_reader(settings).customer_ids())


def _source(wanted: Wanted) -> str:
    return ONLINE_STORE if wanted.customers is None else file_source(wanted.customers)


def _require_same(begun: Run, wanted: Wanted, folder: Path) -> None:
    """Raises `RunError` unless what is wanted is what was begun; a moment that is not named is that one's."""
    named = begun.segment.name if begun.segment else None
    pairs = {
        "journey": (begun.journey, wanted.journey),
        "segment": (named, wanted.segment),
        "customers": (begun.source, _source(wanted)),
        "at": (begun.at, wanted.at or begun.at),
    }
    other = [f"{name} {was} (now {now})" for name, (was, now) in pairs.items() if was != now]
    if other:
        raise RunError(f"{folder} holds a run of {', '.join(other)}; name another folder for another run")


def _require_current(begun: Run, rules: str, folder: Path) -> None:
    if rules != begun.rules:
        raise RunError(
            f"{folder}: journey {begun.journey} was {begun.rules} when this run began and is {rules} now; "
            "put the old rules back to finish it, or begin another in another folder"
        )


@contextmanager
def opened_decider(settings: Settings, run: Run) -> Iterator[BulkDecider]:
    """What a process decides with, on the real parts."""
    schema, keys = load_schema(), open_coupon_keys(settings, utc_now, os.urandom)
    point = load_decision_points(settings.decision_points)[run.journey]
    rules = Rules(point, run.rules, settings.time_zone, settings.currency, keys.current)
    with opened_log(settings.log_url) as engine:
        yield BulkDecider(
            run=run,
            schema=schema,
            engine=engine,
            reader=open_reader(settings),
            models=build_model_set(run.versions, schema, partial(get_artifact, engine)),
            find_rules=lambda: replace(rules, coupon_key=keys.current),
        )
