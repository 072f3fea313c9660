"""A hub that only browser tests know: the real protocol, encoded by the real structs, staged data.

It serves `web/` under the real content policy and answers the JSON API from dictionaries. What
riders do is staged: a test says which numbers flow, which are mute, where in the workout it is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mimetypes
import re
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from browser.fake_library import FakeLibrary
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice, heart_zones_of, power_zones_of
from hub.core.zones import Zones
from hub.live.views import zones_view
from hub.wire import live_events, live_from_client, live_rows, live_to_client, live_views
from hub.wire.staleness import STALENESS
from hub.wire.uplink import (
    AdapterState,
    LinkStatus,
    SensorKind,
    SpinDown,
    SpinDownPhase,
    TrainerStatus,
)
from hub.wire.values import Cue, CueKind, FreeTarget, Metric, Quality

WEB = Path(__file__).resolve().parents[2] / "web"
HUB_EPOCH_MS = 1_700_000_000_000
FOREVER_MS = HUB_EPOCH_MS + 3_650 * 24 * 3_600_000
TOKEN = "one-time"
BIKE_CODE = "on-bike-7"
PATIENCE_S = 30
POWER, HEART, CADENCE = Metric.POWER_W, Metric.HEART_RATE_BPM, Metric.CADENCE_RPM


class StagedClock:
    """Hub time: the machine's, until a test makes it stand."""

    def __init__(self) -> None:
        self._stands_at_ms: int | None = None

    def now_ms(self) -> int:
        if self._stands_at_ms is not None:
            return self._stands_at_ms
        return HUB_EPOCH_MS + time.monotonic_ns() // 1_000_000

    def stand(self, at_ms: int) -> None:
        self._stands_at_ms = at_ms

    def go_on(self) -> None:
        self._stands_at_ms = None


CLOCK = StagedClock()
now_ms = CLOCK.now_ms


@dataclass
class Step:
    name: str
    kind: str
    seconds: float | None
    begin: float | None
    end: float | None = None
    set_index: int = 0
    set_count: int = 0
    cadence_rpm: tuple[int, int] | None = None
    text: str = ""
    target: live_views.TargetView | None = None  # instead of a share of FTP
    until: str = "time"
    until_amount: float | None = None
    cap_s: float | None = None  # at the latest, where `seconds` is None


def _target(step: Step) -> live_views.TargetView:
    if step.target is not None:
        return step.target
    if step.begin is None:
        return live_views.TargetView("free")
    end = step.begin if step.end is None else step.end
    ends = (None, None) if step.end is None else (step.end, step.end)
    return live_views.TargetView("ftp", step.begin, step.begin, *ends, effort=(step.begin, end))


def threshold_steps() -> list[Step]:
    """4 x 8 min at threshold, with a ramp and openers before it: the ride of the mock-up."""
    steps = [Step("Warm-up", "warmup", 600, 0.45, 0.75)]
    for i, (seconds, share) in enumerate(
        [(60, 0.55), (30, 1.25), (60, 0.5), (30, 1.25), (60, 0.5)]
    ):
        opener = i % 2 == 1
        steps.append(Step("Opener" if opener else "Easy", "work", seconds, share, None, 0, 0))
    for i in range(4):
        steps.append(Step("Threshold", "work", 480, 1.0, None, i + 1, 4, (85, 95)))
        steps.append(Step("Recovery", "recovery", 240 if i < 3 else 300, 0.5))
    steps.append(Step("Cool-down", "cooldown", 420, 0.6, 0.4))
    return steps


@dataclass
class Lane:
    """Riding time tied to hub time at one point, as the real engine ties it."""

    steps: list[Step]
    status: str = "ready"
    ridden_ms: int = 0
    as_of_ms: int = 0
    rev: int = 1
    undo_until_ms: int | None = None

    def ridden(self, now: int) -> int:
        return self.ridden_ms + (now - self.as_of_ms if self.status == "running" else 0)

    def anchor(self, now: int, status: str) -> None:
        self.ridden_ms, self.as_of_ms, self.status = self.ridden(now), now, status
        self.rev += 1

    def index(self, ridden_ms: int) -> int:
        ends_ms = 0.0
        for i, step in enumerate(self.steps):
            if step.seconds is None:
                return i
            ends_ms += step.seconds * 1000
            if ridden_ms < ends_ms:
                return i
        return len(self.steps) - 1

    def view(self) -> live_views.LaneView:
        now = now_ms()
        ridden_ms = self.ridden(now)
        phases = []
        at_ms = 0
        for i, step in enumerate(self.steps):
            length_ms = None if step.seconds is None else int(step.seconds * 1000)
            begins_at_ms = now + at_ms - ridden_ms
            phases.append(
                live_views.PhaseView(
                    i=i,
                    name=step.name,
                    kind=step.kind,
                    begins_at_ms=begins_at_ms,
                    ends_at_ms=None if length_ms is None else begins_at_ms + length_ms,
                    ridden_ms=at_ms,
                    duration_ms=length_ms,
                    target=_target(step),
                    ramp_ms=0 if step.end is None else length_ms or 0,
                    until=step.until,
                    until_amount=step.until_amount,
                    ends_by_at_ms=begins_at_ms + int(step.cap_s * 1000) if step.cap_s else None,
                    cadence_rpm=step.cadence_rpm,
                    set_index=step.set_index,
                    set_count=step.set_count,
                    texts=(live_views.TextView(0, step.text),) if step.text else (),
                )
            )
            at_ms += length_ms or 0
        return live_views.LaneView(
            lane="all",
            status=self.status,
            rev=self.rev,
            started_at_ms=None if self.status == "ready" else now - ridden_ms,
            paused_at_ms=self.as_of_ms if self.status == "paused" else None,
            ridden_ms=ridden_ms,
            as_of_ms=now,
            phase=-1 if self.status == "ready" else self.index(ridden_ms),
            phases=tuple(phases),
            cues=self._cues(phases, now),
            undo_until_at_ms=self.undo_until_ms,
        )

    def _cues(self, phases: list[live_views.PhaseView], now: int) -> tuple[Cue, ...]:
        """As the hub lays them: only while running, and none behind an open end."""
        cues: list[Cue] = []
        for i, phase in enumerate(phases):
            if phase.ends_at_ms is None or self.status != "running":
                break
            kind = CueKind.PHASE if i + 1 < len(phases) else CueKind.FINISH
            for before_s in (3, 2, 1):
                at_ms = phase.ends_at_ms - before_s * 1000
                if at_ms > phase.begins_at_ms:
                    cues.append(Cue(len(cues), CueKind.COUNTDOWN, at_ms, str(before_s), i + 1))
            cues.append(Cue(len(cues), kind, phase.ends_at_ms, "", i + 1))
        return tuple(cue for cue in cues if cue.at_ms > now)[: live_views.CUES_MAX]


@dataclass
class Rider:
    """What flows for one athlete; the values of a metric in `age_ms` are always so old."""

    view: live_views.AthleteView
    numbers: dict[Metric, float] = field(default_factory=dict)
    age_ms: dict[Metric, int] = field(default_factory=dict)
    denied: set[Metric] = field(default_factory=set)
    derived: dict[str, float | str] = field(default_factory=dict)

    def row(self, now: int, target_w: float | None) -> tuple[Any, ...]:
        cells: list[Any] = [self.view.athlete]
        for metric in Metric:
            cells += self._cell(metric, now)
        power_w = self.numbers.get(POWER, 0)
        known = {
            "power_3s_w": power_w,
            "power_zone": _zone(self.view.power_zones, power_w),
            "heart_rate_zone": _zone(self.view.heart_zones, self.numbers.get(HEART, 0)),
            "target_w": target_w,
        }
        known |= self.derived
        return (*cells, *(known.get(name) for name in live_rows.DERIVED_FIELDS))

    def _cell(self, metric: Metric, now: int) -> tuple[Any, int, int]:
        if metric in self.denied:
            return None, 0, live_rows.QUALITIES.index(Quality.DENIED)
        if metric not in self.numbers:
            return None, 0, live_rows.QUALITIES.index(Quality.NONE)
        age_ms, limits = self.age_ms.get(metric, 40), STALENESS[metric]
        quality = Quality.LIVE if age_ms <= limits.fresh_ms else Quality.AGED
        if age_ms > limits.keep_ms:
            quality = Quality.GONE
        value = None if quality is Quality.GONE else self.numbers[metric]
        return value, now - age_ms, live_rows.QUALITIES.index(quality)


def _zone(zones: live_views.ZonesView | None, value: float) -> int | None:
    return None if zones is None else Zones(zones.lows, zones.names).lookup(value).number


@dataclass
class Session:
    session: str
    title: str
    lane: Lane
    riders: dict[str, Rider]
    workout: str = "4x8"
    demo: bool = False
    activity: str = ""
    open: bool = False
    pace: str = "group"
    lanes: dict[str, Lane] = field(default_factory=dict)  # of own paces, by athlete
    offset: int = 0

    @property
    def channel(self) -> str:
        return f"session:{self.session}"

    def view(self) -> live_views.SessionView:
        return live_views.SessionView(
            session=self.session,
            title=self.title,
            workout=self.workout,
            status=self.lane.status,
            lanes=tuple(self.lane_views()),
            athletes=tuple(rider.view for rider in self.riders.values()),
            demo=self.demo,
            activity=self.activity,
            open=self.open,
            pace=self.pace,
        )

    def lane_views(self) -> Iterator[live_views.LaneView]:
        if not self.lanes:
            yield self.lane.view()
        for athlete in self.lanes:
            yield self.lane_view(athlete)

    def lane_view(self, athlete: str) -> live_views.LaneView:
        if athlete not in self.lanes:
            return self.lane.view()
        return msgspec.structs.replace(self.lanes[athlete].view(), lane=athlete)

    def trim(self, said: live_from_client.Control) -> live_events.Trimmed:
        athlete = "" if said.athlete == "*" else said.athlete
        trim_pct = said.trim_pct or 100
        for rider in [self.riders[athlete]] if athlete else self.riders.values():
            trims = {**rider.view.trims, said.kind: trim_pct}
            change = {"trims": trims} if said.kind else {"trim_pct": trim_pct}
            rider.view = msgspec.structs.replace(rider.view, **change)
        return live_events.Trimmed(athlete, trim_pct, said.kind)

    def rows(self) -> tuple[tuple[Any, ...], ...]:
        now = now_ms()
        lane = self.lane.view()
        effort = lane.phases[lane.phase].target.effort if lane.phase >= 0 else None
        share = effort[0] if effort else None
        rows = []
        for rider in self.riders.values():
            ftp_w = rider.view.ftp_w
            target_w = share * ftp_w * rider.view.trim_pct / 100 if share and ftp_w else None
            rows.append(rider.row(now, target_w))
        return tuple(rows)


def sensor(
    name: str, kind: str, last: dict[Metric, float], *, battery: int | None = 80, **more: Any
) -> live_views.SensorView:
    return live_views.SensorView(
        sensor=f"s-{name.lower().replace(' ', '-')}",
        name=name,
        kinds=(SensorKind(kind),),
        link=more.pop("link", LinkStatus.LIVE),
        gateway="local",
        seen_at_ms=now_ms(),
        rssi_dbm=more.pop("rssi_dbm", -62),
        battery_pct=battery,
        last=last,
        **more,
    )


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


def athlete_json(name: str, **more: Any) -> dict[str, Any]:
    known = {"athlete": "me", "name": name, "ftp_w": None, "ftp_assumed": False}
    return known | {"max_hr_bpm": None, "weight_kg": None, "demo": False} | more


class FakeHub:
    """Serves one Stage at a time, from a thread; `stage` may be replaced between tests."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.subscribed: list[live_from_client.Subscribe] = []
        self._sockets: dict[WebSocket, set[str]] = {}
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_level="warning", ws="websockets-sansio")
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(PATIENCE_S), "the fake hub did not come up"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._listener.close()

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._up.set)
            await self._server.serve(sockets=[self._listener])

        asyncio.run(main())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs `work` on the hub's loop and waits for it."""
        assert self._loop is not None
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(PATIENCE_S)

    def tell(self, session: Session, body: Any) -> None:
        """One event to whoever follows the session."""
        self.do(self._tell(session, body))

    def drop(self, code: int) -> None:
        """Closes every socket with this code."""

        async def close() -> None:
            for ws in list(self._sockets):
                await ws.close(code)

        self.do(close())

    # HTTP

    def _app(self) -> Starlette:
        def routes(path: str, **methods: Callable[..., Any]) -> Route:
            async def endpoint(request: Request) -> Response:
                return await self._answer(request, methods[request.method])

            return Route(path, endpoint, methods=list(methods))

        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/web/{path:path}", self._asset),
                routes("/api/login", POST=self._login),
                routes("/api/me", GET=lambda: self.stage.me, PUT=self._put_me),
                routes("/api/renew", POST=self._renew),
                routes("/api/demo", POST=self._demo),
                *(routes(path, **methods) for path, methods in self._library().items()),
                routes("/api/sessions", GET=self._sessions, POST=self._new_session),
                routes("/api/join", POST=self._join),
                routes("/api/bikes", POST=self._new_bike),
                routes("/api/bikes/asking", PUT=self._seek, DELETE=lambda: None),
                routes("/api/bikes/{bike}", PUT=lambda bike, body: None, DELETE=self._unbike),
                routes("/api/bikes/{bike}/rider", PUT=self._sit, DELETE=self._leave),
                routes("/api/asks/{ask}", POST=self._answered),
                routes("/api/assignments/{sensor}", PUT=self._assign, DELETE=self._release),
                routes("/api/trainers/{sensor}", PUT=self._settle),
                routes(
                    "/api/trainers/{sensor}/calibration", POST=self._calibrate, DELETE=self._cancel
                ),
                routes("/api/trainers/{sensor}/identify", POST=self._identify),
                routes("/api/gateways/{name}/rescan", POST=lambda name, body=None: None),
                routes("/api/activities", GET=lambda: list(self.stage.activities.values())),
                routes(
                    "/api/activities/{id}",
                    GET=self._activity,
                    PATCH=self._patch,
                    DELETE=self._discard,
                ),
                routes("/api/activities/{id}/ftp", GET=self._ftp, PUT=self._use_ftp),
                routes("/api/activities/{id}/streams", GET=lambda id: streams()),
                routes("/api/activities/{id}/resume", POST=self._resume),
                Route("/api/activities/{id}/file.fit", self._fit),
                WebSocketRoute("/live", self._live),
            ]
        )

    def _renew(self, body: Any) -> Any:
        self.stage.expires_at_ms = FOREVER_MS
        return {"expires_at_ms": FOREVER_MS}

    def _library(self) -> dict[str, dict[str, Callable[..., Any]]]:
        """Late-bound: each test has a stage of its own."""

        def of(name: str) -> Callable[..., Any]:
            return lambda **said: getattr(self.stage.library, name)(**said)

        one, book = "/api/library/{workout}", "/api/athletes/{athlete}/thresholds"
        dated = f"{book}/{{sport}}/{{valid_from}}"
        return {
            "/api/library": {"GET": self._search, "POST": of("keep")},
            "/api/library/upload": {"POST": of("upload")},
            one: {"GET": of("show"), "PUT": self._edit_workout, "DELETE": of("delete")},
            f"{one}/preview": {"GET": of("preview")},
            f"{one}/formats": {"GET": of("formats")},
            book: {"GET": of("book")},
            dated: {"PUT": of("put"), "DELETE": of("forget")},
        }

    def _search(self) -> dict[str, Any]:
        workouts = [*self.stage.workouts, *self.stage.library.search()]
        return {"total": len(workouts), "workouts": workouts}

    def _edit_workout(self, workout: str, body: Any) -> Any:
        done = self.stage.library.edit(workout, body)
        if done.get("code") == "stale":
            raise Refused(409, done["code"], done["detail"], done)
        return done

    async def _answer(self, request: Request, work: Callable[..., Any]) -> Response:
        path = request.url.path
        is_file = path.endswith("/upload")
        body = await request.json() if await request.body() and not is_file else None
        self.stage.calls.append((request.method, path, body))
        if path not in ("/api/login", "/api/join") and request.cookies.get("derny") != "1":
            return JSONResponse({"code": "unauthorized", "detail": "Sign in first."}, 401)
        arguments = dict(request.path_params)
        if request.method in ("POST", "PUT", "PATCH"):
            arguments["body"] = body
        try:
            result = work(**arguments)
        except Refused as refused:
            said = {"code": refused.code, "detail": refused.detail, **refused.more}
            return JSONResponse(said, refused.status)
        if isinstance(result, Response):
            return result
        if result is None:
            return Response(status_code=204)
        return Response(msgspec.json.encode(result), media_type="application/json")

    async def _index(self, request: Request) -> Response:
        page = (WEB / "index.html").read_text(encoding="utf-8")
        inline = re.search(r'<script type="importmap">(.*?)</script>', page, re.S)
        assert inline is not None
        digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        policy = f"default-src 'self'; script-src 'self' 'sha256-{digest}'"
        return Response(page, headers={"content-security-policy": policy}, media_type="text/html")

    async def _asset(self, request: Request) -> Response:
        path = (WEB / request.path_params["path"]).resolve()
        if not path.is_relative_to(WEB) or not path.is_file():
            return Response(status_code=404)
        kinds = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}
        kind = kinds.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        cached = {"cache-control": "max-age=600"}
        if self.stage.patient and path.name == "wire.js":
            own, patient = "const SILENCE_MS = 3_000;", "const SILENCE_MS = 60_000;"
            code = path.read_text(encoding="utf-8")
            assert own in code
            return Response(code.replace(own, patient), media_type=kind, headers=cached)
        return FileResponse(path, media_type=kind, headers=cached)

    async def _fit(self, request: Request) -> Response:
        name = 'attachment; filename="ride.fit"'
        return Response(b"\x0e\x20FIT", headers={"content-disposition": name})

    def _login(self, body: Any) -> Response:
        if body != {"token": TOKEN}:
            raise Refused(403, "denied", "This link was used before; ask for a new one.")
        done = Response(status_code=204)
        done.set_cookie("derny", "1", httponly=True, samesite="lax")
        return done

    # Bikes

    def _join(self, body: Any) -> Response:
        if body["bike"] != BIKE_CODE:
            raise Refused(403, "denied", "This code is no bike's here.")
        self.stage.me |= {"role": "athlete", "athlete": athlete_json(body["name"])}
        done = JSONResponse({"bike": "b7"}, 201)
        done.set_cookie("derny", "1", httponly=True, samesite="lax")
        return done

    def _new_bike(self, body: Any) -> Any:
        bike = live_views.BikeView(
            f"b{len(self.stage.seats.bikes) + 1}",
            body["name"],
            live_views.BikeState.FREE,
            here=True,
            sensors=tuple(body["sensors"]),
        )
        self._seat(bikes=(*self.stage.seats.bikes, bike))
        return {"bike": bike.bike, "name": bike.name, "sensors": bike.sensors}

    def _unbike(self, bike: str) -> None:
        self._seat(bikes=tuple(one for one in self.stage.seats.bikes if one.bike != bike))

    def _seek(self, body: Any) -> Any:
        self._seat(asking_until_ms=now_ms() + 60_000)
        return {"until_ms": now_ms() + 60_000}

    def _sit(self, bike: str, body: Any) -> Any:
        bike = "b7" if bike == BIKE_CODE else bike
        there = next(one for one in self.stage.seats.bikes if one.bike == bike)
        if there.state is live_views.BikeState.TAKEN:
            way = "swap" if self.stage.me["role"] == "owner" else "ask"
            if not body.get("swap"):
                detail = "This bike is taken"
                raise Refused(409, "taken", detail, {"way": way, "bike": bike})
            if way == "ask":
                self._seat(wanted=bike)
                return {"bike": bike, "asked": True}
        self._leave(next((b.bike for b in self.stage.seats.bikes if b.state == "yours"), ""))
        self._become(bike, live_views.BikeState.YOURS)
        return {"bike": bike, "asked": False}

    def _leave(self, bike: str) -> None:
        self._become(bike, live_views.BikeState.FREE)

    def _become(self, bike: str, state: live_views.BikeState) -> None:
        replace = msgspec.structs.replace
        self._seat(
            bikes=tuple(
                replace(one, state=state, athlete="", athlete_name="") if one.bike == bike else one
                for one in self.stage.seats.bikes
            )
        )

    def _answered(self, ask: str, body: Any) -> None:
        self._seat(asks=tuple(one for one in self.stage.seats.asks if one.ask != ask))

    def _seat(self, **change: Any) -> None:
        self.stage.seats = msgspec.structs.replace(self.stage.seats, **change)

    def _put_me(self, body: Any) -> Any:
        known = self.stage.me["athlete"] or athlete_json("")
        self.stage.me["athlete"] = known | {k: v for k, v in body.items() if v is not None}
        return self.stage.me["athlete"]

    def _demo(self, body: Any) -> None:
        self.stage.me["demo"] = True

    def _sessions(self) -> Any:
        return [session.view() for session in self.stage.sessions.values()]

    def _new_session(self, body: Any) -> Any:
        me = self.stage.me["athlete"] or athlete_json("")
        made = ride_session(athlete_view(me), threshold_steps())
        self.stage.sessions[made.session] = made
        return made.view()

    def _assign(self, sensor: str, body: Any) -> None:
        for i, one in enumerate(self.stage.sensors):
            if one.sensor != sensor:
                continue
            if one.athlete and not body.get("swap"):
                raise Refused(409, "taken", f"{one.name} is used by {one.athlete_name}.")
            self.stage.sensors[i] = msgspec.structs.replace(
                one, athlete=body["athlete"], athlete_name="Ada Oduya"
            )

    def _release(self, sensor: str) -> None:
        self.stage.sensors = [
            msgspec.structs.replace(one, athlete="", athlete_name="")
            if one.sensor == sensor
            else one
            for one in self.stage.sensors
        ]

    def _settle(self, sensor: str, body: Any) -> None:
        self._change(sensor, read_only=body["read_only"])

    def _calibrate(self, sensor: str, body: Any = None) -> None:
        self._change(sensor, spin_down=SpinDown(SpinDownPhase.REQUESTED))

    def _cancel(self, sensor: str) -> None:
        self._change(sensor, spin_down=SpinDown(SpinDownPhase.FAILED, reason="cancelled"))

    def _identify(self, sensor: str, body: Any = None) -> None:
        raise Refused(409, "conflict", "this trainer has no way to show itself - pedal it")

    def _change(self, sensor: str, **fields: Any) -> None:
        self.stage.sensors = [
            msgspec.structs.replace(one, **fields) if one.sensor == sensor else one
            for one in self.stage.sensors
        ]

    def _ftp(self, id: str) -> Any:
        return self.stage.ftp

    def _use_ftp(self, id: str, body: Any) -> Any:
        if body["ftp_w"] != self.stage.ftp["ftp_w"]:
            raise Refused(409, "conflict", "the ride was rebuilt, and proposes another FTP now")
        self.stage.used_ftp.append(body)
        self.stage.ftp["declined"] = bool(body.get("decline"))
        if not body.get("decline"):
            self.stage.ftp["current_w"] = body["ftp_w"]
        return self.stage.ftp

    def _activity(self, id: str) -> Any:
        if id not in self.stage.activities:
            raise Refused(410, "gone", "This ride was discarded.")
        return self.stage.activities[id]

    def _patch(self, id: str, body: Any) -> Any:
        self.stage.activities[id] |= body
        return self.stage.activities[id]

    def _discard(self, id: str) -> None:
        del self.stage.activities[id]

    def _resume(self, id: str, body: Any) -> Any:
        return self._new_session(body)

    # The socket

    async def _live(self, ws: WebSocket) -> None:
        if self.stage.closed or ws.cookies.get("derny") != "1":
            await ws.close(4503)
            return
        await ws.accept()
        self._sockets[ws] = set()
        ticks = asyncio.create_task(self._tick(ws))
        try:
            while True:
                message = live_from_client.FROM_CLIENT.decode(await ws.receive_text())
                await self._take(ws, message)
        except WebSocketDisconnect:
            pass
        finally:
            ticks.cancel()
            del self._sockets[ws]

    async def _tick(self, ws: WebSocket) -> None:
        n = 0
        while True:
            await asyncio.sleep(0.25)
            for channel in sorted(self._sockets.get(ws, ())):
                session = self._session(channel)
                if session is not None:
                    n += 1
                    rows = session.rows()
                    await self._send(ws, live_to_client.State(channel, n, now_ms(), n == 1, rows))
                elif channel == "sensors":
                    await self._send(ws, self.stage.sensors_state())
                elif channel == "seats":
                    await self._send(ws, live_to_client.SeatsState(now_ms(), self.stage.seats))

    async def _send(self, ws: WebSocket, message: Any) -> None:
        if not self.stage.silent and ws in self._sockets:
            await ws.send_text(live_to_client.TO_CLIENT.encode(message).decode())

    async def _take(self, ws: WebSocket, message: Any) -> None:
        match message:
            case live_from_client.Hello():
                who = (self.stage.me["athlete"] or {}).get("athlete", "")
                await self._send(
                    ws,
                    live_to_client.Welcome(
                        message.v, now_ms(), "test", "owner", who, self.stage.expires_at_ms
                    ),
                )
            case live_from_client.Clock(sent_ms):
                await self._send(ws, live_to_client.ClockReply(sent_ms, now_ms(), now_ms()))
            case live_from_client.Subscribe(channel):
                self.subscribed.append(message)
                await self._subscribe(ws, channel)
            case live_from_client.Unsubscribe(channel):
                self._sockets[ws].discard(channel)
            case live_from_client.Control():
                await self._control(ws, message)
            case live_from_client.Prefer():
                self.stage.prefers.append(message)
                await self._send(ws, live_to_client.Reply(message.key, True))

    async def _subscribe(self, ws: WebSocket, channel: str) -> None:
        session = self._session(channel)
        if channel == "sensors":
            await self._send(ws, self.stage.sensors_state())
        elif channel == "seats":
            await self._send(ws, live_to_client.SeatsState(now_ms(), self.stage.seats))
        elif session is None:
            error = live_to_client.Error("no_session", "It ended, or was never here.", channel)
            await self._send(ws, error)
            return
        else:
            await self._send(
                ws, live_to_client.Fields(channel, live_rows.ROW_FIELDS, live_rows.QUALITIES)
            )
            view = live_to_client.Snapshot(channel, "e1", session.offset, session.view())
            await self._send(ws, view)
            await self._send(ws, live_to_client.State(channel, 0, now_ms(), True, session.rows()))
        self._sockets[ws].add(channel)

    async def _control(self, ws: WebSocket, message: live_from_client.Control) -> None:
        session = self.stage.sessions[message.session]
        lane, now = session.lanes.get(message.athlete, session.lane), now_ms()
        self.stage.controls.append(message)
        self.stage.calls.append(("CONTROL", message.action.value, message.by_s or message.trim_pct))
        lane.undo_until_ms = now + 10_000 if message.action in UNDOABLE else None
        match message.action:
            case live_from_client.Action.START | live_from_client.Action.RESUME:
                lane.anchor(now, "running")
            case live_from_client.Action.PAUSE:
                lane.anchor(now, "paused")
            case live_from_client.Action.SKIP:
                lane.anchor(now, lane.status)
                at = lane.index(lane.ridden_ms)
                before_s = sum(step.seconds or 0 for step in lane.steps[:at])
                lane.steps[at].seconds = (lane.ridden_ms + 500) / 1000 - before_s
            case live_from_client.Action.EXTEND:
                lane.anchor(now, lane.status)
                step = lane.steps[lane.index(lane.ridden_ms)]
                step.seconds = (step.seconds or 0) + (message.by_s or 0)
            case live_from_client.Action.JUMP:
                lane.anchor(now, lane.status)
                before = lane.steps[: message.to or 0]
                lane.ridden_ms = sum(int((step.seconds or 0) * 1000) for step in before)
            case live_from_client.Action.STOP:
                lane.anchor(now, "finished")
            case live_from_client.Action.TRIM:
                await self._tell(session, session.trim(message))
            case live_from_client.Action.DIAL:
                rider = session.riders[message.athlete]
                held = None if isinstance(message.target, FreeTarget) else message.target
                rider.view = msgspec.structs.replace(rider.view, by_hand=held, steered=True)
                views = tuple(one.view for one in session.riders.values())
                await self._tell(session, live_events.Membership(views))
            case live_from_client.Action.LAP:
                await self._tell(session, live_events.Lapped(message.athlete, now, 1))
        await self._send(ws, live_to_client.Reply(message.key, True))
        view = session.lane_view(message.athlete)
        await self._tell(session, live_events.Timeline(view, message.action.value))
        if message.action is live_from_client.Action.STOP:
            self.stage.activities["a1"] = activity_json("a1")
            await self._tell(session, live_events.Finished(now, "stop", {"me": "a1"}))

    async def _tell(self, session: Session, body: Any) -> None:
        session.offset += 1
        for ws, channels in list(self._sockets.items()):
            if session.channel in channels:
                await self._send(ws, live_to_client.Event(session.channel, session.offset, body))

    def _session(self, channel: str) -> Session | None:
        return self.stage.sessions.get(channel.removeprefix("session:"))


