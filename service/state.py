"""Every long-lived thing of a worker, built by the lifespan and read by the routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Engine

from features.encoding import FeatureVector, encode
from features.schema import Schema
from features.segment import Segment
from service.access.access import Access
from service.company import UnderWay
from service.complements.feed import ComplementsFeed
from service.coupons.key_ring import CouponKeys
from service.course import Rules
from service.customer_turn import CustomerTurns
from service.errors import UnknownJourneyError
from service.events.plan import TrackingPlan, load_plan
from service.keys_in_use import KeysInUse
from service.model_feed import ModelFeed
from service.observability import Metrics
from service.personalizer.model_store import RankModels
from service.settings import Settings
from service.side_by_side import SideBySide
from service.steady_reader import PATIENCE_SECONDS, SteadyReader
from service.store.decision_log import DecisionLog
from service.store.event_intake import EventIntake
from service.store.standing_reads import StandingReads


@dataclass(frozen=True)
class State:
    """What a request needs."""

    settings: Settings
    schema: Schema
    engine: Engine
    reader: SteadyReader
    feed: ModelFeed
    log: DecisionLog
    access: Access
    rules: dict[str, Rules]
    segments: dict[str, Segment]
    """Those declared, by name, those too that no journey is for."""
    coupon_keys: CouponKeys
    metrics: Metrics
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]
    plan: TrackingPlan = field(default_factory=load_plan)
    keys: KeysInUse = field(default_factory=KeysInUse)
    turns: CustomerTurns = field(default_factory=CustomerTurns)
    side_by_side: SideBySide = field(default_factory=SideBySide)
    under_way: UnderWay = field(default_factory=UnderWay)

    @cached_property
    def complements(self) -> ComplementsFeed:
        """What goes with a cart."""
        return ComplementsFeed(engine=self.engine, poll_seconds=self.settings.poll_seconds)

    @cached_property
    def standings(self) -> StandingReads:
        """What reads customers' standings."""
        return StandingReads(self.engine, seconds=self.metrics.standing_seconds, company=self.under_way)

    @cached_property
    def intake(self) -> EventIntake:
        """What takes in events."""
        return EventIntake(self.engine, seconds=self.metrics.event_flush_seconds)

    @cached_property
    def rank_models(self) -> RankModels:
        """The models of the Personalizer routes."""
        settings = self.settings
        poll = timedelta(seconds=settings.poll_seconds)
        return RankModels(self.engine, settings.rank_exploration, poll, self.clock)

    async def features_of(
        self, customer_id: str, now: datetime, within: float = PATIENCE_SECONDS
    ) -> FeatureVector:
        """The customer's features as of now, defaults standing in for what is not known within these seconds."""
        return encode(await self.reader.read(customer_id, within), now=now, schema=self.schema)

    def rules_of(self, journey: str) -> Rules:
        """The rules of a journey, with the coupon key of now. Raises `UnknownJourneyError` naming those there are."""
        rules = self.rules.get(journey)
        if rules is None:
            raise UnknownJourneyError(f"no journey {journey!r}; there are {sorted(self.rules)}")
        key = self.coupon_keys.current
        if rules.coupon_key is not key:
            rules = self.rules[journey] = replace(rules, coupon_key=key)
        return rules
