"""/api/bikes, /api/asks and the sheet of QR codes: who sits where."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable
from typing import Annotated

import msgspec
import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hub.auth.policy import Act, may
from hub.auth.principal import Principal
from hub.core.errors import Denied, NotFound, UserError
from hub.http.bodies import empty, problem, read, reply
from hub.http.principals import principal_of
from hub.live.seats import BIKE_SENSORS_MAX
from hub.live.seats_rights import BikeTaken
from hub.live.service import Live
from hub.store.rows import Bike
from hub.wire.live_from_client import Key

Id = Annotated[str, msgspec.Meta(max_length=80)]
KINDS = {"svg": "image/svg+xml", "png": "image/png"}
PNG_SCALE = 10  # pixels a module: 3 cm at 300 dpi
ERROR_LEVEL = "q"  # ISO/IEC 18004: a quarter of it may be sweat


class NewBike(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    sensors: Annotated[tuple[Id, ...], msgspec.Meta(max_length=BIKE_SENSORS_MAX)] = ()


class NewSeat(msgspec.Struct, forbid_unknown_fields=True):
    """`athlete` "": the viewer's own."""

    key: Key
    athlete: Id = ""
    swap: bool = False


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    yes: bool
    bike: Id = ""


class Asking(msgspec.Struct, forbid_unknown_fields=True):
    athlete: Id = ""


class BikeBody(msgspec.Struct, frozen=True):
    bike: str
    name: str
    sensors: tuple[str, ...]


class Seated(msgspec.Struct, frozen=True):
    """`asked`: who sits there was asked, and decides."""

    bike: str
    asked: bool


class Waiting(msgspec.Struct, frozen=True):
    until_ms: int


