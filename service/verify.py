"""Re-enacts logged decisions: decides again from what is stored and compares to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Engine, select

from features.encoding import FeatureVector
from features.schema import Schema
from models.artifact import Artifact
from service.coupons.key import CouponKey, CouponKeyError
from service.course import Facts, Rules
from service.decider import decide
from service.decision_point import DecisionPoint
from service.model_set import CHAMPIONS, ModelSet, stored_schema
from service.record import DecisionRecord
from service.store.erasure import is_erased
from service.store.tables import decisions, erasures


@dataclass
class Verification:
    """How many decisions were made again, and which came out otherwise, with the first difference.

    erased: how many could not be, because their customer was forgotten.
    """

    reenacted: int = 0
    erased: int = 0
    differing: list[tuple[str, str]] = field(default_factory=list)


class Reenactor:
    """Decides logged decisions again with the artifacts that their records name, fetched by `load`."""

    def __init__(
        self,
        *,
        load: Callable[[str], Artifact],
        build: Callable[[dict[str, str], Schema], ModelSet],
        find_coupon_key: Callable[[str], CouponKey | None],
    ) -> None:
        self._load = lru_cache(maxsize=64)(load)
        self._build = build
        self._models = lru_cache(maxsize=16)(self._build_models)
        self._find_coupon_key = find_coupon_key

    def reenact(self, record: DecisionRecord) -> DecisionRecord:
        """The record as deciding again makes it.

        Raises: `ArtifactError` or `CouponKeyError` when something it names is gone or altered.
        """
        names = ("features", *CHAMPIONS, "snapshot")
        models = self._models(tuple((name, record.versions[name]) for name in names))
        version = record.versions["journey"]
        point = DecisionPoint.from_artifact(self._load(version))
        key = self._coupon_key(record.versions["coupon_key"])
        rules = Rules(point, version, record.shop.time_zone, record.shop.currency, key)
        strings = {"time_zone": record.time_zone}
        features = FeatureVector(record.feature_values(), strings, record.degraded)
        facts = Facts(
            record.decision_id, record.decided_at, record.request, features, record.standing, record.late
        )
        return decide(facts, models, rules)

    def _coupon_key(self, key_id: str) -> CouponKey:
        key = self._find_coupon_key(key_id)
        if key is None:
            raise CouponKeyError(f"coupon key {key_id} is not in the file of the keys")
        return key

    def _build_models(self, versions: tuple[tuple[str, str], ...]) -> ModelSet:
        """The models as they were, on the features as they were declared then."""
        named = dict(versions)
        return self._build(named, stored_schema(self._load(named["features"])))


def verify(engine: Engine, reenactor: Reenactor) -> Verification:
    """The result of re-enacting every decision in the log, oldest first."""
    found = Verification()
    with engine.connect() as connection:
        pseudonyms = set(connection.scalars(select(erasures.c.pseudonym)))
    for decision_id, content in _contents(engine):
        record = DecisionRecord.of_stored(content)
        if is_erased(record, pseudonyms):
            found.erased += 1
            continue
        found.reenacted += 1
        try:
            again = reenactor.reenact(record)
        except (ValueError, LookupError) as error:
            found.differing.append((decision_id, f"cannot be made again: {error}"))
            continue
        difference = first_difference(record, again)
        if difference:
            found.differing.append((decision_id, difference))
    return found


def _contents(engine: Engine) -> Iterator[tuple[str, bytes]]:
    query = select(decisions.c.decision_id, decisions.c.record).order_by(decisions.c.decision_id)
    with engine.connect().execution_options(stream_results=True) as connection:
        for row in connection.execute(query).yield_per(1000):
            yield row.decision_id, row.record


def first_difference(logged: DecisionRecord, again: DecisionRecord) -> str | None:
    """The first field in which two records differ, with both values; None when they are equal to the byte."""
    if logged.to_json() == again.to_json():
        return None
    for name in DecisionRecord.__struct_fields__:
        before, after = getattr(logged, name), getattr(again, name)
        if before != after:
            return f"{name}: logged {before!r}, now {after!r}"
    return "the records differ only in how they are written"
