"""Writes what the web client knows of the hub's contracts: `protocol.d.ts` and `constants.js`.

Types come from the message structs by way of JSON Schema, limits from where the hub keeps them,
so that neither side can drift: a test compares these files with what this script would write.

    python web/protocol.py            writes both
    python web/protocol.py --check    exits 1 when either is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WEB = Path(__file__).resolve().parent
sys.path.insert(0, str(WEB.parent))

import msgspec  # noqa: E402

from hub.core import zones  # noqa: E402
from hub.core.target import UNITS  # noqa: E402
from hub.wire import (  # noqa: E402
    live,
    live_client,
    live_events,
    live_from_client,
    live_rows,
    live_to_client,
    live_views,
)
from hub.wire.staleness import STALENESS  # noqa: E402

HEAD = "// Written by web/protocol.py from the hub's own tables. Do not edit."
UNIONS = {
    "ToClient": live_to_client.ToClient,
    "FromClient": live_from_client.FromClient,
    "EventBody": live_events.EventBody,
}
SCALARS = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}

Schema = dict[str, Any]


def types() -> str:
    """`protocol.d.ts`."""
    members = {name: union.__args__ for name, union in UNIONS.items()}
    views = (live_views.SessionView, live_views.SensorsView)
    every = [struct for structs in members.values() for struct in structs] + list(views)
    _, components = msgspec.json.schema_components(every, ref_template="{name}")
    blocks = [HEAD]
    for name, schema in sorted(components.items()):
        blocks.append(_declaration(_safe(name), schema))
    for name, structs in members.items():
        lines = "".join(f"\n  | {struct.__name__}" for struct in structs)
        blocks.append(f"export type {name} ={lines};")
    names = " | ".join(json.dumps(field) for field in live_rows.ROW_FIELDS)
    blocks.append(f"export type RowField = {names};")
    return "\n\n".join(blocks) + "\n"


def constants() -> str:
    """`constants.js`."""
    staleness = {
        metric.value: {"fresh_ms": limits.fresh_ms, "keep_ms": limits.keep_ms}
        for metric, limits in STALENESS.items()
    }
    values: dict[str, object] = {
        "PROTOCOL_VERSION": live.PROTOCOL_VERSION,
        "ACK_MS": live.ACK_MS,
        "FINAL_CODES": [live.FINAL_CODES[0], live.FINAL_CODES[-1]],
        "SILENCE_MS": live_client.SILENCE_MS,
        "BACKOFF_MS": live_client.BACKOFF_MS,
        "BACKOFF_FACTOR": live_client.BACKOFF_FACTOR,
        "BACKOFF_MS_MAX": live_client.BACKOFF_MS_MAX,
        "CLOCK_SAMPLES_MAX": live_client.CLOCK_SAMPLES_MAX,
        "CLOCK_SAMPLES_FIRST": live_client.CLOCK_SAMPLES_FIRST,
        "CLOCK_FIRST_MS": live_client.CLOCK_FIRST_MS,
        "CLOCK_QUIET_MS": live_client.CLOCK_QUIET_MS,
        "CLOCK_EVERY_MS": live_client.CLOCK_EVERY_MS,
        "CLOCK_DRIFT_PPM": live_client.CLOCK_DRIFT_PPM,
        "CLOCK_JUMP_MS": live_client.CLOCK_JUMP_MS,
        "ROW_LATE_MS": live_client.ROW_LATE_MS,
        "CUE_NEAR_MS": live_client.CUE_NEAR_MS,
        "STALENESS": staleness,
        "POWER_ZONE_NAMES": ["", *zones.POWER_NAMES],
        "POWER_ZONE_LOW_PCT": list(zones.POWER_LOW_PCT),
        "UNIT_BOUNDS": {unit.value: rule.bounds for unit, rule in UNITS.items()},
    }
    lines = [f"export const {name} = {json.dumps(value)};" for name, value in values.items()]
    return "\n".join(["// @ts-check", HEAD, *lines]) + "\n"


FILES = {"protocol.d.ts": types, "constants.js": constants}


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    for name, text in FILES.items():
        path = WEB / name
        if check and path.read_text(encoding="utf-8") != text():
            print(f"web/{name} is out of date; run: python web/protocol.py", file=sys.stderr)
            return 1
        if not check:
            path.write_text(text(), encoding="utf-8")
    return 0


def _declaration(name: str, schema: Schema) -> str:
    if schema.get("type") != "object" or "properties" not in schema:
        return f"export type {name} = {_type(schema)};"
    required = set(schema.get("required", ()))
    lines = []
    for key, field in schema["properties"].items():
        mark = "" if key in required else "?"
        lines.append(f"  {key}{mark}: {_type(field)};")
    return f"export interface {name} {{\n" + "\n".join(lines) + "\n}"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return _safe(schema["$ref"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
        return f"Array<{_type(schema.get('items') or {})}>"
    if kind == "object":
        return f"Record<string, {_type(schema.get('additionalProperties') or {})}>"
    return SCALARS.get(kind or "", "unknown")


def _safe(name: str) -> str:
    return name.replace(".", "_")


if __name__ == "__main__":
    sys.exit(main())
