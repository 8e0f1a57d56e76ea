"""An export whose days were read at different moments, and one whose files are not what they should be."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.training.evaluation.generated_log import write_export
from training.evaluation.decision_source import Selection, spool_decisions
from training.evaluation.errors import LogError
from training.evaluation.log_export import LogExport
from training.evaluation.round_labels import microseconds
from training.evaluation.round_spool import SpooledLog
from training.evaluation.round_window import count_rounds

FIRST = datetime.fromtimestamp(1_700_000_000, UTC)
"""When the first of the generated rounds was decided; the others follow a second apart, with windows of 48 hours."""
N_ROUNDS = 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_export(tmp_path / "export", N_ROUNDS)
    return tmp_path / "export"


def change(folder: Path, **told: object) -> None:
    (note,) = (folder / "days").iterdir()
    note.write_text(json.dumps(json.loads(note.read_text()) | told))


def spooled(folder: Path, into: Path) -> SpooledLog:
    return spool_decisions(LogExport.open(folder), Selection(decision="channel"), into)


def test_of_a_day_that_was_still_open_only_what_had_closed_by_then_counts(folder, tmp_path):
    looked = FIRST + timedelta(hours=48, seconds=30)
    change(folder, closed=False, scanned_until=looked.isoformat())

    found = spooled(folder, tmp_path)

    assert count_rounds(found.rounds) == 30
    assert found.n_left_out == {"with the reward window perhaps still open": 20}
    assert found.closed_until_us == microseconds(FIRST + timedelta(seconds=30))


def test_an_open_day_is_not_taken_for_closed_because_another_was_read_later(folder, tmp_path):
    change(folder, closed=False, scanned_until=(FIRST + timedelta(hours=48, seconds=30)).isoformat())
    later = {"day": "2023-11-15", "closed": False, "rows": {}, "scanned_until": "2023-12-01T00:00+00:00"}
    (folder / "days" / "2023-11-15.json").write_text(json.dumps(later))

    found = spooled(folder, tmp_path)

    assert count_rounds(found.rounds) == 30


def test_a_closed_day_stays_closed_however_long_ago_it_was_read(folder, tmp_path):
    found = spooled(folder, tmp_path)

    assert count_rounds(found.rounds) == N_ROUNDS
    assert found.closed_until_us == microseconds(datetime(2023, 11, 15, tzinfo=UTC))  # all that was exported


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("days/2023-11-14.json", "{", "2023-11-14.json cannot be read"),
        ("days/2023-11-14.json", '{"day": "2023-11-14"}', "an old one.*export into an empty folder"),
        ("decisions/day=2023-11-14/part.parquet", "not Parquet", "part.parquet cannot be read"),
        ("rules/r1.json", "[1]", "r1.json cannot be read"),
        ("rules/r1.json", '{"channel": {}}', "the rules r1 cannot be read: KeyError"),
    ],
)
def test_a_file_that_cannot_be_what_it_should_is_named(file, content, message, folder, tmp_path):
    (folder / file).write_text(content)

    with pytest.raises(LogError, match=message):
        spooled(folder, tmp_path)


def test_a_day_without_rewards_has_none_and_is_not_an_error(folder, tmp_path):
    shutil.rmtree(folder / "rewards")
    change(folder, rows={"decisions": N_ROUNDS, "rewards": 0, "outcomes": 0})

    with pytest.raises(ValueError, match="'without a reward from the learner': 50"):
        spooled(folder, tmp_path)
