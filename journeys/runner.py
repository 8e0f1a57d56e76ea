"""The durable runner: what the interpreter wants done, each command a workflow of DBOS named by the command's action."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from dbos import (
    DBOS,
    DBOSConfig,
    DBOSConfiguredInstance,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    StepOptions,
)
from sqlalchemy import make_url

from gardoon_client import Client, ConflictError, GardoonError, GoneError, NotFoundError, RequestError
from journeys.as_text import read, write
from journeys.asking import RefusedOutcomeError, ask, ask_complements, tell
from journeys.command import Decide, Send, Suggest, Withdraw
from journeys.sending import SCREEN, Message, Sender
from journeys.signal import Decided, Decision, Sent, Suggested
from journeys.store import Store

REFUSALS = (ConflictError, GoneError, NotFoundError, RequestError)
"""Answers that stay the same however often one asks."""

PAUSE_SECONDS = 0.1
_log = logging.getLogger(__name__)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, GardoonError)


ASKING: StepOptions = {
    "retries_allowed": True,
    "interval_seconds": 2.0,
    "max_attempts": 43_200,
    "backoff_rate": 1.0,
    "should_retry": _may_pass,
}
"""A service that is away is asked again for a day, after which the answer would be too late."""

LATE = Decision(decision_id="", status="late", acts=False)
"""What stands for an answer where it is too late to ask."""


@DBOS.dbos_class()
class Runner(DBOSConfiguredInstance):
    """Carries out what runs want, once; of one process there is one, made before `launch`."""

    def __init__(
        self, *, store: Store, client: Client, sender: Sender, clock: Callable[[], datetime]
    ) -> None:
        super().__init__("runner")
        self._store = store
        self._client = client
        self._sender = sender
        self._clock = clock

    def work(self) -> int:
        """Ring what is due and begin what is in the outbox; how much there was."""
        rung = self._store.ring(self._clock())
        commands = self._store.outbox()
        for action, run_id, command in commands:
            with SetWorkflowID(action):
                DBOS.start_workflow(self.carry_out, run_id, command)
            self._store.begun(action)
        return rung + len(commands)

    def work_until(
        self,
        stop: threading.Event,
        feed: Callable[[], int],
        when_idle: Callable[[], None],
        alive: Path | None = None,
    ) -> None:
        """Take events and do what they lead to until told to stop; touch the file `alive` in each turn."""
        while not stop.is_set():
            if alive is not None:
                alive.touch()
            if feed() + self.work() == 0:
                when_idle()
                stop.wait(PAUSE_SECONDS)

    @DBOS.workflow()
    def carry_out(self, run_id: str, text: str) -> None:
        """One command; a process that dies in it leaves it to the next, which goes on at the step that was not finished."""
        command: Decide | Suggest | Send | Withdraw = read(text)
        match command:
            case Decide():
                answer = DBOS.run_step(ASKING, self._decide, text)
                DBOS.run_step(None, self._answer, run_id, answer)
            case Suggest():
                answer = DBOS.run_step(ASKING, self._suggest, text)
                DBOS.run_step(None, self._answer, run_id, answer)
            case Send():
                status, answer = DBOS.run_step(None, self._send, run_id, text)
                DBOS.run_step(None, self._answer, run_id, answer)
                if status is not None:
                    at = read(answer).at.isoformat()
                    DBOS.run_step(ASKING, self._tell, command.decision.decision_id, status, at)
            case Withdraw():
                DBOS.run_step(ASKING, self._tell, command.decision_id, "undelivered", command.at.isoformat())

    def _answer(self, run_id: str, answer: str) -> None:
        self._store.answer(run_id, read(answer))

    def _decide(self, text: str) -> str:
        asked: Decide = read(text)
        try:
            decision = LATE if self._clock() >= asked.until else ask(self._client, asked)
        except REFUSALS as error:
            _log.error(
                "%s of %s for %s is refused: %s", asked.action, asked.journey, asked.customer_id, error
            )
            decision = Decision(decision_id="", status=f"refused: {error}", acts=False)
        return write(Decided(action=asked.action, at=self._clock(), decision=decision))

    def _suggest(self, text: str) -> str:
        asked: Suggest = read(text)
        products = () if self._clock() >= asked.until else ask_complements(self._client, asked)
        return write(Suggested(action=asked.action, at=self._clock(), products=products))

    def _send(self, run_id: str, text: str) -> list[Any]:
        """What became of the message, None where nobody knows, and the answer to the command.

        The claim is on disk before anything leaves: who finds it without a result does not send again.
        """
        asked: Send = read(text)
        claim = self._store.claim(run_id, asked.action)
        if claim == "first":
            is_sent = self._clock() < asked.until and self._sender.send(self._message(asked))
            self._store.settle(asked.action, "delivered" if is_sent else "undelivered")
        status = "undelivered" if claim == "left" else self._store.sending(asked.action)
        if status is None:
            _log.warning(
                "%s: it is not known whether this message went out; it is not sent again", asked.action
            )
        return [status, write(Sent(action=asked.action, at=self._clock()))]

    def _message(self, asked: Send) -> Message:
        return Message(
            customer_id=asked.customer_id,
            channel=asked.decision.channel or SCREEN,
            title=asked.title,
            body=asked.body,
            traits=self._store.traits(asked.customer_id),
        )

    def _tell(self, decision_id: str, kind: str, at: str) -> None:
        try:
            tell(self._client, decision_id, kind, datetime.fromisoformat(at))
        except (RefusedOutcomeError, *REFUSALS) as error:
            _log.error("%s of %s is refused: %s", kind, decision_id, error)


def workflow_url(database_url: str) -> str:
    """Where DBOS keeps its tables: in the same database, on SQLite in a file beside ours."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        url = url.set(database=f"{url.database}-dbos")
    return url.render_as_string(hide_password=False)


def launch(database_url: str, executor: str) -> None:
    """Start DBOS, which takes up what this executor left unfinished."""
    config: DBOSConfig = {
        "name": "gardoon-journeys",
        "system_database_url": workflow_url(database_url),
        "application_version": "journeys",  # what is unfinished is taken up by later versions of this code, too
        "executor_id": executor,
        "serializer": DBOSPortableJSONSerializer(),
        "max_executor_threads": 32,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
