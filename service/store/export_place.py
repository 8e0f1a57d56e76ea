"""Where an export goes: a folder, or object storage, where a day's files are put once they are whole and its note last."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import pyarrow as pa
from pyarrow import fs

_OF_NOTES: Final = {"days": ("decisions", "rewards", "outcomes"), "event_days": ("events",)}
"""The folders of days' notes, and the tables that each tells of."""
_AT_ONCE: Final = 1 << 20


class ExportPlace(Protocol):
    """An export that is open for writing."""

    @property
    def folder(self) -> Path:
        """Where the export is written, the notes of earlier runs in it."""
        ...

    def fetch(self) -> None:
        """Have all of the export in the folder."""
        ...

    def publish(self) -> None:
        """Put what was written where it belongs."""
        ...


class FolderPlace:
    """A folder: what is written there is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self) -> None:
        """It is there."""

    def publish(self) -> None:
        """Nothing is left to do."""


class RemotePlace:
    """Object storage, through a folder of this machine that holds a day's files until they are put there."""

    def __init__(self, remote: fs.FileSystem, folder: Path) -> None:
        self.folder = folder
        self._remote = remote
        self._here: dict[Path, int] = {}
        """The files that are here as they are there, with the time at which each was written here."""
        for kind in _OF_NOTES:
            self._fetch_below(kind)
        top = self._remote.get_file_info(fs.FileSelector("", allow_not_found=True))
        self._fetch([info for info in top if info.extension == "json"])

    def fetch(self) -> None:
        """Bring the files here, too."""
        self._fetch_below("")

    def publish(self) -> None:
        """Put the files there that were written, take away those that are no more, then put the notes."""
        written = [path for path in _files(self.folder) if self._here.get(path) != self._written_at(path)]
        notes = [path for path in written if path.parts[0] in _OF_NOTES]
        files = [path for path in written if path.parts[0] not in _OF_NOTES]
        for path in files:
            self._put(path)
        of_days = {
            Path(table) / f"day={note.stem}" / "part.parquet"
            for note in notes
            for table in _OF_NOTES[note.parts[0]]
        }
        for path in of_days | self._here.keys():
            if not (self.folder / path).is_file():
                self._remove(path)
        for note in sorted(notes):
            self._put(note)
        for path in files:  # which would fill this machine's disk
            (self.folder / path).unlink()
            del self._here[path]

    def _fetch_below(self, part: str) -> None:
        self._fetch(self._remote.get_file_info(fs.FileSelector(part, allow_not_found=True, recursive=True)))

    def _fetch(self, infos: Iterable[fs.FileInfo]) -> None:
        for info in infos:
            path = Path(info.path)
            if info.type == fs.FileType.File and path not in self._here:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                with (
                    self._remote.open_input_stream(info.path) as source,
                    (self.folder / path).open("wb") as target,
                ):
                    shutil.copyfileobj(source, target, _AT_ONCE)
                self._here[path] = self._written_at(path)

    def _written_at(self, path: Path) -> int:
        return (self.folder / path).stat().st_mtime_ns

    def _remove(self, path: Path) -> None:
        if self._remote.get_file_info(str(path)).type == fs.FileType.File:
            self._remote.delete_file(str(path))
        self._here.pop(path, None)

    def _put(self, path: Path) -> None:
        """An object appears when it is closed; only folders of a disk have to be made first."""
        if self._remote.base_fs.type_name == "local":
            self._remote.create_dir(str(path.parent), recursive=True)
        with (
            (self.folder / path).open("rb") as source,
            self._remote.open_output_stream(str(path)) as target,
        ):
            shutil.copyfileobj(source, target, _AT_ONCE)
        self._here[path] = self._written_at(path)


def _files(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]


@contextmanager
def open_place(address: str) -> Iterator[ExportPlace]:
    """A folder's path, or an address such as s3://BUCKET/PREFIX, which pyarrow opens with its own credentials.

    Raises: `OSError` for an address that cannot be reached.
    """
    if "://" not in address:
        yield FolderPlace(Path(address))
        return
    try:
        base, path = fs.FileSystem.from_uri(address)
    except pa.ArrowInvalid as error:
        raise OSError(str(error)) from error
    with TemporaryDirectory(prefix="gardoon-export-") as name:
        yield RemotePlace(fs.SubTreeFileSystem(path, base), Path(name))
