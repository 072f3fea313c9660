"""Everything that a browser test sets before or while a page looks at it."""

from __future__ import annotations

from typing import Any

import msgspec
from browser.fake_library import FakeLibrary
from browser.staged_ride import HUB_EPOCH_MS, Session, now_ms
from browser.staged_room import athlete_json

from hub.auth.grants import Grant
from hub.live.spread import CueSpread
from hub.wire import live_from_client, live_to_client, live_views
from hub.wire.uplink import (
    AdapterState,
)

FOREVER_MS = HUB_EPOCH_MS + 3_650 * 24 * 3_600_000


class Stage:
    """Everything a test may set before or while a page looks at it."""

    def __init__(self) -> None:
        self.me: dict[str, Any] = {
            "role": "owner",
            "athlete": athlete_json("Ada Oduya", ftp_w=265, max_hr_bpm=184, weight_kg=64.0),
            "demo": False,
            "radio": {"problem": "", "gateways": []},
            "open_session": None,
        }
        self.adapter_problem = ""
        self.gateway_up = True
        self.more_gateways: list[live_views.GatewayView] = []
        self.free_slots: int | None = None
        self.sensors: list[live_views.SensorView] = []
        self.seats = live_views.SeatsView(())
        self.sessions: dict[str, Session] = {}
        self.activities: dict[str, dict[str, Any]] = {}
        self.ftp: dict[str, Any] = {}  # what an FTP test proposes
        self.used_ftp: list[dict[str, Any]] = []
        self.grants: dict[str, Grant] = {}  # by grantee
        self.cues: list[CueSpread] = []  # of every session
        self.full = False  # the hub's disk
        self.workouts: list[dict[str, Any]] = []
        self.library = FakeLibrary()
        self.calls: list[tuple[str, str, Any]] = []
        self.controls: list[live_from_client.Control] = []
        self.prefers: list[live_from_client.Prefer] = []
        self.silent = False  # frames stop, the socket stays: a hung hub
        self.closed = False  # sockets are refused: no hub
        self.expires_at_ms = FOREVER_MS
        self.patient = True  # pages take no process that stalls for a hub that is away

    def sensors_state(self) -> live_to_client.SensorsState:
        adapter = AdapterState("hci0", not self.adapter_problem, self.adapter_problem)
        gateway = live_views.GatewayView("local", self.gateway_up, HUB_EPOCH_MS, (adapter,))
        fresh = [
            msgspec.structs.replace(one, last_at_ms=now_ms() - 200) if one.last else one
            for one in self.sensors
        ]
        return live_to_client.SensorsState(
            now_ms(),
            live_views.SensorsView(tuple(fresh), (gateway, *self.more_gateways), self.free_slots),
        )


class Refused(Exception):
    def __init__(self, status: int, code: str, detail: str, more: Any = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more or {}
