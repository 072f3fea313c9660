"""The kills: a seeded schedule of what goes wrong, what is measured of each, and what must hold."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from house import wait_until
from journeys.kills_client import events
from journeys.kills_house import RESTART_S, KillHouse, Wishes, boot_ms, kill_house, within
from journeys.proxy import Way
from journeys.truth import Frame, Verdict

from hub.wire.uplink import BATCH_READINGS_MAX
from hub.wire.values import Reading

BACK_S_MAX = 60.0  # nobody may be away for longer; what is usual stands in the table
DRAIN_S_MAX = 60.0
# What was on its way when the gateway was killed: it had read what was sent so long before, unless
# the machine had stopped it. Then, too, it has read no later frame of the same stream.
LAST_MS = 1_000
STALL_MS_MAX = 10_000
# In a second about ten notifications come: what a stalled gateway leaves unread, and a batch.
UNSPOOLED_MAX = BATCH_READINGS_MAX + 10 * STALL_MS_MAX // 1_000
FORCED_MAX = 40


@dataclass
class Kill:
    """One thing that went wrong. All times are of the machine's boot clock, ms."""

    n: int
    kind: str
    began_ms: int
    healed_ms: int = 0
    blind_ms: int = 0  # from the kill, or from the end of what lasts, to the first new reading
    unspooled: int = 0  # delivered by the simulator, in no spool: died with the gateway
    unheard: int = 0  # sent after that, into the socket of the dead
    died_ms: int = 0  # the gateway was gone for good ...
    restarted_ms: int = 0  # ... and began anew
    unacked: bool = False  # fell between the sending of a batch and its ack
    gateway_died: bool = False


@dataclass
class Report:
    """A whole run. What must be empty: `lost`, `verdict.doubled`, `verdict.invented`."""

    seed: int
    slowed: bool = False  # under libfaketime every look at a clock is dear: its times say little
    kills: list[Kill] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    lost: list[Frame] = field(default_factory=list)  # missing, and no kill excuses it
    sent: int = 0
    ended_ms: int = 0  # the simulator was told to stop, and the links broke off
    spooled: int = 0  # found in the spools of killed gateways
    spool_lost: list[Reading] = field(default_factory=list)  # of those: not in the store
    spool_doubled: list[Reading] = field(default_factory=list)
    gaps: list[tuple[object, ...]] = field(default_factory=list)
    laps: int = 0
    laps_missed: int = 0
    laps_doubled: list[int] = field(default_factory=list)

    @property
    def unacked(self) -> int:
        return sum(kill.unacked for kill in self.kills)


class Run:
    """Kills in one house, one after the other."""

    def __init__(self, house: KillHouse, dice: random.Random, report: Report) -> None:
        self.house = house
        self.dice = dice
        self.report = report
        # How often at once: a gateway that was stalled reads equal frames in the same millisecond.
        self.left_in_spools: Counter[Reading] = Counter()
        self._counted: dict[str, int] = {}
        self._laps: list[int] = []

    def strike(self, kind: str) -> Kill:
        """Lets one thing go wrong, waits until all is well again."""
        time.sleep(self.dice.uniform(0.1, 0.9))  # a random instant of commits and beats
        kill = Kill(len(self.report.kills) + 1, kind, boot_ms())
        KINDS[kind].act(self, kill)
        self.report.kills.append(kill)
        self._count()
        self._lap()
        return kill

    def lasting(self, longest_s: float = 4.0) -> None:
        time.sleep(self.dice.uniform(0.2, longest_s))

    def new_reading(self, kill: Kill, since_ms: int) -> None:
        back = within(lambda: self.house.heard_since(since_ms), BACK_S_MAX)
        assert back, f"{kill}: no new reading within {BACK_S_MAX} s\n{self.house.hub.tail()}"
        kill.blind_ms = boot_ms() - since_ms

    def hub_is_new(self) -> None:
        """Its counts begin again."""
        self._counted = {}

    def _count(self) -> None:
        counts = self.house.counts()
        for name, count in counts.items():
            self.report.counts[name] += count - self._counted.get(name, 0)
        self._counted = counts

    def _lap(self) -> None:
        """Something that a client must hear of, once."""
        path = f"/api/sessions/{self.house.session}/lap"
        key = {"key": f"lap-{len(self.report.kills)}"}  # asked again, it is still one lap

        def done() -> bool:
            return bool(self.house.http.ask("POST", path, key)[0] == 200)

        wait_until(done, BACK_S_MAX, "a lap is taken")
        self.report.laps += 1


