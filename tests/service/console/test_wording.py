"""Numbers and times in both languages, and which language a page is in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from service.console.language import ENGLISH, PERSIAN, choose_language
from service.console.wording import Wording

TEHRAN = ZoneInfo("Asia/Tehran")
FA, EN = Wording(PERSIAN, TEHRAN), Wording(ENGLISH, TEHRAN)


@pytest.mark.parametrize(
    ("day", "shown"),
    [
        (date(2026, 3, 20), "۲۹ اسفند ۱۴۰۴"),
        (date(2026, 3, 21), "۱ فروردین ۱۴۰۵"),
        (date(2025, 3, 20), "۳۰ اسفند ۱۴۰۳"),
        (date(2026, 9, 22), "۳۱ شهریور ۱۴۰۵"),
    ],
)
def test_a_persian_day_is_of_the_jalali_calendar(day: date, shown: str) -> None:
    assert FA.day(day) == shown


def test_a_moment_is_shown_in_the_shops_zone() -> None:
    at = datetime(2026, 11, 22, 21, 5, 9, tzinfo=UTC)

    assert EN.moment(at) == "23 Nov 2026, 00:35:09"
    assert FA.moment(at) == "۲ آذر ۱۴۰۵، ۰۰:۳۵:۰۹"
    assert FA.moment(at.isoformat()) == FA.moment(at)


def test_money_and_shares_are_written_as_in_the_language() -> None:
    assert (EN.money(30000, "IRT"), FA.money(30000, "IRT")) == ("30,000 toman", "۳۰٬۰۰۰ تومان")
    assert (EN.percent(0.079), FA.percent(0.079)) == ("7.9%", "۷٫۹٪")
    assert EN.money(5, "EUR") == "5 EUR"
    assert EN.number(None) == "–"


def test_any_value_of_a_table_can_be_shown() -> None:
    shown = [EN.text(value) for value in (None, True, 3, 0.25, "2026-11-22", ["a", 1.5], "2026-11-2x")]

    assert shown == ["–", "✓", "3", "0.250", "22 Nov 2026", "a, 1.500", "2026-11-2x"]


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "code"),
    [
        ("fa", "en", "en", "fa"),
        ("xx", "fa", "en", "fa"),
        (None, None, "fa-IR,fa;q=0.9", "fa"),
        (None, None, "en;q=0.1, fa;q=0.9", "fa"),
        (None, None, "de, fr;q=nonsense", "en"),
        (None, None, "", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_then_remembered_then_accepted(
    asked: str | None, remembered: str | None, accepted: str, code: str
) -> None:
    assert choose_language(asked, remembered, accepted).code == code
