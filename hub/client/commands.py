"""Commands on their way: kept until they are answered, said again on a new connection. Pure.

The hub does a command once, whatever often it is said: the same key of the same login again gets
the same reply. So a command that was cut off is said again and the answer is the true one.
"""

from __future__ import annotations

from hub.client.errors import TooMany
from hub.wire.live_client import COMMANDS_MAX
from hub.wire.live_from_client import Control, Prefer

Command = Control | Prefer

WAITING_MAX = 64


class Commands:
    def __init__(self) -> None:
        self._waiting: dict[str, Command] = {}  # by key, oldest first
        self._said: set[str] = set()  # on this connection

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, command: Command) -> None:
        """Raises TooMany."""
        if len(self._waiting) >= WAITING_MAX:
            raise TooMany(f"{WAITING_MAX} commands wait for their replies already")
        self._waiting[command.key] = command

    def to_say(self) -> list[Command]:
        """What may be said now, in order: the hub has at most COMMANDS_MAX under way."""
        unsaid = [one for key, one in self._waiting.items() if key not in self._said]
        say = unsaid[: max(COMMANDS_MAX - len(self._said), 0)]
        self._said.update(one.key for one in say)
        return say

    def done(self, key: str) -> bool:
        """Answered, or given up; False: nobody waits for it any more."""
        self._said.discard(key)
        return self._waiting.pop(key, None) is not None

    def cut(self) -> None:
        """The connection is gone, and what was under way with it."""
        self._said.clear()
