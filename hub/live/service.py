"""The live part as HTTP, `/live` and ingest see it: sessions, sensors, readings, commands."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog
from msgspec.structs import replace

from hub.auth.grants import Grants
from hub.auth.policy import Act
from hub.auth.principal import Admission, Principal, Role
from hub.core.errors import Conflict, Denied, NotFound, Unavailable, UserError
from hub.core.heart_model import Gain
from hub.core.live_metrics import Second
from hub.core.sources import SourceSwitched as Switch
from hub.core.workout import Workout
from hub.live import inputs, riding
from hub.live.board import Board
from hub.live.clock import HubClock, slept_ms
from hub.live.commands import Commands
from hub.live.custody import Custody
from hub.live.delivery import Delivery
from hub.live.equipment import Equipment
from hub.live.helm import Helm
from hub.live.inputs import Entry, Pace
from hub.live.outbox import Outbox, Wire
from hub.live.peer import Peer
from hub.live.peers import Peers
from hub.live.pilot import Pilot
from hub.live.ports import (
    Assignments,
    Athletes,
    Bikes,
    Gains,
    GrantStore,
    May,
    Memory,
    OnFinished,
    Placed,
    Sessions,
    TrainerSettings,
    Uplink,
)
from hub.live.rights import Rights
from hub.live.room import Room
from hub.live.roster import Roster
from hub.live.runner import Runner
from hub.live.seats_desk import SeatDesk
from hub.live.senses import Senses
from hub.live.session_state import FREE_RIDE, Session
from hub.live.sharing import Sharing
from hub.live.spread import CueSpread
from hub.live.stage import Stage
from hub.live.timer import Alarm, new_alarm
from hub.live.trainer_desk import TrainerDesk
from hub.store.ids import new_id
from hub.store.rows import SITE, Assignment, Athlete, SessionRow
from hub.wire.live_events import SourceSwitched, TrainerChanged
from hub.wire.live_from_client import Control, Fired, Prefer, Subscribe
from hub.wire.live_to_client import Reply
from hub.wire.live_views import GatewayView, SensorsView, SessionView
from hub.wire.uplink import Adapters, Sensors, Trainers, UpBeat

LOG = structlog.get_logger()

BEAT_S = 1.0
SEATS = "seats"


class NoLogin(Denied):
    """Neither a cookie nor a token came."""

    code = "no_login"


# Whose an access token is; raises Denied.
ByToken = Callable[[str], Admission]

# Power W and speed km/h of each riding second so far, None for a gap; after a restart.
Recorded = Callable[[Session, str], Awaitable[Sequence[Second]]]


class Live:
    """Everything that happens now. One per hub; every method runs on the hub's loop."""

    def __init__(
        self,
        *,
        clock: HubClock,
        sessions: Sessions,
        athletes: Athletes,
        assignments: Assignments,
        bikes: Bikes,
        memory: Memory,
        trainers: TrainerSettings,
        gains: Gains,
        grants: GrantStore,
        uplink: Uplink,
        may: May,
        on_finished: OnFinished,
        by_token: ByToken,
        build: str,
        idle_finish_ms: int = 600_000,
        recorded: Recorded | None = None,
        stopped_at_ms: int | None = None,
        alarm: Callable[[HubClock, Callable[[], None]], Alarm] = new_alarm,
    ) -> None:
        now_ms = clock.now_ms
        self.build = build
        self.counts: Counter[str] = Counter()  # messages refused, by code
        self.peers = Peers(now_ms)
        self._clock = clock
        self._by_token = by_token
        self._recorded = recorded
        self._stopped_at_ms = stopped_at_ms
        self._board = Board()
        self._roster = Roster(
            athletes, assignments, self._board, uplink, now_ms, self._source_switched
        )
        granted = Grants()
        self._rights = Rights(may, self._roster.is_demo, granted, now_ms)
        self._gains = gains
        self._pilot = Pilot(self._roster.gauges)
        self._helm = Helm(self._roster, self._board, self._pilot, uplink, now_ms)
        self._stage = Stage(now_ms, self.room, self._roster, self._board, self._helm, self._rights)
        self._runner = Runner(
            clock,
            sessions,
            self._stage,
            on_finished,
            alarm,
            idle_finish_ms=idle_finish_ms,
            slept_ms=slept_ms,
        )
        self._equipment = Equipment(self._roster, self._helm, self._stage, self._runner)
        self.trainers = TrainerDesk(
            trainers,
            self._roster,
            self._board,
            self._helm,
            self._rights,
            self._equipment.changed,
        )
        self._custody = Custody(
            self._roster,
            self._board,
            self._helm,
            now_ms,
            self.spawn,
            moved=self._equipment.changed,
            # Nobody misses what it would bring: it is as if it were back.
            emptied=self._runner.gateway_back,
        )
        self.seating = SeatDesk(
            bikes,
            memory,
            self._roster,
            self._board,
            self._helm,
            self._runner,
            self._equipment,
            self._rights,
            now_ms,
        )
        self.sharing = Sharing(grants, granted, self._roster, self._rights, now_ms, self._regrant)
        self._senses = Senses(self._roster.gauges, self._runner.soon)
        self._commands = Commands(clock, self._runner, self._roster, self._helm, self._rights)
        self._beat: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Folds the open sessions: they go on where absolute time says they are."""
        await self.trainers.start()
        await self._roster.start()
        await self.sharing.start()
        self._pilot.kept.update(await self._gains.all())
        await self._runner.start()
        await self.seating.start()
        if self._stopped_at_ms is not None:
            # Until a gateway is back, nothing of what it holds was heard since the hub before this.
            for gateway in self._roster.gateways():
                athletes = self._roster.athletes_of(gateway)
                self._runner.gateway_away(gateway, athletes, True, self._stopped_at_ms)
        rooms = tuple(self._runner.rooms.values())
        self._clock.follow_wall(session_running=any(not room.is_over for room in rooms))
        for room in rooms:
            self._equipment.begin(room)
            await self._catch_up(room)
        self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._on_beat)

    async def stop(self) -> None:
        """Says goodbye to every client; sessions stay open in the store."""
        if self._beat is not None:
            self._beat.cancel()
        self.peers.close()
        await self._runner.stop()
        self.seating.close()
        self._stage.close()

    # Sessions

    async def create_session(
        self,
        principal: Principal,
        *,
        workout: Workout | None,
        workout_id: str = "",
        title: str = "",
        athletes: Sequence[str] = (),
        demo: bool = False,
        open: bool = False,
        pace: Pace = Pace.GROUP,
        auto_start: bool = False,
        auto_pause: bool = False,
    ) -> SessionView:
        """A ready session. `workout` None: a free ride; no `athletes`: the principal's own.

        `open`: a class, into which whoever takes a bike comes; it may begin with nobody.
        `pace`: one lane for everybody, or one for each athlete. `auto_start`, `auto_pause`: where a
        rider rides alone or at their own pace, their legs start and pause the lane.

        Raises Denied, NotFound (an athlete), Conflict (one already rides elsewhere), UserError,
        Unavailable.
        """
        self._rights.require(principal, Act.OPEN_CLASS if open else Act.CREATE_SESSION)
        names = tuple(dict.fromkeys(athletes or (() if open else (principal.athlete_id,))))
        riders = [self._free_athlete(principal, name) for name in names if name]
        if not riders and not open:
            raise UserError("a session needs an athlete", remedy="enter your figures first")
        now = self._clock.now_ms()
        session_id = new_id(now)
        title = title or (workout.name if workout else FREE_RIDE.name)
        leads = not demo and (open or names != (principal.athlete_id,))
        epoch = secrets.token_hex(8)
        said: list[inputs.Input] = [
            inputs.Create(
                session_id,
                title,
                epoch,
                workout_id,
                workout,
                demo,
                open,
                pace,
                auto_start,
                auto_pause,
                principal.login_id if leads else "",
                self._roster.name(principal.athlete_id) if leads else "",
                principal.role.value if leads else "",
            )
        ]
        for athlete in riders:
            chosen = self._roster.preferences(athlete.athlete_id)
            said += riding.coming_in(athlete, (workout or FREE_RIDE).sport, chosen)
        row = SessionRow(
            session_id=session_id,
            owner_id=SITE if demo else principal.athlete_id or SITE,
            title=title,
            workout_id=workout_id,
            workout=b"" if workout is None else inputs.encode_workout(workout),
            athletes=names,
            demo=demo,
            created_ms=now,
        )
        room = await self._runner.create(row, [Entry(now, i, principal.login_id) for i in said])
        self._equipment.begin(room)
        return self._stage.session_view(principal, room)

    async def control(self, principal: Principal, command: Control) -> Reply:
        """Never raises for what a caller may cause: `code` is that of hub.core.errors.

        The same key of the same login again gets the same reply; `volatile` as the code of a
        success: done, but not yet on disk.
        """
        return await self._commands.control(principal, command)

    async def prefer(self, principal: Principal, command: Prefer) -> Reply:
        """Like `control`. Saying it twice is saying it once."""
        return await self._commands.prefer(principal, command)

    def view(self, principal: Principal, session_id: str) -> SessionView:
        """Raises NotFound, also where the principal may not see it."""
        return self._stage.session_view(principal, self._visible(principal, session_id))

    def open_sessions(self, principal: Principal) -> tuple[SessionView, ...]:
        """Those not yet over, newest first."""
        rooms = sorted(self._runner.rooms.values(), key=lambda room: -room.base.created_at_ms)
        return tuple(
            self._stage.session_view(principal, room)
            for room in rooms
            if not room.is_over and self._rights.sees(principal, room.base)
        )

    def is_in_session(self, athlete_id: str) -> bool:
        """Whether the athlete is in one that is not over."""
        return self._runner.room_of(athlete_id) is not None

    async def reopen(self, principal: Principal, session_id: str) -> SessionView:
        """A ride that idleness ended goes back to paused.

        Raises NotFound, Denied, Conflict after 30 minutes or when an athlete rides elsewhere.
        """
        room = await self._runner.find(session_id)
        self._rights.require_sight(principal, room.base)
        self._rights.require_lane(principal, room.base)
        for athlete in room.base.riders:
            self._require_free(athlete)
        await self._runner.reopen(session_id, principal.login_id)
        for choice in self._unsaid_choices(room.base):
            await self._runner.say(session_id, choice)
        await self._catch_up(room)
        return self._stage.session_view(principal, room)

    # Sensors and athletes

    def sensors_view(self, principal: Principal) -> SensorsView:
        self._rights.require(principal, Act.SEE_SENSORS)
        holders = self._stage.holders()
        granted, named = (
            self._rights.granted(principal, holders),
            self._rights.named(principal, holders),
        )
        return self._stage.sensors_shown(granted, named)

    def gateways_view(self, principal: Principal) -> tuple[GatewayView, ...]:
        self._rights.require(principal, Act.SEE_SENSORS)
        return self._board.gateways_view()

    def assignments(self, principal: Principal) -> tuple[Assignment, ...]:
        """Which sensor is whose."""
        self._rights.require(principal, Act.SEE_SENSORS)
        return tuple(self._roster.held.values())

    async def assign(
        self, principal: Principal, sensor_id: str, athlete_id: str, *, swap: bool = False
    ) -> Assignment:
        """Raises Denied, NotFound, Unavailable, and a Conflict `taken` unless `swap`."""
        self._rights.require(principal, Act.ASSIGN, athlete_id)
        bike = self.seating.seats.bike_of.get(sensor_id)
        if bike is not None:
            if not await self.seating.sit(principal, bike, athlete_id, key="", swap=swap):
                raise Conflict("who sits on this bike was asked", remedy="wait for the answer")
            return self._held(sensor_id)
        before = self._roster.held.get(sensor_id)
        if swap and before is not None:
            self._rights.require(principal, Act.ASSIGN, before.athlete_id)
        held = await self._roster.assign(sensor_id, athlete_id, swap=swap)
        self._equipment.changed([athlete_id, *([before.athlete_id] if before else [])])
        return held

    async def unassign(self, principal: Principal, sensor_id: str) -> None:
        """Raises Denied, NotFound, Unavailable."""
        held = self._roster.held.get(sensor_id)
        if held is None:
            raise NotFound("this sensor is nobody's")
        self._rights.require(principal, Act.ASSIGN, held.athlete_id)
        bike = self.seating.seats.bike_of.get(sensor_id)
        if bike is not None:
            await self.seating.seats.leave(principal, bike)
            return
        if self._roster.trainer_of(held.athlete_id) == held:
            self._helm.release(held)
        await self._roster.release(sensor_id)
        self._equipment.changed([held.athlete_id])

    def rescan(self, principal: Principal, gateway: str) -> None:
        """Raises Denied, NotFound."""
        self._rights.require(principal, Act.MANAGE_GATEWAYS)
        if not self._board.knows_gateway(gateway):
            raise NotFound("no such gateway")
        self._helm.rescan(gateway)

    async def athlete_changed(self, athlete: Athlete) -> None:
        """Call after a profile was stored: zones, targets and plans follow, also in mid-session."""
        self._roster.know(athlete)
        if athlete.owner:
            self._name_owner(athlete.athlete_id)
        room = self._runner.room_of(athlete.athlete_id)
        if room is not None:
            rider = riding.rider(athlete, room.base.workout.sport)
            await self._runner.say(room.session_id, inputs.Join(rider))

    # Hooks of ingest

    def on_gateway(self, gateway: str, up: bool, reason: str = "") -> None:
        """`reason`: why it is away."""
        if self._board.knows_gateway(gateway):
            self._runner.gateway_away(gateway, self._roster.athletes_of(gateway), not up)
        elif up:
            self._runner.gateway_back(gateway)
        self._board.gateway(gateway, up, reason, self._clock.now_ms())
        self._custody.gateway(gateway, up, reason)

    def on_readings(self, gateway: str, readings: Sequence[Placed], backfill: bool) -> None:
        """Fusion on arrival; what comes as backfill is for the recording only."""
        self._roster.take(readings, backfill)
        if not backfill:
            self.seating.watch.heard(readings)

    def on_beat(self, gateway: str, beat: UpBeat) -> None:
        self._board.beat(gateway, beat.at_boot_ms, self._clock.now_ms())

    def on_sensors(self, gateway: str, message: Sensors) -> None:
        now = self._clock.now_ms()
        if self._board.sensors(gateway, message.sensors, whole=message.whole, now=now):
            self._roster.sensors_changed()
        self._custody.sensors(gateway, message.sensors, message.whole)
        self.seating.watch.seen(message.sensors)

    def on_trainers(self, gateway: str, message: Trainers) -> None:
        for state in message.trainers:
            if not self._custody.speaks_for(gateway, state.sensor_id):
                continue
            if not self._board.trainer(state):
                continue
            held = self._roster.held.get(state.sensor_id)
            room = None if held is None else self._runner.room_of(held.athlete_id)
            view = None if held is None else self._helm.view(held.athlete_id)
            if held is not None and room is not None and view is not None:
                self._runner.tell_soon(room, TrainerChanged(held.athlete_id, view))

    def on_adapters(self, gateway: str, message: Adapters) -> None:
        self._board.adapters(gateway, message.adapters, self._clock.now_ms())
        self._custody.adapters(gateway, message.adapters)

    # Clients of /live

    def accept(
        self,
        admission: Admission | None,
        wire: Wire,
        soon: Callable[[Callable[[], None]], object],
        address: str = "",
    ) -> Peer:
        """A client that its cookie let in, or (None) that is to say hello with a token."""
        return self.peers.accept(self, admission, wire, soon, address)

    def admit(self, peer: Peer, token: str) -> None:
        """Raises Denied."""
        if not token:
            raise NoLogin("this client is not signed in", remedy="open the link of `derny link`")
        self.peers.admit(peer, self._by_token(token))

    def refresh(self, peer: Peer, token: str) -> None:
        """Raises Denied."""
        self.peers.refresh(peer, self._by_token(token))

    def dismiss(self, login_id: str) -> None:
        """This login was revoked: its clients go and do not come back by themselves."""
        self.seating.asks.signed_out(login_id)
        self.peers.dismiss(login_id)

    def gone(self, peer: Peer) -> None:
        self.peers.gone(peer)

    @property
    def client_count(self) -> int:
        return len(self.peers)

    def delivery(self) -> Delivery:
        """Looks at every client: for whoever asks now and then."""
        fanout, channels = self._stage.fanout, self._stage.channels
        return Delivery(
            clients=len(self.peers),
            came=self.peers.came_count,
            went=self.peers.went_count,
            late=fanout.late_count,
            unseen_ms=fanout.unseen_ms(),
            frames=fanout.frame_count,
            conflated=fanout.conflated_count,
            resumed=channels.resumed_count,
            gaps=channels.gap_count,
        )

    @property
    def fused_count(self) -> int:
        """Live readings that had an athlete, since the start."""
        return self._roster.fused

    def now_us(self) -> int:
        return self._clock.now_us()

    def fired(self, outbox: Outbox, cue: Fired) -> None:
        """Raises NotFound for a lane that is none: it would push another cue out."""
        if cue.lane not in self._runner.room(cue.session).base.lanes:
            raise NotFound("no such lane")
        self._stage.spreads.fired(id(outbox), cue)  # the outbox itself may go meanwhile

    def spread(self, principal: Principal, session_id: str) -> tuple[CueSpread, ...]:
        """How far apart devices fired the newest cues. Raises NotFound."""
        self._visible(principal, session_id)
        return self._stage.spreads.of(session_id)

    def subscribe(self, outbox: Outbox, principal: Principal, wish: Subscribe) -> None:
        if wish.channel == SEATS:
            self.seating.subscribe(outbox, principal)
            return
        self._stage.channels.subscribe(outbox, principal, wish)

    def unsubscribe(self, outbox: Outbox, channel: str) -> None:
        if channel == SEATS:
            self.seating.unsubscribe(outbox)
            return
        self._stage.channels.unsubscribe(outbox, channel)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._runner.spawn(work)

    def malformed(self, code: str) -> None:
        self.counts[code] += 1

    # Inside

    def room(self, session_id: str) -> Room:
        """Raises NotFound."""
        return self._runner.room(session_id)

    def _regrant(self, athletes: Iterable[str]) -> None:
        self._stage.channels.regrant(tuple(athletes), self._runner.rooms.values())
        # An event as well: who is away now comes back to what may be seen then.
        rooms = {room.session_id: room for one in athletes if (room := self._runner.room_of(one))}
        for room in rooms.values():
            self._runner.tell_members_soon(room)

    def _name_owner(self, athlete_id: str) -> None:
        """The owner's athlete may be made while its page is open already."""
        self.peers.change(
            lambda who: replace(who, athlete_id=athlete_id) if who.role is Role.OWNER else who
        )

    def _free_athlete(self, principal: Principal, athlete_id: str) -> Athlete:
        athlete = self._roster.athlete(athlete_id)
        self._rights.require(principal, Act.TRIM, athlete_id)
        self._require_free(athlete_id)
        return athlete

    def _held(self, sensor_id: str) -> Assignment:
        held = self._roster.held.get(sensor_id)
        if held is None:
            raise NotFound("no gateway has seen this sensor")
        return held

    def _require_free(self, athlete_id: str) -> None:
        room = self._runner.room_of(athlete_id)
        if room is not None:
            raise Conflict(
                f"{self._roster.name(athlete_id)} is in the session {room.base.title!r}",
                remedy="stop that one first",
            )

    def _unsaid_choices(self, session: Session) -> list[inputs.Choose]:
        """What riders have chosen since, while the session was over: its log is to know it."""
        unsaid = []
        for athlete in session.riders:
            said = {one.metric: one.sensor_id for one in session.choices if one.athlete == athlete}
            standing = dict(self._roster.preferences(athlete))
            for metric in said.keys() | standing.keys():
                sensor = standing.get(metric, "")
                if sensor != said.get(metric, ""):
                    unsaid.append(inputs.Choose(athlete, metric, sensor))
        return unsaid

    def _visible(self, principal: Principal, session_id: str) -> Room:
        room = self._runner.room(session_id)
        self._rights.require_sight(principal, room.base)
        return room

    def _source_switched(self, athlete_id: str, switch: Switch) -> None:
        room = self._runner.room_of(athlete_id)
        if room is None:
            return
        name = self._board.name(switch.sensor_id)
        body = SourceSwitched(
            athlete_id, switch.metric, switch.sensor_id, name, switch.cause.value, switch.at_ms
        )
        self._runner.tell_soon(room, body)

    def _on_beat(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._on_beat)
        now = self._clock.now_ms()
        self.peers.sweep(now)
        self._runner.beat(now)
        rooms = list(self._runner.rooms.values())
        self._stage.count_seconds(rooms, now)
        self._senses.look(self._runner.rooms, now)
        self._stage.hold_hearts(rooms)
        self._stage.attend(rooms)
        if self.sharing.is_due(now):
            self.spawn(self.sharing.sweep(now))
        for athlete, gain in self._pilot.learned().items():
            self.spawn(self._keep_gain(athlete, gain, now))
        self._custody.settle()
        self._equipment.notice()
        self.seating.beat(now)

    async def _keep_gain(self, athlete_id: str, gain: Gain, now: int) -> None:
        athlete = self._roster.athlete(athlete_id)
        if athlete.demo or athlete.guest:
            return
        try:
            await self._gains.keep(athlete_id, gain, now)
        except Unavailable as error:
            LOG.warning("heart_gain_not_kept", error=str(error))  # the next held step says it again

    async def _catch_up(self, room: Room) -> None:
        """Averages and sums of a session taken up again, from what was recorded of it."""
        if self._recorded is None or room.is_over or room.base.started_at_ms is None:
            return
        for athlete in room.base.riders:
            gauges = self._roster.gauges(athlete)
            if gauges is not None:
                try:
                    seconds = await self._recorded(room.now, athlete)
                except Exception:
                    LOG.exception("not_caught_up", session=room.session_id)
                    continue  # the recording has it; only the screen's sums begin anew
                gauges.catch_up(room.now, seconds, self._clock.now_ms())
