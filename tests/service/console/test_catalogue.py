"""The catalogues hold every text of the templates, translated, and nothing else."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from service.console.catalogue import texts
from service.console.language import ENGLISH, LANGUAGES, Language, catalogue_path, translations

TRANSLATED = [each for each in LANGUAGES.values() if each is not ENGLISH]


def catalogue(language: Language) -> Catalog:
    with catalogue_path(language).open("rb") as file:
        return read_po(file, locale=language.code)


@pytest.mark.parametrize("language", TRANSLATED, ids=lambda each: each.code)
def test_a_catalogue_has_every_text_translated_and_none_that_is_gone(language: Language) -> None:
    wanted = {message.id for message in texts() if message.id}
    found = {message.id: message for message in catalogue(language) if message.id}

    assert wanted - found.keys() == set(), "run python -m service.console.catalogue, then translate"
    assert found.keys() - wanted == set(), "run python -m service.console.catalogue"
    assert [each.id for each in found.values() if not each.string or each.fuzzy] == []
    assert len(wanted) > 50


@pytest.mark.parametrize("language", TRANSLATED, ids=lambda each: each.code)
def test_a_translation_fills_in_what_its_text_does(language: Language) -> None:
    for message in catalogue(language):
        names = re.compile(r"%\(\w+\)s")
        assert sorted(names.findall(str(message.id))) == sorted(names.findall(str(message.string))), (
            message.id
        )


def test_english_is_what_the_templates_say_and_persian_what_the_catalogue_says() -> None:
    persian = translations(LANGUAGES["fa"])

    assert translations(ENGLISH).ugettext("Decisions") == "Decisions"  # type: ignore[attr-defined]
    assert persian.ugettext("Decisions") == "تصمیم‌ها"  # type: ignore[attr-defined]
