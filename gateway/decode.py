"""`derny-gateway decode`: what a characteristic's bytes mean, one JSON object per frame.

The frames are successive notifications of one sensor, taken to arrive `FRAME_EVERY_MS` apart:
revolutions give cadence from the second frame on, and 0 after more than 3 s without one.
Measurements print their fields; features, ranges, status and control responses print theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import typer

from gateway import uuids
from gateway.gatt import cycling_power, tacx_fec, wahoo_control
from gateway.gatt import fitness_machine_control as control
from gateway.gatt.decoder import CHARS, Decoder
from gateway.gatt.layout import Nonsense

FRAME_EVERY_MS = 1000  # most sensors notify once a second
ECHO_MAX = 60  # characters of a wrong frame that are shown

# Digits after the point: as fine as the sensor's own step, no finer. Others: 2.
DECIMALS = {
    "rr_ms": 1,
    "crank_time_s": 4,
    "wheel_time_s": 4,
    "accumulated_torque_nm": 3,
    "speed_mps": 4,
}

_SHORT_UUID = re.compile(r"(?:0x|0000)?([0-9a-f]{4})")


def _control(response: control.ControlResponse) -> dict[str, Any]:
    return {"op": response.op_name, "result": response.result_name}


def _status(status: control.MachineStatus) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": status.name}
    if status.value is not None:
        shown["value"] = status.value
    if status.unit:
        shown["unit"] = status.unit
    if status.partial:
        shown["partial"] = True
    return shown


def _training(status: control.TrainingStatus) -> dict[str, Any]:
    return {"training_status": status.name} | ({"text": status.text} if status.text else {})


def _wahoo(response: wahoo_control.Response) -> dict[str, Any]:
    shown: dict[str, Any] = {"op": f"{response.op:02x}", "success": response.success}
    return shown | ({"parameter": response.parameter.hex()} if response.parameter else {})


# characteristic: (reader, how its result is shown)
_FACTS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], dict[str, Any]]]] = {
    "2a65": (cycling_power.features, msgspec.to_builtins),
    "2acc": (control.features, msgspec.to_builtins),
    "2ad3": (control.training_status, _training),
    "2ad6": (control.resistance_range, msgspec.to_builtins),
    "2ad8": (control.power_range, msgspec.to_builtins),
    "2ad9": (control.control_response, _control),
    "2ada": (control.machine_status, _status),
    "fec2": (tacx_fec.fact, msgspec.to_builtins),  # pages that measure nothing
    "e005": (wahoo_control.response, _wahoo),
}


def run(char: str, frames: Sequence[str], model: str | None = None) -> tuple[list[str], int]:
    """One JSON line per frame, and the exit status: 1 if any frame is an error.

    `char`: 2a37, 0x2A37 or the whole 128-bit UUID; `frames`: hex in any case, with or without 0x,
    spaces, colons or dashes; `model`: advertised name or model, selects quirks.
    """
    short = short_char(char)
    decoder = Decoder(model)
    shown = [_show(decoder, char, short, frame, i) for i, frame in enumerate(frames)]
    failed = any("error" in one for one in shown)
    return [json.dumps(one, ensure_ascii=False) for one in shown], int(failed)


def short_char(char: str) -> str | None:
    """Four lower-case hex digits of a characteristic in any spelling; None: it has no such."""
    text = char.strip().lower()
    found = _SHORT_UUID.fullmatch(text)
    return found[1] if found else uuids.short(_dashed(text)) or None


def _dashed(uuid: str) -> str:
    digits = uuid.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def unhex(text: str) -> bytes | None:
    """Bytes of one frame; None: not hex."""
    digits = re.sub(r"(?<![0-9a-f])0x|[\s:,-]", "", text.strip().lower())
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


def _show(decoder: Decoder, char: str, short: str | None, frame: str, i: int) -> dict[str, Any]:
    if short not in CHARS and short not in _FACTS:
        known = ", ".join(sorted(CHARS | set(_FACTS)))
        return {"error": f"characteristic {char!r} is not known; known are {known}"}
    data = unhex(frame)
    if data is None:
        shown = frame if len(frame) <= ECHO_MAX else frame[:ECHO_MAX] + "…"
        return {"error": f"{shown!r} is not hex: give two digits 0-9 a-f for each byte"}
    if short in _FACTS:
        read, show = _FACTS[short]
        fact = read(data)
        if fact is not None:
            return _error(fact) if isinstance(fact, Nonsense) else show(fact)
    measurement = decoder.feed(short, data, i * FRAME_EVERY_MS)
    if isinstance(measurement, Nonsense):
        return _error(measurement)
    fields: dict[str, Any] = msgspec.to_builtins(measurement)
    return {name: _rounded(name, value) for name, value in fields.items()}


def _error(nonsense: Nonsense) -> dict[str, Any]:
    return {"error": nonsense.reason}


def _rounded(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS.get(name, 2))
    if isinstance(value, (list, tuple)):
        return [_rounded(name, one) for one in value]
    return value


def decode_command(
    char: Annotated[str, typer.Argument(help="Characteristic: 2a37, 0x2A37 or a whole UUID.")],
    frames: Annotated[
        list[str], typer.Argument(metavar="HEX...", help="Frames of one sensor, in order.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Advertised name or model; selects known quirks.")
    ] = None,
) -> None:
    """Show what a sensor's bytes mean, one JSON object per frame."""
    lines, exit_code = run(char, frames, model)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(exit_code)
