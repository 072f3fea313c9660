"""Documentation under test: what the code has, the docs have, and nothing that it has not."""

from __future__ import annotations

import ast
import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import pytest
import typer
from starlette.routing import Route

import firmware_sim.cli
import gateway.cli
import gateway.settings
import hub.cli
import hub.settings
from firmware_sim.faults import RULES as FAULTS
from gateway.decode import run as decode
from gateway.gatt.decoder import CHARS
from gateway.gatt.quirks import QUIRKS
from gateway.profiles import SERVICES
from hub.core.errors import DernyError
from hub.core.sources import PLAUSIBLE, PRECEDENCE
from hub.wire import (
    live,
    live_events,
    live_from_client,
    live_rows,
    live_to_client,
    live_views,
    live_watch,
    uplink,
    uplink_proof,
)
from hub.wire.codec import Codec
from hub.wire.staleness import STALENESS
from hub.wire.uplink_session import phase_table
from hub.wire.uplink_stream import Verdict
from hub.wire.values import Cue, Measurement, PlanStep, Quality, Reading

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "firmware-sim" / "README.md"])

CODE = re.compile(r"`([^`]+)`")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\\)\[(?:[^\]\\]|\\.)*\]\(([^)\s]+)\)")
CALL = re.compile(r"(?:^|[\s(/])(derny(?:-gateway|-sim)? \w[^|;&#<>$)]*)")
HEADING = re.compile(r"^(#+) +(.+?)\s*$", re.MULTILINE)


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def sections(page: str, level: int) -> dict[str, str]:
    """Heading without its code marks -> all that stands below it, up to the next of its level."""
    # Split at every heading of this level or above; deeper ones stay inside.
    parts = re.split(rf"^(#{{1,{level}}}) +(.+?)\s*$", page, flags=re.MULTILINE)
    found = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {title.replace("`", ""): body for marks, title, body in found if len(marks) == level}


def reference(name: str) -> str:
    return text_of(REFERENCE / name)


def first_cells(body: str) -> list[str]:
    """What the first column of the tables in `body` names in code marks."""
    rows = (line for line in body.splitlines() if line.startswith("| "))
    return [name for row in rows for name in CODE.findall(row.split("|")[1])]


# The two wires

WIRES: list[tuple[str, str, Any, Codec[Any]]] = [
    ("live-protocol.md", "Client → hub", live_from_client.FromClient, live_from_client.FROM_CLIENT),
    ("live-protocol.md", "Hub → client", live_to_client.ToClient, live_to_client.TO_CLIENT),
    ("live-protocol.md", "Events", live_events.EventBody, live_events.EVENT),
    ("uplink-protocol.md", "Gateway → hub", uplink.Up, uplink.UP),
    ("uplink-protocol.md", "Hub → gateway", uplink.Down, uplink.DOWN),
    ("uplink-protocol.md", "Proof of the keys", uplink_proof.Proof, uplink_proof.PROOF),
]
PARTS: list[tuple[str, str, type[msgspec.Struct]]] = [
    *(
        ("live-protocol.md", "Views", part)
        for part in (
            live_from_client.Resume, live_views.SessionView, live_watch.WatchCue,
            live_views.CoachView, live_views.WatcherView, live_views.LaneView,
            live_views.PhaseView, live_views.TargetView, live_views.TextView, Cue,
            live_views.AthleteView, live_views.ZonesView, live_views.SourceView,
            live_views.TrainerView, live_views.SensorsView, live_views.SensorView,
            live_views.GatewayView, live_views.SeatsView, live_views.BikeView, live_views.AskView,
            uplink.AdapterState,
        )
    ),
    *(
        ("uplink-protocol.md", "Parts", part)
        for part in (
            uplink.StreamHeader, Reading, uplink.SensorState, uplink.TrainerState,
            uplink.SpinDown,
            uplink.AdapterState, uplink.StreamAck, uplink.AssignedSensor, PlanStep,
        )
    ),
]  # fmt: skip


