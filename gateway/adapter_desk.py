"""One adapter at work: its scan, its health, its slots, and the power switch as the last resort."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.link_events import Failure
from gateway.profiles import SERVICES
from gateway.radio import Advertisement, Connection, Radio, RadioError
from gateway.radio_planner import AdapterView, free_slots
from hub.wire.uplink import AdapterState

RETRY_MS = (500, 1_000, 2_000, 5_000)  # between tries to scan on an adapter that is not there
QUIET_MS = 30_000  # nothing heard while something must advertise: the scan has died
QUIET_AFTER_LOSS_MS = 5_000  # a sensor that was just lost advertises again by then, or is gone
LOOK_MS = 1_000
# What the system still holds after a crash is not listed at every instant: for half a second after
# a kill the list is empty (bluetoothd 5.66). So it is asked for again soon, then seldom.
ORPHANS_SOON_MS = (0, 1_000, 3_000, 10_000)  # after the first scan began
ORPHANS_MS = 30_000

# What an adapter is trusted with when nobody says: dongles take 5 to 10. On Debian 12 a full one
# says nothing (the connect hangs) or wedges the kernel's Bluetooth, so it must not become full.
SLOTS_GUESS = 8
SLOTS_ON_AIR = 100  # of a simulated adapter
LEARNED_MS = 600_000  # a limit that was met holds for so long, then one more is tried

REST_MS = (2_000, 4_000, 8_000, 16_000, 30_000)  # no connects, after connects that it failed itself
CONNECTS_FAILING_MAX = 5
SCANS_FAILING_MAX = 8
DEAF_MS = 90_000
CYCLE_AGAIN_MS = 300_000

log = structlog.get_logger()


class Keeper(Protocol):
    """Who owns the sensors. Called in the loop; must return at once."""

    def heard(self, desk: AdapterDesk, advertisement: Advertisement) -> None: ...

    def found_connected(self, desk: AdapterDesk, orphan: Advertisement) -> None:
        """The operating system holds it; whether one of us does too is for the keeper to know."""

    def missing_since_ms(self, desk: AdapterDesk) -> Sequence[int]:
        """When each sensor that the adapter should hear, but does not hold, was last there."""

    def went_down(self, desk: AdapterDesk) -> None: ...

    def came_up(self, desk: AdapterDesk) -> None: ...

    def changed(self, desk: AdapterDesk) -> None:
        """Its state, or what it could take."""

    def looked(self, desk: AdapterDesk) -> None:
        """About once a second while it scans."""


class AdapterDesk:
    """`run` until `stop`. `slots` 0: SLOTS_GUESS, or SLOTS_ON_AIR."""

    def __init__(
        self, radio: Radio, adapter_id: str, clock: Clock, keeper: Keeper, slots: int
    ) -> None:
        self.radio = radio
        self.adapter_id = adapter_id
        self.up = False
        self.known = False  # whether it was ever scanned with: before that nothing is to tell
        self.heard_ms: int | None = None  # any advertisement
        self._clock = clock
        self._keeper = keeper
        self._slots = slots
        self._learned: int | None = None
        self._learned_ms = 0
        self._held: set[Connection] = set()
        self._promised = False  # a connect was granted, and has not begun or ended yet
        self._connecting = False
        self._look = asyncio.Event()  # something asks for a fresh scan now
        self._stopping = False
        self._problem = ""
        self._scan_ms = 0  # when the scan began, or something was heard later
        self._orphans_due_ms: list[int] = []
        self._orphans_ms = 0
        self._restarts = 0  # of scans that heard nothing, since anything was heard
        self._suspects = False  # that the adapter is deaf: the scan listens to everything
        self._scans_failing = 0
        self._connects_failing = 0
        self._rest_until_ms = 0
        self._cycled_ms: int | None = None
        self._cycles = 0

    # What the planner and the sensors use

    @property
    def name(self) -> str:
        return self.radio.name

    @property
    def used(self) -> int:
        return len(self._held) + self._promised

    @property
    def usable(self) -> bool:
        """Scans, and did not just fail a connect by itself."""
        return self.up and self._now_ms() >= self._rest_until_ms

    def view(self) -> AdapterView:
        return AdapterView(
            self.adapter_id, self.usable, self._capacity(), self.used, self._connecting
        )

    def state(self) -> AdapterState:
        view = self.view()
        return AdapterState(
            self.name,
            self.up,
            self._problem,
            self.adapter_id,
            slots=view.slots,
            used=view.used,
            free_slots=free_slots(view),
            connects_failing=self._connects_failing,
            power_cycles=self._cycles,
        )

    def grant(self) -> None:
        """The planner gives this adapter's one connect at a time to a sensor."""
        self._connecting = self._promised = True

    def revoke(self) -> None:
        """Whoever it was granted to has gone."""
        self._connecting = self._promised = False
        self._keeper.changed(self)

    @asynccontextmanager
    async def connecting(self) -> AsyncIterator[None]:
        """Around one connect that was granted: what comes of it tells how the adapter is."""
        try:
            yield
        except RadioError as error:
            self._connect_failed(error)
            raise
        else:
            self._connects_failing = 0
            if self._problem == "connects_fail":
                self._problem = ""
        finally:
            self.revoke()

    def take(self, connection: Connection) -> None:
        """Within `connecting`: this connection holds a slot until it is released."""
        self._promised = False
        self._held.add(connection)

    def release(self, connection: Connection) -> None:
        self._held.discard(connection)
        self._keeper.changed(self)

    def failed(self, failure: Failure) -> None:
        """An attempt failed: the adapter itself may be the reason."""
        if failure is Failure.ADAPTER_DOWN:
            self.rescan()

    def rescan(self) -> None:
        self._look.set()

    # Its life

    async def run(self) -> None:
        """Scans for ever; an adapter that is not there, or goes, is waited for."""
        failures = 0
        while not self._stopping:
            self._look.clear()
            try:
                await self._start_scan()
            except RadioError as error:
                self._scan_failed(error)
                wait_ms = RETRY_MS[min(failures, len(RETRY_MS) - 1)]
                failures += 1
                await self._pause(wait_ms)
            else:
                failures = 0
                self._came_up()
                await self._until_stale()
            if not self._stopping and self._needs_power_cycle():
                await self._power_cycle()

    async def stop(self) -> None:
        """`run` ends. As slow as the radio."""
        self.give_up()
        await self.radio.close()

    def give_up(self) -> None:
        """`run` ends; what the radio still does is left alone."""
        self._stopping = True
        self._look.set()

    def service_gone(self) -> None:
        """Every link of it is gone, whatever the clients say."""
        self._down("no_bluetooth_service", "NameOwnerChanged")
        self.rescan()

    def unplugged(self) -> None:
        """It is no longer this gateway's."""
        self.give_up()
        self._down("no_adapter", "unplugged")

    # The scan

    async def _start_scan(self) -> None:
        # A room that everybody has left is silent too. Whether the adapter is deaf is told by
        # what else is on the air: telephones, watches, the neighbours' television.
        self._suspects = self._restarts > 0
        if self._suspects:
            await self.radio.start_scan(self._heard, everything=True)
        else:
            await self.radio.start_scan(self._heard)
        now_ms = self._scan_ms = self._now_ms()
        self._scans_failing = 0
        # An adapter that comes back holds nothing, though the list of a bluetoothd that died is
        # still told for a while: connecting to what it names hangs.
        if not self.known:
            self._orphans_due_ms = [now_ms + after_ms for after_ms in ORPHANS_SOON_MS]
            await self._adopt_orphans()
        elif self.up:
            await self._adopt_orphans()
        else:
            self._orphans_due_ms = []

    async def _adopt_orphans(self) -> None:
        """What the operating system still holds but nobody here does: after a crash, or after a
        disconnect that failed. Such a sensor does not advertise."""
        now_ms = self._orphans_ms = self._now_ms()
        self._orphans_due_ms = [due_ms for due_ms in self._orphans_due_ms if due_ms > now_ms]
        for orphan in await self.radio.orphans():
            self._keeper.found_connected(self, orphan)

    async def _until_stale(self) -> None:
        """Until the scan must be started anew: it has died, or someone asks."""
        while not await self._pause(LOOK_MS):
            now_ms = self._now_ms()
            self._keeper.looked(self)
            if self._needs_power_cycle():
                return
            missing = self._keeper.missing_since_ms(self)
            if missing and self._is_deaf(max(missing), now_ms):
                log.warning("scan_restarted", adapter=self.name, quiet_ms=now_ms - self._scan_ms)
                self._restarts += 1
                return
            if self._orphans_are_due(bool(missing), now_ms):
                try:
                    await self._adopt_orphans()
                except RadioError:
                    return  # the new scan will find out what is wrong

    def _orphans_are_due(self, missing: bool, now_ms: int) -> bool:
        if self._orphans_due_ms and self._orphans_due_ms[0] <= now_ms:
            return True
        return missing and now_ms - self._orphans_ms >= ORPHANS_MS

    def _is_deaf(self, seen_ms: int, now_ms: int) -> bool:
        if seen_ms > self._scan_ms:  # lost since anything was heard
            return now_ms - seen_ms >= QUIET_AFTER_LOSS_MS
        return now_ms - self._scan_ms >= QUIET_MS

    async def _pause(self, ms: int) -> bool:
        """True: ended early, because someone asks for a scan or the desk closes."""
        try:
            async with asyncio.timeout(self._clock.wait_s(ms)):
                await self._look.wait()
        except TimeoutError:
            return False
        return True

    def _heard(self, advertisement: Advertisement) -> None:
        if self._stopping:
            return
        self.heard_ms = self._scan_ms = self._now_ms()
        self._restarts = 0
        if self._problem == "deaf":
            self._problem = ""
            self._keeper.changed(self)
        if self._suspects:
            self.rescan()  # it hears: from now on sensors alone again
            if advertisement.services.isdisjoint(SERVICES):
                return
        self._keeper.heard(self, advertisement)

    # Up and down

    def _scan_failed(self, error: RadioError) -> None:
        if error.failure is Failure.ADAPTER_DOWN or not self.up:
            self._down(error.problem, error.cause)
            return
        # The adapter is there and holds its sensors: if it is not, their silence will tell.
        self._scans_failing += 1
        if error.problem != self._problem:
            log.warning("scan_failed", adapter=self.name, problem=error.problem, error=error.cause)
            self._problem = error.problem
            self._keeper.changed(self)

    def _down(self, problem: str, cause: str) -> None:
        if self.up or not self.known:
            log.warning("adapter_down", adapter=self.name, problem=problem, error=cause)
        was_up, self.up, self.known = self.up, False, True
        self._restarts = 0
        self._problem = problem
        if was_up:
            self._keeper.went_down(self)
        self._keeper.changed(self)

    def _came_up(self) -> None:
        was_up, self.up, self.known = self.up, True, True
        self._problem = self._standing_problem()
        self._keeper.changed(self)
        if not was_up:
            log.info("adapter_up", adapter=self.name)
            self._keeper.came_up(self)

    def _standing_problem(self) -> str:
        """What a scan that starts does not mend."""
        if self._connects_failing >= CONNECTS_FAILING_MAX:
            return "connects_fail"
        return "deaf" if self._is_deaf_for_long(self._now_ms()) else ""

    # Connects

    def _connect_failed(self, error: RadioError) -> None:
        now_ms = self._now_ms()
        if error.failure is Failure.OUT_OF_SLOTS:
            self._learned = max(1, len(self._held) - 1)  # the one that failed is still counted
            self._learned_ms = now_ms
            log.info("adapter_full", adapter=self.name, slots=self._learned)
        if error.failure is not Failure.ADAPTER_DOWN:
            return
        self._connects_failing += 1
        rest = min(self._connects_failing, len(REST_MS)) - 1
        self._rest_until_ms = now_ms + REST_MS[rest]

    def _capacity(self) -> int:
        learned = self._learned
        if learned is not None and self._now_ms() - self._learned_ms >= LEARNED_MS:
            learned = self._learned = None
        if learned is not None:
            return min(learned, self._slots or learned)
        return self._slots or (SLOTS_ON_AIR if self.radio.simulated else SLOTS_GUESS)

    # The last resort

    def _is_deaf_for_long(self, now_ms: int) -> bool:
        if self._restarts < 2 or not self._keeper.missing_since_ms(self):
            return False
        return self.heard_ms is not None and now_ms - self.heard_ms >= DEAF_MS

    def _needs_power_cycle(self) -> bool:
        """Never while it holds a link: riders on it are worth more than those it cannot hear."""
        now_ms = self._now_ms()
        if self._held or self._connecting:
            return False
        if self._cycled_ms is not None and now_ms - self._cycled_ms < CYCLE_AGAIN_MS:
            return False
        return (
            self._connects_failing >= CONNECTS_FAILING_MAX
            or self._scans_failing >= SCANS_FAILING_MAX
            or self._is_deaf_for_long(now_ms)
        )

    async def _power_cycle(self) -> None:
        self._cycled_ms = self._now_ms()
        log.warning(
            "adapter_power_cycle",
            adapter=self.name,
            connects_failing=self._connects_failing,
            scans_failing=self._scans_failing,
            restarts=self._restarts,
        )
        self._down("restarting", "power_cycle")
        try:
            await self.radio.power_cycle()
        except RadioError as error:
            log.warning(
                "power_cycle_failed", adapter=self.name, problem=error.problem, error=error.cause
            )
        else:
            self._cycles += 1
        self._connects_failing = self._scans_failing = 0
        self._rest_until_ms = 0
        self._learned = None

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1_000
