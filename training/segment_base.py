"""Who of a whole base belongs to which segment: sizes, lists and overlaps, at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv
from ibis.backends import BaseBackend

from features.bulk import latest_as_of
from features.definitions import view_rows
from features.engine import Engine, duckdb_backend, duckdb_engine
from features.history import as_of_table
from features.membership import SegmentError
from features.offline import SHOP_TIME_ZONE, open_sources, write_parquet
from features.rfm_score import FEATURE, RfmEdges
from features.schema import JOIN_KEY, load_schema
from features.segment import Segment
from features.segment_table import belonging, customer_table

LISTS: Final = (".csv", ".parquet")
LIST_SCHEMA: Final = pa.schema([(JOIN_KEY, pa.string())])
Views = Callable[[BaseBackend], Mapping[str, ir.Table]]
"""Each view's rows by name, one a customer at most, on a backend."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Two segments' customers: of the one, of the other, of both."""

    one: str
    other: str
    n_one: int
    n_other: int
    n_both: int

    @property
    def jaccard(self) -> float | None:
        """|A ∩ B| / |A ∪ B|; None where neither has a customer."""
        either = self.n_one + self.n_other - self.n_both
        return self.n_both / either if either else None


@dataclass(frozen=True)
class SegmentBase:
    """A base and its memberships: `table` has `customer_id` and a truth for each segment's name."""

    engine: Engine
    table: ir.Table
    names: tuple[str, ...]

    def count(self) -> int:
        """The number of customers."""
        return int(self.engine.backend.to_pyarrow(self.table.count()).as_py())

    def sizes(self) -> dict[str, int]:
        """The number of customers of each segment."""
        return self._count({name: self.table[name] for name in self.names})

    def overlaps(self, names: Sequence[str]) -> list[Overlap]:
        """Each pair of these segments, in the order given. Raises: `SegmentError` for one that is not there."""
        for name in names:
            self._refuse_unknown(name)
        sizes, pairs = self.sizes(), list(combinations(names, 2))
        both = self._count({f"{one} {other}": self.table[one] & self.table[other] for one, other in pairs})
        return [
            Overlap(
                one=one,
                other=other,
                n_one=sizes[one],
                n_other=sizes[other],
                n_both=both[f"{one} {other}"],
            )
            for one, other in pairs
        ]

    def first(self, name: str, n: int) -> list[str]:
        """The first customers of a segment, by `customer_id`. Raises: `SegmentError`."""
        found = self.engine.backend.to_pyarrow(self._audience(name).limit(n))
        return [str(customer_id) for customer_id in found[JOIN_KEY].to_pylist()]

    def write_list(self, name: str, path: Path) -> None:
        """Writes who belongs to a segment, ascending, as a file of one column `customer_id`; nothing half-written stays.

        Raises: `SegmentError` for a segment that is not there or a file that is neither .csv nor .parquet.
        """
        if path.suffix not in LISTS:
            raise SegmentError(f"{path} ends in {path.suffix or 'nothing'}; wanted one of {', '.join(LISTS)}")
        write = write_csv if path.suffix == ".csv" else write_parquet
        write(self.engine.batches(self._audience(name)), LIST_SCHEMA, path)

    def _audience(self, name: str) -> ir.Table:
        self._refuse_unknown(name)
        return self.table.filter(self.table[name]).select(JOIN_KEY).order_by(JOIN_KEY)

    def _refuse_unknown(self, name: str) -> None:
        if name not in self.names:
            raise SegmentError(f"no segment {name!r}; there are {sorted(self.names)}")

    def _count(self, truths: Mapping[str, ir.BooleanValue]) -> dict[str, int]:
        if not truths:
            return {}
        counts = self.table.aggregate(**{name: truth.sum().fill_null(0) for name, truth in truths.items()})
        row = self.engine.backend.to_pyarrow(counts).to_pylist()[0]
        return {name: int(count) for name, count in row.items()}


def write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """Writes a CSV file of these columns, which appears when it is complete."""
    partial = path.with_name(f"{path.name}.partial")
    with pa.csv.CSVWriter(partial, schema) as file:
        for batch in batches:
            file.write_table(pa.Table.from_batches([batch]).cast(schema))
    partial.replace(path)


@contextmanager
def open_base(
    views: Views, segments: Mapping[str, Segment], *, engine: AbstractContextManager[Engine] | None = None
) -> Iterator[SegmentBase]:
    """The memberships of every customer of the views in these resolved segments, worked out once; on DuckDB unless told.

    Raises: `SegmentError` for a segment that a table cannot tell, `EngineError`.
    """
    with engine or duckdb_engine() as opened:
        customers = customer_table(views(opened.backend), load_schema())
        told = {name: belonging(segment, customers) for name, segment in segments.items()}
        with opened.kept(customers.select(JOIN_KEY, **told)) as memberships:
            yield SegmentBase(opened, memberships, tuple(segments))


def rfm_edges(views: Views, as_of: datetime) -> RfmEdges:
    """The edges of RFM scores over everyone in the views who ever ordered. Raises: `SegmentError` where nobody did."""
    with duckdb_backend() as backend:
        customers = customer_table(views(backend), load_schema())
        ordered = customers.filter(~customers[FEATURE["recency"]].isnan())
        found = backend.to_pyarrow(ordered.select(**{part: ordered[name] for part, name in FEATURE.items()}))
    try:
        return RfmEdges.of(as_of, {part: found[part].to_pylist() for part in FEATURE})
    except ValueError as error:
        raise SegmentError(str(error)) from error


def snapshot_views(snapshots: Path, as_of: datetime) -> Views:
    """The rows of the snapshot files at a moment. Raises, when read: `SegmentError` where they hold none."""

    def views(backend: BaseBackend) -> Mapping[str, ir.Table]:
        found = {}
        for view in load_schema().views:
            path = snapshots / f"{view.name}.parquet"
            if not path.is_file():
                raise SegmentError(
                    f"{path} is missing; wanted the snapshots of `python -m training features`"
                )
            rows = backend.read_parquet(path)
            found[view.name] = rows.filter(rows.event_timestamp == ibis.literal(as_of.astimezone(UTC)))
        return found

    return views


def computed_views(dataset: Path, as_of: datetime, *, shop_time_zone: str = SHOP_TIME_ZONE) -> Views:
    """The rows at any moment, worked out from a data set's tables. Raises, when read: `FileNotFoundError`."""

    def views(backend: BaseBackend) -> Mapping[str, ir.Table]:
        sources = open_sources(backend, dataset, shop_time_zone=shop_time_zone)
        times = as_of_table([as_of])
        return {view.name: view_rows(view, sources, times) for view in load_schema().views}

    return views


def newest_snapshot(snapshots: Path) -> datetime:
    """The moment that the newest snapshot speaks of. Raises: `SegmentError` where there is none."""
    try:
        return latest_as_of(snapshots)
    except FileNotFoundError as error:
        raise SegmentError(
            f"{snapshots} holds no snapshots; run `python -m training features` first"
        ) from error