# What goes wrong


def kill_gateway(run: Run, kill: Kill) -> None:
    """kill -9, and started again as a supervisor does."""
    gateway, database = run.house.gateway, run.house.database
    kill.began_ms = boot_ms()
    kill.gateway_died = True
    gateway.kill()
    kill.died_ms = boot_ms()
    run.house.proxy.heal()
    run.left_in_spools |= Counter(run.house.spooled())
    before = database.durable_seqs()
    time.sleep(RESTART_S)
    # Nobody is there to send it: what became durable since was sent by the dead.
    after = database.durable_seqs()
    kill.unacked |= any(after.get(epoch, 0) > seq for epoch, seq in before.items())
    kill.restarted_ms = boot_ms()
    gateway.start()
    gateway.ready()
    run.new_reading(kill, kill.began_ms)


def kill_gateway_unacked(run: Run, kill: Kill) -> None:
    """The acks of the last half second never came."""
    run.house.proxy.hold(Way.DOWN)
    database = run.house.database
    before = database.durable_seqs()

    def more() -> bool:
        return any(seq > before.get(epoch, 0) for epoch, seq in database.durable_seqs().items())

    time.sleep(0.5)
    kill.unacked = within(more, BACK_S_MAX)
    kill_gateway(run, kill)


def kill_hub(run: Run, kill: Kill) -> None:
    kill.began_ms = boot_ms()
    run.house.hub.kill()
    time.sleep(RESTART_S)
    run.house.hub.start()
    run.house.hub_ready()
    run.hub_is_new()
    run.new_reading(kill, kill.began_ms)


def kill_both(run: Run, kill: Kill) -> None:
    """The machine's memory is short: both go at once."""
    kill.began_ms = boot_ms()
    kill.gateway_died = True
    run.house.gateway.kill()
    kill.died_ms = boot_ms()
    run.house.hub.kill()
    run.left_in_spools |= Counter(run.house.spooled())
    time.sleep(RESTART_S)
    run.house.hub.start()
    kill.restarted_ms = boot_ms()
    run.house.gateway.start()
    run.house.hub_ready()
    run.house.gateway.ready()
    run.hub_is_new()
    run.new_reading(kill, kill.began_ms)


def kill_client(run: Run, kill: Kill) -> None:
    client = run.house.client
    assert client is not None
    kill.began_ms = boot_ms()
    client.kill()
    time.sleep(RESTART_S)
    client.start()
    _client_is_back(run, kill, kill.began_ms)


def stop_client(run: Run, kill: Kill) -> None:
    """A page in the background."""
    client = run.house.client
    assert client is not None
    client.signal(signal.SIGSTOP)
    run.lasting()
    client.signal(signal.SIGCONT)
    kill.healed_ms = boot_ms()


def stop_gateway(run: Run, kill: Kill) -> None:
    run.house.gateway.signal(signal.SIGSTOP)
    run.lasting()
    run.house.gateway.signal(signal.SIGCONT)
    _healed(run, kill)


def stop_hub(run: Run, kill: Kill) -> None:
    run.house.hub.signal(signal.SIGSTOP)
    run.lasting()
    run.house.hub.signal(signal.SIGCONT)
    _healed(run, kill)


def cut_uplink(run: Run, kill: Kill) -> None:
    run.house.proxy.cut()
    run.lasting()
    run.house.proxy.heal()
    _healed(run, kill)


def delay_uplink(run: Run, kill: Kill) -> None:
    run.house.proxy.delay_ms(run.dice.randint(20, 800))
    run.lasting()
    run.house.proxy.heal()
    _healed(run, kill)


def reset_uplink(run: Run, kill: Kill) -> None:
    """RST, up to three times."""
    for _ in range(run.dice.randint(1, 3)):
        run.house.proxy.reset()
        run.lasting(0.6)
    _healed(run, kill)


def fill_hub_disk(run: Run, kill: Kill) -> None:
    run.house.fill(run.house.hub_data)
    run.lasting()
    run.house.make_room(run.house.hub_data)
    _healed(run, kill)


