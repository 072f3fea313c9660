"""The line over WebSocket where the contract leaves something to say: TLS, proxies, back-off."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zmq
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from uplink_site import Site, at_site, garage_at, reading, run, steady_port, until
from websockets.asyncio.server import ServerConnection, serve

from gateway.doctor.hub_probe import probe
from gateway.hub_address import problem_of
from gateway.keys import GatewayKey
from gateway.uplink_line import UplinkError
from gateway.uplink_ws import RECEIVED_MAX, RETRY_MS, RETRY_MS_MAX, SENT_MAX, WebSocketLine
from hub.wire.uplink import DOWN, DownBeat
from hub.wire.uplink_proof import HubProof
from hub.zap import Door

HOST = "hub.derny.test"  # reserved: no resolver knows it (RFC 6761)


def new_key() -> tuple[GatewayKey, Door]:
    """A gateway's key, and the door of the hub that made it."""
    hub = zmq.curve_keypair()
    public, secret = (part.decode() for part in zmq.curve_keypair())
    return GatewayKey("hall", public, secret, hub[0].decode()), Door(*hub, {public: "hall"}.get)


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "tcp://hub:8421",
        "tcp://[fe80::1]:8421",
        "wss://hub.example/uplink",
        "wss://hub.example:8443/derny/uplink",
        "ws://127.0.0.1:8420/uplink",
        "ws://[::1]:8420/uplink",
        "ws://localhost/uplink",
    ],
)
def test_an_address_that_can_be(address: str) -> None:
    assert problem_of(address) == ""


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hub:8421", "no hub's address"),
        ("https://hub/uplink", "no hub's address"),
        ("wss:///uplink", "names no computer"),
        ("wss://[::1/uplink", "no hub's address"),
        ("wss://hub:70000/uplink", "there is no port 70000"),
        ("wss://hub:/uplink", "there is no port "),
        ("wss://hub", "what is wanted there is /uplink"),
        ("wss://hub/", "what is wanted there is /uplink"),
        ("wss://ann:secret@hub/uplink", "no user"),
        ("wss://hub/uplink?token=a", "no user, question"),
        ("ws://hub.example/uplink", "could read the readings: use wss"),
        ("ws://192.168.1.7:8420/uplink", "could read the readings: use wss"),
        ("tcp://hub", "ZeroMQ wants a port"),
        ("tcp://hub:8421/uplink", "and no path"),
    ],
)
def test_one_that_cannot_is_told_in_a_sentence(address: str, said: str) -> None:
    assert said in problem_of(address)
    key, _ = new_key()
    if not address.startswith("tcp"):
        with pytest.raises(UplinkError, match='write "tcp://HOST:PORT" or "wss://HOST/uplink"'):
            WebSocketLine(address, key)


def test_without_a_key_or_with_one_that_is_none_nothing_is_tried() -> None:
    with pytest.raises(UplinkError, match="no WebSocket without a key"):
        WebSocketLine("ws://127.0.0.1:1/uplink", None)
    key, _ = new_key()
    with pytest.raises(UplinkError, match="the hub's key in this gateway's key file is none"):
        WebSocketLine("ws://127.0.0.1:1/uplink", GatewayKey("a", key.public, key.secret, "0" * 40))


# Coming back


def test_tries_are_spread_over_a_wait_that_grows() -> None:
    key, _ = new_key()
    eager, calm = (WebSocketLine("ws://127.0.0.1:1/uplink", key, lambda j=j: j) for j in (0.0, 1.0))
    waits_ms = [calm.next_wait_s() * 1_000 for _ in range(20)]
    assert waits_ms[:4] == pytest.approx([0, RETRY_MS, 1.5 * RETRY_MS, 2.25 * RETRY_MS])
    assert max(waits_ms) == waits_ms[-1] == RETRY_MS_MAX
    assert [eager.next_wait_s() * 2_000 for _ in range(20)] == pytest.approx(waits_ms)
    calm.proven()
    assert calm.next_wait_s() == 0


# What stands between


