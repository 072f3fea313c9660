"""A gateway, a hub and the link between them, in one process on virtual time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

from gateway.spool import MemorySpool, Spool
from hub.wire import uplink_gateway
from hub.wire.uplink import DOWN, UP
from hub.wire.uplink_events import Event, Forget, PlacedReading, Send, Took
from hub.wire.uplink_gateway import GatewayIdentity, GatewaySession, LinkDown, LinkUp
from hub.wire.uplink_hub import HubUplink
from hub.wire.uplink_session import EdgeTime, GatewayRules, HubRules
from hub.wire.uplink_stream import Token
from hub.wire.values import Measurement, Reading

STEP_US = 10_000
HUB_AHEAD_US = 1_700_000_000_000_000  # hub time minus the gateway's boot clock


class ModelJournal:
    """Keeps the contract of `hub.journal_port.Journal`, with commits by hand."""

    def __init__(self) -> None:
        self.durable: dict[tuple[str, str], int] = {}
        self.rows: dict[str, list[tuple[int, int, tuple[PlacedReading, ...], str]]] = {}
        self.waiting: deque[Took] = deque()

    def commit(self, took: Took) -> bool:
        token = took.token
        assert token is not None
        key = (token.gateway, token.epoch)
        if token.from_seq != self.durable.get(key, 0) + 1:
            return False
        self.durable[key] = token.to_seq
        row = (token.from_seq, token.to_seq, took.readings, took.gap_reason)
        self.rows.setdefault(token.epoch, []).append(row)
        return True

    def numbers(self, epoch: str) -> dict[int, str]:
        """What the journal holds under each number: a sensor_id or a gap's reason."""
        held: dict[int, str] = {}
        for from_seq, to_seq, placed, reason in self.rows.get(epoch, []):
            for at, seq in enumerate(range(from_seq, to_seq + 1)):
                assert seq not in held, f"{epoch} {seq} is recorded twice"
                held[seq] = f"gap:{reason}" if reason else placed[at].reading.sensor_id
        return held


