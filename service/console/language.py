"""Which language a page is in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from babel.support import NullTranslations

LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "console"


@dataclass(frozen=True)
class Language:
    """A language, its own name and the way that it is written."""

    code: str
    name: str
    direction: str


ENGLISH: Final = Language("en", "English", "ltr")
PERSIAN: Final = Language("fa", "فارسی", "rtl")
LANGUAGES: Final = {each.code: each for each in (ENGLISH, PERSIAN)}


def choose_language(asked: str | None, remembered: str | None, accepted: str) -> Language:
    """The language asked for in the address, else the one remembered in the cookie, else the browser's, else English.

    >>> choose_language(None, None, "de, fa-IR;q=0.8, en;q=0.5").code
    'fa'
    """
    for code in (asked, remembered):
        if code in LANGUAGES:
            return LANGUAGES[code]
    for code in _by_preference(accepted):
        if code in LANGUAGES:
            return LANGUAGES[code]
    return ENGLISH


def _by_preference(accepted: str) -> list[str]:
    """The primary languages of an `Accept-Language` header, the most wanted first (RFC 9110, section 12.5.4)."""
    weighed = []
    for each in accepted.split(","):
        tag, _, quality = each.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if weight > 0:
            weighed.append((weight, tag.strip().partition("-")[0].lower()))
    return [code for _, code in sorted(weighed, key=lambda pair: -pair[0])]


@lru_cache(maxsize=len(LANGUAGES))
def translations(language: Language) -> NullTranslations:
    """The catalogue of a language, compiled from its .po file when it is first asked for; what is written is English."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from babel.support import NullTranslations, Translations

    if language is ENGLISH:
        return NullTranslations()
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language.code)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def catalogue_path(language: Language) -> Path:
    """Where a language's catalogue is."""
    return LOCALE / language.code / "LC_MESSAGES" / f"{DOMAIN}.po"
