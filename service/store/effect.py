"""A deferred decision takes effect: it is noted, and what it claimed lapses when the claims of any other decision do."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, Engine, update

from service.errors import ActivationExpiredError
from service.standing import ActivationClaim
from service.store.coupon_log import DEFERRED, OUT
from service.store.engine import insert_or_ignore, microseconds
from service.store.tables import activations, coupons, draws, messages

_MICROSECOND = timedelta(microseconds=1)


def take_effect(engine: Engine, connection: Connection, claim: ActivationClaim) -> bool:
    """Whether the decision is in effect only since now; the caller holds the customer's standing.

    Raises: `ActivationExpiredError` when what it gave has lapsed; nothing done here may be committed then.
    """
    identity = claim.decision_id
    row = {"decision_id": identity, "activated_at": microseconds(claim.activated_at)}
    added = insert_or_ignore(engine, activations).values(row).returning(activations.c.decision_id)
    is_new = connection.scalar(added) is not None
    confirm = timedelta(hours=claim.confirm_within_hours) // _MICROSECOND
    held = update(messages).where(messages.c.decision_id == identity, messages.c.lapses_at.is_not(None))
    connection.execute(held.values(lapses_at=messages.c.due_at + confirm))
    if claim.coupon:
        given = update(coupons).where(coupons.c.decision_id == identity, coupons.c.state == DEFERRED)
        if not connection.execute(given.values(state=OUT, lapses_at=coupons.c.expires_at)).rowcount:
            raise ActivationExpiredError(f"the coupon of decision {identity} was released")
    if claim.draw:
        drawn = update(draws).where(draws.c.decision_id == identity)
        if not connection.execute(drawn.values(lapses_at=None)).rowcount:
            raise ActivationExpiredError(
                f"the draw of decision {identity} was freed, and may be another's by now"
            )
    return is_new
