"""What the staged hub's JSON API does to the stage: seats, sensors, rides, who one is."""

from __future__ import annotations

from typing import Any

import msgspec
from browser.stage import Refused, Stage
from browser.staged_ride import now_ms, threshold_steps
from browser.staged_room import athlete_json, athlete_view, ride_session
from starlette.responses import JSONResponse, Response

from hub.auth.grants import Grant, Part
from hub.wire import live_views
from hub.wire.uplink import (
    SpinDown,
    SpinDownPhase,
)

BIKE_CODE = "on-bike-7"


class StageAnswers:
    """A method for each route; raises Refused."""

    stage: Stage

    # Sharing

    def _grants(self, athlete: str) -> Any:
        return list(self.stage.grants.values())

    def _share(self, athlete: str, grantee: str, body: Any) -> None:
        if self.stage.full:
            raise Refused(503, "disk_full", "The disk is full.")
        self.stage.grants[grantee] = Grant(
            athlete, grantee, tuple(map(Part, body["parts"])), body["until_ms"]
        )

    def _unshare(self, athlete: str, grantee: str) -> None:
        self.stage.grants.pop(grantee, None)

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
