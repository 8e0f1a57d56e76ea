"""Where a customer's id stands in text that callers chose: keys, ids of events, features of rankings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, func, literal, or_


@dataclass(frozen=True)
class Naming:
    """Finds a customer's id; columns are searched by the database first, more widely than what is meant."""

    customer_id: str

    def in_text(self, text: str) -> bool:
        """Whether the id stands in the text as a word of its own.

        >>> Naming("7").in_text("cart-7"), Naming("7").in_text("cart-77")
        (True, False)
        """
        return self._word.search(text) is not None

    def in_json(self, content: bytes) -> bool:
        """Whether a text or a name somewhere in the JSON names the customer.

        >>> Naming("c1").in_json(b'{"results": [{"detail": "no decision of c1"}]}')
        True
        """
        return any(self.in_text(each) for each in _texts(json.loads(content)))

    def is_in_json(self, content: bytes) -> bool:
        """Whether a text or a name somewhere in the JSON is the id itself: in features a word may be anything.

        >>> Naming("c1").is_in_json(b'{"user": {"id": "c1"}}'), Naming("warm").is_in_json(b'{"tone": "warm red"}')
        (True, False)
        """
        return any(each == self.customer_id for each in _texts(json.loads(content)))

    def may_be_in_text(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Rows of which `in_text` may hold."""
        return column.contains(self.customer_id, autoescape=True)

    def may_be_in_json(self, column: ColumnElement[bytes], dialect: str) -> ColumnElement[bool]:
        """Rows of which `in_json` may hold: the id as JSON has it, in ASCII or in UTF-8."""
        written = {json.dumps(self.customer_id, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
        place = func.instr if dialect == "sqlite" else func.pg_catalog.position
        return or_(*(place(column, literal(each.encode(), LargeBinary)) > 0 for each in sorted(written)))

    @cached_property
    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![0-9A-Za-z]){re.escape(self.customer_id)}(?![0-9A-Za-z])")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
