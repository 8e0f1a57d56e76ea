"""Where an export goes: a folder, or object storage, where a day's files are put once they are whole and its note last."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from pyarrow import fs

_OF_NOTES: Final = {"days": ("decisions", "rewards", "outcomes"), "event_days": ("events",)}
"""The folders of days' notes, and the tables that each tells of."""


class ExportPlace(Protocol):
    """An export that is open for writing."""

    @property
    def folder(self) -> Path:
        """Where the export writes, the notes of earlier runs in it."""
        ...

    def publish(self) -> None:
        """Put what was written where it belongs."""
        ...


class FolderPlace:
    """A folder: what is written there is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self) -> None:
        """Nothing is left to do."""


class RemotePlace:
    """Object storage, through a folder of this machine that holds a day's files until they are put there."""

    def __init__(self, remote: fs.FileSystem, folder: Path) -> None:
        self.folder = folder
        self._remote = remote
        self._notes: dict[Path, bytes] = {}
        for kind in _OF_NOTES:
            for info in remote.get_file_info(fs.FileSelector(kind, allow_not_found=True)):
                if info.base_name.endswith(".json"):
                    self._fetch(Path(kind) / info.base_name)

    def publish(self) -> None:
        """Put the files there, take away those that a rewritten day has no more, then put the notes."""
        written = [each.relative_to(self.folder) for each in self.folder.rglob("*") if each.is_file()]
        notes = [each for each in written if each.parts[0] in _OF_NOTES and self._is_new(each)]
        files = [each for each in written if each.parts[0] not in _OF_NOTES]
        for path in files:
            self._put(path)
        for note in notes:
            for table in _OF_NOTES[note.parts[0]]:
                path = Path(table) / f"day={note.stem}" / "part.parquet"
                if path not in files and self._remote.get_file_info(str(path)).type == fs.FileType.File:
                    self._remote.delete_file(str(path))
        for note in sorted(notes):
            self._put(note)
            self._notes[note] = (self.folder / note).read_bytes()
        for path in files:
            (self.folder / path).unlink()

    def _is_new(self, note: Path) -> bool:
        return self._notes.get(note) != (self.folder / note).read_bytes()

    def _fetch(self, note: Path) -> None:
        with self._remote.open_input_stream(str(note)) as file:
            self._notes[note] = file.read()
        here = self.folder / note
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_bytes(self._notes[note])

    def _put(self, path: Path) -> None:
        """An object appears when it is closed; only folders of a disk have to be made first."""
        if self._remote.base_fs.type_name == "local":
            self._remote.create_dir(str(path.parent), recursive=True)
        with (
            (self.folder / path).open("rb") as source,
            self._remote.open_output_stream(str(path)) as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)


@contextmanager
def open_place(address: str) -> Iterator[ExportPlace]:
    """A folder's path, or an address such as s3://BUCKET/PREFIX, which pyarrow opens with its own credentials.

    Raises: `OSError` or pyarrow's `ArrowInvalid` for an address that cannot be reached.
    """
    if "://" not in address:
        yield FolderPlace(Path(address))
        return
    base, path = fs.FileSystem.from_uri(address)
    with TemporaryDirectory(prefix="gardoon-export-") as name:
        yield RemotePlace(fs.SubTreeFileSystem(path, base), Path(name))
