"""What a log says of its rounds beside the feedback: when each was decided, in which journey, for which group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from models.feedback import Booleans, Integers
from training.evaluation.errors import LogError

Texts = NDArray[np.str_]


@dataclass(frozen=True, kw_only=True)
class RoundLabels:
    """One value a round, `(n_rounds,)` each, in the order of the feedback; empty where the log knows nothing of the kind.

    texts: by name, such as journey and group. decided_at_us: microseconds since 1970 UTC.
    """

    texts: Mapping[str, Texts] = field(default_factory=dict)
    decided_at_us: Integers | None = None

    def take(self, rows: Integers | Booleans | slice) -> RoundLabels:
        """Those of the chosen rounds, in the order given."""
        return RoundLabels(
            texts={name: values[rows] for name, values in self.texts.items()},
            decided_at_us=None if self.decided_at_us is None else self.decided_at_us[rows],
        )

    def since(self, moment: datetime) -> Booleans:
        """Which rounds were decided at the moment or later. Raises: `LogError` where the log does not say when."""
        if self.decided_at_us is None:
            raise LogError("the log does not say when its rounds were decided; wanted decision times")
        return np.asarray(self.decided_at_us >= microseconds(moment))


def microseconds(moment: datetime) -> int:
    """Microseconds from 1970 UTC to an aware moment."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution
