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
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from browser.stage import FOREVER_MS, Refused, Stage
from browser.stage_answers import StageAnswers
from browser.staged_activity import activity_json, streams
from browser.staged_ride import Session, now_ms
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from hub.wire import live_events, live_from_client, live_rows, live_to_client
from hub.wire.values import FreeTarget

WEB = Path(__file__).resolve().parents[2] / "web"
TOKEN = "one-time"
PATIENCE_S = 30


class FakeHub(StageAnswers):
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

    def show(self, presence: live_to_client.Presence) -> None:
        """Who is there, to whoever follows that session."""
        self.do(self._show(presence))

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
                routes("/api/sessions/{session}/cues", GET=lambda session: self.stage.cues),
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

        one, athlete = "/api/library/{workout}", "/api/athletes/{athlete}"
        book, grants = f"{athlete}/thresholds", f"{athlete}/grants"
        dated = f"{book}/{{sport}}/{{valid_from}}"
        return {
            "/api/library": {"GET": self._search, "POST": of("keep")},
            "/api/library/upload": {"POST": of("upload")},
            one: {"GET": of("show"), "PUT": self._edit_workout, "DELETE": of("delete")},
            f"{one}/preview": {"GET": of("preview")},
            f"{one}/formats": {"GET": of("formats")},
            book: {"GET": of("book")},
            dated: {"PUT": of("put"), "DELETE": of("forget")},
            grants: {"GET": self._grants},
            f"{grants}/{{grantee}}": {"PUT": self._share, "DELETE": self._unshare},
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
        if self.stage.patient and path.name == "constants.js":
            own, patient = "SILENCE_MS = 3000;", "SILENCE_MS = 60000;"
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
            if session.coach is not None:
                await self._send(ws, live_to_client.Presence(channel, now_ms(), session.coach))
        self._sockets[ws].add(channel)

    async def _control(self, ws: WebSocket, message: live_from_client.Control) -> None:
        session = self.stage.sessions[message.session]
        lane, now = session.lanes.get(message.athlete, session.lane), now_ms()
        self.stage.controls.append(message)
        self.stage.calls.append(("CONTROL", message.action.value, message.by_s or message.trim_pct))
        lane.undo_until_ms = now + UNDO_MS if message.action in UNDOABLE else None
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

    async def _show(self, presence: live_to_client.Presence) -> None:
        for ws, channels in list(self._sockets.items()):
            if presence.channel in channels:
                await self._send(ws, presence)

    def _session(self, channel: str) -> Session | None:
        return self.stage.sessions.get(channel.removeprefix("session:"))


UNDO_MS = 60_000  # longer than a hub's: a test's machine may stall
UNDOABLE = {
    live_from_client.Action.SKIP,
    live_from_client.Action.BACK,
    live_from_client.Action.JUMP,
    live_from_client.Action.EXTEND,
    live_from_client.Action.REPEAT,
    live_from_client.Action.COOL_DOWN,
}
