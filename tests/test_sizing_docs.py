"""The sums of docs/sizing.md are right, and its measured numbers are those of the pages that it names."""

from __future__ import annotations

import doctest
import re
from statistics import mean

import pytest

from tests.running import ROOT

PAGE = ROOT / "docs" / "sizing.md"


def measured(page: str, row: str) -> list[float]:
    """The numbers of the one row of the page that begins like this, in order."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    (found,) = [line for line in lines if line.startswith(f"| {row} |")]
    return [float(cell.replace(",", "")) for cell in re.findall(r"(?<=\| )[\d,.]+(?= \|)", found)]


def told(what: str) -> str:
    """What the page's own table says was measured of it."""
    (found,) = re.findall(
        rf"^\| {re.escape(what)} \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return str(found)


def test_the_sums_come_out_as_written() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)

    assert result.attempted > 10
    assert result.failed == 0


def test_a_decision_takes_what_it_took_under_load() -> None:
    loads = [measured("benchmark-serving.md", f"production | lucky_wheel | {n}") for n in (16, 32)]
    ours, servers = (mean(load[place] for load in loads) / 1_000 for place in (3, 4))

    assert told("a decision over HTTP, production shape") == (
        f"{ours:.1f} ms of a worker's processor, {servers:.1f} ms of PostgreSQL's and Redis'"
    )
    assert_reckoned_with(f"{ours:.1f}e-3", f"{servers:.1f}e-3")


def test_a_decision_of_a_batch_takes_what_a_millionth_of_a_million_took() -> None:
    *_, ours, servers, _ = measured("benchmark-features.md", "PostgreSQL and Redis | 1,000,000")

    assert told("a decision in a batch") == f"{ours} ms, {servers} ms"
    assert_reckoned_with(f"{ours}e-3", f"{servers}e-3")


def test_a_worker_is_as_large_and_starts_as_fast_as_it_did() -> None:
    page = (ROOT / "docs" / "benchmark-serving.md").read_text(encoding="utf-8")
    section = page.partition("## A worker's start and memory\n")[2].partition("\n## ")[0]
    (row,) = re.findall(r"^\| production \| ([\d.]+) \|.*\| (\d+) \|$", section, re.MULTILINE)
    seconds, megabytes = map(float, row)

    assert told("a worker") == f"{round(megabytes, -1):.0f} MB, {seconds:.0f} s to start"


@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("a customer's 88 features in Redis", "features of a customer, Redis"),
        ("a decision in PostgreSQL with what it claims", "a decision with what it claims, PostgreSQL"),
        ("an event in PostgreSQL", "an event, PostgreSQL"),
    ],
)
def test_what_is_kept_is_as_large_as_it_was(what: str, row: str) -> None:
    (size,) = measured("benchmark-sizes.md", row)

    assert told(what) == f"{size / 1_000:.1f} kB"
    assert_reckoned_with(f"{size / 1_000:.1f}e3")


@pytest.mark.parametrize(
    ("what", "row", "place"),
    [
        ("building features, DuckDB on two processors", "DuckDB | 100,000", 2),
        ("filling Redis, one process", "1,000,000", 2),
    ],
)
def test_features_are_built_and_filled_as_fast_as_measured(what: str, row: str, place: int) -> None:
    rate = round(measured("benchmark-features.md", row)[place], -2)

    assert told(what) == f"{rate:,.0f} customers/s"
    assert_reckoned_with(f"{rate:_.0f}")


def test_the_refresher_keeps_up_with_as_many_as_measured() -> None:
    page = (ROOT / "docs" / "benchmark-features.md").read_text(encoding="utf-8")
    section = page.partition("## An event's way to the features\n")[2].partition("\n## ")[0]
    (row,) = re.findall(
        r"^\| PostgreSQL and Redis \|.*\| ([\d,]+) \| ([\d,]+) \| \d+ \|$", section, re.MULTILINE
    )
    events, customers = (round(float(each.replace(",", "")), -1) for each in row)

    assert told("the refresher, one process") == (
        f"{customers:.0f} customers/s, {events:,.0f} events/s where four of each come at once"
    )
    assert round(events / customers) == 4
    assert_reckoned_with(f"{customers:.0f}")


def assert_reckoned_with(*figures: str) -> None:
    """The page's sums have these figures."""
    sums = " ".join(re.findall(r"^(?:>>>|\.\.\.) .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    for figure in figures:
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", sums), f"no sum reckons with {figure}"
