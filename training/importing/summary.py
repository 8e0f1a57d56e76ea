"""What an import did, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.importing.dataset import DatasetManifest
from training.importing.rejects import REJECTS_FILE, RowCount


def print_summary(folder: Path, manifest: DatasetManifest, counts: Mapping[str, RowCount]) -> None:
    """Nothing; prints the rows read, accepted and rejected by reason, and the rows stored of each table."""
    console = Console()
    read = Table("read as", "rows", "accepted", "rejected", "reasons")
    for table, count in counts.items():
        reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in count.rejected.items())
        read.add_row(table, f"{count.read:,}", f"{count.accepted:,}", f"{count.rejected_total:,}", reasons)
    console.print(read)
    stored = ", ".join(f"{rows:,} {table}" for table, rows in manifest.tables.items() if rows)
    console.print(f"{folder}: {stored}; ends at {manifest.ends_at}", soft_wrap=True)
    for note in manifest.notes:
        console.print(f"note: {note}", soft_wrap=True)
    if manifest.rejected:
        console.print(f"rejected rows with line and reason: {folder / REJECTS_FILE}", soft_wrap=True)