def fill_gateway_disk(run: Run, kill: Kill) -> None:
    run.house.fill(run.house.gateway_data)
    run.lasting()
    run.house.make_room(run.house.gateway_data)
    _healed(run, kill)


def step_wall_clock(run: Run, kill: Kill) -> None:
    """Of one of the two, up to a day ahead or back."""
    name = run.dice.choice(("hub", "gateway"))
    run.house.step_wall(name, run.dice.choice((-86_400, -3_600, -1, 0, 1, 3_600, 86_400)))
    _healed(run, kill)


def _healed(run: Run, kill: Kill) -> None:
    kill.healed_ms = boot_ms()
    run.new_reading(kill, kill.healed_ms)


def _client_is_back(run: Run, kill: Kill, since_ms: int) -> None:
    def shown() -> bool:
        told = events(run.house.folder / "client.jsonl")
        return any(one["t"] == "state" and one["boot_ms"] > since_ms for one in told)

    assert within(shown, BACK_S_MAX), f"{kill}: the client sees no number"
    kill.blind_ms = boot_ms() - since_ms


@dataclass(frozen=True)
class Kind:
    """`weight`: how often, against the others. `needs`: what of `Wishes` it takes."""

    act: Callable[[Run, Kill], None]
    what: str
    weight: int
    needs: str = ""


KINDS = {
    "gateway": Kind(kill_gateway, "kill -9 of the gateway", 5),
    "gateway_unacked": Kind(kill_gateway_unacked, "kill -9 of the gateway, acks held back", 2),
    "hub": Kind(kill_hub, "kill -9 of the hub", 5),
    "both": Kind(kill_both, "kill -9 of both", 2),
    "client": Kind(kill_client, "kill -9 of a client", 1),
    "client_stop": Kind(stop_client, "SIGSTOP of a client", 1),
    "gateway_stop": Kind(stop_gateway, "SIGSTOP of the gateway", 2),
    "hub_stop": Kind(stop_hub, "SIGSTOP of the hub", 2),
    "cut": Kind(cut_uplink, "uplink cut", 2),
    "delay": Kind(delay_uplink, "uplink delayed", 1),
    "reset": Kind(reset_uplink, "uplink reset", 3),
    "hub_disk": Kind(fill_hub_disk, "hub's disk full", 1, "small_disks"),
    "gateway_disk": Kind(fill_gateway_disk, "gateway's disk full", 1, "small_disks"),
    "wall": Kind(step_wall_clock, "wall clock set", 1, "faketime"),
}


def schedule(dice: random.Random, kills: int, wishes: Wishes) -> list[str]:
    """Each kind that is possible at least once if there are enough, the rest by weight."""
    possible = [
        name for name, kind in KINDS.items() if not kind.needs or getattr(wishes, kind.needs)
    ]
    chosen = dice.sample(possible, min(kills, len(possible)))
    weights = [KINDS[name].weight for name in possible]
    chosen += dice.choices(possible, weights, k=kills - len(chosen))
    dice.shuffle(chosen)
    return chosen


def run_kills(
    folder: Path,
    wishes: Wishes,
    kills: int | Sequence[str],
    until_s: float = float("inf"),
    say: Callable[[str], None] = print,
) -> Report:
    """A house, so many kills or these kinds, until monotonic `until_s` at most; the reckoning.

    Raises AssertionError when somebody does not come back.
    """
    report = Report(wishes.seed, wishes.faketime)
    dice = random.Random(wishes.seed)
    kinds = schedule(dice, kills, wishes) if isinstance(kills, int) else kills
    say(f"seed {wishes.seed}: {len(kinds)} kills")
    with kill_house(folder, wishes) as house:
        run = Run(house, dice, report)
        house.ride()
        house.watch()
        began_ms = boot_ms()
        for kind in kinds:
            if time.monotonic() > until_s:
                break
            kill = run.strike(kind)
            say(f"{kill.n:5} {kind:16} blind {kill.blind_ms:5} ms" + " unacked" * kill.unacked)
        _force(run)
        report.ended_ms = boot_ms()
        house.sim.stop()
        _drain(house, report, began_ms)
        _reckon(house, run, began_ms)
    return report


def _force(run: Run) -> None:
    """What every run must have seen, if chance gave none of it."""
    if not run.report.unacked:
        run.strike("gateway_unacked")
    for _ in range(FORCED_MAX):
        if run.report.counts["duplicate"]:
            return
        run.strike("reset")


