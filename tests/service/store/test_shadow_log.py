"""What challengers said, on both databases: each word once, and a mark of how far they have looked."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select

from service.decision_id import decision_id
from service.store.engine import microseconds, open_log
from service.store.shadow_log import ShadowScore, begin, put_shadow_scores, records_after, seen_until
from service.store.tables import decisions, shadow_scores
from tests.service.conftest import NOW

KEY = ("channel_policy", "0123456789abcdef")


def row(seconds: float) -> dict[str, object]:
    """A decision made that long after NOW."""
    at = microseconds(NOW + timedelta(seconds=seconds))
    return {
        "decision_id": decision_id(at // 1000, bytes([1] * 10)),
        "decided_at": at,
        "effective_at": at,
        "customer_id": "c1",
        "journey": "lucky_wheel",
        "status": "act",
        "group_name": "decisioning",
        "record": b"{}",
    }


def test_a_challenger_begins_now_and_moves_on_with_what_it_said(log_url: str) -> None:
    engine = open_log(log_url)
    rows = [row(seconds) for seconds in (-1, 0.5, 1, 2, 3)]
    with engine.begin() as connection:
        connection.execute(insert(decisions), rows)
        unseen = seen_until(connection, KEY)
    for moment in (NOW, NOW + timedelta(hours=1)):  # beginning again changes nothing
        begin(engine, KEY, moment)

    with engine.connect() as connection:
        after = seen_until(connection, KEY)
        assert after is not None
        found = records_after(connection, after, before=NOW + timedelta(seconds=3), limit=2)
    for score in (0.25, 0.75):  # saying it again changes nothing
        put_shadow_scores(engine, KEY, [ShadowScore(found[0][0], score, 0.5)], until=found[-1][0])

    assert unseen is None
    assert [identity for identity, _ in found] == [rows[1]["decision_id"], rows[2]["decision_id"]]
    with engine.connect() as connection:
        assert connection.execute(select(shadow_scores.c.score, shadow_scores.c.agreement)).all() == [
            (0.25, 0.5)
        ]
        after = seen_until(connection, KEY)
        assert after == rows[2]["decision_id"]
        rest = records_after(connection, after, before=NOW + timedelta(seconds=3), limit=9)
    assert [identity for identity, _ in rest] == [rows[3]["decision_id"]]
    engine.dispose()
