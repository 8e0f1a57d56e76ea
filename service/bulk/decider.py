"""Deciding for many customers at once: what single decisions read one by one is read together; they are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from pydantic_core import from_json
from sqlalchemy import Engine, bindparam, select
from sqlalchemy.exc import IntegrityError

from features.encoding import encode
from features.membership import values_of
from features.schema import Schema
from models.packing import unpack
from service.bulk.run import Run
from service.course import Facts, Rules
from service.decider import Asked, decide, decide_side_by_side
from service.deciding import standing_query
from service.errors import BusyCustomerError
from service.model_set import ModelSet
from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.side_by_side import MOST
from service.standing import Standing
from service.steady_reader import StoreReader
from service.store.deadlock import unless_deadlocked
from service.store.decision_commit import Entry, commit_within
from service.store.standing_rows import read_standings
from service.store.tables import decisions

CHUNK: Final = 1_000
"""Customers whose decisions share a commit."""
ATTEMPTS: Final = 20
_DECIDED = select(decisions.c.decision_id, decisions.c.record).where(
    decisions.c.decision_id.in_(bindparam("decision_ids", expanding=True))
)


@dataclass(frozen=True, kw_only=True)
class BulkDecider:
    """What one process of a run decides with. `find_rules` gives the journey's, with the coupon key of now."""

    run: Run
    schema: Schema
    engine: Engine
    reader: StoreReader
    models: ModelSet
    find_rules: Callable[[], Rules]

    def decide(self, customer_ids: Sequence[str]) -> list[str]:
        """The answers of those customers that the run is for, in order, their decisions logged.

        Who was decided about before has that answer. What another decision took first is decided again from what is left.
        Raises: `BusyCustomerError` when others come first again and again.
        """
        answers: dict[str, str] = {}
        for start in range(0, len(customer_ids), CHUNK):
            answers |= self._decide_chunk(customer_ids[start : start + CHUNK])
        return [answers[each] for each in customer_ids if each in answers]

    def _decide_chunk(self, customer_ids: Sequence[str]) -> dict[str, str]:
        answers = self._decided(customer_ids)
        facts = self._facts([each for each in customer_ids if each not in answers])
        for _ in range(ATTEMPTS):
            records = self._records(facts)
            left = self._log(records, answers)
            facts = {customer_id: facts[customer_id] for customer_id in left}
            if not facts:
                return answers
        raise BusyCustomerError(
            f"{ATTEMPTS} decisions about {len(facts)} customers or this budget came first"
        )

    def _decided(self, customer_ids: Iterable[str]) -> dict[str, str]:
        """The answers that the log has of this run, by customer."""
        customers = {self.run.decision_id(each): each for each in customer_ids}
        with self.engine.connect() as connection:
            rows = connection.execute(_DECIDED, {"decision_ids": list(customers)})
            return {customers[row.decision_id]: from_json(unpack(row.record))["answer"] for row in rows}

    def _facts(self, customer_ids: Sequence[str]) -> dict[str, Facts]:
        """What is known of each customer whom the run is for, but for the standing."""
        known = {}
        for stored in self.reader.read_many(customer_ids):
            customer_id = stored.customer_id
            vector = encode(stored, now=self.run.at, schema=self.schema)
            if not self.run.asks_features or self.run.is_for(values_of(vector, self.schema)):
                request = DecideRequest(customer_id=customer_id, journey=self.run.journey)
                known[customer_id] = Facts(self.run.decision_id(customer_id), self.run.at, request, vector)
        return known

    def _records(self, facts: Mapping[str, Facts]) -> list[DecisionRecord]:
        """The decisions, each from its customer's standing and from what those before it leave of the budget."""
        rules = self.find_rules()
        standings = self._standings(facts, rules)
        known = [replace(each, standing=at) for each, at in zip(facts.values(), standings, strict=True)]
        return self._one_after_another(known, rules) if rules.limits_a_day else self._together(known, rules)

    def _together(self, facts: Sequence[Facts], rules: Rules) -> list[DecisionRecord]:
        records: list[DecisionRecord] = []
        for start in range(0, len(facts), MOST):
            asked = [Asked(each, self.models, rules) for each in facts[start : start + MOST]]
            for record in decide_side_by_side(asked):
                if isinstance(record, Exception):
                    raise record
                records.append(record)
        return records

    def _one_after_another(self, facts: Sequence[Facts], rules: Rules) -> list[DecisionRecord]:
        spent, records = 0, []
        for each in facts:
            record = decide(replace(each, standing=_after_spending(each.standing, spent)), self.models, rules)
            if record.claims is not None and record.claims.spend is not None:
                spent += record.claims.spend.amount
            records.append(record)
        return records

    def _standings(self, facts: Mapping[str, Facts], rules: Rules) -> list[Standing]:
        queries = [standing_query(each.request, rules, self.run.at) for each in facts.values()]
        with self.engine.connect() as connection:
            found = read_standings(connection, queries)
        zones = [each.features.strings["time_zone"] for each in facts.values()]
        periods = [rules.draw_period(self.run.at, zone) for zone in zones]
        return [each.within(period) for each, period in zip(found, periods, strict=True)]

    def _log(self, records: Sequence[DecisionRecord], answers: dict[str, str]) -> list[str]:
        """Commit the decisions and note their answers; the customers who have to be decided about again."""
        entries = [Entry.of(record) for record in records]
        try:
            failures = unless_deadlocked(
                self.engine, lambda connection: commit_within(self.engine, connection, entries)
            )
        except IntegrityError:  # another process of this run was faster: its answers stand
            found = self._decided(record.request.customer_id for record in records)
            if not found:
                raise
            answers |= found
            return [each.request.customer_id for each in records if each.request.customer_id not in found]
        left = []
        for record, failure in zip(records, failures, strict=True):
            if failure is None:
                answers[record.request.customer_id] = record.answer
            else:
                left.append(record.request.customer_id)
        return left


def _after_spending(standing: Standing, spent: int) -> Standing:
    if standing.budget is None or not spent:
        return standing
    budget = msgspec.structs.replace(standing.budget, used=standing.budget.used + spent)
    return msgspec.structs.replace(standing, budget=budget)
