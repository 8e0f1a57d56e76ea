"""Stylesheets, scripts and pictures of pages: read once, sent as they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from starlette.responses import Response

from service.errors import UnknownEndpointError

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def static_file(folder: Path, name: str) -> Response:
    """The file of this name in the folder. Raises `UnknownEndpointError`."""
    found = _files(folder).get(name)
    if found is None:
        raise UnknownEndpointError(f"no file {name[:64]!r} among those of these pages")
    content, kind = found
    return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=3600"})


@cache
def _files(folder: Path) -> Mapping[str, tuple[bytes, str]]:
    """Every file and its type by name."""
    return {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in folder.iterdir()}
