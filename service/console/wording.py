"""Numbers, money and times as people read them: Persian digits and Jalali dates in Persian, in the shop's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.jalali import jalali_month
from service.console.language import PERSIAN, Language

_PERSIAN_DIGITS: Final = str.maketrans("0123456789,.%", "۰۱۲۳۴۵۶۷۸۹٬٫٪")
_ENGLISH_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JALALI_MONTHS: Final = (
    *("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور"),
    *("مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"),
)
_CURRENCIES: Final = {("IRT", "en"): "toman", ("IRT", "fa"): "تومان"}
UNKNOWN: Final = "–"


@dataclass(frozen=True)
class Wording:
    """How one language writes what is measured; moments are shown in `zone`."""

    language: Language
    zone: ZoneInfo

    def number(self, value: float | None, places: int = 0) -> str:
        """A number with thousands parted, or a dash where it is unknown.

        >>> Wording(PERSIAN, ZoneInfo("Asia/Tehran")).number(12345.6, 1)
        '۱۲٬۳۴۵٫۶'
        """
        return UNKNOWN if value is None else self._digits(f"{value:,.{places}f}")

    def percent(self, share: float | None, places: int = 1) -> str:
        """A share as a percentage."""
        return UNKNOWN if share is None else self._digits(f"{100 * share:,.{places}f}%")

    def money(self, amount: float | None, currency: str) -> str:
        """An amount with its currency's name, or its code where it has none here."""
        if amount is None:
            return UNKNOWN
        return f"{self.number(round(amount))} {_CURRENCIES.get((currency, self.language.code), currency)}"

    def day(self, day: date) -> str:
        """A date.

        >>> Wording(PERSIAN, ZoneInfo("Asia/Tehran")).day(date(2026, 11, 22))
        '۱ آذر ۱۴۰۵'
        """
        if self.language is not PERSIAN:
            return f"{day.day} {_ENGLISH_MONTHS[day.month - 1]} {day.year}"
        found = jalali_month(day)
        number = (day - found.starts_on).days + 1
        return self._digits(f"{number} {_JALALI_MONTHS[found.month - 1]} {found.year}")

    def moment(self, at: datetime | str | None, zone: ZoneInfo | None = None) -> str:
        """A moment, to the second, in the zone of the page where no other is named; one in ISO 8601 as well."""
        if at is None:
            return UNKNOWN
        local = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone or self.zone)
        return f"{self.day(local.date())}, {self._digits(f'{local:%H:%M:%S}')}".replace(", ", self._comma)

    def clock(self, at: datetime) -> str:
        """A moment's time of day, to the minute, in the zone of the page."""
        return self._digits(f"{at.astimezone(self.zone):%H:%M}")

    def text(self, value: object) -> str:
        """Any value of an answer or a table: numbers as numbers, dates as dates, a list's parts one after another."""
        if value is None:
            return UNKNOWN
        if isinstance(value, bool):
            return {True: "✓", False: "✗"}[value]
        if isinstance(value, (int, float)):
            return self.number(value, 0 if float(value).is_integer() else 3)
        if isinstance(value, (list, tuple)):
            return self._comma.join(map(self.text, value))
        return self._dated(str(value))

    def _dated(self, text: str) -> str:
        try:
            return self.day(date.fromisoformat(text)) if len(text) == 10 else self._timed(text)
        except ValueError:
            return text

    def _timed(self, text: str) -> str:
        return self.moment(text) if text[10:11] == "T" else text

    def digits(self, text: object) -> str:
        """A code or number as it stands, in the language's digits."""
        return self._digits(str(text))

    def _digits(self, text: str) -> str:
        return text.translate(_PERSIAN_DIGITS) if self.language is PERSIAN else text

    @property
    def _comma(self) -> str:
        return "، " if self.language is PERSIAN else ", "
