"""Gateway <-> hub: the messages. Their rules live in `uplink_session.py`.

`*_boot_ms` is the gateway's CLOCK_BOOTTIME in ms and means something only with its `boot_id`;
`*_at_ms` without it is hub time. Readings travel in streams `(gateway, epoch)`, numbered from 1,
acknowledged cumulatively once they are durable; everything else is state (newest wins) or a
question with an answer, and is simply said again after a reconnect.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.wire.codec import Codec
from hub.wire.values import PlanStep, Reading, Target, Whole

PROTOCOL_VERSION = 1
BATCH_READINGS_MAX = 16
BEAT_MS = 1_000
SILENCE_MS_MAX = 3_000  # no beat from the far side's loop for so long: the link is down
STOP_RETRY_MS = 500  # what a hub that stops says in its `bye`


Label = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class SensorKind(StrEnum):
    HEART_RATE = "heart_rate"
    POWER = "power"
    CADENCE = "cadence"
    SPEED = "speed"
    TRAINER = "trainer"
    RUN = "run"
    TREADMILL = "treadmill"
    ROWER = "rower"
    CROSS_TRAINER = "cross_trainer"


class LinkStatus(StrEnum):
    """Life of one sensor at one gateway, as gateway.link drives it."""

    ABSENT = "absent"
    SEEN = "seen"
    CONNECTING = "connecting"
    DISCOVERING = "discovering"
    SUBSCRIBING = "subscribing"
    LIVE = "live"
    SILENT = "silent"
    BACKOFF = "backoff"


class SensorState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a gateway knows of one sensor. No address travels: `sensor_id` is its HMAC."""

    sensor_id: str
    name: str
    kinds: tuple[SensorKind, ...]
    link: LinkStatus
    rssi_dbm: int | None = None
    battery_pct: int | None = None
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial_tag: str = ""  # HMAC of serial + model: recognises a sensor whose address changes
    seen_boot_ms: int = 0  # last advertisement or notification
    retry_boot_ms: int | None = None  # when BACKOFF ends
    # short code of the last failure: "gone", "dropped", ...; or why it is not connected:
    # "no_free_slot", "held_elsewhere"
    problem: str = ""
    nonsense_count: int = 0  # frames dropped because no decoder made sense of them
    simulated: bool = False
    adapter: str = ""  # name of the adapter that holds it, else of the one that hears it best


class TrainerStatus(StrEnum):
    FREE = "free"  # connected, not steered
    REQUESTING = "requesting"  # control asked for
    FOLLOWING = "following"  # steered by a plan
    HOLDING_BACK = "holding_back"  # low-cadence guard, ramp-in or a cap limits the target
    ELSEWHERE = "elsewhere"  # another app holds control; `retry` asks again
    UNSTEERABLE = "unsteerable"  # it refuses targets of this kind for good
    LOST = "lost"


class Mode(StrEnum):
    """A kind of target that a trainer can be given; tags of values.Target."""

    POWER = "power"
    GRADE = "grade"
    RESISTANCE = "resistance"


class SpinDownPhase(StrEnum):
    REQUESTED = "requested"  # the trainer is being let go of and asked
    SPEED_UP = "speed_up"  # pedal up to the target speed
    COAST = "coast"  # stop pedalling and let it roll out
    DONE = "done"
    FAILED = "failed"


class SpinDown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A trainer's calibration: how far it is, or how the last one ended.

    `spin_down_ms` is the trainer's own figure where it gives one, else measured from "coast".
    """

    phase: SpinDownPhase
    speed_low_kmh: float | None = None  # to be reached; None: the trainer does not say
    speed_high_kmh: float | None = None
    spin_down_ms: int | None = None
    # of a failure: "not_supported" | "refused" | "no_answer" | "timeout" | "failed" | "lost"
    reason: str = ""


class TrainerState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one trainer is steered right now. `target` is what was last accepted by the device."""

    sensor_id: str
    status: TrainerStatus
    plan_rev: int = 0
    target: Target | None = None
    # "low_cadence" | "ramp_in" | "cap" | "range" | "plan_ended" | "not_pedalling" | ...
    reason: str = ""
    power_min_w: int | None = None
    power_max_w: int | None = None
    modes: tuple[Mode, ...] = ()  # that it takes, as far as is known
    spin_down: SpinDown | None = None


