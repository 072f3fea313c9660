"""Who watches a stadium: three clients for each rider, and three watchers of each class.

`python -m bench.stadium_clients BASE COOKIE HUB_PID ATHLETES SECONDS` waits until so many ride,
lets everybody in, listens for so long and says what came. One watcher of each class sends its
riders a message every MESSAGE_S, which all watchers of the class must hear once and in order.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench.crowd import Crowd, boot_ms, connect, hub_offset_ms, masked
from bench.figures import cpu_s, quantile, rss_kb, waited_s
from bench.peers import say
from bench.stand import allow_many_files

CLIENTS_EACH = 3
WATCHERS_EACH = 3
FRAMES_PER_ACK = 4
WARM_S = 3.0
MESSAGE_S = 2.0
LAST_S = 1.0  # for the last message to come
RIDE_S_MAX = 60.0
STATE = b'{"t":"state"'


@dataclass
class Watcher:
    sock: socket.socket
    session: str
    heard: list[str] = field(default_factory=list)


@dataclass
class Stadium:
    port: int
    cookie: str
    late_ms: list[float] = field(default_factory=list)
    wholes: int = 0
    watchers: dict[socket.socket, Watcher] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    offset_ms: int = 0
    _counts: dict[socket.socket, int] = field(default_factory=dict)

    def enter(self, sessions: list[dict[str, Any]]) -> Crowd:
        sockets = []
        for session in sessions:
            for athlete in session["athletes"]:
                channel = f"athlete:{athlete['athlete']}"
                sockets += [self._client(channel) for _ in range(CLIENTS_EACH)]
            for _ in range(WATCHERS_EACH):
                sock = self._client(f"session:{session['session']}")
                self.watchers[sock] = Watcher(sock, session["session"])
                sockets.append(sock)
        return Crowd(sockets)

    def _client(self, channel: str) -> socket.socket:
        sock = connect(self.port, self.cookie)
        sock.sendall(
            masked({"t": "hello", "v": 1, "client": "bench"})
            + masked({"t": "subscribe", "channel": channel, "rate_hz": 4})
        )
        self._counts[sock] = len(self._counts)  # so that not all acknowledge at once
        return sock

    def hear(self, sock: socket.socket, payload: bytes) -> None:
        if not payload.startswith(STATE):
            self._hear_event(sock, payload)
            return
        now_ms = boot_ms() + self.offset_ms
        head = payload[:160]
        if b'"whole":true' in head:
            self.wholes += 1
        else:
            self.late_ms.append(now_ms - _number(head, b'"at_ms":'))
        self._counts[sock] += 1
        if self._counts[sock] % FRAMES_PER_ACK == 0:
            sock.send(masked({"t": "ack", "n": _number(head, b'"n":')}))

    def _hear_event(self, sock: socket.socket, payload: bytes) -> None:
        watcher = self.watchers.get(sock)
        if watcher is not None and payload.startswith(b'{"t":"event"'):
            body = json.loads(payload)["body"]
            if body["e"] == "message":
                watcher.heard.append(body["text"])

    def speak(self, number: int) -> None:
        """One watcher of each class says something to its riders."""
        spoke = set()
        for watcher in self.watchers.values():
            if watcher.session in spoke:
                continue
            spoke.add(watcher.session)
            text = f"{number} of {watcher.session}"
            self.said.setdefault(watcher.session, []).append(text)
            message = {"t": "control", "session": watcher.session, "action": "message"}
            watcher.sock.send(masked({**message, "key": text, "athlete": "*", "text": text}))

    def events(self) -> tuple[int, int, int]:
        """Due at the watchers, lost, and doubled or out of order."""
        due = lost = wrong = 0
        for watcher in self.watchers.values():
            said = self.said[watcher.session]
            due += len(said)
            lost += len(set(said) - set(watcher.heard))
            wrong += watcher.heard != [text for text in said if text in watcher.heard]
        return due, lost, wrong


def _number(head: bytes, key: bytes) -> int:
    at = head.find(key) + len(key)
    return int(head[at : head.find(b",", at)])


def riding(base: str, cookie: str, athletes: int) -> list[dict[str, Any]]:
    end_s = time.monotonic() + RIDE_S_MAX
    while time.monotonic() < end_s:
        request = urllib.request.Request(f"{base}/api/sessions", headers={"cookie": cookie})
        with urllib.request.urlopen(request, timeout=10) as answer:
            sessions: list[dict[str, Any]] = json.loads(answer.read())
        if sum(len(session["athletes"]) for session in sessions) >= athletes:
            return sessions
        time.sleep(0.25)
    raise RuntimeError(f"{athletes} athletes do not ride after {RIDE_S_MAX:.0f} s")


def let_others_first() -> None:
    """The load must not take the core of what it loads, where the run has a priority of its own."""
    priority = os.sched_getparam(0).sched_priority
    if priority > 1:
        os.sched_setparam(0, os.sched_param(priority - 1))


def main() -> None:
    base, cookie = sys.argv[1:3]
    hub, athletes, seconds = (int(argument) for argument in sys.argv[3:6])
    allow_many_files()
    let_others_first()
    stadium = Stadium(urlsplit(base).port or 80, cookie)
    sessions = riding(base, cookie, athletes)
    crowd = stadium.enter(sessions)
    with connect(stadium.port, cookie) as clock:
        stadium.offset_ms = hub_offset_ms(clock)
    gc.disable()  # ours: a pause of the listener would look like a late frame
    crowd.listen(stadium.hear, time.monotonic() + WARM_S)
    stadium.late_ms.clear()
    stadium.wholes = 0
    began_s, cpu, waited = time.monotonic(), cpu_s(hub), waited_s(hub)
    mine_s = time.process_time()
    for number in range(round(seconds / MESSAGE_S)):
        stadium.speak(number)
        crowd.listen(stadium.hear, began_s + (number + 1) * MESSAGE_S)
    took_s = time.monotonic() - began_s
    cpu, waited, mine_s = cpu_s(hub) - cpu, waited_s(hub) - waited, time.process_time() - mine_s
    late_ms = list(stadium.late_ms)
    crowd.listen(stadium.hear, time.monotonic() + LAST_S)
    say(
        clients=len(crowd.sockets),
        frames=len(late_ms),
        wholes=stadium.wholes,
        took_s=took_s,
        late_ms=[quantile(late_ms, share) for share in (0.5, 0.99, 0.999)],
        events=stadium.events(),
        cpu=cpu / took_s,
        waited=waited / took_s,
        listeners_cpu=mine_s / took_s,
        rss_kb=rss_kb(hub),
    )


if __name__ == "__main__":
    main()
