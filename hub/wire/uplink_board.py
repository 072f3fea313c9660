"""What a gateway says beside readings: its state (newest wins) and its answers to commands."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from hub.wire.uplink import (
    Adapters,
    AdapterState,
    Command,
    CommandReply,
    LinkStatus,
    Sensors,
    SensorState,
    Trainers,
    TrainerState,
)

US = 1_000


class StateBoard:
    """Rows by sensor; changed ones leave together, all of them after a Welcome."""

    def __init__(self, sensors_max: int, interval_ms: int) -> None:
        self._sensors_max = sensors_max
        self._interval_us = interval_ms * US
        self._sensors: OrderedDict[str, SensorState] = OrderedDict()
        self._trainers: dict[str, TrainerState] = {}
        self._adapters: tuple[AdapterState, ...] | None = None
        self._changed: set[str] = set()
        self._sensors_whole = True
        self._trainers_changed = False
        self._adapters_changed = False
        self._said_us: int | None = None

    def set_sensor(self, state: SensorState) -> None:
        """Takes the newest row. At the bound a row of an absent sensor makes room."""
        if self._sensors.get(state.sensor_id) == state:
            return
        if state.sensor_id not in self._sensors and len(self._sensors) >= self._sensors_max:
            self._make_room()
        self._sensors[state.sensor_id] = state
        self._changed.add(state.sensor_id)

    def remove_sensor(self, sensor_id: str) -> None:
        if self._sensors.pop(sensor_id, None) is not None:
            self._changed.discard(sensor_id)
            self._sensors_whole = True
        if self._trainers.pop(sensor_id, None) is not None:
            self._trainers_changed = True

    def set_trainer(self, state: TrainerState) -> None:
        """Takes the newest row; trainers are few and always travel whole."""
        if self._trainers.get(state.sensor_id) != state:
            self._trainers[state.sensor_id] = state
            self._trainers_changed = True

    def set_adapters(self, adapters: tuple[AdapterState, ...]) -> None:
        if adapters != self._adapters:
            self._adapters = adapters
            self._adapters_changed = True

    def say_all(self) -> None:
        """After a Welcome the hub knows nothing: everything is new."""
        self._sensors_whole = True
        self._trainers_changed = True
        self._adapters_changed = self._adapters is not None
        self._said_us = None

    def next(self, boot_us: int) -> Sensors | Trainers | Adapters | None:
        due_us = self.wake_us(boot_us)
        if due_us is None or boot_us < due_us:
            return None
        message = self._take()
        if not self._waiting():
            self._said_us = boot_us
        return message

    def wake_us(self, boot_us: int) -> int | None:
        if not self._waiting():
            return None
        return boot_us if self._said_us is None else max(boot_us, self._said_us + self._interval_us)

    def _waiting(self) -> bool:
        return bool(
            self._sensors_whole or self._changed or self._trainers_changed or self._adapters_changed
        )

    def _take(self) -> Sensors | Trainers | Adapters:
        if self._adapters_changed and self._adapters is not None:
            self._adapters_changed = False
            return Adapters(self._adapters)
        if self._trainers_changed:
            self._trainers_changed = False
            return Trainers(tuple(self._trainers.values()))
        whole = self._sensors_whole
        rows = self._sensors if whole else (s for s in self._sensors if s in self._changed)
        message = Sensors(tuple(self._sensors[sensor_id] for sensor_id in rows), whole)
        self._sensors_whole = False
        self._changed.clear()
        return message

    def _make_room(self) -> None:
        rows = self._sensors.items()
        absent = (key for key, state in rows if state.link is LinkStatus.ABSENT)
        self.remove_sensor(next(absent, next(iter(self._sensors))))


class CommandDesk:
    """Commands under way and the answers given: each is carried out once and answered again."""

    def __init__(self, commands_max: int) -> None:
        self._max = commands_max
        self._under_way: dict[str, int] = {}  # id -> deadline, hub ms
        self._answers: OrderedDict[str, CommandReply] = OrderedDict()
        self._replies: deque[CommandReply] = deque(maxlen=2 * commands_max)

    def take(self, command: Command, hub_now_ms: Callable[[], int | None]) -> bool:
        """True: new and in time, carry it out and `reply`."""
        answer = self._answers.get(command.id)
        if answer is not None:
            self._replies.append(answer)
            return False
        if command.id in self._under_way:
            return False
        now_ms = hub_now_ms()
        if now_ms is not None and now_ms > command.deadline_at_ms:
            self._answer(CommandReply(command.id, False, "expired", "it came past its deadline"))
            return False
        if len(self._under_way) >= self._max:
            self._replies.append(CommandReply(command.id, False, "busy", "too many under way"))
            return False
        self._under_way[command.id] = command.deadline_at_ms
        return True

    def reply(self, reply: CommandReply) -> None:
        """Answers a command under way; an answer to one already expired says nothing new."""
        if self._under_way.pop(reply.id, None) is not None:
            self._answer(reply)

    def expire(self, hub_now_ms: int | None) -> None:
        if hub_now_ms is None or not self._under_way:
            return
        late = [id_ for id_, deadline_ms in self._under_way.items() if hub_now_ms > deadline_ms]
        for id_ in late:
            self.reply(CommandReply(id_, False, "expired", "no answer before its deadline"))

    def next(self) -> CommandReply | None:
        return self._replies.popleft() if self._replies else None

    def waiting(self) -> bool:
        return bool(self._replies)

    def _answer(self, reply: CommandReply) -> None:
        self._answers[reply.id] = reply
        while len(self._answers) > self._max:
            self._answers.popitem(last=False)
        self._replies.append(reply)