def tag_of(message: type[msgspec.Struct]) -> str:
    return str(message.__struct_config__.tag)


def field_names(struct: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


@pytest.mark.parametrize(("page", "group", "union", "codec"), WIRES)
def test_each_message_has_its_heading_its_fields_and_an_example(
    page: str, group: str, union: Any, codec: Codec[Any]
) -> None:
    shown = sections(sections(reference(page), 2)[group], 3)
    messages = {tag_of(message): message for message in get_args(union)}
    assert list(shown) == list(messages)
    for tag, message in messages.items():
        assert first_cells(shown[tag]) == field_names(message), tag
        (example,) = [code for kind, code in FENCED.findall(shown[tag]) if kind == "json"]
        decoded = codec.decode(example.strip())
        assert type(decoded) is message
        assert json.loads(codec.encode(decoded)) == json.loads(example)


@pytest.mark.parametrize(("page", "group", "part"), PARTS)
def test_each_part_of_a_message_has_its_fields(
    page: str, group: str, part: type[msgspec.Struct]
) -> None:
    shown = sections(sections(reference(page), 2)[group], 3)
    assert first_cells(shown[part.__name__]) == field_names(part)


@pytest.mark.parametrize(
    ("page", "group"), [("live-protocol.md", "Views"), ("uplink-protocol.md", "Parts")]
)
def test_no_part_is_told_of_that_is_none(page: str, group: str) -> None:
    shown = sections(sections(reference(page), 2)[group], 3)
    assert list(shown) == [part.__name__ for where, _, part in PARTS if where == page]


def test_every_word_that_an_action_or_command_can_be_is_named() -> None:
    control = sections(sections(reference("live-protocol.md"), 2)["Client → hub"], 3)["control"]
    assert set(live_from_client.Action) <= set(CODE.findall(control))
    command = sections(sections(reference("uplink-protocol.md"), 2)["Hub → gateway"], 3)["command"]
    assert set(uplink.CommandOp) <= set(CODE.findall(command))


def test_the_live_page_has_the_close_codes_the_columns_and_the_qualities() -> None:
    page = sections(reference("live-protocol.md"), 2)
    for code in live.CloseCode:
        row = re.search(
            rf"^\| {code} \| `{code.name}` \|.*\| (\w+)", page["Close codes"], re.MULTILINE
        )
        assert row, code
        assert (row[1] == "no") == (code in live.FINAL_CODES), code
    columns = set(first_cells(page["Rows"]))
    suffixed = {name for name in live_rows.ROW_FIELDS if "." in name}
    assert set(live_rows.ROW_FIELDS) - suffixed <= columns
    assert {f"….{name.split('.')[1]}" for name in suffixed} <= columns
    assert set(Quality) <= columns


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Streams", list(Verdict)),
        ("Link statuses", list(uplink.LinkStatus)),
        ("Trainer statuses", list(uplink.TrainerStatus)),
    ],
)
def test_the_uplink_page_names_each_state(heading: str, words: list[str]) -> None:
    assert first_cells(sections(reference("uplink-protocol.md"), 2)[heading]) == words


def test_the_uplink_page_shows_the_table_that_runs() -> None:
    body = sections(reference("uplink-protocol.md"), 2)["Phases of a gateway's session"]
    (table,) = [code for kind, code in FENCED.findall(body) if kind == "text"]
    assert table.rstrip("\n") == phase_table()


@pytest.mark.parametrize("file", ["gateway/trainer.py", "gateway/governor.py", "gateway/plan.py"])
def test_each_reason_of_a_trainer_is_told(file: str) -> None:
    """Reasons are words in `Release(…)`, `Allowed(…)` and the pairs that `_status` returns."""
    table = sections(reference("uplink-protocol.md"), 2)["Trainer statuses"]
    given: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Release", "Allowed"):
            given |= _words(node.args)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            given |= _words(node.value.elts)
    assert given
    assert given <= set(CODE.findall(table))


def _words(nodes: list[ast.expr]) -> set[str]:
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {value for value in values if isinstance(value, str) and value}


