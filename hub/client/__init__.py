"""A program's way into `/live`: `pip install derny[client]`, docs/howto/live-data.md.

    login = await log_in(link)  # the line that `derny link` prints
    async with connect(login) as hub:
        session = await hub.subscribe("session:ID", rate_hz=4)
        async for told in hub:
            ...

Everything but `client` and `login` is pure: `core` is one connection without its socket.
"""

from __future__ import annotations

from hub.client.client import Client, connect
from hub.client.cues import Rung
from hub.client.errors import ClientError, Refused, TooMany, Unanswered
from hub.client.login import Login, log_in
from hub.client.state import Channel, Number, Row
from hub.client.told import LinkChanged, Status

__all__ = [
    "Channel",
    "Client",
    "ClientError",
    "LinkChanged",
    "Login",
    "Number",
    "Refused",
    "Row",
    "Rung",
    "Status",
    "TooMany",
    "Unanswered",
    "connect",
    "log_in",
]
