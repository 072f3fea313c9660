"""The arrows of the house as a table, checked from the imports. docs/architecture.md says why."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "hub": ROOT / "hub",
    "gateway": ROOT / "gateway",
    "firmware_sim": ROOT / "firmware-sim" / "firmware_sim",
}

# Each layer and the only layers of ours that it may import. The longest matching name rules.
MAY_IMPORT: dict[str, set[str]] = {
    "hub.wire": {"hub.wire"},
    "hub.core": {"hub.core", "hub.wire"},
    "hub.formats": {"hub.formats", "hub.core", "hub.wire"},
    "hub.auth": {"hub.auth", "hub.core.errors"},
    "hub.auth.grants": {"hub.auth.principal", "hub.core.errors", "hub.wire"},
    "hub.activity": {
        "hub.activity", "hub.formats", "hub.live.inputs", "hub.live.session",
        "hub.live.session_state", "hub.core", "hub.wire",
    },
    "hub.store": {
        "hub.store", "hub.activity", "hub.journal_port", "hub.paths", "hub.core", "hub.wire",
    },
    "hub.store.grants": {"hub.store", "hub.auth.grants"},
    "hub.store.rows": {"hub.core", "hub.wire"},
    "hub.live": {"hub.live", "hub.store.ids", "hub.store.rows", "hub.auth", "hub.core", "hub.wire"},
    "hub.live.inputs": {"hub.core", "hub.wire"},
    "hub.live.session": {
        "hub.live.inputs", "hub.live.session_lanes", "hub.live.session_state", "hub.core",
        "hub.wire",
    },
    "hub.live.session_lanes": {"hub.live.inputs", "hub.live.session_state", "hub.core"},
    "hub.live.session_state": {"hub.live.inputs", "hub.core", "hub.wire"},
    "hub.ingest": {
        "hub.gateway_desk", "hub.gateway_lines", "hub.gateway_socket", "hub.journal_port",
        "hub.wire", "hub.zap",
    },
    "hub.gateway_lines": {"hub.gateway_socket"},
    "hub.gateway_socket": {"hub.wire", "hub.zap"},
    "hub.zap": set(),
    "hub.gateway_desk": {"hub.wire"},
    "hub.journal_port": {"hub.wire"},
    "hub.http": {
        "hub.http", "hub.live", "hub.store", "hub.activity", "hub.formats", "hub.library",
        "hub.people", "hub.guests", "hub.doorkeeper", "hub.auth", "hub.core", "hub.wire",
    },
    # A program elsewhere installs this alone: the contract, and nothing of the server.
    "hub.client": {"hub.client", "hub.wire"},
    "hub.watch": {"hub.watch", "hub.client", "hub.terminal", "hub.wire"},
    "hub": {"hub"},
    "gateway.gatt": {"gateway.gatt", "hub.wire"},
    "gateway": {"gateway", "hub.wire"},
    "firmware_sim.devices": {"firmware_sim.devices"},
    # No sensor but a gateway without its radio: a second session of the uplink would prove nothing
    # about the one that runs.
    "firmware_sim.crowd": {
        "firmware_sim", "gateway.clock", "gateway.keys", "gateway.spool", "gateway.uplink",
        "hub.wire",
    },
    "firmware_sim.stress": {
        "firmware_sim", "gateway.errors", "gateway.keys", "gateway.uplink", "gateway.uplink_line",
    },
    # Devices of /live: the client's own rules, without its socket.
    "firmware_sim.clients": {
        "firmware_sim.clients", "firmware_sim.hub_figures", "hub.admin", "hub.client",
        "hub.core.errors", "hub.paths", "hub.wire",
    },
    "firmware_sim.membership": {"hub.admin", "hub.core.errors", "hub.paths"},
    "firmware_sim": {"firmware_sim"},
}  # fmt: skip

# The one place where a shell reaches across: the virtual radio, imported when it is asked for.
LAZY = {("gateway.radio_bleak", "firmware_sim.bleak_air")}

# No clock, no I/O, no chance, no loop: time and randomness are arguments.
PURE = (
    "hub.wire",
    "hub.core",
    "hub.activity",
    "hub.auth.grants",
    "hub.auth.policy",
    "hub.auth.principal",
    "hub.auth.rate",
    "hub.client.clock",
    "hub.client.commands",
    "hub.client.core",
    "hub.client.cues",
    "hub.client.errors",
    "hub.client.state",
    "hub.client.timeline",
    "hub.client.told",
    "hub.library.card",
    "hub.library.changes",
    "hub.library.preview",
    "hub.library.search",
    "hub.live.cues",
    "hub.live.inputs",
    "hub.live.leases",
    "hub.live.ramp_test",
    "hub.live.riding",
    "hub.live.seats_pedal",
    "hub.live.seats_rights",
    "hub.live.seats_straps",
    "hub.live.seats_swaps",
    "hub.live.session",
    "hub.live.session_lanes",
    "hub.live.session_state",
    "hub.live.sight",
    "hub.live.steering",
    "hub.live.views",
    "hub.store.rows",
    "hub.watch.plain",
    "hub.watch.scene",
    "hub.watch.words",
    "hub.workout_chart",
    "gateway.brake",
    "gateway.control_point",
    "gateway.dialects",
    "gateway.doctor.bluez_bugs",
    "gateway.doctor.facts",
    "gateway.doctor.finding",
    "gateway.doctor.kernel_bugs",
    "gateway.doctor.rules",
    "gateway.doctor.rules_bluetooth",
    "gateway.gatt",
    "gateway.governor",
    "gateway.hearing",
    "gateway.link",
    "gateway.link_events",
    "gateway.pedalling",
    "gateway.permission",
    "gateway.plan",
    "gateway.profiles",
    "gateway.radio_planner",
    "gateway.recording.records",
    "gateway.recording.script",
    "gateway.recording.summary",
    "gateway.sightings",
    "gateway.silence",
    "gateway.spin_down",
    "gateway.trainer",
    "gateway.uuids",
    "firmware_sim.athlete",
    "firmware_sim.chaos",
    "firmware_sim.clients.figures",
    "firmware_sim.clients.frames",
    "firmware_sim.clients.profiles",
    "firmware_sim.devices",
    "firmware_sim.discipline",
    "firmware_sim.fake_bluez.errors",
    "firmware_sim.fake_bluez.faults",
    "firmware_sim.faults",
    "firmware_sim.floor",
    "firmware_sim.recording",
    "firmware_sim.rider",
    "firmware_sim.scenario",
)
IMPURE = {
    "asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib",
    "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3",
    "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
PURE_LIBRARIES = {"numpy", "msgspec"}

# What importing a package must not bring along: a Pi has no web server, the hub has no radio.
COST = {
    "gateway": {"starlette", "sqlalchemy", "bumble", "uvicorn", "numpy"},
    "gateway.app": {
        "starlette",
        "sqlalchemy",
        "bumble",
        "uvicorn",
        "numpy",
        "websockets",
        "cryptography",
    },
    "gateway.uplink_ws": {"starlette", "sqlalchemy", "bumble", "uvicorn", "numpy"},
    "hub.client": {"starlette", "sqlalchemy", "uvicorn", "numpy", "hub.core", "hub.live", "typer"},
    "hub.app": {"bleak", "bumble", "firmware_sim", "gateway"},
    "hub.cli": {"starlette", "sqlalchemy", "uvicorn", "bleak", "bumble"},
    "hub.workout_cli": {"starlette", "sqlalchemy", "uvicorn", "bleak", "bumble", "asyncio"},
    "hub.wire.live_to_client": {"asyncio", "starlette", "zmq", "numpy"},
    "hub.wire.uplink": {"asyncio", "starlette", "zmq", "numpy"},
    "firmware_sim.athlete": {"bumble", "bleak", "asyncio"},
    "firmware_sim.cli": {"bumble", "bleak", "fitdecode", "gateway", "hub", "zmq"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *parts)).removesuffix(".__init__"), path


def within(module: str, layer: str) -> bool:
    return f"{module}.".startswith(f"{layer}.")


@cache
def imports(source: str) -> list[tuple[str, bool]]:
    """Each imported module, and whether the import stands outside functions and TYPE_CHECKING."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from hub import app` names a module too
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found += [(name, node in tree.body) for name in names]
    return found


