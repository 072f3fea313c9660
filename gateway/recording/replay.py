"""A recording through the gateway's own code: supervisor, links, decoders, trainers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from gateway.app import Gateway, HubLink
from gateway.clock import Clock
from gateway.identity import Identity
from gateway.places import Place, Turn
from gateway.radio import Radio
from gateway.recording.player import HubWord, Player, address_of
from gateway.recording.records import (
    Assigned,
    Begun,
    Commanded,
    Heard,
    Orphans,
    Planned,
    Record,
)
from gateway.recording.store import Recording
from gateway.recording.summary import Summary
from gateway.sensor import Sensor
from gateway.settings import Settings
from gateway.supervisor import Supervisor
from hub.wire.uplink import AdapterState, CommandReply, SensorState, TrainerState
from hub.wire.values import Reading

IDENTITY = Identity(b"a recording has no site of its own")
EARLIEST = 1.0  # of the jitter: back-offs end no later than they did


class ReplayedSupervisor(Supervisor):
    """Connects when it was recorded, and through the adapter that was.

    Which sensor goes first, and through which adapter, is decided from what is not in the file:
    chance, and the clock to the microsecond. All that comes of it then is the code's own.
    """

    async def turn(self, sensor: Sensor) -> Place:
        player = self._radios
        assert isinstance(player, Player)
        asked = self._turns[sensor] = Turn(self._now_ms())
        device = player.device(sensor.sensor_id)

        def begin(radio: Radio) -> None:
            desk = self._desks.get(IDENTITY.adapter_id(radio.address))
            if desk is not None and asked.waiting:
                asked.grant(desk)

        try:
            player.ask(device, begin)
            return await asked.wait()
        finally:
            self._turns.pop(sensor, None)
            player.ask_no_more(device)
            sensor.note("")

    def _replan(self) -> None:
        self._replanning = False


class RecordedHub:
    """`app.HubLink`: says what the recorded hub said, hears what it would have been told."""

    link_up = False

    def __init__(self, player: Player, clock: Clock, gateway: Gateway, summary: Summary) -> None:
        self._summary = summary
        self._player = player
        self._clock = clock
        self._gateway = gateway
        self._offset_ms: int | None = None
        player.on_hub = self._say

    def hub_now_ms(self) -> int | None:
        return None if self._offset_ms is None else self._now_ms() + self._offset_ms

    def append(self, reading: Reading) -> int:
        return self._summary.reading(reading, self._player.device(reading.sensor_id))

    def set_sensor(self, state: SensorState) -> None:
        self._summary.sensor(state, self._player.device(state.sensor_id))

    def remove_sensor(self, sensor_id: str) -> None:
        pass

    def set_trainer(self, state: TrainerState) -> None:
        self._summary.trainer(state, self._player.device(state.sensor_id))

    def set_adapters(self, adapters: tuple[AdapterState, ...]) -> None:
        self._summary.adapters(adapters)

    def reply(self, reply: CommandReply) -> None:
        pass

    async def run(self) -> None:
        await self._player.run()

    def _say(self, word: HubWord) -> None:
        hub_ms = None if isinstance(word, Commanded) else word.hub_ms
        if hub_ms is not None:
            self._offset_ms = hub_ms - self._now_ms()
        match word:
            case Planned():
                trainer = _sensor_id(word.plan.trainer)
                self._gateway.on_plan(msgspec.structs.replace(word.plan, trainer=trainer))
            case Assigned():
                sensors = tuple(
                    msgspec.structs.replace(held, sensor_id=_sensor_id(held.sensor_id))
                    for held in word.assignments.sensors
                )
                elsewhere = tuple(_sensor_id(number) for number in word.assignments.elsewhere)
                told = msgspec.structs.replace(
                    word.assignments, sensors=sensors, elsewhere=elsewhere
                )
                self._gateway.on_assignments(told)
            case Commanded():
                sensor_id = word.command.sensor_id
                sensor_id = _sensor_id(sensor_id) if sensor_id else ""
                command = msgspec.structs.replace(word.command, sensor_id=sensor_id)
                self._gateway.on_command(command)

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1_000


def player_of(records: Sequence[Record], clock: Clock) -> Player:
    devices = {number for record in records for number in _devices_in(record)}
    return Player(records, clock, {IDENTITY.sensor_id(address_of(d)): d for d in devices})


def gateway_of(
    player: Player, settings: Settings, clock: Clock, hub: Callable[[Gateway], HubLink]
) -> Gateway:
    return Gateway(
        settings,
        IDENTITY,
        player,
        hub=hub,
        clock=clock,
        jitter=lambda: EARLIEST,
        supervisor=ReplayedSupervisor,
    )


async def summarised(
    recording: Recording, clock: Clock, stop: asyncio.Event | None = None
) -> Summary:
    """The recording, whole or until `stop`, by `clock`, told of in a summary."""
    player = player_of(recording.records, clock)
    summary = Summary()
    settings = Settings()  # every sensor: whom the recorded gateway let alone is never begun with
    gateway = gateway_of(
        player, settings, clock, lambda gateway: RecordedHub(player, clock, gateway, summary)
    )
    await gateway.run(stop or asyncio.Event())
    summary.close(player.played_us, player.differences, torn=recording.torn)
    return summary


def _devices_in(record: Record) -> Sequence[int]:
    match record:
        case Heard() | Begun():
            return (record.device,)
        case Orphans():
            return [found.device for found in record.found]
    return ()


def _sensor_id(number: str) -> str:
    return IDENTITY.sensor_id(address_of(int(number)))