class Authority:
    """A CA of one's own, and a certificate of its for `HOST`."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Derny test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = folder / "key.pem"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.file, secret)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        back, on = await asyncio.open_connection("127.0.0.1", port)
        try:
            ways = [asyncio.create_task(pipe(reader, on)), asyncio.create_task(pipe(back, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            on.transport.abort()
    finally:
        writer.transport.abort()


@asynccontextmanager
async def listening(
    serves: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    server = await asyncio.start_server(serves, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def in_front_of(site: Site, authority: Authority, asked: list[str]) -> AsyncIterator[None]:
    """A server that ends TLS for the hub, and a proxy of this network that alone leads there."""

    async def ends_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await joined(reader, writer, site.web_port)

    async def leads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 200 go on\r\n\r\n")
        await joined(reader, writer, tls_port)

    async with listening(ends_tls, authority.tls) as tls_port, listening(leads) as proxy_port:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("no_proxy", "NO_PROXY", "wss_proxy", "all_proxy", "HTTPS_PROXY"):
                patch.delenv(name, raising=False)
            patch.setenv("https_proxy", f"http://127.0.0.1:{proxy_port}")
            yield


def test_readings_travel_through_a_proxy_and_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    asked: list[str] = []

    async def scene(site: Site) -> None:
        async with in_front_of(site, authority, asked):
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            key = site.key("hall")
            hall = garage_at(f"wss://{HOST}/uplink", key)
            hall.uplink.append(reading("strap"))
            await until(lambda: site.heard() == [("hall", "strap")])
            await hall.stop()
            assert asked[0] == f"CONNECT {HOST}:443 HTTP/1.1"
            found = await asyncio.to_thread(probe, f"wss://{HOST}/uplink", key)
            assert (found.reached, found.link) == ("yes", "up")
            monkeypatch.delenv("SSL_CERT_FILE")
            found = await asyncio.to_thread(probe, f"wss://{HOST}/uplink", key)
            assert (found.reached, found.link) == ("yes", "tls")
            wary = garage_at(f"wss://{HOST}/uplink", key)
            await until(lambda: (False, "tls") in wary.links)
            await wary.stop()

    at_site(tmp_path, scene)


@pytest.mark.parametrize(
    ("answer", "code", "link"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "proxy", "http_502"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no_uplink", "http_404"),
        (b"SSH-2.0-none\r\n", "no_uplink", "handshake"),
    ],
)
def test_what_answers_instead_of_an_uplink_is_told(answer: bytes, code: str, link: str) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def scene() -> None:
        key, _ = new_key()
        async with listening(answers) as port:
            address = f"ws://127.0.0.1:{port}/uplink"
            hall = garage_at(address, key)
            await until(lambda: (False, code) in hall.links)
            await hall.stop()
            assert (await asyncio.to_thread(probe, address, key)).link == link

    run(scene())


def test_nobody_there_is_waited_for_in_silence_and_told_by_the_doctor() -> None:
    async def scene() -> None:
        key, _ = new_key()
        address = f"ws://127.0.0.1:{steady_port()}/uplink"
        hall = garage_at(address, key)
        found = await asyncio.to_thread(probe, address, key)
        assert found.reached == "refused" and hall.links == []
        await hall.stop()

    run(scene())


def test_one_that_proves_no_key_gets_no_hello() -> None:
    heard: list[str | bytes] = []

    async def poses(ws: ServerConnection) -> None:
        await ws.send(HubProof("k" * 40, b"n" * 32, lambda key: None).challenge(), text=True)
        heard.append(await ws.recv())
        await ws.send('{"t":"proven","proof":"' + "0" * 64 + '"}')
        async for more in ws:
            heard.append(more)

    async def scene() -> None:
        key, _ = new_key()
        async with serve(poses, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            hall = garage_at(f"ws://127.0.0.1:{port}/uplink", key)
            hall.uplink.append(reading("strap"))
            await until(lambda: (False, "handshake") in hall.links)
            await hall.stop()
        assert len(heard) == 1 and "strap" not in str(heard)

    run(scene())


def test_a_hub_that_reads_nothing_fills_two_short_queues_and_no_more() -> None:
    """What does not go stays in the spool; what comes waits in the socket."""
    key, door = new_key()

    async def stalls(ws: ServerConnection) -> None:
        proof = HubProof(door.public.decode(), b"n" * 32, door.shared_with)
        await ws.send(proof.challenge(), text=True)
        _, answer = proof.receive(await ws.recv(decode=False))
        await ws.send(answer, text=True)
        ws.transport.pause_reading()
        for _ in range(4 * RECEIVED_MAX):
            await ws.send(DOWN.encode(DownBeat(1)), text=True)
        await ws.wait_closed()

    async def scene() -> None:
        async with serve(stalls, "127.0.0.1", 0, close_timeout=0.1) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            line = WebSocketLine(f"ws://127.0.0.1:{port}/uplink", key)
            line.open(lambda: None)
            await until(line.takes)
            sent = 0
            frame = b"x" * 64 * 1024
            for _ in range(10_000):  # until no turn of the loop makes room any more
                sent += line.send(frame)
                await asyncio.sleep(0)
            assert not line.takes() and sent < 10_000
            assert line._now is not None and len(line._now._sent) == SENT_MAX
            await until(lambda: len(line._now.received) == RECEIVED_MAX)
            taken = 0
            while taken < 4 * RECEIVED_MAX:
                taken += line.receive() is not None
                await asyncio.sleep(0)
            line.close()

    run(scene())
