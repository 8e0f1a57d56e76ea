"""What a run decides, fixed when it begins: for whom, when, by which rules and which versions of the models."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from features.membership import Values, belongs, ranks_the_base
from features.segment import Segment
from service.decision_id import decision_id
from service.store.parquet_file import replace_content

NOTE: Final = "run.json"


class RunError(ValueError):
    """A run that cannot begin or go on as it is asked for."""


class Run(BaseModel):
    """One run; `versions` are of the models, `rules` of the journey, `source` tells the list of customers from others.

    A part has `part_rows` of them: it is a file, and what a process takes on at a time.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    at: datetime
    journey: str
    segment: Segment | None
    source: str
    customers: int
    part_rows: int
    rules: str
    versions: dict[str, str]

    @property
    def parts(self) -> range:
        """The numbers of its parts."""
        return range(-(-self.customers // self.part_rows))

    def decision_id(self, customer_id: str) -> str:
        """The id of the run's decision about a customer: always the same, and nobody's who does not know the run's.

        HMAC-SHA-256 of the customer under the run's id stands where other decisions have random bytes.
        """
        drawn = hmac.new(self.run_id.encode(), customer_id.encode(), hashlib.sha256).digest()
        return decision_id(int(self.at.timestamp() * 1000), drawn)

    @cached_property
    def asks_features(self) -> bool:
        """Whether the features say whom the run is for; who is ranked among all is in the list alone."""
        return self.segment is not None and not ranks_the_base(self.segment)

    def is_for(self, values: Values) -> bool:
        """Whether the run decides for a customer with these features."""
        return self.segment is None or not self.asks_features or belongs(self.segment, values)


def read_run(folder: Path) -> Run | None:
    """The run that was begun in a folder; None where none was. Raises `RunError` when its note cannot be read."""
    path = folder / NOTE
    if not path.is_file():
        return None
    try:
        return Run.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise RunError(f"{path} is no note of a run: {error}") from error


def write_run(folder: Path, run: Run) -> None:
    """Put the note down whole, or not at all."""
    replace_content(folder / NOTE, run.model_dump_json(indent=1).encode())