class BikeRoutes:
    def __init__(self, live: Live) -> None:
        self._live = live

    def routes(self) -> list[Route]:
        one = "/api/bikes/{bike}"
        return [
            Route("/api/bikes", self.view, methods=["GET"]),
            Route("/api/bikes", self.make, methods=["POST"]),
            Route("/api/bikes/asking", self.ask, methods=["PUT"]),
            Route("/api/bikes/asking", self.stop, methods=["DELETE"]),
            Route(one, self.change, methods=["PUT"]),
            Route(one, self.remove, methods=["DELETE"]),
            Route(f"{one}/rider", self.sit, methods=["PUT"]),
            Route(f"{one}/rider", self.leave, methods=["DELETE"]),
            Route(f"{one}/qr.{{kind}}", self.code, methods=["GET"]),
            Route("/api/asks/{ask}", self.answer, methods=["POST"]),
            Route("/bikes/sheet", self.sheet, methods=["GET"]),
        ]

    async def view(self, request: Request) -> Response:
        return reply(self._live.seating.view(principal_of(request)))

    # Bikes

    async def make(self, request: Request) -> Response:
        return await self._put(request, "", 201)

    async def change(self, request: Request) -> Response:
        return await self._put(request, request.path_params["bike"], 200)

    async def _put(self, request: Request, bike: str, status: int) -> Response:
        wanted = await read(request, NewBike)
        seats = self._live.seating.seats
        made = await seats.put(principal_of(request), bike, wanted.name, wanted.sensors)
        return reply(BikeBody(made.bike_id, made.name, made.sensors), status)

    async def remove(self, request: Request) -> Response:
        seats = self._live.seating.seats
        await seats.remove(principal_of(request), request.path_params["bike"])
        return empty()

    # Seats

    async def sit(self, request: Request) -> Response:
        wanted = await read(request, NewSeat)
        principal = principal_of(request)
        bike = self._live.seating.seats.find(request.path_params["bike"]).bike_id
        athlete = _athlete(principal, wanted.athlete)
        try:
            done = await self._live.seating.sit(
                principal, bike, athlete, key=wanted.key, swap=wanted.swap
            )
        except BikeTaken as taken:
            body = {
                "code": taken.code,
                "detail": str(taken),
                "way": taken.way.value,
                "bike": bike,
            }
            return reply(body, 409)
        return reply(Seated(bike, not done), 200 if done else 202)

    async def leave(self, request: Request) -> Response:
        seats = self._live.seating.seats
        await seats.leave(principal_of(request), request.path_params["bike"])
        return empty()

    async def ask(self, request: Request) -> Response:
        wanted = await read(request, Asking)
        principal = principal_of(request)
        athlete = _athlete(principal, wanted.athlete)
        return reply(Waiting(self._live.seating.asks.ask_for_bike(principal, athlete)))

    async def stop(self, request: Request) -> Response:
        principal = principal_of(request)
        self._live.seating.asks.stop_asking(principal, _athlete(principal, ""))
        return empty()

    async def answer(self, request: Request) -> Response:
        said = await read(request, Answer)
        asks, ask = self._live.seating.asks, request.path_params["ask"]
        await asks.answer(principal_of(request), ask, said.yes, said.bike)
        return empty()

    # QR codes

    async def code(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        _require_manager(principal_of(request))
        if kind not in KINDS:
            raise NotFound("a code is qr.svg or qr.png")
        bike = self._live.seating.seats.bike(request.path_params["bike"])
        out = io.BytesIO()
        _qr(request, bike).save(out, kind=kind, scale=PNG_SCALE, border=4)
        return Response(out.getvalue(), media_type=KINDS[kind])

    async def sheet(self, request: Request) -> Response:
        """To print: every bike's name over its code. Not below /api/, so it looks for itself."""
        principal = request.state.principal
        if principal is None:
            return problem(401, "no_login", "open the link that `derny up` or `derny link` printed")
        _require_manager(principal)
        view = self._live.seating.view(principal)  # in the order of the list
        seats = self._live.seating.seats
        cards = (_card(request, seats.bike(shown.bike)) for shown in view.bikes)
        return HTMLResponse(_page(cards), headers={"cache-control": "no-store"})


def _athlete(principal: Principal, athlete: str) -> str:
    athlete = athlete or principal.athlete_id
    if not athlete:
        raise UserError("who sits there?", remedy="enter your figures first")
    return athlete


def _require_manager(principal: Principal) -> None:
    if not may(principal, Act.MANAGE_BIKES):
        raise Denied("this login may not manage bikes")


def _qr(request: Request, bike: Bike) -> segno.QRCode:
    """The code stands in the fragment, which no server or log ever sees."""
    return segno.make_qr(f"{request.base_url}#bike={bike.code}", error=ERROR_LEVEL)


def _card(request: Request, bike: Bike) -> str:
    code = _qr(request, bike).svg_inline(scale=1, border=2, omitsize=True, svgclass="qr")
    return f"<li><h2>{html.escape(bike.name)}</h2>{code}<p>Scan to take this bike</p></li>"


_STYLE = """
@page { margin: 12mm }
body { margin: 0; font: 500 14px/1.3 Inter, system-ui, sans-serif;
  color: #0b0e14; background: #fff }
header { display: flex; gap: 16px; align-items: baseline; padding: 16px 24px 0 }
h1 { font-size: 20px; margin: 0 } header p { margin: 0; color: #4a5260 }
ul { list-style: none; margin: 0; padding: 24px; display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)) }
li { border: 1px dashed #9aa2ae; border-radius: 14px; padding: 16px; text-align: center;
  break-inside: avoid }
h2 { font-size: 28px; margin: 0 0 8px } li p { margin: 8px 0 0; color: #4a5260 }
.qr { width: 100%; max-width: 240px; height: auto }
@media print { header { display: none } ul { padding: 0; grid-template-columns: 1fr 1fr } }
"""


def _page(cards: Iterable[str]) -> str:
    listed = "".join(cards) or "<li><h2>No bikes</h2><p>Name them on the bikes page first</p></li>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bikes</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><header><h1>Bikes</h1>"
        f"<p>Print this page, one card on each bike.</p></header><main><ul>{listed}</ul></main>"
        "</body></html>"
    )
