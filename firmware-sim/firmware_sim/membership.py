"""Riders for a crowd's sensors, from the hub on this machine: asked at its admin socket."""

from __future__ import annotations

import asyncio

from hub.admin import ask
from hub.core.errors import DernyError
from hub.paths import admin_socket_path, data_dir

MOUNT_S_MAX = 120.0
REST_S = 0.05
# What a hub's board holds, less some for who is there anyway (hub.live.board).
RIDERS_MAX = 1_000


class MembershipError(Exception):
    """No riders; the message says what to do."""


async def mount(riders: int) -> None:
    """Until as many ride as sensors were introduced. Raises MembershipError."""
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + MOUNT_S_MAX
    while await _ask("crowd_mount", str(riders)) < riders:
        if now_s() > end_s:
            raise MembershipError(f"not all of {riders} athletes ride within {MOUNT_S_MAX:g} s")
        await asyncio.sleep(REST_S)


async def dismount() -> None:
    """Until none is left. Raises MembershipError."""
    while await _ask("crowd_dismount", "") > 0:  # each call takes some back
        pass


async def _ask(verb: str, about: str) -> int:
    def in_a_thread() -> int:
        try:
            return int(ask(admin_socket_path(data_dir()), verb, about))
        except DernyError as error:
            raise MembershipError(f"--assign: {error}") from None

    return await asyncio.to_thread(in_a_thread)
