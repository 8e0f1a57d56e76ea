"""Keeping the catalogues: `python -m service.console.catalogue` brings every .po file up to what the templates say.

New texts come without a translation, those that are gone are dropped; a test refuses both until they are seen to.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from service.console.language import ENGLISH, LANGUAGES, catalogue_path
from service.console.page import TEMPLATES

_HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: {code}\\n"\n\n'
MEASURES = Path(__file__).parents[2] / "training" / "measures"
"""Whose notes reach the console in the report's file; they are read as text, nothing of it is imported."""
_METHODS = [("**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"**.html": {"silent": "false", "trimmed": "true"}}


def texts() -> Catalog:
    """Every text of the templates and every note of the report, with where it stands."""
    found = Catalog(charset="utf-8")
    for name, line, message, comments, context in (
        *extract_from_dir(str(TEMPLATES), _METHODS, _OPTIONS),
        *extract_from_dir(str(MEASURES), [("**.py", "python")], keywords={"Note": None}),
    ):
        found.add(message, locations=[(name, line)], auto_comments=comments, context=context)
    return found


def update() -> None:
    """Write every catalogue anew, with the translations that it has."""
    for language in LANGUAGES.values():
        if language is ENGLISH:
            continue
        path = catalogue_path(language)
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language.code)
        catalogue.update(texts(), no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            file.write(_HEADER.format(code=language.code).encode())
            write_po(file, catalogue, width=120, no_location=True, sort_output=True, omit_header=True)


if __name__ == "__main__":
    update()