class AdapterState(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str  # for people: "hci1"; it may name another adapter after a restart
    powered: bool
    # "no_adapter" | "powered_off" | "no_permission" | "no_bluetooth_service" | "restarting" |
    # "deaf" | "connects_fail" | ...
    problem: str = ""
    adapter_id: str = ""  # HMAC of its address; "" where the system does not tell it
    slots: int = 0  # connections that it takes at most, as configured or as met
    used: int = 0
    free_slots: int = 0  # sensors that it could take now; of all adapters: what the room can hold
    connects_failing: int = 0  # connects in a row that failed because of the adapter itself
    power_cycles: int = 0  # times that it was switched off and on since the gateway began


class StreamHeader(msgspec.Struct, frozen=True):
    """One epoch: where its numbers stand, and the clock its readings are stamped with.

    `from_seq` is the first still kept, `next_seq` one past the last appended.
    `wall_ms` was the gateway's wall clock when its boot clock said `opened_boot_ms`.
    """

    epoch: str
    boot_id: str
    opened_boot_ms: Whole
    wall_ms: Whole
    from_seq: Whole
    next_seq: Whole
    sealed: bool


# Gateway -> hub


class Hello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    """First message of a connection: a fresh open epoch, and every sealed one still kept."""

    version: int
    gateway: Label  # name; the identity is the ZAP User-Id of its key
    instance: Label  # random per process: a second live one of the same key is a duplicate
    software: Label
    boot_id: Label
    streams: tuple[StreamHeader, ...]
    clock_offset_us: int | None = None  # hub minus boot, if measured for this boot_id before


class Batch(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="batch", gc=False):
    """Readings `from_seq … from_seq + len - 1` of one stream. `backfill`: from a sealed epoch."""

    epoch: str
    from_seq: Whole
    readings: tuple[Reading, ...]
    backfill: bool = False


class Gap(msgspec.Struct, frozen=True, tag_field="t", tag="gap"):
    """`from_seq … to_seq` (inclusive) of the stream no longer exist, and why."""

    epoch: str
    from_seq: Whole
    to_seq: Whole
    # "spool_full" | "spool_age" | "corrupt" | "disk_full" | "acked_before" (to another hub, or to
    # this one before it was restored)
    reason: str


class Retire(msgspec.Struct, frozen=True, tag_field="t", tag="retire"):
    """Every number of this sealed epoch is acknowledged: the hub may forget it."""

    epoch: str


class UpBeat(msgspec.Struct, frozen=True, tag_field="t", tag="beat"):
    """From the gateway's loop, each BEAT_MS. Carries the load figures that the hub shows."""

    at_boot_ms: int
    spooled: int = 0
    loop_lag_ms: int = 0


class ClockPing(msgspec.Struct, frozen=True, tag_field="t", tag="clock"):
    sent_boot_us: Whole


class ClockOffset(msgspec.Struct, frozen=True, tag_field="t", tag="offset"):
    """Hub time minus boot time of `boot_id`, of the exchange with the shortest round trip."""

    boot_id: str
    offset_us: Whole
    round_trip_us: Whole


class Sensors(msgspec.Struct, frozen=True, tag_field="t", tag="sensors"):
    """Changed rows, or (`whole`, after Welcome) everything this gateway knows."""

    sensors: tuple[SensorState, ...]
    whole: bool = False


class Trainers(msgspec.Struct, frozen=True, tag_field="t", tag="trainers"):
    trainers: tuple[TrainerState, ...]


class Adapters(msgspec.Struct, frozen=True, tag_field="t", tag="adapters"):
    """Every radio of this gateway; none at all is one row with a `problem`."""

    adapters: tuple[AdapterState, ...]


class CommandReply(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="reply"):
    id: str
    ok: bool
    code: str = ""  # "expired" | "unknown_sensor" | "stale_lease" | "failed" | ...
    detail: str = ""


class UpBye(msgspec.Struct, frozen=True, tag_field="t", tag="bye"):
    reason: str


Up = (
    Hello
    | Batch
    | Gap
    | Retire
    | UpBeat
    | ClockPing
    | ClockOffset
    | Sensors
    | Trainers
    | Adapters
    | CommandReply
    | UpBye
)

# Hub -> gateway


class StreamAck(msgspec.Struct, frozen=True):
    epoch: str
    durable_seq: int


class Welcome(msgspec.Struct, frozen=True, tag_field="t", tag="welcome"):
    version: int
    hub: str
    site: str  # salt name of the sensor identity; the key itself never travels here
    acks: tuple[StreamAck, ...]


class Refuse(msgspec.Struct, frozen=True, tag_field="t", tag="refuse"):
    """The connection goes no further. `retry_ms` None: a human must act first."""

    # "duplicate_gateway" | "version" | "not_allowed" | "hub_stopping" | "too_many"; over WebSocket
    # before the first `hello` also "wrong_proof" | "malformed"
    code: str
    detail: str
    retry_ms: int | None


class Ack(msgspec.Struct, frozen=True, tag_field="t", tag="ack"):
    """Everything up to and including `durable_seq` is committed."""

    epoch: str
    durable_seq: int


class Rewind(msgspec.Struct, frozen=True, tag_field="t", tag="rewind"):
    """A number was skipped or a commit failed: send again from `next_seq`."""

    epoch: str
    next_seq: int


class Retired(msgspec.Struct, frozen=True, tag_field="t", tag="retired"):
    """The hub has forgotten this epoch, so the gateway may. Until then it repeats Retire."""

    epoch: str


class DownBeat(msgspec.Struct, frozen=True, tag_field="t", tag="beat"):
    at_ms: int


class ClockPong(msgspec.Struct, frozen=True, tag_field="t", tag="clock"):
    sent_boot_us: int
    received_us: int
    answered_us: int


class AssignedSensor(msgspec.Struct, frozen=True, omit_defaults=True):
    sensor_id: str
    lease: int
    athlete_id: str
    read_only: bool = False  # a trainer that another app steers: measured, never written


class Assignments(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="assignments"
):
    """Whole and idempotent: the sensors this gateway holds, and under which lease.

    `elsewhere`: sensors that another gateway holds. They are let go of, and only heard.
    """

    rev: int
    sensors: tuple[AssignedSensor, ...]
    elsewhere: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True, tag_field="t", tag="plan"):
    """What one trainer does from now to `until_at_ms`: whole, idempotent, resolved to watts.

    A higher `rev` replaces; a lower one, or a stale `lease`, is refused. Without the hub the
    gateway follows it to its end. No steps: release the trainer now.
    """

    trainer: str  # sensor_id
    lease: int
    rev: int
    until_at_ms: int
    cap_w: int  # never asked for more than this, whatever the steps say
    steps: tuple[PlanStep, ...]
    reason: str = ""  # why it is empty or cut: "paused" | "stopped" | "free"


class CommandOp(StrEnum):
    RESCAN = "rescan"
    RETRY = "retry"  # a trainer controlled elsewhere: ask for control again
    RELEASE = "release"
    CALIBRATE = "calibrate"
    IDENTIFY = "identify"


class Command(msgspec.Struct, frozen=True, tag_field="t", tag="command"):
    """Dropped, and said so with code `expired`, once hub time passes `deadline_at_ms`."""

    id: str
    op: CommandOp
    deadline_at_ms: int
    sensor_id: str = ""
    lease: int = 0


class DownBye(msgspec.Struct, frozen=True, tag_field="t", tag="bye"):
    reason: str
    retry_ms: int


Down = (
    Welcome
    | Refuse
    | Ack
    | Rewind
    | Retired
    | DownBeat
    | ClockPong
    | Assignments
    | Plan
    | Command
    | DownBye
)

UP: Codec[Up] = Codec(Up)
DOWN: Codec[Down] = Codec(Down)
