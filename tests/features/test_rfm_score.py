"""RFM scores, groups and ranks: one customer is scored as the base was."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.backends.duckdb import Backend

from features.declared import DeclarationError
from features.membership import SegmentError, belongs, features_of, ranks_the_base, resolve
from features.rfm_score import EDGES_FILE, FEATURE, GROUPS, RfmEdges, load_edges
from features.schema import load_schema
from features.segment import GroupName, Segment
from features.segment_files import load_segments
from features.segment_table import belonging

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
SCHEMA = load_schema()
PARTS = tuple(FEATURE)
numbers = st.integers(0, 6).map(float) | st.floats(0, 1e9)
bases = st.lists(
    st.fixed_dictionaries(
        {"recency_days": numbers | st.just(math.nan), "orders_365d": numbers, "spend_365d": numbers}
    ),
    min_size=1,
    max_size=25,
).filter(lambda base: any(not math.isnan(each["recency_days"]) for each in base))


def edges_of(base: list[dict[str, float]]) -> RfmEdges:
    known = [each for each in base if not math.isnan(each["recency_days"])]
    return RfmEdges.of(AS_OF, {part: [each[FEATURE[part]] for each in known] for part in PARTS})


def segment_of(written: dict[str, Any], name: str = "some") -> Segment:
    context = {"schema": SCHEMA}
    return Segment.model_validate({"name": name, "description": "", "where": written}, context=context)


def resolved(written: dict[str, Any], edges: RfmEdges | None) -> Segment:
    return resolve({"some": segment_of(written)}, edges)["some"]


def score(part: str, customer: dict[str, float], edges: RfmEdges) -> int | None:
    """As the formula reads."""
    if math.isnan(customer["recency_days"]):
        return None
    above = sum(customer[FEATURE[part]] > edge for edge in getattr(edges, part))
    return 5 - above if part == "recency" else 1 + above


@settings(max_examples=40, deadline=None)
@given(bases, st.sampled_from(PARTS), st.sampled_from(["at_least", "at_most", "exactly"]), st.integers(1, 5))
def test_a_customer_alone_has_the_score_that_the_base_gives(
    backend: Backend, base: list[dict[str, float]], part: str, bound: str, asked: int
) -> None:
    edges = edges_of(base)
    segment = resolved({"rfm": part, bound: asked}, edges)
    table = ibis.memtable(pa.Table.from_pylist(base))

    of_table = backend.to_pyarrow(table.select(found=belonging(segment, table)))["found"].to_pylist()

    compare = {"at_least": int.__ge__, "at_most": int.__le__, "exactly": int.__eq__}[bound]
    scores = [score(part, each, edges) for each in base]
    assert of_table == [found is not None and compare(found, asked) for found in scores]
    assert of_table == [belongs(segment, each) for each in base]


@given(bases)
def test_who_ever_ordered_is_in_just_one_group(base: list[dict[str, float]]) -> None:
    groups = [resolved({"rfm_group": name}, edges_of(base)) for name in GROUPS]

    for customer in base:
        n_groups = sum(belongs(group, customer) for group in groups)

        assert n_groups == (0 if math.isnan(customer["recency_days"]) else 1)


def test_the_groups_share_out_all_pairs_of_scores() -> None:
    pairs = Counter(
        (recency, frequency)
        for (r_low, r_high), (f_low, f_high) in GROUPS.values()
        for recency in range(r_low, r_high + 1)
        for frequency in range(f_low, f_high + 1)
    )

    assert pairs == Counter({(r, f): 1 for r in range(1, 6) for f in range(1, 6)})
    assert set(GROUPS) == set(get_args(GroupName))


@pytest.mark.parametrize("n_customers", [1, 4, 5, 23, 1000])
def test_scores_are_fifths_of_a_base_without_equal_values(n_customers: int) -> None:
    base = [
        {"recency_days": 1.0 + n, "orders_365d": 2.0 * n, "spend_365d": 0.1 * n} for n in range(n_customers)
    ]
    edges = edges_of(base)

    for part in PARTS:
        sizes = Counter(score(part, each, edges) for each in base)
        assert all(abs(sizes[each] - n_customers / 5) < 1 for each in range(1, 6))
    assert score("recency", base[0], edges) == 5
    assert score("monetary", base[0], edges) == 1


def test_edges_come_back_from_their_file_and_a_change_by_hand_is_noticed(tmp_path: Path) -> None:
    edges = edges_of([{"recency_days": 0.1 + n, "orders_365d": n / 3, "spend_365d": 7.0} for n in range(9)])
    path = tmp_path / EDGES_FILE

    edges.write(path)
    assert load_edges(path) == edges

    changed = json.loads(path.read_text()) | {"n_customers": 10}
    path.write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(DeclarationError, match="is not that of its edges"):
        load_edges(path)


def test_rfm_without_edges_is_refused_at_load(tmp_path: Path) -> None:
    text = "name: best\ndescription: x\nwhere: {not: {rfm_group: champions}}\n"
    (tmp_path / "best.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(DeclarationError, match=r"segment best asks for RFM scores.*rfm_edges\.json"):
        load_segments(tmp_path, SCHEMA)

    edges_of([{"recency_days": 1.0, "orders_365d": 1.0, "spend_365d": 1.0}]).write(tmp_path / EDGES_FILE)
    assert features_of(load_segments(tmp_path, SCHEMA)["best"]) == ("recency_days", "orders_365d")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"rfm": "monetary"}, "wanted a bound"),
        ({"rfm": "monetary", "at_least": 6}, "that a score from 1 to 5 meets"),
        ({"rfm": "monetary", "exactly": 2.5}, "that a score from 1 to 5 meets"),
        ({"rfm": "value", "at_least": 4}, "'recency', 'frequency' or 'monetary'"),
        ({"rfm_group": "whales"}, "'champions'"),
        ({"top": 0, "by": "spend_365d"}, "greater than 0"),
        ({"top": 10, "by": "time_zone"}, "time_zone is a string"),
        ({"top": 10, "by": "spend"}, "no feature 'spend'; did you mean spend_"),
    ],
)
def test_what_no_customer_could_meet_is_refused(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segment_of(written)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([None, math.nan, math.inf, -0.0]) | st.integers(-2, 2).map(float), max_size=12),
    st.integers(1, 5),
)
def test_a_rank_is_that_of_the_sorted_base(backend: Backend, spends: list[float | None], top: int) -> None:
    ids = [f"c{number:02d}" for number in reversed(range(len(spends)))]
    columns = {"customer_id": pa.array(ids, pa.string()), "spend_365d": pa.array(spends, pa.float64())}
    table = ibis.memtable(pa.table(columns))
    first, rest = segment_of({"top": top, "by": "spend_365d"}), {"not": {"top": top, "by": "spend_365d"}}

    told = table.select("customer_id", first=belonging(first, table), rest=belonging(segment_of(rest), table))
    found = backend.to_pyarrow(told).to_pylist()

    known = [(-spend, name) for name, spend in zip(ids, spends, strict=True) if spend is not None]
    wanted = {name for _, name in sorted(pair for pair in known if not math.isnan(pair[0]))[:top]}
    assert {row["customer_id"] for row in found if row["first"]} == wanted
    assert all(row["rest"] is not row["first"] for row in found)


def test_a_rank_is_not_told_of_one_customer() -> None:
    segment = resolved(
        {
            "any": [
                {"count": "orders", "within_days": 7, "at_least": 1},
                {"not": {"top": 1, "by": "spend_7d"}},
            ]
        },
        None,
    )

    assert ranks_the_base(segment)
    assert not ranks_the_base(segment_of({"count": "orders", "within_days": 7, "at_least": 1}))
    with pytest.raises(SegmentError, match="ranks the whole base"):
        belongs(segment, {"orders_7d": 0.0, "spend_7d": 1.0})
