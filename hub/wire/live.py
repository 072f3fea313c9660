"""Hub <-> clients: the messages of `/live`. One socket, many channels, two lanes.

State lane: `state` frames, newest wins, acknowledged once a second, never queued for a slow reader.
Event lane: `event` frames, numbered per channel by its durable log, never lost: a client comes back
with `(epoch, offset)` and gets what it missed, or `gap` and a fresh `snapshot`.
Times are hub time in ms; the client maps them with `clock`.

Here: what both sides agree on beside the messages, which stand in `live_from_client`,
`live_to_client`, `live_events` (what an `event` holds), `live_views` (what a snapshot holds) and
`live_rows` (the columns of a state row).
"""

from __future__ import annotations

from enum import IntEnum

PROTOCOL_VERSION = 2
PROTOCOL_VERSION_MIN = 1  # of a client; what came after it is in `live_versions`
CHANNELS_MAX = 16  # per socket
ACK_MS = 1_000
HELLO_MS = 5_000  # so long may a client without a cookie take to say hello with a token
GRACE_MS = 25_000  # so long a connection outlives its login or token, for a refresh on its way


class CloseCode(IntEnum):
    """Why the hub ends a connection: RFC 6455 §7.4.1 and the registry, and ours from 4000."""

    RESTART = 1012
    TOO_LARGE = 1009
    SLOW = 4008
    TOO_MANY = 4029
    EXPIRED = 4500
    FORBIDDEN = 4503
    VERSION = 4510
    PROTOCOL = 4520


# Codes with which a client must not come back by itself: somebody has to do something first.
FINAL_CODES = range(4500, 5000)
