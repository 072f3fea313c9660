"""What people say to a session: checked, turned into inputs, carried out once a key."""

from __future__ import annotations

import asyncio

from hub.auth.policy import Act
from hub.auth.principal import Principal
from hub.core.errors import DernyError, Unavailable, UserError
from hub.core.workout import StepKind
from hub.live import inputs
from hub.live.clock import HubClock
from hub.live.helm import Helm
from hub.live.inputs import Pace
from hub.live.rights import Rights
from hub.live.room import Room
from hub.live.roster import Roster
from hub.live.runner import Runner
from hub.live.session_state import phase_number
from hub.wire.live_from_client import Action, Control, Prefer
from hub.wire.live_to_client import Reply

# What a rider may do alone, even in a group.
OWN_ACTIONS = (Action.TRIM, Action.RETRY_TRAINER, Action.FREE_TRAINER, Action.DIAL)
# What moves a lane: in a group everybody's, in a session of the riders' own pace one's own.
LANE_ACTIONS = frozenset(Action) - {*OWN_ACTIONS, Action.MESSAGE, Action.TAKE_OVER}


EVERYBODY = "*"  # as the athlete of a command


class Commands:
    def __init__(
        self, clock: HubClock, runner: Runner, roster: Roster, helm: Helm, rights: Rights
    ) -> None:
        self._clock = clock
        self._runner = runner
        self._roster = roster
        self._helm = helm
        self._rights = rights
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Reply]] = {}

    async def control(self, principal: Principal, command: Control) -> Reply:
        """The same key of the same login again gets the same reply, also while under way."""
        place = (command.session, principal.login_id, command.key)
        asked = self._under_way.get(place)
        if asked is None:
            work = self._control(principal, command)
            asked = asyncio.get_running_loop().create_task(work)
            self._under_way[place] = asked
            asked.add_done_callback(lambda _: self._under_way.pop(place, None))
        return await asyncio.shield(asked)  # a caller that hangs up takes nothing back

    async def prefer(self, principal: Principal, command: Prefer) -> Reply:
        """Saying it twice is saying it once."""
        try:
            athlete = self._roster.athlete(command.athlete).athlete_id
            self._rights.require(principal, Act.CHOOSE_SOURCE, athlete)
            await self._roster.prefer(athlete, command.metric, command.sensor_id)
            room = self._runner.room_of(athlete)
            if room is not None:
                choice = inputs.Choose(athlete, command.metric, command.sensor_id)
                await self._runner.say(room.session_id, choice, by=principal.login_id)
        except DernyError as error:
            return _refusal(command.key, error)
        return Reply(command.key, True)

    async def _control(self, principal: Principal, command: Control) -> Reply:
        try:
            room = self._runner.room(command.session)
            self._rights.require_sight(principal, room.base)
        except DernyError as error:
            return _refusal(command.key, error)
        known = room.replies.get((principal.login_id, command.key))
        if known is not None:
            return known
        try:
            reply = await self._carry_out(principal, room, command)
        except Unavailable as error:
            return _refusal(command.key, error)  # not remembered: it may work the next time
        except DernyError as error:
            reply = _refusal(command.key, error)
        room.replied(principal.login_id, reply)
        return reply

    async def _carry_out(self, principal: Principal, room: Room, command: Control) -> Reply:
        whose = _whose(principal, room, command)
        if _is_own(room, command):
            self._rights.require(principal, Act.TRIM, whose)
        else:
            self._rights.require_lane(principal, room.base)
        said = self._input(principal, room, command, whose)
        by = principal.login_id
        done = await self._runner.say(room.session_id, said, by=by, key=command.key)
        if command.action is Action.RETRY_TRAINER:
            self._helm.retry(whose)
        code = "volatile" if done.volatile else ""
        return Reply(command.key, True, code, effect_at_ms=done.effect_at_ms)

    def _input(
        self, principal: Principal, room: Room, command: Control, whose: str
    ) -> inputs.Input:
        match command.action:
            case Action.TRIM:
                return _trim(command, whose)
            case Action.MESSAGE:
                to = "" if command.athlete == EVERYBODY else command.athlete
                return inputs.Say(command.text, to)
            case Action.TAKE_OVER:
                name = self._roster.name(principal.athlete_id)
                return inputs.TakeOver(principal.login_id, name, principal.role.value)
            case Action.RETRY_TRAINER:
                return inputs.Steer(whose, True)
            case Action.FREE_TRAINER:
                return inputs.Steer(whose, False)
            case Action.DIAL:
                if command.target is None:
                    raise UserError("dial needs target", remedy="send power, grade, or free")
                return inputs.Dial(whose, command.target)
            case _:
                return self._lane_input(room, command)

    def _lane_input(self, room: Room, command: Control) -> inputs.Input:
        lane = "" if command.athlete == EVERYBODY else command.athlete
        leaves = self._leaves(room, lane)
        match command.action:
            case Action.START:
                return inputs.Start(lane)
            case Action.PAUSE:
                return inputs.Pause(lane)
            case Action.RESUME:
                return inputs.Resume(lane)
            case Action.LAP:
                return inputs.Lap(lane)
            case Action.SKIP:
                return inputs.Skip(leaves, lane)
            case Action.BACK:
                return inputs.Back(lane, leaves)
            case Action.JUMP:
                if command.to is None:
                    raise UserError("jump needs to", remedy="send the step's number, from 0")
                return inputs.Jump(lane, command.to, leaves)
            case Action.EXTEND:
                if not command.by_s:
                    raise UserError("extend needs by_s", remedy="send seconds, negative to shorten")
                return inputs.Extend(lane, command.by_s * 1000, leaves)
            case Action.REPEAT:
                return inputs.Repeat(lane, leaves)
            case Action.COOL_DOWN:
                return inputs.CoolDown(lane, leaves)
            case Action.UNDO:
                return inputs.Undo(lane)
            case _:
                return inputs.Stop(lane)

    def _leaves(self, room: Room, athlete: str) -> int | None:
        """The phase that whoever pressed the button saw; None: of each lane its own."""
        if room.base.pace is Pace.SELF and not athlete:
            return None
        number = phase_number(room.base, self._clock.now_ms(), athlete)
        return max(number, 0)


def _whose(principal: Principal, room: Room, command: Control) -> str:
    """The athlete meant: the one named, else the one who asks, else the only one; "": everybody."""
    if command.athlete:
        return "" if command.athlete == EVERYBODY else command.athlete
    riders = tuple(room.base.riders)
    if len(riders) == 1 and principal.athlete_id not in riders:
        return riders[0]
    return principal.athlete_id


def _is_own(room: Room, command: Control) -> bool:
    """Whether the right to one athlete is enough."""
    if command.athlete == EVERYBODY:
        return False
    if command.action in OWN_ACTIONS:
        return True
    own_lane = room.base.pace is Pace.SELF and command.action in LANE_ACTIONS
    return bool(command.athlete) and (own_lane or command.action is Action.LAP)


def _trim(command: Control, whose: str) -> inputs.Trim:
    if command.trim_pct is None:
        raise UserError("trim needs trim_pct", remedy="send 50 to 150")
    if command.kind and command.kind not in tuple(StepKind):
        raise UserError(f"no such kind of step; there are {', '.join(StepKind)}")
    return inputs.Trim(whose, command.trim_pct, StepKind(command.kind) if command.kind else None)


def _refusal(key: str, error: DernyError) -> Reply:
    return Reply(key, False, error.code, str(error))
