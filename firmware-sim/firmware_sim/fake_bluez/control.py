"""Faults from another process: an object of ours beside those of BlueZ, on the same bus."""

from __future__ import annotations

import asyncio

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

NAME = "org.bluez"
INTERFACE = "org.derny.Sim1"
PATH = "/org/derny/sim"
REFUSED = f"{INTERFACE}.Refused"
ANSWER_WITHIN_S = 5.0


class ControlError(Exception):
    """The emulated BlueZ could not be asked, or refused; the message says why."""


async def plan(bus: str, kind: str, times: int, address: str) -> None:
    """`Faults.plan` of the one on the bus at `bus`.

    Raises:
        ControlError: none is there, it does not answer, or it refuses.
    """
    line = MessageBus(bus_address=bus)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await line.connect()
            reply = await line.call(
                Message(
                    destination=NAME,
                    path=PATH,
                    interface=INTERFACE,
                    member="Fault",
                    signature="sus",
                    body=[kind, times, address],
                )
            )
    except TimeoutError:
        raise ControlError(f"the emulated BlueZ at {bus} does not answer") from None
    except (OSError, EOFError):
        raise ControlError(f"no bus answers at {bus}: start one with derny-sim bluez run") from None
    finally:
        line.disconnect()
    if reply.message_type is MessageType.ERROR:
        why = reply.body[0] if reply.error_name == REFUSED else "no emulated BlueZ is on this bus"
        raise ControlError(str(why))
