"""The parts that our HTML reports are made of: one file, no network, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a202c; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .2rem .7rem; border-bottom: 1px solid #e2e8f0;
  text-align: left; vertical-align: top; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { border-left: .5rem solid; padding: .5rem 1rem; background: #f7fafc; } .verdict b { font-size: 1.2rem; }
.note { color: #4a5568; } svg { max-width: 100%; height: auto; } .grade { font-weight: 600; white-space: nowrap; }
"""


class Markup(str):
    """Text that is HTML already."""


def html_page(title: str, sections: Iterable[str]) -> str:
    """The whole page: the title, then the sections as they are."""
    body = "\n".join(sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><main>\n<h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, those that begin with a digit to the right; no line of headings where all of them are empty."""
    lines = [_line("th", head)] if any(head) else []
    lines += [_line("td", row) for row in rows]
    return f"<table>{''.join(lines)}</table>"


def html_number(value: float) -> str:
    """Four digits; nothing for nan."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return "" if math.isnan(value) else f"{value:.4g}"


def html_notes(notes: Iterable[str]) -> str:
    """The notes as a list under a heading of its own."""
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<h2>Notes</h2><ul class="note">{lines}</ul>'


def _line(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(tag, cell) for cell in cells)}</tr>"


def _cell(tag: str, text: str) -> str:
    kind = ' class="number"' if text.lstrip("-")[:1].isdigit() or text in ("∞", "-∞") else ""
    return f"<{tag}{kind}>{text if isinstance(text, Markup) else escape(text)}</{tag}>"