def violations(module: str, source: str) -> list[str]:
    layer = max((name for name in MAY_IMPORT if within(module, name)), key=len)
    pure = any(within(module, name) for name in PURE)
    found = []
    for name, top in imports(source):
        root = name.split(".")[0]
        if root in PACKAGES:
            lazy = not top and any(module == a and within(name, b) for a, b in LAZY)
            if name != root and not lazy and not any(within(name, ok) for ok in MAY_IMPORT[layer]):
                found.append(f"{module} imports {name}")
        elif pure and (
            root in IMPURE or (root not in sys.stdlib_module_names and root not in PURE_LIBRARIES)
        ):
            found.append(f"{module} is pure, yet imports {name}")
    return found


@pytest.mark.parametrize(("module", "path"), list(modules()))
def test_arrows_point_down_and_the_core_is_pure(module: str, path: Path) -> None:
    assert violations(module, path.read_text()) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("hub.core.errors", "import time"),
        ("hub.core.errors", "import starlette"),
        ("hub.wire.live", "from hub.core import zones"),
        ("hub.client.core", "from hub.core import zones"),
        ("gateway.supervisor", "from hub.live import session"),
        ("gateway.supervisor", "import firmware_sim.bleak_air"),
        ("gateway.radio_bleak", "import firmware_sim.bleak_air"),
        ("firmware_sim.devices.strap", "from gateway.gatt import heart_rate"),
        ("firmware_sim.studio", "from gateway.uplink import Uplink"),
        ("firmware_sim.stress", "from gateway.gatt.decoder import Decoder"),
        ("hub.live.session", "def f():\n    import asyncio"),
    ],
)
def test_a_planted_violation_is_seen(module: str, source: str) -> None:
    assert violations(module, source)


@pytest.mark.parametrize(("module", "unwanted"), COST.items())
def test_importing_costs_no_more_than_it_must(module: str, unwanted: set[str]) -> None:
    code = f"import sys, {module}; print(*(sorted({unwanted!r} & sys.modules.keys())))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_only_the_composition_root_knows_every_part_of_the_hub() -> None:
    """hub.app hands everything over by constructor: nobody else imports it but the command line."""
    users = {
        module
        for module, path in modules()
        if any(within(name, "hub.app") for name, _ in imports(path.read_text()))
    }
    assert users <= {"hub.app", "hub.cli"}