def _drain(house: KillHouse, report: Report, began_ms: int) -> None:
    """Until all is in the store that can still come; what then is missing is lost."""

    def drained() -> bool:
        return not _unexcused(house.verdict(began_ms), report, house.log())

    within(drained, DRAIN_S_MAX)


def _excuses(kill: Kill, frame: Frame, log: Sequence[Frame], missing: set[int]) -> bool:
    """Only a gateway that dies takes something with it: what it had heard and not yet written,
    and what was sent to it until it was back."""
    if not kill.gateway_died or not (
        kill.began_ms - STALL_MS_MAX <= frame.at_ms <= kill.restarted_ms
    ):
        return False
    if frame.at_ms >= kill.began_ms - LAST_MS:
        return True
    return all(
        later.n in missing
        for later in log
        if (later.sensor, later.char) == (frame.sensor, frame.char)
        and later.n > frame.n
        and later.at_ms <= kill.began_ms
    )


def _excuse(
    kills: list[Kill], frame: Frame, log: Sequence[Frame], missing: set[int]
) -> Kill | None:
    """The kill that took this frame with it; None: it is lost."""
    return next((kill for kill in kills if _excuses(kill, frame, log, missing)), None)


def _unexcused(verdict: Verdict, report: Report, log: Sequence[Frame]) -> list[Frame]:
    """What was on its way when the simulator stopped went down with its links."""
    missing = {frame.n for frame in verdict.missing}
    return [
        frame
        for frame in verdict.missing
        if frame.at_ms < report.ended_ms - LAST_MS
        and _excuse(report.kills, frame, log, missing) is None
    ]


def _reckon(house: KillHouse, run: Run, began_ms: int) -> None:
    report = run.report
    report.verdict = house.verdict(began_ms)
    log = house.log(began_ms)
    report.sent = len(log)
    report.lost = _unexcused(report.verdict, report, log)
    missing = {frame.n for frame in report.verdict.missing}
    for frame in report.verdict.missing:
        kill = _excuse(report.kills, frame, log, missing)
        if kill is not None:
            kill.unspooled += frame.at_ms <= kill.died_ms
            kill.unheard += frame.at_ms > kill.died_ms
    _reckon_spools(house, run)
    report.gaps = house.database.gaps()
    _reckon_laps(house, report)


def _reckon_spools(house: KillHouse, run: Run) -> None:
    """What lay in the spool of a killed gateway is in the store, once: the proof that what is
    missing had not reached it."""
    stored = Counter(house.database.readings())
    left = run.left_in_spools
    held = house.sensor_ids().values()
    run.report.spooled = left.total()
    mine = [reading for reading in left if reading.sensor_id in held]
    run.report.spool_lost = [r for r in mine if stored[r] < left[r] and r.at_ms >= house.held_ms]
    run.report.spool_doubled = [r for r in mine if stored[r] > left[r]]


def _reckon_laps(house: KillHouse, report: Report) -> None:
    told = house.folder / "client.jsonl"

    def offsets() -> Counter[int]:
        return Counter(one["offset"] for one in events(told) if one.get("e") == "lap")

    within(lambda: len(offsets()) >= report.laps, DRAIN_S_MAX)
    heard = offsets()
    report.laps_missed = report.laps - len(heard)
    report.laps_doubled = [offset for offset, times in heard.items() if times > 1]


def check(report: Report) -> None:
    """What every run must show. Raises AssertionError."""
    verdict = report.verdict
    assert not report.lost, f"lost: {report.lost[:5]}"
    assert not report.spool_lost, f"lost from the spool: {report.spool_lost[:5]}"
    assert not verdict.doubled, f"doubled: {verdict.doubled[:5]}"
    assert not report.spool_doubled, f"doubled from the spool: {report.spool_doubled[:5]}"
    assert not verdict.invented, f"nobody sent: {verdict.invented[:5]}"
    assert not report.gaps, f"gaps without an overflow: {report.gaps[:5]}"
    worst = max(report.kills, key=lambda kill: kill.unspooled)
    assert worst.unspooled <= UNSPOOLED_MAX, f"more than a batch died with it: {worst}"
    assert report.unacked, "no kill fell between send and ack: take another seed"
    assert report.counts["duplicate"], "no batch came twice"
    assert not report.laps_missed and not report.laps_doubled, "the client's events"
