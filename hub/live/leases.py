"""Which gateway holds each sensor: what gateways hear goes in, moves come out. Pure.

A sensor is connected through one gateway at a time. The rules, and why they are safe for a trainer
that still follows its plan at a gateway which nobody can reach: docs/decisions/0015.

    holder                                        goes to another that hears it
    --------------------------------------------  --------------------------------------------
    nobody                                        connected there, or after SETTLE_MS the nearest
    up, and the sensor is live there              never
    up, not live                                  connected elsewhere: at once
    up, not live, elsewhere NEARER_DB louder      after NEARER_MS of that, unless more wait there
    up, but every slot is taken                   after FULL_MS
    up, but does not hear it                      after ABSENT_MS
    up, but failed to connect                     FAILING_MS after the first failure
    up, but does not come to it                   after STUCK_MS: a queue of connects takes its time
    stopped, and said so                          at once
    away without a word                           after GONE_MS, once it is heard to advertise again

An attempt to connect is left to end by itself. Two moves of a sensor are REST_MS apart, then twice
that, up to REST_MS_MAX: it never flaps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from hub.wire.uplink import LinkStatus

SETTLE_MS = 1_500  # so long others may be heard that are nearer
NEARER_DB = 6.0
NEARER_MS = 10_000
FULL_MS = 2_000
ABSENT_MS = 4_000
FAILING_MS = 8_000
STUCK_MS = 120_000
GONE_MS = 5_000
# A link ends so long after the gateway was last heard of; what was heard before proves nothing.
LET_GO_MS = 2_000
FRESH_MS = 5_000  # gateways tell every 2 s of a sensor that they hear
REST_MS = 10_000
REST_MS_MAX = 40_000
MEMORY_MS = 300_000  # moves longer ago do not lengthen the rest
# Heard over so long while live at its holder, of whose death the hub would have learnt by then.
TALKS_MS = 15_000
SMOOTHING = 0.3  # share of the newest signal strength
SENSORS_MAX = 1_024  # for one more the absent one heard longest ago goes, if there is one
GATEWAYS_MAX = 256

HELD = frozenset({LinkStatus.LIVE, LinkStatus.SILENT})
LINKED = HELD | {LinkStatus.DISCOVERING, LinkStatus.SUBSCRIBING}
FULL = "out_of_slots"
_UNHEARD_DBM = -127.0


class Cause(StrEnum):
    FIRST = "first"
    CONNECTED = "connected"  # there, and not where it was
    NEARER = "nearer"
    FULL = "full"
    ABSENT = "absent"
    FAILING = "failing"
    LEFT = "left"
    GONE = "gone"


class Move(NamedTuple):
    sensor_id: str
    gateway: str
    cause: Cause


@dataclass(slots=True)
class _Gateway:
    up: bool
    since_ms: int  # of `up`
    left: bool = False  # it stopped, and let go of everything
    free_slots: int | None = None  # None: it has not said


@dataclass(slots=True)
class _Sight:
    """How one gateway sees one sensor."""

    link: LinkStatus
    heard_at_ms: int
    rssi_dbm: float
    full: bool


@dataclass(slots=True)
class _Custody:
    """One sensor. `..._since_ms` None: it is not so now."""

    seen_ms: int
    holder: str = ""
    lease: int = 0
    live_since_ms: int | None = None  # at the holder
    waiting_since_ms: int | None = None  # not connected there, while another hears it
    failing_since_ms: int | None = None  # ... and tried in vain, or not heard there
    nearer_since_ms: int | None = None
    nearer: str = ""
    heard_beside_ms: int | None = None  # first advertisement since it is live at the holder
    talks: bool = False  # advertises while it is connected: to be heard proves nothing
    moved_ms: deque[int] = field(default_factory=lambda: deque(maxlen=5))
    sights: dict[str, _Sight] = field(default_factory=dict)

    def settle(self) -> None:
        """Nothing speaks against its holder just now."""
        self.waiting_since_ms = self.failing_since_ms = self.nearer_since_ms = None


class Leases:
    """All times are hub ms. A holder changes only by `take`; `decide` says what should be taken.

    A lease number comes from the store, where it only ever rises: `take` refuses another.
    """

    def __init__(self, now: int) -> None:
        self._began_ms = now
        self._gateways: dict[str, _Gateway] = {}
        self._sensors: dict[str, _Custody] = {}

    # What gateways say

    def gateway(self, name: str, up: bool, now: int, *, left: bool = False) -> None:
        """`left`: it is away because it was stopped, and has let go of its sensors."""
        known = self._gateway(name, now)
        if known.up != up:
            known.since_ms = now
        known.up, known.left = up, left and not up
        known.free_slots = None
        for custody in self._sensors.values():
            if custody.holder == name:
                custody.live_since_ms = custody.heard_beside_ms = None
                custody.settle()

    def slots(self, name: str, free: int | None, now: int) -> None:
        self._gateway(name, now).free_slots = free

    def see(
        self,
        name: str,
        sensor_id: str,
        link: LinkStatus,
        rssi_dbm: int | None,
        heard_at_ms: int,
        now: int,
        *,
        problem: str = "",
    ) -> None:
        """News of a sensor. `heard_at_ms`: its last advertisement or notification there."""
        custody = self._sensors.get(sensor_id)
        if custody is None:
            if len(self._sensors) >= SENSORS_MAX and not self._forget_absent():
                return
            custody = self._sensors[sensor_id] = _Custody(now)
        before = custody.sights.get(name)
        full = problem == FULL and link is LinkStatus.BACKOFF
        custody.sights[name] = _Sight(link, heard_at_ms, _smoothed(before, rssi_dbm), full)
        if name != custody.holder:
            self._notice_talking(custody, heard_at_ms, link)
        elif link not in HELD:
            custody.live_since_ms = custody.heard_beside_ms = None
        elif custody.live_since_ms is None:
            custody.live_since_ms = now

    def forget(self, name: str, but: Iterable[str] = ()) -> None:
        """The gateway knows no sensors but these."""
        kept = frozenset(but)
        for sensor_id, custody in tuple(self._sensors.items()):
            if sensor_id not in kept and custody.sights.pop(name, None) is not None:
                if name == custody.holder:
                    custody.live_since_ms = custody.heard_beside_ms = None
                if not custody.sights and not custody.lease:
                    del self._sensors[sensor_id]

    def _forget_absent(self) -> bool:
        """The sensor heard longest ago of those that no gateway hears; False: there is none."""
        heard_ms = {
            sensor_id: max(
                (s.heard_at_ms for s in custody.sights.values()), default=custody.seen_ms
            )
            for sensor_id, custody in self._sensors.items()
            if all(s.link is LinkStatus.ABSENT for s in custody.sights.values())
        }
        if not heard_ms:
            return False
        del self._sensors[min(heard_ms, key=heard_ms.__getitem__)]
        return True

    # Who holds

    def holder(self, sensor_id: str) -> str:
        """ "" : nobody yet."""
        custody = self._sensors.get(sensor_id)
        return "" if custody is None else custody.holder

    def lease(self, sensor_id: str) -> int:
        """0: none was ever issued."""
        custody = self._sensors.get(sensor_id)
        return 0 if custody is None else custody.lease

    def elsewhere(self, name: str) -> tuple[str, ...]:
        """What other gateways hold: this one must let it alone."""
        return tuple(
            sensor_id
            for sensor_id, custody in sorted(self._sensors.items())
            if custody.holder not in ("", name)
        )

    def take(self, sensor_id: str, gateway: str, lease: int, now: int) -> None:
        """`gateway` holds it now. `lease` 0: nobody's sensor, which needs no number.

        Raises ValueError for a number that does not rise where the holder changes.
        """
        custody = self._sensors.setdefault(sensor_id, _Custody(now))
        moves = gateway != custody.holder
        if lease and (lease < custody.lease or (moves and lease == custody.lease)):
            raise ValueError(f"lease {lease} of {sensor_id} after {custody.lease}")
        custody.lease = max(lease, custody.lease)
        if not moves:
            return
        if custody.holder:
            custody.moved_ms.append(now)
        custody.holder = gateway
        sight = custody.sights.get(gateway)
        custody.live_since_ms = now if sight is not None and sight.link in HELD else None
        custody.heard_beside_ms = None
        custody.settle()

    # The rules

    def decide(self, now: int, plans: Mapping[str, int]) -> list[Move]:
        """What should be taken now. `plans`: until when its holder may steer a trainer, hub ms.

        Says it again each time until it was taken.
        """
        open_ = [item for item in self._sensors.items() if not self._is_well(item[1])]
        reserved = self._reserved(now) if open_ else {}
        moves = []
        for sensor_id, custody in open_:
            rivals = [
                name
                for name, sight in custody.sights.items()
                if name != custody.holder and self._can_take(name, sight, reserved, now)
            ]
            move = self._move(custody, rivals, reserved, plans.get(sensor_id, 0), now)
            if move is not None and not self._rests(custody, now):
                name, cause = move
                reserved[name] = reserved.get(name, 0) + 1
                moves.append(Move(sensor_id, name, cause))
        return moves

    def _is_well(self, custody: _Custody) -> bool:
        """Live at its holder: nothing is to be decided."""
        here, holder = custody.sights.get(custody.holder), self._gateways.get(custody.holder)
        if here is None or here.link not in HELD or holder is None or not holder.up:
            return False
        custody.settle()
        return True

    def _move(
        self,
        custody: _Custody,
        rivals: list[str],
        reserved: Mapping[str, int],
        plan_until_ms: int,
        now: int,
    ) -> tuple[str, Cause] | None:
        if not rivals:
            custody.settle()
            return None
        best = max(sorted(rivals), key=lambda name: _standing(custody.sights[name]))
        linked = custody.sights[best].link in LINKED
        if not custody.holder:
            settled = linked or now - custody.seen_ms >= SETTLE_MS
            return (best, Cause.FIRST) if settled else None
        holder = self._gateways.get(custody.holder)
        if holder is None or not holder.up:
            return self._from_absent(custody, holder, rivals, plan_until_ms, now)
        here = custody.sights.get(custody.holder)
        if here is not None and here.link in LINKED:
            custody.settle()
            return None
        if linked:
            return best, Cause.CONNECTED
        cause = _failure(custody, here, holder, now)
        if self._is_nearer(custody, best, here, now) and cause is None:
            shorter = reserved.get(best, 0) <= reserved.get(custody.holder, 0)
            cause = Cause.NEARER if shorter else None
        if cause is None or (here is not None and here.link is LinkStatus.CONNECTING):
            return None
        return best, cause

    def _from_absent(
        self,
        custody: _Custody,
        holder: _Gateway | None,
        rivals: list[str],
        plan_until_ms: int,
        now: int,
    ) -> tuple[str, Cause] | None:
        since_ms = self._began_ms if holder is None else holder.since_ms
        left = holder is not None and holder.left
        proof_ms = since_ms if left else since_ms + LET_GO_MS
        sure = [
            name
            for name in sorted(rivals)
            if custody.sights[name].link in LINKED or custody.sights[name].heard_at_ms >= proof_ms
        ]
        if not sure:
            return None
        best = max(sure, key=lambda name: _standing(custody.sights[name]))
        if left:
            return best, Cause.LEFT
        if custody.talks and now < plan_until_ms:
            return None  # it may be steered still, and a second hand must not reach for it
        return (best, Cause.GONE) if now - since_ms >= GONE_MS else None

    def _is_nearer(self, custody: _Custody, best: str, here: _Sight | None, now: int) -> bool:
        rssi_dbm = _UNHEARD_DBM if here is None else here.rssi_dbm
        if custody.sights[best].rssi_dbm < rssi_dbm + NEARER_DB:
            custody.nearer_since_ms = None
            return False
        if custody.nearer_since_ms is None or custody.nearer != best:
            custody.nearer_since_ms, custody.nearer = now, best
        return now - custody.nearer_since_ms >= NEARER_MS

    def _can_take(self, name: str, sight: _Sight, reserved: Mapping[str, int], now: int) -> bool:
        gateway = self._gateways.get(name)
        if gateway is None or not gateway.up:
            return False
        if sight.link in LINKED:
            return True
        if sight.link is LinkStatus.ABSENT or now - sight.heard_at_ms > FRESH_MS or sight.full:
            return False
        return gateway.free_slots is None or reserved.get(name, 0) < gateway.free_slots

    def _reserved(self, now: int) -> dict[str, int]:
        """Slots by gateway that sensors which it holds and hears are about to need."""
        counts: dict[str, int] = {}
        for custody in self._sensors.values():
            sight = custody.sights.get(custody.holder)
            if sight is not None and sight.link not in LINKED:
                heard = sight.link is not LinkStatus.ABSENT and now - sight.heard_at_ms <= FRESH_MS
                counts[custody.holder] = counts.get(custody.holder, 0) + heard
        return counts

    def _rests(self, custody: _Custody, now: int) -> bool:
        recent = [at_ms for at_ms in custody.moved_ms if now - at_ms < MEMORY_MS]
        if not recent:
            return False
        return now - recent[-1] < min(REST_MS << (len(recent) - 1), REST_MS_MAX)

    def _notice_talking(self, custody: _Custody, heard_at_ms: int, link: LinkStatus) -> None:
        holder = self._gateways.get(custody.holder)
        if custody.live_since_ms is None or holder is None or not holder.up:
            return
        if link is not LinkStatus.SEEN or heard_at_ms < custody.live_since_ms + LET_GO_MS:
            return
        if custody.heard_beside_ms is None:
            custody.heard_beside_ms = heard_at_ms
        elif heard_at_ms - custody.heard_beside_ms >= TALKS_MS:
            custody.talks = True

    def _gateway(self, name: str, now: int) -> _Gateway:
        known = self._gateways.get(name)
        if known is None:
            if len(self._gateways) >= GATEWAYS_MAX:
                away = (other for other, one in self._gateways.items() if not one.up)
                del self._gateways[next(away, next(iter(self._gateways)))]
            known = self._gateways[name] = _Gateway(False, now)
        return known


def _failure(custody: _Custody, here: _Sight | None, holder: _Gateway, now: int) -> Cause | None:
    """Why a holder that is up should not go on trying. Notes since when it is so."""
    absent = here is None or here.link is LinkStatus.ABSENT
    if custody.waiting_since_ms is None:
        custody.waiting_since_ms = now
    if custody.failing_since_ms is None and (
        here is None or here.link in (LinkStatus.ABSENT, LinkStatus.BACKOFF)
    ):
        custody.failing_since_ms = now
    failing_ms = now - (now if custody.failing_since_ms is None else custody.failing_since_ms)
    waiting_ms = now - custody.waiting_since_ms
    if absent and failing_ms >= ABSENT_MS:
        return Cause.ABSENT
    if waiting_ms >= FULL_MS and (holder.free_slots == 0 or (here is not None and here.full)):
        return Cause.FULL
    if failing_ms >= FAILING_MS or waiting_ms >= STUCK_MS:
        return Cause.FAILING
    return None


def _standing(sight: _Sight) -> tuple[bool, bool, float]:
    return sight.link in HELD, sight.link in LINKED, sight.rssi_dbm


def _smoothed(before: _Sight | None, rssi_dbm: int | None) -> float:
    if before is None or before.rssi_dbm == _UNHEARD_DBM:
        return _UNHEARD_DBM if rssi_dbm is None else float(rssi_dbm)
    if rssi_dbm is None:
        return before.rssi_dbm
    return before.rssi_dbm + SMOOTHING * (rssi_dbm - before.rssi_dbm)
