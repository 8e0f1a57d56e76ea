"""RFM scores and groups: what they stand for in plain conditions, so that one customer online is scored as the base was.

A score from 1 to 5 is told by four edges e_1 ≤ ... ≤ e_4, the least values that a fifth to four fifths
of the base do not exceed:

    score(x) = 1 + |{k : x > e_k}|      for frequency and monetary value
    score(x) = 5 - |{k : x > e_k}|      for recency, where less is better

The base is everyone who ever ordered; others have no score and are in no group. Equal values have equal scores, so fifths
are of unequal size where many share a value, and a score between two equal edges is nobody's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from features.declared import DeclarationError, Declared
from features.segment import SCORES, AllOf, RfmGroup, RfmPart, RfmScore

EDGES_FILE: Final = "rfm_edges.json"
FEATURE: Final[dict[RfmPart, str]] = {
    "recency": "recency_days",
    "frequency": "orders_365d",
    "monetary": "spend_365d",
}
GROUPS: Final[dict[str, tuple[tuple[int, int], tuple[int, int]]]] = {
    "champions": ((5, 5), (4, 5)),
    "loyal": ((3, 4), (4, 5)),
    "potential_loyalists": ((4, 5), (2, 3)),
    "new": ((5, 5), (1, 1)),
    "promising": ((4, 4), (1, 1)),
    "need_attention": ((3, 3), (3, 3)),
    "about_to_sleep": ((3, 3), (1, 2)),
    "cannot_lose": ((1, 2), (5, 5)),
    "at_risk": ((1, 2), (3, 4)),
    "hibernating": ((1, 2), (1, 2)),
}
"""Lowest and highest score of recency and of frequency: the ten groups of the `seg_map` in general use in public notebooks.

Source: that convention; no paper stands behind it. Each pair of scores is in just one group, which is not so of the ranges
that the R package `rfm` shows, where the first that fits counts."""

Edges = tuple[float, float, float, float]
_Edges = Annotated[Edges, Field(description="20, 40, 60 and 80 in 100 of the base are not above these")]


class RfmEdges(Declared):
    """The edges of a base at a moment; `digest` is of all else, so what was changed by hand is noticed."""

    as_of: AwareDatetime
    n_customers: int = Field(gt=0)
    recency: _Edges
    frequency: _Edges
    monetary: _Edges
    digest: str = ""

    @classmethod
    def of(cls, as_of: datetime, values: dict[RfmPart, Sequence[float]]) -> RfmEdges:
        """The edges of these customers' values, a customer at the same place in each part. Raises: `ValueError` for none."""
        numbers = {part: sorted(values[part]) for part in FEATURE}
        n_customers = len(numbers["recency"])
        if n_customers == 0:
            raise ValueError("nobody ever ordered; wanted at least one customer to score by")
        edges = {part: tuple(_fifths(ascending)) for part, ascending in numbers.items()}
        found = cls.model_validate({"as_of": as_of, "n_customers": n_customers, **edges})
        return found.model_copy(update={"digest": found.content_digest()})

    def content_digest(self) -> str:
        """SHA-256 of everything but the digest."""
        content = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        for part in FEATURE:
            if list(self.of_part(part)) != sorted(self.of_part(part)):
                raise ValueError(f"the edges of {part} do not ascend: {self.of_part(part)}")
        return self

    def of_part(self, part: RfmPart) -> Edges:
        """The edges of one part."""
        return {"recency": self.recency, "frequency": self.frequency, "monetary": self.monetary}[part]

    def write(self, path: Path) -> None:
        """Writes them as JSON."""
        path.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")


def load_edges(path: Path) -> RfmEdges | None:
    """The edges in a file, None where there is none. Raises: `DeclarationError` for what is no edges or changed by hand."""
    if not path.is_file():
        return None
    try:
        edges = RfmEdges.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise DeclarationError(f"{path}: {error}") from error
    if edges.digest != edges.content_digest():
        raise DeclarationError(
            f"{path}: digest {edges.digest[:12]} is not that of its edges, {edges.content_digest()[:12]}; "
            "make it anew by `python -m training rfm-edges`"
        )
    return edges


def score_condition(condition: RfmScore, edges: RfmEdges) -> AllOf:
    """The scores asked for, as bounds on the feature."""
    scores = [score for score in SCORES if condition.holds(score)]
    return _between(condition.rfm, scores[0], scores[-1], edges)


def group_condition(condition: RfmGroup, edges: RfmEdges) -> AllOf:
    """The group as bounds on recency and frequency."""
    recency, frequency = GROUPS[condition.rfm_group]
    return AllOf(all=(_between("recency", *recency, edges), _between("frequency", *frequency, edges)))


def _between(part: RfmPart, lowest: int, highest: int, edges: RfmEdges) -> AllOf:
    """A score from `lowest` to `highest`: with c = |{k : x > e_k}|, c >= m is x > e_m and c <= m is x <= e_(m+1)."""
    least, most = (5 - highest, 5 - lowest) if part == "recency" else (lowest - 1, highest - 1)
    own = edges.of_part(part)
    bounds: dict[str, object] = {}
    if least > 0:
        bounds["more_than"] = own[least - 1]
    if most < len(own):
        bounds["at_most"] = own[most]
    ordered = {"feature": FEATURE["recency"], "known": True}
    asked = [ordered, {"feature": FEATURE[part], **bounds}] if bounds else [ordered]
    return AllOf.model_validate({"all": asked})


def _fifths(ascending: Sequence[float]) -> list[float]:
    """The least values that one to four fifths do not exceed, by whole numbers alone."""
    n = len(ascending)
    return [float(ascending[(n * k + 4) // 5 - 1]) for k in range(1, 5)]
