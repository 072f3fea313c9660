"""Writes the machine-readable contracts of both wires from the messages themselves.

For each wire an AsyncAPI 3.0 document (who says what, and what answers it) and a JSON Schema of all
its messages. A test compares them with what this script would write.

    python docs/asyncapi.py            writes them into docs/reference/
    python docs/asyncapi.py --check    exits 1 when one is out of date
"""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

REFERENCE = Path(__file__).resolve().parent / "reference"
sys.path.insert(0, str(REFERENCE.parents[1]))

import msgspec  # noqa: E402

from hub.wire import live, live_from_client, live_to_client, uplink  # noqa: E402
from hub.wire.uplink_proof import Challenge, Prove, Proven  # noqa: E402

Json = Any
Messages = tuple[type[msgspec.Struct], ...]


@dataclass(frozen=True)
class Wire:
    """`said`: to the hub. `told`: by the hub. `answers`: to what is said, by the tags of both."""

    name: str
    title: str
    version: int
    about: str
    servers: dict[str, Json]
    channel: Json
    said: Messages
    told: Messages
    answers: dict[str, tuple[str, ...]]


LIVE = Wire(
    name="live",
    title="Derny live protocol",
    version=live.PROTOCOL_VERSION,
    about="Hub and clients: phones, watches, walls, the page. Its words: live-protocol.md.",
    servers={
        "hub": {
            "host": "127.0.0.1:8420",
            "protocol": "ws",
            "description": "The hub, as it is set up at first. No cookie: `hello` brings a token.",
            "security": [{"$ref": "#/components/securitySchemes/cookie"}],
        }
    },
    channel={
        "address": "/live",
        "description": "One WebSocket for each client, one message in each text frame.",
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    },
    said=get_args(live_from_client.FromClient),
    told=get_args(live_to_client.ToClient),
    answers={
        "hello": ("welcome", "error", "bye"),
        "subscribe": ("fields", "snapshot", "gap", "sensors", "seats", "error"),
        "clock": ("clock",),
        "refresh": ("refreshed", "error"),
        "control": ("reply",),
        "prefer": ("reply",),
    },
)
UPLINK = Wire(
    name="uplink",
    title="Derny uplink protocol",
    version=uplink.PROTOCOL_VERSION,
    about="Gateways and hub. Its words and rules: uplink-protocol.md.",
    servers={
        "router": {
            "host": "127.0.0.1:8421",
            "protocol": "zmtp",
            "protocolVersion": "3.1",
            "description": "The hub's ROUTER socket, as it is set up at first, with CURVE.",
        },
        "websocket": {
            "host": "127.0.0.1:8420",
            "pathname": "/uplink",
            "protocol": "ws",
            "description": "The same from behind a firewall. Both sides prove their keys first.",
        },
    },
    channel={"address": None, "description": "One message in each frame."},
    said=(*get_args(uplink.Up), Prove),
    told=(*get_args(uplink.Down), Challenge, Proven),
    answers={
        "hello": ("welcome", "refuse"),
        "batch": ("ack", "rewind"),
        "retire": ("retired",),
        "prove": ("proven", "refuse"),
    },
)


def asyncapi(wire: Wire) -> str:
    """The AsyncAPI document of one wire."""
    every = (*wire.said, *wire.told)
    _, schemas = msgspec.json.schema_components(every, ref_template="#/components/schemas/{name}")
    messages = {kind.__name__: _message(kind) for kind in every}
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": wire.title,
            "version": str(wire.version),
            "description": wire.about,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": wire.servers,
        "channels": {wire.name: {**wire.channel, "messages": refs}},
        "operations": dict(_operations(wire)),
        "components": {
            "messages": messages,
            "schemas": {name: _draft_07(schema) for name, schema in schemas.items()},
        },
    }
    if any("security" in server for server in wire.servers.values()):
        cookie = {"type": "httpApiKey", "name": "derny", "in": "cookie"}
        document["components"]["securitySchemes"] = {"cookie": cookie}
    return _text(document)


def json_schema(wire: Wire) -> str:
    """One schema for any message of the wire; each by its own name under `$defs`."""
    every = (*wire.said, *wire.told)
    refs, schemas = msgspec.json.schema_components(every, ref_template="#/$defs/{name}")
    return _text(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": wire.title,
            "description": wire.about,
            "anyOf": list(refs),
            "$defs": {name: _tidy(schema) for name, schema in schemas.items()},
        }
    )


def _operations(wire: Wire) -> list[tuple[str, Json]]:
    """What the hub receives, each with what answers it, and what it sends unasked or so."""
    channel = {"$ref": f"#/channels/{wire.name}"}
    told = {tag_of(kind): kind for kind in wire.told}
    found = []
    for kind in wire.said:
        operation = {"action": "receive", "channel": channel, "messages": [_on(wire, kind)]}
        answers = wire.answers.get(tag_of(kind), ())
        if answers:
            operation["reply"] = {
                "channel": channel,
                "messages": [_on(wire, told[tag]) for tag in answers],
            }
        found.append((f"on_{tag_of(kind)}", operation))
    sent = [_on(wire, kind) for kind in wire.told]
    return [*found, ("tell", {"action": "send", "channel": channel, "messages": sent})]


def _on(wire: Wire, kind: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/channels/{wire.name}/messages/{kind.__name__}"}


def _message(kind: type[msgspec.Struct]) -> Json:
    message = {"name": tag_of(kind), "payload": {"$ref": f"#/components/schemas/{kind.__name__}"}}
    about = kind.__dict__.get("__doc__")
    if about:
        message["summary"] = inspect.cleandoc(about).partition("\n\n")[0].replace("\n", " ")
    return message


def _tidy(schema: Json) -> Json:
    """Descriptions without the code's indentation."""
    about = schema.get("description")
    return schema if about is None else {**schema, "description": inspect.cleandoc(about)}


def _draft_07(schema: Json) -> Json:
    """As an AsyncAPI 3.0 Schema Object: JSON Schema draft 07, and `discriminator` is a word."""
    if isinstance(schema, list):
        return [_draft_07(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _draft_07(value) for key, value in schema.items()}
    if "prefixItems" in found:
        found["items"] = found.pop("prefixItems")
        found["additionalItems"] = False
    if isinstance(found.get("discriminator"), dict) and "propertyName" in found["discriminator"]:
        found["discriminator"] = found["discriminator"]["propertyName"]
    return _tidy(found) if isinstance(found.get("description"), str) else found


def tag_of(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _text(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


FILES = {
    f"{wire.name}.{kind}.json": (write, wire)
    for wire in (LIVE, UPLINK)
    for kind, write in (("asyncapi", asyncapi), ("schema", json_schema))
}


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    for name, (write, wire) in FILES.items():
        path, text = REFERENCE / name, write(wire)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(
                f"docs/reference/{name} is out of date; run: python docs/asyncapi.py",
                file=sys.stderr,
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
