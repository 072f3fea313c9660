"""A private dbus-daemon, and the emulated daemon's one connection to it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from dbus_fast import Message, MessageType, NameFlag, RequestNameReply
from dbus_fast.aio import MessageBus

from firmware_sim.sockets import make_way
from firmware_sim.transport import UnixTransport

NAME = "org.bluez"
# For bleak, and whoever else asks for the system bus.
ADDRESS_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
# A daemon that was killed a moment ago still owns the name until the bus has read the end of it.
NAME_TRIES = 100
NAME_RETRY_S = 0.05
# Beyond so many messages that the bus has not read, it is given up.
UNSENT_MAX = 100_000
_PR_SET_PDEATHSIG = 1

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class BusError(Exception):
    """There is no bus to be on; the message says what to do."""


class PrivateBus:
    """A dbus-daemon with a socket at `path`. It dies with the thread that started it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """For `DBUS_SYSTEM_BUS_ADDRESS`."""
        return f"unix:path={self._path}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers. A bus that answers at its path already is left alone.

        Raises BusError.
        """
        program = shutil.which("dbus-daemon")
        if program is None:
            raise BusError("there is no dbus-daemon: apt install dbus")
        try:
            make_way(UnixTransport(str(self._path)))
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise BusError(f"{error.strerror or error}: choose another path") from None
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
            config.write(_CONFIG.format(path=escape(str(self._path))))
            config.flush()
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config-file={config.name}",
                    "--nofork",
                    "--nopidfile",
                    "--print-address",
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                preexec_fn=_die_with_parent,
            )
            assert self._process.stdout is not None
            # One line as soon as it listens; none when it ends by itself.
            ready = self._process.stdout.readline()
        if not ready:
            self.stop()
            raise BusError(f"dbus-daemon cannot listen at {self._path}: choose another path")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._path.unlink(missing_ok=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _PatientBus(MessageBus):
    """dbus-fast 5.2 sends at once, and takes a socket that is full (EAGAIN) for one that is dead.

    A busy bus is late with some thousand signals a second: what is left is sent when there is room.
    """

    def _finalize(self, err: Exception | None = None) -> None:
        writer = self._writer
        if (
            isinstance(err, BlockingIOError)
            and writer is not None
            and writer.fd is not None
            and len(writer.messages) < UNSENT_MAX
        ):
            writer.loop.add_writer(writer.fd, writer.write_callback)
        else:
            super()._finalize(err)


class Line:
    """The emulated daemon's connection: owns `org.bluez`, hears calls and the ends of clients.

    `lost` is told when the bus has ended.
    """

    def __init__(
        self,
        address: str,
        called: Callable[[Message], None],
        left: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self._address = address
        self._called = called
        self._left = left
        self._lost = lost
        self._bus: MessageBus | None = None
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises BusError."""
        bus = _PatientBus(bus_address=self._address)
        try:
            await bus.connect()
            bus.add_message_handler(self._take)
            await bus.call(
                Message(
                    destination="org.freedesktop.DBus",
                    path="/org/freedesktop/DBus",
                    interface="org.freedesktop.DBus",
                    member="AddMatch",
                    signature="s",
                    body=["type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"],
                )
            )
            await self._own(bus)
        except (OSError, EOFError) as error:
            bus.disconnect()
            raise BusError(f"no bus answers at {self._address}") from error
        except BaseException:
            bus.disconnect()
            raise
        self._bus = bus
        self._watching = asyncio.create_task(self._watch(bus))

    async def _watch(self, bus: MessageBus) -> None:
        with contextlib.suppress(Exception):  # whatever ended it: it has ended
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        if self._bus is bus:
            self._bus = None
            self._lost()

    @staticmethod
    async def _own(bus: MessageBus) -> None:
        for _ in range(NAME_TRIES):
            answer = await bus.request_name(NAME, NameFlag.DO_NOT_QUEUE)
            if answer is RequestNameReply.PRIMARY_OWNER:
                return
            await asyncio.sleep(NAME_RETRY_S)
        raise BusError(f"somebody else is {NAME} on this bus: choose another one")

    async def close(self) -> None:
        """Without a word: whoever has to be told has been told before."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()
        if self._watching is not None:
            await asyncio.wait({self._watching})

    def send(self, message: Message) -> None:
        """Nothing, when the bus has ended."""
        if self._bus is not None and self._bus.connected:
            self._bus.send(message).add_done_callback(_retrieve)

    def _take(self, message: Message) -> bool | None:
        if message.message_type is MessageType.METHOD_CALL:
            self._called(message)
            return True
        if message.member == "NameOwnerChanged" and message.sender == "org.freedesktop.DBus":
            name, _, new = message.body
            if not new:
                self._left(name)
        return None


def _retrieve(sent: asyncio.Future[None]) -> None:
    if not sent.cancelled():
        sent.exception()
