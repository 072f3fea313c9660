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

PROTOCOL_VERSION = 1
CHANNELS_MAX = 16  # per socket
ACK_MS = 1_000


class CloseCode:
    """1001, 1006, 1012 and 4000–4499: come back after `retry_ms`. 4500–4999: do not."""

    SLOW = 4008
    TOO_MANY = 4029
    EXPIRED = 4500
    FORBIDDEN = 4503
    VERSION = 4510
    PROTOCOL = 4520
