"""The segments that slices of a judgement name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands.options import SEGMENTS

if TYPE_CHECKING:
    from training.evaluation.round_segments import RoundSegments


def slice_segments(slices: Sequence[str], points: Path) -> RoundSegments | None:
    """The segments that the slices name, None if they name none. Raises: `EvaluationError`."""
    from features.declared import DeclarationError
    from features.schema import load_schema
    from features.segment_files import load_segments
    from training.evaluation.errors import EvaluationError
    from training.evaluation.round_segments import RoundSegments
    from training.evaluation.slices import segments_of

    names, schema = segments_of(slices), load_schema()
    if not names:
        return None
    try:
        return RoundSegments.named(names, load_segments(points / SEGMENTS, schema), schema)
    except DeclarationError as error:
        raise EvaluationError(str(error)) from error