class World:
    """`steps` moves time; `up` and `down` are the frames on their way."""

    def __init__(
        self,
        spool: Spool | None = None,
        gateway_rules: GatewayRules | None = None,
        hub_rules: HubRules | None = None,
    ) -> None:
        self.now_us = 50_000_000
        self.spool: Spool = spool or MemorySpool()
        self.journal = ModelJournal()
        self.gateway_rules = gateway_rules or GatewayRules()
        self.hub_rules = hub_rules or HubRules()
        self.epochs = (f"e{i}" for i in count())
        self.peers = (f"peer{i}".encode() for i in count())
        self.instances = (f"i{i}" for i in count())
        self.appended: dict[str, list[str]] = {}
        self.sent_readings = 0
        self.up: deque[tuple[bytes, bytes]] = deque()
        self.down: deque[tuple[bytes, bytes]] = deque()
        self.gateway_events: list[uplink_gateway.Event] = []
        self.hub_events: list[Event] = []
        self.auto_commit = True
        self.commits_fail = False
        self.link = True
        self.start_gateway()
        self.start_hub()

    @property
    def at(self) -> EdgeTime:
        return EdgeTime(self.now_us, 1_600_000_000_000 + self.now_us // 1_000)

    @property
    def hub_us(self) -> int:
        return self.now_us + HUB_AHEAD_US

    def start_gateway(self) -> None:
        identity = GatewayIdentity("garage", next(self.instances), "test", "boot-1")
        self.gateway = GatewaySession(
            identity, self.spool, lambda: next(self.epochs), self.at, self.gateway_rules
        )
        self.new_connection()

    def new_connection(self) -> None:
        self.peer = next(self.peers)
        self.down.clear()

    def kill_gateway(self) -> None:
        """What was sent may still arrive; the spool is on disk, so to speak."""
        self.start_gateway()

    def start_hub(self) -> None:
        self.hub = HubUplink("hub", "site", self.journal.durable, self.hub_rules)
        self.journal.waiting.clear()

    def kill_hub(self) -> None:
        """Memory and frames are gone, the journal stays; the gateway sees the connection break."""
        self.up.clear()
        self.down.clear()
        self.start_hub()
        self.cut()

    def cut(self) -> None:
        self.up.clear()
        self.gateway_did(self.gateway.lost("disconnected", self.at))
        self.new_connection()

    def append(self, name: str, at_ms: int | None = None) -> None:
        when = self.now_us // 1_000 if at_ms is None else at_ms
        reading = Reading(name, when, "2a37", Measurement(heart_rate_bpm=120))
        seq = self.gateway.append(reading, self.now_us)
        names = self.appended.setdefault(self.spool.headers()[-1].epoch, [])
        names.append(name)
        assert seq == len(names)

    def gateway_did(self, events: list[uplink_gateway.Event]) -> None:
        self.gateway_events += events
        if any(isinstance(event, LinkDown) for event in events):
            self.new_connection()

    def hub_did(self, events: list[Event]) -> None:
        for event in events:
            self.hub_events.append(event)
            match event:
                case Send():
                    if event.peer == self.peer and self.link:
                        self.down.append((event.peer, event.frame))
                    elif event.peer != self.peer:
                        self.hub_did(self.hub.lost(event.peer, "unreachable"))
                case Took(token=Token()):
                    self.journal.waiting.append(event)
                case Forget():
                    self.journal.durable.pop((event.gateway, event.epoch), None)
                    self.hub_did(self.hub.retired(event.gateway, event.epoch))

    def commit(self, ok: bool = True) -> None:
        """Settles all that waits, as one group."""
        group, self.journal.waiting = self.journal.waiting, deque()
        for took in group:
            assert took.token is not None
            if ok and self.journal.commit(took):
                self.hub_did(self.hub.committed(took.token))
            else:
                self.hub.commit_failed(took.token, self.hub_us)

    def pump_gateway(self) -> None:
        self.gateway_did(self.gateway.tick(self.at))
        while self.link:
            frame = self.gateway.next_frame(self.at)
            if frame is None:
                return
            self.up.append((self.peer, frame))

    def deliver_up(self) -> None:
        peer, frame = self.up.popleft()
        self.hub_did(self.hub.receive(peer, frame, self.hub_us))

    def deliver_down(self) -> None:
        peer, frame = self.down.popleft()
        if peer == self.peer:
            self.gateway_did(self.gateway.receive(frame, self.at))

    def steps(self, ms: int) -> None:
        """Lets everything run for `ms`, each frame arriving within its step."""
        for _ in range(max(1, ms * 1_000 // STEP_US)):
            self.now_us += STEP_US
            self.pump_gateway()
            while self.up:
                self.deliver_up()
            if self.auto_commit:
                self.commit(ok=not self.commits_fail)
            self.hub_did(self.hub.tick(self.hub_us))
            while self.down:
                self.deliver_down()

    def run_until(self, settled: Callable[[], bool], ms: int) -> None:
        """Runs on until `settled`, `ms` at most."""
        until_us = self.now_us + ms * 1_000
        while self.now_us < until_us and not settled():
            self.steps(100)

    # what the tests ask

    def fresh(self) -> list[PlacedReading]:
        return [p for e in self.hub_events if isinstance(e, Took) for p in e.fresh]

    def recorded(self) -> list[str]:
        return [
            name for epoch in self.journal.rows for name in self.journal.numbers(epoch).values()
        ]

    def link_changes(self) -> list[str]:
        said = {LinkUp: lambda e: "up", LinkDown: lambda e: e.reason}
        return [said[type(e)](e) for e in self.gateway_events if type(e) in said]

    def sent_by_hub(self) -> list[object]:
        return [DOWN.decode(e.frame) for e in self.hub_events if isinstance(e, Send)]

    def on_the_way(self) -> list[object]:
        return [UP.decode(frame) for _, frame in self.up]
