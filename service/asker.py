"""Who asks, as far as a decision needs to know: whose idempotency keys these are, and what may be forced."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from service.access.caller import Caller
from service.access.guard import ANYONE
from service.access.scope import Scope
from service.errors import ScopeError
from service.schemas import DecideRequest


@dataclass(frozen=True)
class Asker:
    """`identity`: as the audit log names it. `key_scope`: within which idempotency keys are told apart.

    `rights`: scopes held; None in an open service.
    """

    identity: str
    key_scope: str
    rights: frozenset[Scope] | None

    @classmethod
    def of(cls, caller: Caller | None) -> Asker:
        """The asker that this caller is; without one, everybody is the same."""
        if caller is None:
            return cls(ANYONE, ANYONE, None)
        return cls(caller.identity, hashlib.sha256(caller.identity.encode()).hexdigest(), caller.scopes)

    def check(self, request: DecideRequest) -> None:
        """Raises `ScopeError` when the request forces a decision that counts and the asker has not the scope for it."""
        counts = bool(request.force) and not request.dry_run
        if counts and self.rights is not None and Scope.ADMIN not in self.rights:
            raise ScopeError(Scope.ADMIN.value, self.rights)
