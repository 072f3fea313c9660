"""The facts of this machine. Each is asked for within a bound; what does not answer is None."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gateway import bluez, gauges
from gateway.app import name_of, slots_of
from gateway.doctor.facts import Adapter, Facts, Problem, RfKill, Spool
from gateway.doctor.hub_probe import probe
from gateway.errors import ConfigError
from gateway.keys import GatewayKey, key_of
from gateway.paths import data_dir, spool_dir
from gateway.radio import RadioError
from gateway.settings import Settings, load, override
from gateway.spool_file import NewerFormat, parse_name, read_head
from gateway.spool_load import ASIDE

COMMAND_S = 5.0
SYS_BLUETOOTH, SYS_RFKILL = Path("/sys/class/bluetooth"), Path("/sys/class/rfkill")
CONTAINER_SIGNS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MODEL = Path("/proc/device-tree/model")
CONFINED_BY = (Path("/proc/self/attr/apparmor/current"), Path("/proc/self/attr/current"))
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
MACOS = {0: "not_asked", 1: "restricted", 2: "denied", 3: "allowed"}  # CBManagerAuthorization


def gather(radio: str | None, hub: str | None, config: Path | None) -> Facts:
    """Never raises for what it finds."""
    facts = Facts(
        platform=sys.platform,
        machine=platform.machine(),
        kernel=platform.version(),
        model=_text(MODEL).rstrip("\0"),
        python=sys.version_info[:3],
        bleak=_bleak(),
        container=any(sign.exists() for sign in CONTAINER_SIGNS) or "container" in os.environ,
        confined=_confined(),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        in_group=_in_group(),
        year=time.localtime().tm_year,
        synchronised=_synchronised(),
        has_rtc=Path("/dev/rtc0").exists() if sys.platform == "linux" else None,
        macos=_macos(),
    )
    settings = Settings()
    try:
        data = data_dir()
    except ConfigError as error:
        return _of_the_system(replace(facts, data=_problem(error)), settings)
    try:
        settings = override(load(data, config), radio=radio, hub=hub)
    except ConfigError as error:
        facts = replace(facts, config=_problem(error))
    facts = _of_the_system(replace(facts, radio=settings.radio.radio), settings)
    return _of_the_hub(_of_the_data(facts, data, settings), data, settings)


def _of_the_system(facts: Facts, settings: Settings) -> Facts:
    if facts.platform != "linux" or facts.radio != "os":
        return facts
    bus, adapters = _bus(settings)
    return replace(facts, bluez=_bluez(), bus=bus, adapters=adapters, rfkill=_rfkill())


def _of_the_data(facts: Facts, data: Path, settings: Settings) -> Facts:
    problem = None
    try:
        with tempfile.TemporaryFile(dir=data) as file:
            file.write(b"derny")
            file.flush()
    except OSError as error:
        problem = Problem(f"{data}: {error.strerror}", "let this user write there, or make room")
    mode = stat.S_IMODE(data.stat().st_mode)
    return replace(
        facts,
        data_dir=str(data),
        data=problem,
        data_private=sys.platform == "win32" or not mode & (stat.S_IRWXG | stat.S_IRWXO),
        free_bytes=shutil.disk_usage(data).free,
        spool=_spool(spool_dir(data, name_of(settings)), settings),
    )


def _of_the_hub(facts: Facts, data: Path, settings: Settings) -> Facts:
    key: GatewayKey | None = None
    try:
        key = key_of(settings.hub.key, data)
    except ConfigError as error:
        facts = replace(facts, key=_problem(error))
    return replace(facts, hub=probe(settings.hub.address, key))


# The system


def _bus(settings: Settings) -> tuple[str, tuple[Adapter, ...]]:
    slots = slots_of(settings)

    def adapter(name: str, address: str, powered: bool, central: bool) -> Adapter:
        own = slots.get(address.lower(), slots.get(name.lower(), slots[""]))
        return Adapter(name, address, powered, central, own, _autosuspend(name))

    try:
        there = asyncio.run(bluez.described())
    except RadioError as error:
        if error.problem == "no_permission":
            return "no_permission", ()
        path = gauges.bus_path(os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", gauges.SYSTEM_BUS))
        missing = path and not path.startswith("\0") and not Path(path).exists()
        return ("no_socket" if missing else "no_service"), ()
    return "", tuple(
        adapter(
            name,
            str(has.get("Address", "")),
            bool(has.get("Powered")),
            "central" in has.get("Roles", ("central",)),
        )
        for name, has in there.items()
    )


def _bluez() -> tuple[int, ...] | None:
    """Of the tools, which come with the service; BlueZ does not tell it on the bus."""
    try:
        done = subprocess.run(
            ["bluetoothctl", "--version"], capture_output=True, timeout=COMMAND_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(rb"(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def _rfkill() -> tuple[RfKill, ...]:
    found = []
    for switch in sorted(SYS_RFKILL.glob("rfkill*")):
        if _text(switch / "type") == "bluetooth":
            soft, hard = _text(switch / "soft") == "1", _text(switch / "hard") == "1"
            found.append(RfKill(_text(switch / "name") or switch.name, soft, hard))
    return tuple(found)


def _autosuspend(adapter: str) -> bool | None:
    """Of the USB device; the adapter is one of its interfaces."""
    control = _text(SYS_BLUETOOTH / adapter / "device" / ".." / "power" / "control")
    return None if control not in ("auto", "on") else control == "auto"


def _confined() -> str:
    for path in CONFINED_BY:
        profile = _text(path).rstrip("\0")
        if profile and profile != "unconfined":
            return profile.removesuffix(" (enforce)")
    return ""


def _in_group() -> bool | None:
    if sys.platform == "win32":
        return None
    import grp

    try:
        group = grp.getgrnam("bluetooth")
    except KeyError:
        return None
    return group.gr_gid in os.getgroups()


def _bleak() -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in re.findall(r"\d+", version("bleak"))[:3])
    except PackageNotFoundError:
        return (0,)


def _synchronised() -> bool | None:
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, AttributeError):
        # struct timex is 208 bytes with room to spare; modes 0 only asks.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
        return None if state < 0 else bool(state != TIME_ERROR)
    return None


def _macos() -> str | None:
    if platform.system() != "Darwin":
        return None
    try:
        manager = import_module("CoreBluetooth").CBManager  # bleak brings it along there
        return MACOS.get(int(manager.authorization()))
    except Exception:  # an old macOS has no such question
        return None


# The spool


def _spool(folder: Path, settings: Settings) -> Spool:
    size, oldest_s, unreadable, newer = 0, None, 0, False
    for path in folder.glob("*") if folder.is_dir() else ():
        try:
            told = path.stat()
            if path.name.endswith(ASIDE):
                unreadable += 1
            elif parse_name(path.name) is not None:
                size += told.st_size
                oldest_s = max(oldest_s or 0.0, time.time() - told.st_mtime)
                read_head(path)
        except NewerFormat:
            newer = True
        except FileNotFoundError:
            continue  # the hub has it now
        except OSError:
            unreadable += 1
    bounds = settings.spool
    return Spool(
        size,
        bounds.size_mb * 1024**2,
        oldest_s,
        bounds.age_h * 3_600.0,
        unreadable,
        newer,
        _is_held(folder / "lock"),
    )


def _is_held(lock: Path) -> bool:
    if sys.platform == "win32" or not lock.exists():
        return False
    import fcntl

    with contextlib.suppress(OSError), lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _problem(error: ConfigError) -> Problem:
    problem, _, remedy = str(error).rpartition(" - ")
    return Problem(problem, remedy)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
