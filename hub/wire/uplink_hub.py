"""The hub's end of the uplink: every gateway, their connections and their streams. Sans-I/O.

A peer is a connection (a ROUTER routing id); a gateway is an identity and keeps its streams over
connections. Frames and commits go in, `Send` and what the hub should know come out. All times are
hub time in us.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.wire.codec import DecodeError
from hub.wire.uplink import (
    DOWN,
    PROTOCOL_VERSION,
    UP,
    Ack,
    Batch,
    ClockOffset,
    ClockPing,
    ClockPong,
    Down,
    DownBeat,
    DownBye,
    Gap,
    Hello,
    Refuse,
    Retire,
    Retired,
    Rewind,
    StreamAck,
    StreamHeader,
    Up,
    UpBye,
    Welcome,
)
from hub.wire.uplink_events import (
    Event,
    Forget,
    GatewayDown,
    GatewayUp,
    PlacedReading,
    Said,
    Send,
    Took,
)
from hub.wire.uplink_session import HubRules
from hub.wire.uplink_stream import HubStream, Token, Verdict

US = 1_000


@dataclass(slots=True)
class _Gateway:
    name: str
    peer: bytes | None = None
    instance: str = ""
    refused: str = ""  # instance last refused as a duplicate
    heard_us: int = 0
    beat_us: int = 0
    listed: frozenset[str] = frozenset()  # epochs of the last Hello
    streams: dict[str, HubStream] = field(default_factory=dict)
    offsets: OrderedDict[str, int] = field(default_factory=OrderedDict)  # boot_id -> us
    ack_due: set[str] = field(default_factory=set)


class HubUplink:
    """Every gateway of one hub.

    `durable` is what the journal held at start: `(gateway, epoch) -> durable_seq`.
    `counts` are totals since then, by verdict or fault.
    """

    def __init__(
        self,
        hub: str,
        site: str,
        durable: Mapping[tuple[str, str], int],
        rules: HubRules | None = None,
    ) -> None:
        self._hub = hub
        self._site = site
        self._durable = dict(durable)
        self._rules = rules or HubRules()
        self._gateways: dict[str, _Gateway] = {}
        self._peers: dict[bytes, _Gateway] = {}
        self.counts: Counter[str] = Counter()

    @property
    def gateways_up(self) -> tuple[str, ...]:
        return tuple(gateway.name for gateway in self._peers.values())

    def is_up(self, gateway: str) -> bool:
        known = self._gateways.get(gateway)
        return known is not None and known.peer is not None

    def knows(self, peer: bytes) -> bool:
        return peer in self._peers

    # in

    def receive(
        self, peer: bytes, frame: bytes, now_us: int, user_id: str | None = None
    ) -> list[Event]:
        """Takes one frame. `user_id` is the ZAP User-Id of the key; without keys the name counts.

        Never raises for what a gateway sends: it is counted and answered.
        """
        gateway = self._peers.get(peer)
        try:
            message = UP.decode(frame)
        except DecodeError as error:
            self.counts[f"malformed_{error.code}"] += 1
            return self._close(peer, gateway, "malformed", self._rules.malformed_retry_ms)
        if isinstance(message, Hello):
            return self._hello(peer, message, now_us, user_id or message.gateway)
        if gateway is None:
            # A gateway that outlived this hub's restart, or was thought dead: it begins again.
            self.counts["no_hello"] += 1
            return [self._say(peer, DownBye("no_hello", 0))]
        gateway.heard_us = now_us
        return self._take(gateway, peer, message, now_us)

    def lost(self, peer: bytes, reason: str) -> list[Event]:
        """The shell cannot reach this peer any more."""
        gateway = self._peers.pop(peer, None)
        if gateway is None:
            return []
        gateway.peer = None
        return [GatewayDown(gateway.name, reason)]

    def revoke(self, gateway_name: str) -> list[Event]:
        """Its key was taken away: the connection is over. Its streams end as they stand."""
        gateway = self._gateways.get(gateway_name)
        if gateway is None or gateway.peer is None:
            return []
        return self.lost(gateway.peer, "revoked")

    def committed(self, token: Token) -> list[Event]:
        """The journal has it. The ack leaves with the next `flush`."""
        gateway, stream = self._find(token.gateway, token.epoch)
        if gateway is None or stream is None:
            return []
        if stream.committed(token):
            gateway.ack_due.add(token.epoch)
        if stream.retire_asked and stream.complete:
            return [Forget(token.gateway, token.epoch)]
        return []

    def commit_failed(self, token: Token, now_us: int) -> None:
        """The journal could not: the stream falls back to what is durable and is asked later."""
        self.counts["commit_failed"] += 1
        _, stream = self._find(token.gateway, token.epoch)
        if stream is not None:
            stream.commit_failed(token, now_us)

    def retired(self, gateway_name: str, epoch: str) -> list[Event]:
        """The store has forgotten the stream."""
        gateway, _ = self._find(gateway_name, epoch)
        if gateway is None:
            return []
        gateway.streams.pop(epoch, None)
        gateway.ack_due.discard(epoch)
        return self._tell(gateway, Retired(epoch))

    def flush(self) -> list[Event]:
        """The acks that commits have earned, one per stream."""
        events: list[Event] = []
        for gateway in self._peers.values():
            for epoch in gateway.ack_due:
                stream = gateway.streams.get(epoch)
                if stream is not None and epoch in gateway.listed:
                    events += self._tell(gateway, Ack(epoch, stream.durable_seq))
            gateway.ack_due.clear()
        return events

    def tick(self, now_us: int) -> list[Event]:
        """Acks, beats, silence, and what was held after a failed commit."""
        events = self.flush()
        for peer, gateway in list(self._peers.items()):
            if now_us - gateway.heard_us >= self._rules.silence_ms * US:
                events += self.lost(peer, "silent")
                continue
            if now_us >= gateway.beat_us:
                gateway.beat_us = now_us + self._rules.beat_ms * US
                events.append(self._say(peer, DownBeat(now_us // US)))
        for gateway in self._gateways.values():
            for stream in gateway.streams.values():
                if stream.released(now_us):
                    rewind = Rewind(stream.header.epoch, stream.received_seq + 1)
                    events += self._tell(gateway, rewind)
        return events

    def send(self, gateway_name: str, message: Down) -> list[Event]:
        """Nothing for a gateway that is not up: whoever sends says it again after GatewayUp."""
        gateway = self._gateways.get(gateway_name)
        return [] if gateway is None else self._tell(gateway, message)

    def stop(self, retry_ms: int) -> list[Event]:
        return [self._say(peer, DownBye("hub_stopping", retry_ms)) for peer in self._peers]

    # Hello

    def _hello(self, peer: bytes, hello: Hello, now_us: int, name: str) -> list[Event]:
        refusal = self._refusal(hello, now_us, name)
        if refusal is not None:
            self.counts[f"refused_{refusal.code}"] += 1
            events = self.lost(peer, refusal.code)
            holder = self._gateways.get(name)
            if holder is not None:
                # A dead connection shows when something is sent: the shell then calls `lost`.
                events += self._tell(holder, DownBeat(now_us // US))
            return [*events, self._say(peer, refusal)]
        gateway = self._gateways.setdefault(name, _Gateway(name))
        events = self._take_over(gateway, peer, hello, now_us)
        acks, gaps = self._list_streams(gateway, hello)
        events.append(
            self._say(peer, Welcome(PROTOCOL_VERSION, self._hub, self._site, tuple(acks)))
        )
        events.append(GatewayUp(name, hello))
        return events + gaps

    def _refusal(self, hello: Hello, now_us: int, name: str) -> Refuse | None:
        if hello.version != PROTOCOL_VERSION:
            detail = f"gateway speaks version {hello.version}, this hub {PROTOCOL_VERSION}"
            return Refuse("version", detail, None)
        if len(hello.streams) > self._rules.streams_max:
            return Refuse("too_many", f"at most {self._rules.streams_max} streams", None)
        gateway = self._gateways.get(name)
        if gateway is None:
            if len(self._gateways) < self._rules.gateways_max or self._make_room():
                return None
            return Refuse("too_many", f"at most {self._rules.gateways_max} gateways", None)
        other = gateway.peer is not None and gateway.instance != hello.instance
        if other and now_us - gateway.heard_us < self._rules.silence_ms * US:
            detail = f"another gateway is connected as {name}: stop one, or give it its own key"
            soon_ms, seldom_ms = self._rules.duplicate_retry_ms
            retry_ms = seldom_ms if gateway.refused == hello.instance else soon_ms
            gateway.refused = hello.instance
            return Refuse("duplicate_gateway", detail, retry_ms)
        return None

    def _make_room(self) -> bool:
        """Drops one gateway that is away and owes nothing; its numbers stay in the store."""
        for gateway in self._gateways.values():
            if gateway.peer is None:
                gateway.listed = frozenset()
                self._drop_unlisted(gateway)
                if not gateway.streams:
                    del self._gateways[gateway.name]
                    return True
        return False

    def _take_over(self, gateway: _Gateway, peer: bytes, hello: Hello, now_us: int) -> list[Event]:
        """The connection becomes this gateway's; an older one of it ends."""
        events: list[Event] = []
        holder = self._peers.get(peer)
        if holder is not None and holder is not gateway:
            events += self.lost(peer, "replaced")
        if gateway.peer is not None and gateway.peer != peer:
            del self._peers[gateway.peer]
            if gateway.instance != hello.instance:
                events.append(GatewayDown(gateway.name, "replaced"))
        gateway.peer = peer
        gateway.instance = hello.instance
        gateway.heard_us = now_us
        gateway.beat_us = now_us
        self._peers[peer] = gateway
        return events

    def _list_streams(self, gateway: _Gateway, hello: Hello) -> tuple[list[StreamAck], list[Event]]:
        gateway.listed = frozenset(header.epoch for header in hello.streams)
        self._drop_unlisted(gateway)
        acks: list[StreamAck] = []
        events: list[Event] = []
        for header in hello.streams:
            stream = gateway.streams.get(header.epoch)
            if stream is None:
                stream = self._new_stream(gateway, header)
            else:
                stream.reconnected(header)
            offset_us = gateway.offsets.get(header.boot_id)
            if offset_us is not None:
                stream.place_by(offset_us)
            acks.append(StreamAck(header.epoch, stream.durable_seq))
            if header.from_seq > stream.received_seq + 1:
                # Acknowledged once, and not by this journal: it is a gap and is said to be one.
                gap = Gap(
                    header.epoch, stream.received_seq + 1, header.from_seq - 1, "acked_before"
                )
                events += self._gap(gateway, stream, gap, 0)
        return acks, events

    def _new_stream(self, gateway: _Gateway, header: StreamHeader) -> HubStream:
        durable_seq = self._durable.pop((gateway.name, header.epoch), None)
        if durable_seq is None:
            # Nothing left to send: it was retired here and the gateway has not heard of it.
            settled = header.sealed and header.from_seq >= header.next_seq
            durable_seq = header.from_seq - 1 if settled else 0
        stream = HubStream(gateway.name, header, durable_seq, self._rules)
        gateway.streams[header.epoch] = stream
        return stream

    def _drop_unlisted(self, gateway: _Gateway) -> None:
        """Streams the gateway no longer has leave the memory; their numbers stay in the store.

        (Only Retire removes them there: another process of this gateway may still have them.)
        """
        for epoch in [e for e in gateway.streams if e not in gateway.listed]:
            stream = gateway.streams[epoch]
            if stream.received_seq == stream.durable_seq:
                del gateway.streams[epoch]
                if stream.durable_seq > 0:
                    self._durable[gateway.name, epoch] = stream.durable_seq

    # messages of a gateway that is up

    def _take(self, gateway: _Gateway, peer: bytes, message: Up, now_us: int) -> list[Event]:
        match message:
            case Batch():
                stream = gateway.streams.get(message.epoch)
                if stream is None or message.epoch not in gateway.listed or message.from_seq < 1:
                    return self._unknown_stream(peer, gateway)
                return self._batch(gateway, stream, message, now_us)
            case Gap():
                stream = gateway.streams.get(message.epoch)
                if stream is None or not 1 <= message.from_seq <= message.to_seq:
                    return self._unknown_stream(peer, gateway)
                return self._gap(gateway, stream, message, now_us)
            case ClockPing():
                return [self._say(peer, ClockPong(message.sent_boot_us, now_us, now_us))]
            case ClockOffset():
                self._measured(gateway, message)
                return []
            case Retire():
                return self._retire(gateway, message.epoch)
            case UpBye():
                return self.lost(peer, message.reason)
            case Hello():
                return []  # taken before
            case _:
                return [Said(gateway.name, message)]

    def _batch(
        self, gateway: _Gateway, stream: HubStream, batch: Batch, now_us: int
    ) -> list[Event]:
        if not batch.readings:
            return []
        from_seq = batch.from_seq
        to_seq = from_seq + len(batch.readings) - 1
        verdict = stream.judge(from_seq, to_seq, len(batch.readings))
        self.counts[verdict] += 1
        known = stream.see(from_seq, to_seq)
        shift_ms, estimated = stream.shift_ms, stream.estimated
        placed = tuple([PlacedReading(r, r.at_ms + shift_ms, estimated) for r in batch.readings])
        fresh = placed[known:] if known else placed
        events: list[Event] = []
        if verdict is Verdict.TAKEN:
            token = stream.take(to_seq)
            readings = placed[token.from_seq - from_seq :] if token.from_seq > from_seq else placed
            took = Took(gateway.name, stream.header, readings, fresh, batch.backfill, token)
            return [took]
        if fresh:
            events.append(Took(gateway.name, stream.header, (), fresh, batch.backfill, None))
        return events + self._answer(gateway, stream, verdict, now_us)

    def _gap(self, gateway: _Gateway, stream: HubStream, gap: Gap, now_us: int) -> list[Event]:
        verdict = stream.judge(gap.from_seq, gap.to_seq, 0)
        self.counts[verdict] += 1
        if verdict is not Verdict.TAKEN:
            return self._answer(gateway, stream, verdict, now_us)
        token = stream.take(gap.to_seq)
        backfill = stream.header.sealed
        return [Took(gateway.name, stream.header, (), (), backfill, token, gap.reason)]

    def _answer(
        self, gateway: _Gateway, stream: HubStream, verdict: Verdict, now_us: int
    ) -> list[Event]:
        if verdict is Verdict.DUPLICATE and stream.durable_seq == stream.received_seq:
            gateway.ack_due.add(stream.header.epoch)  # the gateway has not heard: tell it again
        if verdict is Verdict.SKIPPED and stream.may_ask(now_us):
            return self._tell(gateway, Rewind(stream.header.epoch, stream.received_seq + 1))
        return []

    def _retire(self, gateway: _Gateway, epoch: str) -> list[Event]:
        stream = gateway.streams.get(epoch)
        if stream is None:
            return self._tell(gateway, Retired(epoch))
        stream.retire_asked = True
        return [Forget(gateway.name, epoch)] if stream.complete else []

    def _measured(self, gateway: _Gateway, clock: ClockOffset) -> None:
        gateway.offsets[clock.boot_id] = clock.offset_us
        gateway.offsets.move_to_end(clock.boot_id)
        while len(gateway.offsets) > self._rules.boots_max:
            gateway.offsets.popitem(last=False)
        for stream in gateway.streams.values():
            if stream.header.boot_id == clock.boot_id:
                stream.place_by(clock.offset_us)

    def _unknown_stream(self, peer: bytes, gateway: _Gateway) -> list[Event]:
        self.counts["unknown_stream"] += 1
        return self._close(peer, gateway, "unknown_stream", 0)

    # out

    def _close(
        self, peer: bytes, gateway: _Gateway | None, reason: str, retry_ms: int
    ) -> list[Event]:
        events: list[Event] = [self._say(peer, DownBye(reason, retry_ms))]
        return events + (self.lost(peer, reason) if gateway is not None else [])

    def _say(self, peer: bytes, message: Down) -> Send:
        return Send(peer, DOWN.encode(message))

    def _tell(self, gateway: _Gateway, message: Down) -> list[Event]:
        return [] if gateway.peer is None else [self._say(gateway.peer, message)]

    def _find(self, gateway_name: str, epoch: str) -> tuple[_Gateway | None, HubStream | None]:
        gateway = self._gateways.get(gateway_name)
        return gateway, None if gateway is None else gateway.streams.get(epoch)
