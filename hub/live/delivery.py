"""How the delivery to clients is doing, as `/metrics` shows it."""

from __future__ import annotations

from typing import NamedTuple


class Delivery(NamedTuple):
    """Counts are since the start."""

    clients: int = 0  # connected now
    came: int = 0
    went: int = 0
    late: int = 0  # clients now without frames because they do not keep up, by channel
    unseen_ms: int = 0  # the oldest state frame that a client has not acknowledged
    frames: int = 0  # state frames written
    conflated: int = 0  # and not written: the client did not keep up, newer ones replaced them
    resumed: int = 0  # sessions taken up again with everything that was missed
    gaps: int = 0  # sessions that had to begin with a snapshot instead
