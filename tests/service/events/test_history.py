"""History from a file: each line once, also after the run was cut off anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from typer.testing import CliRunner

from service.cli import app
from service.events import history
from service.events.history import HistoryError, read_history
from service.events.plan import load_plan
from service.store.tables import events, events_aside
from tests.service.conftest import NOW
from tests.service.events.test_event_routes import track

PLAN = load_plan()


class CutOffError(Exception):
    """The process is ended."""


def write(path: Path, n_lines: int) -> Path:
    lines = [
        track(f"m{n}", timestamp="2025-03-01T08:00:00Z", sentAt="2025-03-01T08:00:09Z")
        for n in range(n_lines)
    ]
    for line in lines[::3]:
        del line["messageId"]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text + "no JSON\n\n", encoding="utf-8")
    return path


def take(engine: Engine, path: Path) -> history.Progress | None:
    done = None
    for done in read_history(engine, path, path.with_suffix(".note"), plan=PLAN, clock=lambda: NOW):  # noqa: B007
        pass
    return done


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(events)).all())


@contextmanager
def ended_at_commit(engine: Engine, number: int) -> Iterator[None]:
    """The process ends in place of this commit."""
    left = [number]

    def count(_connection: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise CutOffError

    event.listen(engine, "commit", count)
    try:
        with pytest.raises(CutOffError):
            yield
    finally:
        event.remove(engine, "commit", count)


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(engine: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "history.ndjson", 2500)

    with ended_at_commit(engine, 2):
        take(engine, path)
    begun = len(rows(engine))
    done = take(engine, path)

    assert begun == 1000
    assert done is not None
    assert (done.lines, done.taken, done.known, done.kept_aside) == (2502, 2500, 0, 1)
    found = rows(engine)
    assert len(found) == 2500
    assert {row.occurred_at for row in found} == {1_740_816_000_000_000}
    with engine.connect() as connection:
        assert json.loads(connection.execute(select(events_aside)).one().content)["message"] == "no JSON\n"
    assert take(engine, path) is None


def test_what_was_committed_and_not_noted_is_known(engine: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "history.ndjson", 1200)
    take(engine, path)
    path.with_suffix(".note").unlink()

    again = take(engine, path)

    assert again is not None
    assert (again.taken, again.known, len(rows(engine))) == (0, 1200, 1200)


def test_lines_appended_later_are_taken_in_and_another_file_of_the_name_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    path = write(tmp_path / "history.ndjson", 10)
    take(engine, path)

    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(track("later", timestamp="2025-03-02T08:00:00Z")) + "\n")
    more = take(engine, path)
    path.write_text(path.read_text(encoding="utf-8").replace("m1", "other"), encoding="utf-8")

    assert more is not None
    assert more.taken == 11
    with pytest.raises(HistoryError, match="is not the file that"):
        take(engine, path)


def test_the_command_tells_what_became_of_the_lines_or_which_has_no_time(
    log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    good, bad = write(tmp_path / "history.ndjson", 20), tmp_path / "bad.ndjson"
    bad.write_text(json.dumps(track("m1")) + "\n", encoding="utf-8")

    done, again, refused = (
        CliRunner().invoke(app, ["events", "import", str(path)]) for path in (good, good, bad)
    )

    assert "22 lines: 20 taken in, 0 known already, 1 kept aside" in done.output
    assert "nothing new in history.ndjson" in again.output
    assert refused.exit_code == 2
    assert "line 1 has no timestamp" in refused.output
