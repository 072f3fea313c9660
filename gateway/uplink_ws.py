"""The line to the hub over WebSocket, for networks that let no raw TCP out.

TLS ends at the hub's site and hides the readings on the way; who speaks is proven by the same keys
as on ZeroMQ (`hub.wire.uplink_proof`). A proxy that the environment names is used, as `websockets`
finds it. Frames wait in two short queues; a hub that takes none leaves the rest in the spool.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)

from gateway import hub_address
from gateway.keys import GatewayKey
from gateway.uplink_line import UNKNOWN_KEY, WRONG_HUB, Fate, News, UplinkError
from hub.wire.codec import FRAME_BYTES_MAX
from hub.wire.uplink_proof import NONCE_BYTES, GatewayProof, Unproven

OPEN_S = 10.0  # name, TCP, proxy, TLS and the answer to the upgrade
PROOF_S = 5.0
RETRY_MS, RETRY_MS_MAX = 100, 5_000
RETRY_GROWTH = 1.5  # a wait is at most a third of the time that the hub was away
SENT_MAX = 16  # frames handed over and not yet taken by the transport
WRITE_BYTES_MAX = 32 * 1024  # in the transport, beyond which it takes no more
RECEIVED_MAX = 64  # frames received and not yet taken by the uplink
BYE_S = 0.1
HTTP_SERVER_ERROR = 500
OWN_PROXY = "the proxy that the environment names"

TURNED_AWAY = {
    "not_allowed": News(Fate.TURNED_AWAY, "not_allowed", UNKNOWN_KEY),
    "wrong_proof": News(Fate.TURNED_AWAY, "handshake", WRONG_HUB),
    "malformed": News(Fate.TURNED_AWAY, "handshake", WRONG_HUB),
}


class WebSocketLine:
    """As `uplink_line.Line`. `jitter` gives 0 to 1.

    Raises UplinkError for an address that cannot be, and without a key: nothing else proves it.
    """

    def __init__(
        self, address: str, key: GatewayKey | None, jitter: Callable[[], float] = random.random
    ) -> None:
        problem = hub_address.problem_of(address)
        if problem:
            raise UplinkError(f"{problem}; {hub_address.REMEDY}")
        if key is None:
            raise UplinkError(f"{address}: no WebSocket without a key")
        try:
            self._shared = key.shared()
        except ValueError:
            raise UplinkError("the hub's key in this gateway's key file is none") from None
        self._address = address
        self._key = key
        self._jitter = jitter
        self._tls = ssl.create_default_context() if address.startswith("wss:") else None
        self._failures = 0  # tries in a row that led to no proven connection
        self._now: _Tries | None = None

    def open(self, wake: Callable[[], None]) -> None:
        self._now = _Tries(self, wake)

    def close(self) -> None:
        if self._now is not None:
            self._now.stop()
            self._now = None

    async def end(self) -> None:
        if self._now is not None:
            now, self._now = self._now, None
            await now.end()

    def news(self) -> News | None:
        return None if self._now is None else self._now.next_news()

    def receive(self) -> bytes | None:
        return None if self._now is None else self._now.receive()

    def waiting(self) -> bool:
        return self._now is not None and bool(self._now.news or self._now.received)

    def takes(self) -> bool:
        return self._now is not None and self._now.takes()

    def send(self, frame: bytes) -> bool:
        return self._now is not None and self._now.send(frame)

    # for its tries

    async def connect(self) -> ClientConnection:
        """Raises OSError (also for TLS and time), WebSocketException, ImportError (SOCKS)."""
        host = urlsplit(self._address).hostname or ""
        return await connect(
            self._address,
            ssl=self._tls,
            proxy=None if hub_address.is_loopback(host) else True,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            max_queue=RECEIVED_MAX,
            write_limit=WRITE_BYTES_MAX,
            open_timeout=OPEN_S,
            ping_interval=None,  # the beats of both loops say more
            user_agent_header="derny-gateway",
        )

    def proof(self) -> GatewayProof:
        key = self._key
        return GatewayProof(key.public, key.hub, secrets.token_bytes(NONCE_BYTES), self._shared)

    def proven(self) -> None:
        self._failures = 0

    def next_wait_s(self) -> float:
        """Before the next try: longer with each that failed, half of it by chance."""
        if not self._failures:
            self._failures = 1
            return 0.0
        wait_ms = min(RETRY_MS * RETRY_GROWTH ** (self._failures - 1), RETRY_MS_MAX)
        self._failures = min(self._failures + 1, 100)
        return wait_ms / 1_000 * (0.5 + 0.5 * self._jitter())


class _Tries:
    """From one `open` to its `close`: connections, one after the other."""

    def __init__(self, line: WebSocketLine, wake: Callable[[], None]) -> None:
        self._line = line
        self._wake = wake
        self._socket: ClientConnection | None = None  # proven
        self._sent: deque[bytes] = deque()
        self._more = asyncio.Event()  # to be sent
        self._all_sent = asyncio.Event()
        self._room = asyncio.Event()  # for frames that come
        self.news: deque[News] = deque(maxlen=RECEIVED_MAX)
        self.received: deque[bytes] = deque()
        self._task = asyncio.create_task(self._run(), name="uplink")
        self._task.add_done_callback(lambda task: self._wake())

    # towards the line

    def next_news(self) -> News | None:
        """Raises what no far side can bring about: a fault of this file."""
        if self.news:
            return self.news.popleft()
        if self._task.done() and not self._task.cancelled():
            self._task.result()
        return None

    def receive(self) -> bytes | None:
        if not self.received:
            return None
        self._room.set()
        return self.received.popleft()

    def takes(self) -> bool:
        return self._socket is not None and len(self._sent) < SENT_MAX

    def send(self, frame: bytes) -> bool:
        if not self.takes():
            return False
        self._sent.append(frame)
        self._all_sent.clear()
        self._more.set()
        return True

    def stop(self) -> None:
        self._wake = lambda: None
        self._task.cancel()

    async def end(self) -> None:
        self._wake = lambda: None
        if self._socket is not None:
            with suppress(TimeoutError, WebSocketException, OSError):
                async with asyncio.timeout(BYE_S):
                    await self._all_sent.wait()
                    await self._socket.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _tell(self, news: News) -> None:
        self.news.append(news)
        self._wake()

    # connections

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._line.next_wait_s())
            try:
                socket = await self._line.connect()
            except (OSError, WebSocketException, ImportError) as error:
                news = _why_not(error)
                if news is not None:
                    self._tell(news)
                continue
            try:
                if await self._prove(socket):
                    await self._talk(socket)
            except (ConnectionClosed, OSError):
                pass
            finally:
                proven, self._socket = self._socket is not None, None
                self._sent.clear()
                # Cut, not closed: a far side that is gone would never say goodbye too.
                socket.transport.abort()
            if proven:
                self._tell(News(Fate.LOST))

    async def _prove(self, socket: ClientConnection) -> bool:
        proof = self._line.proof()
        try:
            async with asyncio.timeout(PROOF_S):
                while not proof.proven:
                    answer = proof.receive(await socket.recv(decode=False))
                    if answer is not None:
                        await socket.send(answer, text=True)
        except Unproven as no:
            refuse = no.refuse
            tries_on = News(Fate.FAILING, refuse.code, refuse.detail)
            self._tell(TURNED_AWAY.get(refuse.code, tries_on))
            return False
        except TimeoutError:
            self._tell(News(Fate.FAILING, "handshake", WRONG_HUB))
            return False
        self._line.proven()
        return True

    async def _talk(self, socket: ClientConnection) -> None:
        self._socket = socket
        writer = asyncio.create_task(self._write(socket))
        # One that breaks in writing breaks in reading too.
        writer.add_done_callback(partial(_seen, socket))
        try:
            self._wake()
            while True:
                while len(self.received) >= RECEIVED_MAX:
                    self._room.clear()
                    await self._room.wait()
                self.received.append(await socket.recv(decode=False))
                self._wake()
        finally:
            writer.cancel()

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            while self._sent:
                await socket.send(self._sent[0], text=True)
                was_full = len(self._sent) >= SENT_MAX
                self._sent.popleft()
                if was_full:
                    self._wake()
            self._all_sent.set()
            self._more.clear()
            await self._more.wait()


def _seen(socket: ClientConnection, writer: asyncio.Task[None]) -> None:
    if not writer.cancelled() and writer.exception() is not None:
        socket.transport.abort()


def _why_not(error: Exception) -> News | None:
    """What people can mend; None: the hub is not there just now."""
    match error:
        case ssl.SSLCertVerificationError():
            detail = f"the hub's certificate is not trusted here: {error.verify_message}"
            return News(Fate.FAILING, "tls", detail)
        case ssl.SSLError():
            return News(Fate.FAILING, "tls", f"no TLS with the hub: {error.reason}")
        case InvalidStatus() if error.response.status_code >= HTTP_SERVER_ERROR:
            return News(Fate.FAILING, "proxy", f"{_status(error)}: its hub is away")
        case InvalidStatus():
            return News(Fate.FAILING, "no_uplink", f"{_status(error)}: no hub's uplink is there")
        case InvalidProxy():  # its text holds the address, which may hold a password
            return News(Fate.FAILING, "proxy", f"{OWN_PROXY}: {error.msg}")
        case ProxyError() | ImportError():
            return News(Fate.FAILING, "proxy", f"{OWN_PROXY}: {error}")
        case InvalidHandshake():
            return News(Fate.FAILING, "no_uplink", WRONG_HUB)
    return None


def _status(error: InvalidStatus) -> str:
    return f"the far side answers {error.response.status_code}"