# HTTP


def route_classes() -> Iterator[type]:
    """Those that the composition root wires, without wiring them."""
    tree = ast.parse((ROOT / "hub" / "app.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hub.http."):
            for name in node.names:
                if name.name.endswith("Routes") and name.name != "PageRoutes":
                    yield getattr(importlib.import_module(str(node.module)), name.name)


def routes() -> set[str]:
    found = set()
    for kind in route_classes():
        made: Any = object.__new__(kind)  # a table of routes needs no parts
        for route in made.routes():
            assert isinstance(route, Route)
            found |= {f"{method} {route.path}" for method in (route.methods or set()) - {"HEAD"}}
    return found


def test_each_route_has_its_heading() -> None:
    page = sections(reference("http.md"), 3)
    shown = {title for title in page if re.match(r"[A-Z]+ /", title)}
    # the page, its files, and the sockets
    beside = {"GET /", "GET /web/…", "GET /live", "GET /uplink"}
    assert shown - beside == routes()
    assert len(routes()) > 20
    assert set(live_from_client.Action) <= set(
        CODE.findall(page["POST /api/sessions/{session}/{action}"])
    )


def test_each_address_that_a_page_asks_is_one() -> None:
    """`$HUB/api/sessions/$SESSION/cues` in a shell block: a route, part by part."""
    paths = {tuple(route.split()[1].split("/")) for route in routes()}
    blocks = [
        code for page in PAGES for kind, code in FENCED.findall(text_of(page)) if kind == "sh"
    ]
    asked = {path for code in blocks for path in re.findall(r"\$HUB(/[^\s\"?]*)", code)}
    assert len(asked) > 5
    for path in asked:
        parts = path.split("/")
        assert any(
            len(known) == len(parts)
            and all(
                one == two or one.startswith("{") for one, two in zip(known, parts, strict=True)
            )
            for known in paths
        ), path


def error_codes(kind: type[DernyError] = DernyError) -> Iterator[str]:
    yield kind.code
    for child in kind.__subclasses__():
        yield from error_codes(child)


def gate_codes() -> set[str]:
    """Second argument of each `problem(status, code, detail)` that the HTTP edge writes itself."""
    found = set()
    for path in [*(ROOT / "hub" / "http").glob("*.py"), ROOT / "hub" / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "problem":
                found |= _words(node.args[1:2])
    return found


def test_each_error_code_is_told() -> None:
    for module in ("hub.store.store", "hub.store.assignments", "hub.store.journal"):
        importlib.import_module(module)
    told = set(CODE.findall(sections(reference("http.md"), 2)["Errors"]))
    codes = set(error_codes()) | gate_codes()
    assert {"disk_full", "wrong_host"} <= codes
    assert codes <= told


# Settings


def settings_of(root: type[msgspec.Struct]) -> dict[str, Any]:
    """Dotted key -> default."""
    found = {}
    for table in msgspec.structs.fields(root):
        for field in msgspec.structs.fields(table.type):
            made = field.default_factory is not msgspec.NODEFAULT
            default = field.default_factory() if made else field.default
            found[f"{table.name}.{field.name}"] = default
    return found


@pytest.mark.parametrize(
    ("file", "root"),
    [("hub.toml", hub.settings.Settings), ("gateway.toml", gateway.settings.Settings)],
)
def test_each_setting_has_its_row_with_its_default(file: str, root: type[msgspec.Struct]) -> None:
    body = sections(reference("configuration.md"), 2)[file]
    rows = [line.split("|") for line in body.splitlines() if line.startswith("| `")]
    shown = {row[1].strip(" `"): tomllib.loads(f"v = {row[2].strip(' `')}")["v"] for row in rows}
    assert shown == settings_of(root)
    packaged = tomllib.loads((ROOT / "config" / file).read_text(encoding="utf-8"))
    assert shown == {
        f"{t}.{key}": value for t, keys in packaged.items() for key, value in keys.items()
    }


def test_each_variable_of_the_environment_is_told() -> None:
    packages = ("hub", "gateway", "firmware-sim", "tests", "web")
    sources = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    used = {name for path in sources for name in re.findall(r"\bDERNY_[A-Z_]+\b", text_of(path))}
    told = first_cells(sections(reference("configuration.md"), 2)["Environment"])
    assert used <= set(told)
    assert {name for name in told if name.startswith("DERNY_")} <= used


# Command lines


def commands(app: typer.Typer) -> dict[str, click.Command]:
    """`derny activity list` -> its command."""

    def below(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield words, command
            return
        for name, child in inner.items():
            yield from below(f"{words} {name}", child)

    return dict(below(str(app.info.name), typer.main.get_command(app)))


def parameter_names(command: click.Command) -> set[str]:
    """Options as they are written, arguments as the page writes them: in capitals."""
    names = set()
    for one in command.params:
        if one.param_type_name == "option":
            names |= {name for name in one.opts if name != "--help"}
        else:
            names.add(str(one.metavar or one.name.upper() if one.name else ""))
    return names


@pytest.mark.parametrize("app", [hub.cli.app, gateway.cli.app, firmware_sim.cli.app])
def test_each_command_has_its_heading_and_each_option_its_row(app: typer.Typer) -> None:
    shown = sections(sections(reference("command-line.md"), 2)[str(app.info.name)], 3)
    known = commands(app)
    assert set(shown) == set(known)
    for words, command in known.items():
        assert set(first_cells(shown[words])) == parameter_names(command), words


def commands_shown(page: Path) -> Iterator[str]:
    """Lines of its shell blocks that call one of ours; a line that ends in `\\` goes on."""
    for kind, code in FENCED.findall(text_of(page)):
        if kind in ("sh", "console"):
            for line in code.replace("\\\n", " ").splitlines():
                for call in CALL.findall(line):
                    yield call.strip()


def test_each_command_that_a_page_shows_is_one() -> None:
    known: dict[str, click.Command] = {}
    for app in (hub.cli.app, gateway.cli.app, firmware_sim.cli.app):
        known |= commands(app)
    calls = [(page, call) for page in PAGES for call in commands_shown(page)]
    assert len(calls) > 20
    for page, call in calls:
        words = next((name for name in known if f"{call} ".startswith(f"{name} ")), None)
        assert words, f"{page.name}: {call}"
        options = set(re.findall(r" (--[\w-]+)", call))
        assert options <= parameter_names(known[words]) | {"--help"}, f"{page.name}: {call}"


def test_each_fault_has_its_row() -> None:
    assert first_cells(text_of(DOCS / "howto" / "inject-faults.md")) == list(FAULTS)


# Sensors


def known_chars() -> set[str]:
    """What `decode` lists for one that it does not know."""
    (answer,), _ = decode("ffff", ["00"])
    known = set(re.findall(r"\b[0-9a-f]{4}\b", json.loads(answer)["error"].split("known are")[1]))
    assert known > CHARS
    return known


def test_the_sensors_page_has_each_service_characteristic_and_key() -> None:
    page = sections(reference("sensors.md"), 2)
    services = re.findall(r"\| `([0-9a-f]{4})` \|", page["Services"])
    assert set(services) == set(SERVICES)
    assert set(first_cells(page["Characteristics"])) == known_chars()
    assert set(first_cells(page["Keys"])) == set(field_names(Measurement))


def test_the_sensors_page_has_each_quirk() -> None:
    rows = sections(reference("sensors.md"), 2)["Quirks"].splitlines()
    for quirk in QUIRKS:
        wanted = (f"`{quirk.char}`", f"`{quirk.repair.__name__}`", quirk.seen_on, quirk.model)
        assert any(all(word in row for word in wanted) for row in rows), quirk


def test_the_sensors_page_has_the_precedence_and_the_limits() -> None:
    body = sections(reference("sensors.md"), 2)["Who speaks for a metric"]
    for metric, origins in PRECEDENCE.items():
        assert f"| `{metric}` | {', '.join(f'`{origin}`' for origin in origins)} |" in body
        staleness, (low, high) = STALENESS[metric], PLAUSIBLE[metric]
        fresh_s, keep_s = staleness.fresh_ms // 1000, staleness.keep_ms // 1000
        assert f"| `{metric}` | {fresh_s} s | {keep_s} s | {low}–{high} |" in body


def test_the_examples_of_decode_are_what_it_says() -> None:
    code = FENCED.findall(reference("command-line.md"))
    (console,) = [text for kind, text in code if kind == "console"]
    said: list[str] = []
    for line in reversed(console.strip().splitlines()):
        if not line.startswith("$ "):
            said.insert(0, line)
            continue
        words = re.findall(r'"[^"]*"|\S+', line.removeprefix("$ derny-gateway decode "))
        char, *frames = [word.strip('"') for word in words]
        assert decode(char, frames) == (said, 0)
        said = []


# Every page


def slug(title: str) -> str:
    """As GitHub makes an anchor of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@cache
def anchors(path: Path) -> set[str]:
    found: dict[str, int] = {}
    for _, title in HEADING.findall(FENCED.sub("", text_of(path))):
        name = slug(title)
        found[name] = found.get(name, 0) + 1
    return {
        name if i == 0 else f"{name}-{i}" for name, count in found.items() for i in range(count)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCED.sub("", text_of(page))):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        assert path.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(path), target


def linked(page: Path) -> Iterator[Path]:
    """A folder that is linked to shows its pages."""
    for target in LINK.findall(FENCED.sub("", text_of(page))):
        path = (page.parent / target.partition("#")[0]).resolve()
        yield from path.glob("*.md") if path.is_dir() else (path,)


def test_every_page_is_two_clicks_from_the_front() -> None:
    near = set(linked(ROOT / "README.md"))
    reached = near | {path for page in near & set(PAGES) for path in linked(page)}
    assert not set(PAGES) - reached - {ROOT / "README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_that_is_named_exists(page: Path) -> None:
    """Paths with a folder of ours in front; those in `$DERNY_DATA` have none."""
    folders = "hub|gateway|web|tests|config|docs|firmware-sim"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", FENCED.sub("", text_of(page)))
    beside = {ROOT, page.parent}
    missing = [name for name in named if not any((base / name).exists() for base in beside)]
    assert not missing


def test_the_architecture_names_its_files() -> None:
    named = set(re.findall(r"`([\w/.-]+\.(?:py|js))`", text_of(DOCS / "architecture.md")))
    assert len(named) > 30
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_the_map_of_the_house_has_each_folder() -> None:
    house = sections(text_of(DOCS / "architecture.md"), 2)["The house"]
    roots = [ROOT / name for name in ("hub", "gateway", "firmware-sim", "web/views")]
    files = {path for root in roots for path in root.rglob("*") if path.suffix in (".py", ".js")}
    folders = {path.parent.relative_to(ROOT) for path in files if path.parent.name != "versions"}
    assert len(folders) > 15
    assert not [folder for folder in folders if f"`{folder}/`" not in house]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_tells_of_one_machine(page: Path) -> None:
    """Neither a folder of whoever wrote it nor the host of a package index."""
    folders = r"(?<![\w.~-])/(?:home|root|work|tmp|Users|opt|mnt)/"
    hosts = r"pypi\.|npmjs|[\w-]+\.internal\b|:\d{2,5}/simple"
    assert not re.search(f"{folders}|{hosts}", text_of(page))


def test_decisions_are_numbered_and_whole() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    for number, page in enumerate(pages, 1):
        assert page.name.startswith(f"{number:04}-")
        content = text_of(page)
        assert content.startswith(f"# {number:04} ")
        for part in ("**Context.**", "**Choice.**", "**Consequence.**"):
            assert part in content, page.name
        assert len(content.split()) < 350, f"{page.name}: half a page"
    assert len(pages) >= 8
