"""Taking in the messages of several requests by one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.events.told import Aside, Told
from service.store.event_log import record_events
from service.store.together import Together


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """The messages of one request: those that can be used, those that cannot, and when they came."""

    told: Sequence[Told]
    aside: Sequence[Aside]
    received_at: datetime


class EventIntake(Together[Arrived, set[str]]):
    """Commits the messages of requests that came while the last commit ran, as one batch.

    All of a commit are noted as received when the last of them was: none of their senders has an answer yet, so no order
    among them is lost.
    """

    name = "events"
    most = 2_500
    """As many messages as one request may have."""

    async def take_in(self, arrived: Arrived) -> set[str]:
        """The ids of the messages that are new, once all are on disk. Raises: `LogUnavailableError`, `UnstorableError`."""
        return await self._done(arrived)

    def _size(self, entry: Arrived) -> int:
        return len(entry.told) + len(entry.aside)

    def _do(self, parts: Sequence[Arrived]) -> Sequence[set[str]]:
        new = record_events(
            self._engine,
            [each for part in parts for each in part.told],
            [each for part in parts for each in part.aside],
            received_at=max(part.received_at for part in parts),
        )
        answers = []
        for part in parts:  # a message that several requests brought is new in the first alone
            mine = new & {each.message_id for each in part.told}
            new = new - mine
            answers.append(mine)
        return answers