UNDOABLE = {
    live_from_client.Action.SKIP,
    live_from_client.Action.BACK,
    live_from_client.Action.JUMP,
    live_from_client.Action.EXTEND,
    live_from_client.Action.REPEAT,
    live_from_client.Action.COOL_DOWN,
}


class Refused(Exception):
    def __init__(self, status: int, code: str, detail: str, more: Any = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more or {}


# Staged data


def athlete_view(
    me: dict[str, Any],
    *,
    zones: ZoneChoice = ZoneChoice(),  # noqa: B008
    lthr_bpm: int | None = None,
    **more: Any,
) -> live_views.AthleteView:
    known = {k: me[k] for k in ("athlete", "name", "ftp_w", "ftp_assumed", "max_hr_bpm")} | more
    figures = Thresholds(ftp_w=known["ftp_w"], max_hr_bpm=known["max_hr_bpm"], lthr_bpm=lthr_bpm)
    bounds = {
        "power_zones": zones_view(power_zones_of(figures, zones)),
        "heart_zones": zones_view(heart_zones_of(figures, zones)),
    }
    return live_views.AthleteView(**({"trim_pct": 100} | bounds | known))


def ride_session(
    view: live_views.AthleteView, steps: list[Step], *, at_s: float | None = None
) -> Session:
    """A ride of one; `at_s` seconds into it, or ready to start."""
    rider = Rider(
        view,
        numbers={POWER: 268, HEART: 164, CADENCE: 92, Metric.SPEED_KMH: 34.2},
        derived={"interval_average_w": 264, "weighted_power_w": 221, "on_target_pct": 94},
    )
    lane = Lane(steps)
    if at_s is not None:
        lane = Lane(steps, "running", int(at_s * 1000), now_ms())
    return Session("r1", "4 × 8 Threshold", lane, {view.athlete: rider})


def demo_class() -> Session:
    names = ["Sofia R.", "Jonas W.", "Aiko T.", "Liam M.", "Zeynep K.", "Omar H."]
    powers, hearts = [243, 287, 201, 268, 171, 331], [152, 171, 164, 159, 141, 176]
    riders = {}
    for i, (name, power_w, bpm) in enumerate(zip(names, powers, hearts, strict=True)):
        figures = {"ftp_w": 250, "max_hr_bpm": 188}
        view = athlete_view(athlete_json(name, athlete=f"d{i}", demo=True, **figures), demo=True)
        numbers = {POWER: power_w, HEART: bpm, CADENCE: 84 + 2 * i}
        riders[view.athlete] = Rider(view, numbers)
    lane = Lane(threshold_steps(), "running", 900_000, now_ms())
    return Session("demo", "Demo class", lane, riders, demo=True)


def trainer(status: TrainerStatus, **more: Any) -> live_views.TrainerView:
    return live_views.TrainerView("s-kickr-4f2a", "KICKR 4F2A", status, **more)


def workout_json(workout: str, title: str, intensity: float, steps: list[Step]) -> dict[str, Any]:
    phases = [
        {
            "name": step.name,
            "kind": step.kind,
            "duration_ms": None if step.seconds is None else int(step.seconds * 1000),
            "target_begin": step.begin,
            "target_end": step.begin if step.end is None else step.end,
        }
        for step in steps
    ]
    total = sum(int((step.seconds or 0) * 1000) for step in steps)
    known = {"workout": workout, "title": title, "description": "", "duration_ms": total}
    return known | {"intensity": intensity, "phases": phases}


def workouts() -> list[dict[str, Any]]:
    warm = Step("Warm-up", "warmup", 480, 0.45, 0.75)
    cool = Step("Cool-down", "cooldown", 300, 0.6, 0.4)
    hard = [Step("Over", "work", 120, 1.18), Step("Easy", "recovery", 120, 0.5)] * 5
    sprints = [Step("Sprint", "work", 20, 1.7), Step("Easy", "recovery", 160, 0.55)] * 6
    tempo = [Step("Tempo", "work", 900, 0.85), Step("Easy", "recovery", 240, 0.55)] * 2
    return [
        workout_json("4x8", "4 × 8 Threshold", 0.84, threshold_steps()),
        workout_json("5x2", "5 × 2 VO2max", 0.88, [warm, *hard, cool]),
        workout_json("tempo", "Tempo blocks", 0.79, [warm, *tempo, cool]),
        workout_json("sprints", "Six sprints", 0.81, [warm, *sprints, cool]),
        workout_json("easy", "Easy hour", 0.62, [warm, Step("Easy", "work", 2700, 0.65), cool]),
    ]


def home_sensors() -> list[live_views.SensorView]:
    return [
        sensor("KICKR 4F2A", "trainer", {POWER: 182}, battery=None, rssi_dbm=-51),
        sensor("Pulse Strap 31", "heart_rate", {HEART: 118}, battery=64),
        sensor("ASSIOMA 1234", "power", {POWER: 179}, battery=88, rssi_dbm=-70),
        sensor("Cadence 77", "cadence", {CADENCE: 88}, battery=18, rssi_dbm=-83),
        sensor(
            "TICKR 09",
            "heart_rate",
            {HEART: 131},
            athlete="d0",
            athlete_name="Sofia R.",
            rssi_dbm=-79,
        ),
    ]


def studio(*, mine: str = "", asks: tuple[live_views.AskView, ...] = ()) -> live_views.SeatsView:
    """Eight bikes, some with riders, and a class that is open."""
    riders = {"b2": "Sofia R.", "b3": "Jonas W.", "b5": ""}
    bikes = []
    for i in range(1, 9):
        bike = f"b{i}"
        state = live_views.BikeState.TAKEN if bike in riders else live_views.BikeState.FREE
        state = live_views.BikeState.YOURS if bike == mine else state
        name = riders.get(bike, "")
        bikes.append(
            live_views.BikeView(
                bike,
                f"Bike {i}",
                state,
                here=i != 8,
                moving=i == 6,
                athlete=name and f"a{i}",
                athlete_name=name,
                sensors=(f"s-kickr-{i}",),
            )
        )
    return live_views.SeatsView(tuple(bikes), asks, "demo", "Tuesday class")


def ftp_json(**more: Any) -> dict[str, Any]:
    """What a ramp proposes."""
    known = {
        "test": "ramp",
        "ftp_w": 254,
        "was_w": 240,
        "current_w": 240,
        "reasoning": "best minute 339 W × 0.75",
        "confidence": "high",
        "doubts": [],
        "windows": [{"begins_s": 700, "ends_s": 760, "mean_w": 339.2, "missing_s": 0}],
        "ended_s": 460,
        "declined": False,
        "may_use": True,
    }
    return known | more


ADA = Thresholds(ftp_w=265, max_hr_bpm=184), ZoneChoice()


def activity_json(activity: str, **more: Any) -> dict[str, Any]:
    laps = []
    begins_s = 0
    for step in threshold_steps():
        seconds = int(step.seconds or 0)
        share = ((step.begin or 0) + (step.end or step.begin or 0)) / 2
        laps.append(
            {
                "name": step.name,
                "begins_s": begins_s,
                "duration_s": seconds,
                "average_power_w": 265 * share - 1.5,
                "target_w": 265 * share,
                "average_heart_rate_bpm": 110 + 50 * share,
                "average_cadence_rpm": 86 + 6 * share,
            }
        )
        begins_s += seconds
    known = {
        "activity": activity,
        "session": "r1",
        "athlete": "me",
        "title": "4 × 8 Threshold",
        "started_at_ms": 1_763_622_000_000,
        "elapsed_s": 4324,
        "moving_s": 4140,
        "saved": False,
        "demo": False,
        "rpe": None,
        "note": "",
        "end_cause": "stop",
        "summary": {
            "average_power_w": 198.4,
            "max_power_w": 512,
            "weighted_power_w": 221.7,
            "intensity": 0.84,
            "load": 81.2,
            "work_kj": 821,
            "average_heart_rate_bpm": 148,
            "max_heart_rate_bpm": 174,
            "average_cadence_rpm": 89,
            "distance_m": 38_240.0,
            "energy_kcal": 847,
            "power_zones_s": [1180, 640, 160, 1870, 170, 60, 60],
            "heart_rate_zones_s": [240, 610, 980, 1900, 410],
        },
        "laps": laps,
        "power_zones": msgspec.to_builtins(zones_view(power_zones_of(*ADA))),
        "heart_zones": msgspec.to_builtins(zones_view(heart_zones_of(*ADA))),
        "estimated_s": 12,
        "gaps": [
            {
                "begins_s": 33,
                "duration_s": 102,
                "reason": "sensor lost",
                "metric": "heart_rate_bpm",
            },
            {
                "begins_s": 2710,
                "duration_s": 192,
                "reason": "computer slept 3:12",
                "metric": None,
            },
        ],
        "sources": [],
    }
    return known | more


def streams() -> dict[str, Any]:
    """The staged ride at 1 Hz: follows its targets with a little noise, heart rate lagging."""
    power, heart, cadence = trace(4140)
    return {
        "t_s": list(range(len(power))),
        "power_w": power,
        "heart_rate_bpm": heart,
        "cadence_rpm": cadence,
    }


def trace(until_s: int) -> tuple[list[int], list[int], list[int]]:
    """Power, heart rate and cadence per second, the same each time."""
    power, heart, cadence = [], [], []
    power_w, bpm, seed = 120.0, 96.0, 42
    for second in range(until_s):
        share = _share_at(second)
        seed = seed * 16_807 % 2_147_483_647
        noise = seed / 2_147_483_647 - 0.5
        power_w += (share * 265 - power_w) * 0.15 + noise * 9
        bpm += (92 + share * 74 - bpm) * 0.007 + noise * 0.3
        power.append(round(power_w))
        heart.append(round(bpm))
        cadence.append(round(84 + share * 8 + noise * 3))
    return power, heart, cadence


def _share_at(second: int) -> float:
    begins_s = 0.0
    for step in threshold_steps():
        length_s = step.seconds or 0
        if second < begins_s + length_s:
            begin = step.begin or 0
            end = begin if step.end is None else step.end
            return begin + (end - begin) * (second - begins_s) / length_s
        begins_s += length_s
    return 0.4
