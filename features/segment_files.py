"""Segments as an operator declares them: one YAML or JSON file each in a folder, and the edges of RFM scores beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from features.declared import DeclarationError, parse_declared
from features.membership import SegmentError, resolve
from features.rfm_score import EDGES_FILE, load_edges
from features.schema import Schema
from features.segment import Segment

_ENDINGS: Final = (".yaml", ".yml", ".json")


def load_segments(folder: Path, schema: Schema) -> dict[str, Segment]:
    """The segments of a folder by name, resolved; none where there is no folder.

    Raises: `DeclarationError` naming file, line and field, also for what the schema's features cannot tell of one customer.
    """
    segments: dict[str, Segment] = {}
    for path in sorted(path for path in folder.glob("*.*") if path.suffix in _ENDINGS):
        if path.name == EDGES_FILE:
            continue
        segment = parse_declared(Segment, path.read_text(encoding="utf-8"), str(path), {"schema": schema})
        if segment.name in segments:
            raise DeclarationError(f"{path}: segment {segment.name!r} is declared twice")
        segments[segment.name] = segment
    try:
        return resolve(segments, load_edges(folder / EDGES_FILE))
    except SegmentError as error:
        raise DeclarationError(f"{folder}: {error}") from error
