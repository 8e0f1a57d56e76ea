"""What has to be said of a measure: an English sentence with what it fills in, so that another language can say it, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Told = str | int | float


@dataclass(frozen=True)
class Note:
    """`text` names what it fills in as %(name)s; the console's catalogues have every text that stands in a `Note(...)`.

    >>> str(Note("%(n)s of %(of)s customers.", {"n": 1200, "of": 4.25}))
    '1,200 of 4.2 customers.'
    """

    text: str
    values: Mapping[str, Told] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text % {name: _shown(value) for name, value in self.values.items()}

    def as_json(self) -> dict[str, object]:
        """The note as JSON values."""
        return {"text": self.text, "values": dict(self.values)}


def _shown(value: Told) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
